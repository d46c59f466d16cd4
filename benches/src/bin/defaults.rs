//! What the defaults of search are worth on judged sets, and what would be chosen without the set
//! that is tested: the weight of BM25, its k1 and b, the normalisation, the mean of the vectors.
//!
//! ```sh
//! cargo run --release -p ragcore-benches --bin defaults -- --data FOLDER [--data FOLDER...] [--model FOLDER] [--keep DIR]
//! ```
//! Options as in `quality`. The built-in model is measured always, `--model` beside it. Every
//! document is scored on both sides; choices leave one set out and use the others, for all models.

use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions, TextKind};
use rag_core::evaluation::{EvaluateOptions, Interval, Run, evaluate};
use rag_core::retrieval::lexical::{LexicalOptions, LexicalRows};
use rag_core::{Progress, kernel};
use ragcore_benches::collection::{Collection as Judged, Result};
use std::path::{Path, PathBuf};

const K1: [f32; 6] = [0.6, 0.9, 1.2, 1.5, 2.0, 3.0];
const B: [f32; 5] = [0.3, 0.4, 0.6, 0.75, 0.9];
/// In hundredths.
const WEIGHTS: [usize; 21] = [
    0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25, 28, 30, 35, 40, 45, 50, 60, 70, 85, 100,
];
const DEFAULT_WEIGHT: usize = 25;
/// What hybrid search may be below the better single mode.
const MOST_BELOW: f64 = -0.03;

/// A lexical score given the query's bound and best, and a cosine given the query's best and
/// worst, as shares to add up.
struct Normalisation {
    name: &'static str,
    lexical: fn(f32, &Range) -> f32,
    dense: fn(f32, &Range) -> f32,
}

struct Range {
    bound: f32,
    lexical_best: f32,
    dense_best: f32,
    dense_worst: f32,
}

const NORMALISATIONS: [Normalisation; 10] = [
    Normalisation {
        name: "range (today)",
        lexical: |x, r| x / r.bound,
        dense: |x, _| (1.0 + x) / 2.0,
    },
    Normalisation {
        name: "cosine cut at 0",
        lexical: |x, r| x / r.bound,
        dense: |x, _| x.max(0.0),
    },
    Normalisation {
        name: "root of BM25's share",
        lexical: |x, r| (x / r.bound).sqrt(),
        dense: |x, _| (1.0 + x) / 2.0,
    },
    Normalisation {
        name: "bound + 10",
        lexical: |x, r| x / (r.bound + 10.0),
        dense: |x, _| (1.0 + x) / 2.0,
    },
    Normalisation {
        name: "bound + 20",
        lexical: |x, r| x / (r.bound + 20.0),
        dense: |x, _| (1.0 + x) / 2.0,
    },
    Normalisation {
        name: "bound + 30",
        lexical: |x, r| x / (r.bound + 30.0),
        dense: |x, _| (1.0 + x) / 2.0,
    },
    Normalisation {
        name: "bound + 60",
        lexical: |x, r| x / (r.bound + 60.0),
        dense: |x, _| (1.0 + x) / 2.0,
    },
    Normalisation {
        name: "x / (x + 10)",
        lexical: |x, _| x / (x + 10.0),
        dense: |x, _| (1.0 + x) / 2.0,
    },
    Normalisation {
        name: "least and best by query",
        lexical: |x, r| x / r.lexical_best,
        dense: |x, r| (x - r.dense_worst) / (r.dense_best - r.dense_worst),
    },
    Normalisation {
        name: "best by query",
        lexical: |x, r| x / r.lexical_best,
        dense: |x, r| (1.0 + x) / (1.0 + r.dense_best),
    },
];

/// A set with every score of every query.
struct Scored<'a> {
    judged: &'a Judged,
    lexical: &'a [Vec<f32>],
    bounds: &'a [f32],
    dense: Vec<Vec<f32>>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let all = |name: &str| -> Vec<PathBuf> {
        let pairs = arguments.windows(2).filter(|pair| pair[0] == name);
        pairs.map(|pair| PathBuf::from(&pair[1])).collect()
    };
    let (data, keep) = (all("--data"), all("--keep"));
    if data.len() < 2 {
        return Err("name at least two sets: --data FOLDER --data FOLDER".into());
    }
    let mut models = vec![Embedder::built_in(&EmbedderOptions::default())?];
    for folder in all("--model") {
        models.push(Embedder::open(folder, &EmbedderOptions::default())?);
    }
    let names: Vec<String> = (data.iter())
        .map(|f| f.file_name().unwrap_or_default().to_string_lossy().into())
        .collect();
    let sets: Vec<Judged> = data
        .iter()
        .map(|f| Judged::read(f))
        .collect::<Result<_>>()?;
    saturation(&names, &sets)?;

    let mut lexical = Vec::new();
    for set in &sets {
        lexical.push(lexical_scores(set)?);
    }
    let mut tables = Vec::new();
    for model in &models {
        println!("\n{}, mean of the vectors", model.name());
        let mut scored = Vec::new();
        for (i, judged) in sets.iter().enumerate() {
            let place = keep.first();
            let place = place.map(|keep| keep.join(format!("{} {}", names[i], model.name())));
            let (dense, line) = dense_scores(judged, model, place.as_deref())?;
            println!("{:<12}{line}", names[i]);
            let (lexical, bounds) = &lexical[i];
            scored.push(Scored {
                judged,
                lexical,
                bounds,
                dense,
            });
        }
        tables.push(weights(&scored)?);
    }
    for (n, normalisation) in NORMALISATIONS.iter().enumerate() {
        let of: Vec<&Table> = tables.iter().map(|by_kind| &by_kind[n]).collect();
        println!("\n== {} ==", normalisation.name);
        choose(&names, &models, &of);
    }
    Ok(())
}

/// nDCG@10 by set and weight.
type Table = Vec<Vec<f64>>;

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// k1 and b: every setting on every set, and the choice that leaves the set out.
fn saturation(names: &[String], sets: &[Judged]) -> Result<()> {
    let mut settings = Vec::new();
    let mut table: Table = vec![Vec::new(); sets.len()];
    for k1 in K1 {
        for b in B {
            settings.push((k1, b));
            let options = LexicalOptions::default().k1(k1).b(b);
            for (set, row) in sets.iter().zip(&mut table) {
                let rows = indexed(set, &options)?;
                let mut run = Run::new();
                for (id, text) in &set.queries {
                    let hits = rows.search(text, 11, None)?;
                    run.add(&**id, hits.iter().map(|hit| &*set.ids[hit.0 as usize]))?;
                }
                row.push(ndcg(set, &run)?);
            }
        }
    }
    let now = settings.iter().position(|s| *s == (1.2, 0.75)).unwrap_or(0);
    println!("BM25, nDCG@10: k1 = 1.2, b = .75; chosen on the other sets; the best of this set");
    for (i, name) in names.iter().enumerate() {
        let others = |s: usize| mean((0..sets.len()).filter(|o| *o != i).map(|o| table[o][s]));
        let chosen = best(settings.len(), others);
        let own = best(settings.len(), |s| table[i][s]);
        println!(
            "{name:<12} {:.4}   {:.4} {:?}   {:.4} {:?}",
            table[i][now], table[i][chosen], settings[chosen], table[i][own], settings[own]
        );
    }
    let whole = |s: usize| mean(table.iter().map(|row| row[s]));
    let top = best(settings.len(), whole);
    println!(
        "mean         {:.4}   {:.4} {:?} is the best mean",
        whole(now),
        whole(top),
        settings[top]
    );
    for b in B {
        let cells = (settings.iter().enumerate()).filter(|(_, s)| s.1 == b);
        let cells: String = cells
            .map(|(s, at)| format!("  k1={}: {:.4}", at.0, whole(s)))
            .collect();
        println!("  mean, b={b}:{cells}");
    }
    Ok(())
}

fn best(count: usize, value: impl Fn(usize) -> f64) -> usize {
    (0..count)
        .max_by(|a, b| value(*a).total_cmp(&value(*b)))
        .unwrap_or(0)
}

fn indexed(set: &Judged, options: &LexicalOptions) -> Result<LexicalRows> {
    let mut rows = LexicalRows::new(options)?;
    for (row, text) in set.texts.iter().enumerate() {
        rows.insert(row as u32, text)?;
    }
    Ok(rows)
}

/// The scores of all documents for each query, and each query's bound.
fn lexical_scores(set: &Judged) -> Result<(Vec<Vec<f32>>, Vec<f32>)> {
    let rows = indexed(set, &LexicalOptions::default())?;
    let every: Vec<u32> = (0..set.texts.len() as u32).collect();
    let scores = set
        .queries
        .iter()
        .map(|(_, text)| rows.scores_for(text, &every));
    let bounds = set.queries.iter().map(|(_, text)| rows.upper_bound(text));
    Ok((scores.collect(), bounds.collect()))
}

/// The cosines of all documents for each query, and a line about the mean's removal.
fn dense_scores(
    set: &Judged,
    model: &Embedder,
    place: Option<&Path>,
) -> Result<(Vec<Vec<f32>>, String)> {
    let collection = set.stored(model, place)?;
    let ids: Vec<String> = (0..set.ids.len()).map(|i| i.to_string()).collect();
    let mut documents = Vec::new();
    for document in collection.get(&ids)? {
        let vector = document.and_then(|d| d.vector);
        documents.push(vector.ok_or("a document without a vector")?);
    }
    let texts: Vec<&str> = set.queries.iter().map(|(_, t)| &t[..]).collect();
    let options = EncodeOptions::default().kind(TextKind::Query);
    let encoded = model.encode(&texts, &options, Progress::none())?;
    let queries: Vec<Vec<f32>> = encoded.rows().iter().map(<[f32]>::to_vec).collect();
    let plain = cosines(&documents, &queries);
    let mut sum = vec![0.0f32; model.dim()];
    for document in &documents {
        sum.iter_mut().zip(document).for_each(|(sum, x)| *sum += x);
    }
    sum.iter_mut().for_each(|x| *x /= documents.len() as f32);
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    let moved = |vectors: &[Vec<f32>]| -> Vec<Vec<f32>> {
        vectors.iter().map(|vector| without(vector, &sum)).collect()
    };
    let centred = cosines(&moved(&documents), &moved(&queries));
    let (before, after) = (dense_ndcg(set, &plain)?, dense_ndcg(set, &centred)?);
    let change = 100.0 * (after / before - 1.0);
    let line =
        format!("  {before:.4}, without it {after:.4} ({change:+.1}%); its length {length:.3}");
    Ok((plain, line))
}

/// The vector less the mean, of unit length.
fn without(vector: &[f32], mean: &[f32]) -> Vec<f32> {
    let moved: Vec<f32> = vector.iter().zip(mean).map(|(x, m)| x - m).collect();
    let length = moved.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    moved.iter().map(|x| x / length).collect()
}

fn cosines(documents: &[Vec<f32>], queries: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let dot = kernel::active().dot;
    let of = |query: &Vec<f32>| documents.iter().map(|d| dot(query, d)).collect();
    queries.iter().map(of).collect()
}

fn dense_ndcg(set: &Judged, scores: &[Vec<f32>]) -> Result<f64> {
    let mut run = Run::new();
    for ((id, _), scores) in set.queries.iter().zip(scores) {
        run.add(&**id, top(scores).into_iter().map(|row| &*set.ids[row]))?;
    }
    ndcg(set, &run)
}

/// nDCG@10 by normalisation, set and weight.
fn weights(sets: &[Scored<'_>]) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for normalisation in &NORMALISATIONS {
        let mut table = Vec::new();
        for set in sets {
            let mut runs: Vec<Run<'_>> = WEIGHTS.iter().map(|_| Run::new()).collect();
            for (q, (id, _)) in set.judged.queries.iter().enumerate() {
                let (lexical, dense) = shares(set, q, normalisation);
                let mut fused = vec![0.0; dense.len()];
                for (weight, run) in WEIGHTS.iter().zip(&mut runs) {
                    let weight = *weight as f32 / 100.0;
                    for (i, fused) in fused.iter_mut().enumerate() {
                        *fused = weight * lexical[i] + (1.0 - weight) * dense[i];
                    }
                    let rows = top(&fused).into_iter();
                    run.add(&**id, rows.map(|row| &*set.judged.ids[row]))?;
                }
            }
            let row: Result<Vec<f64>> = runs.iter().map(|run| ndcg(set.judged, run)).collect();
            table.push(row?);
        }
        tables.push(table);
    }
    Ok(tables)
}

fn shares(set: &Scored<'_>, query: usize, by: &Normalisation) -> (Vec<f32>, Vec<f32>) {
    let (lexical, dense) = (&set.lexical[query], &set.dense[query]);
    let most = |values: &[f32]| values.iter().copied().fold(f32::MIN, f32::max);
    let range = Range {
        bound: set.bounds[query].max(1e-9),
        lexical_best: most(lexical).max(1e-9),
        dense_best: most(dense),
        dense_worst: dense.iter().copied().fold(f32::MAX, f32::min),
    };
    let lexical = lexical.iter().map(|x| (by.lexical)(*x, &range)).collect();
    (
        lexical,
        dense.iter().map(|x| (by.dense)(*x, &range)).collect(),
    )
}

/// The rows of the eleven best scores, best first.
fn top(scores: &[f32]) -> Vec<usize> {
    let mut rows: Vec<usize> = Vec::with_capacity(12);
    for (row, score) in scores.iter().enumerate() {
        if rows.len() < 11 || *score > scores[rows[10]] {
            let at = rows.partition_point(|r| scores[*r] >= *score);
            rows.insert(at, row);
            rows.truncate(11);
        }
    }
    rows
}

fn ndcg(set: &Judged, run: &Run<'_>) -> Result<f64> {
    // A document of the query's own id is the query itself, as BEIR has it.
    let options = EvaluateOptions::default()
        .ignore_identical_ids(true)
        .interval(Interval::T);
    let measured = evaluate(run, &set.qrels, &["ndcg@10"], &options)?;
    Ok(measured.estimate("ndcg@10")?.value)
}

/// What hybrid search at a weight is above the better single mode, as a part of it.
fn gain(row: &[f64], weight: usize) -> f64 {
    let single = row[0].max(row[WEIGHTS.len() - 1]);
    row[weight] / single - 1.0
}

fn choose(names: &[String], models: &[Embedder], tables: &[&Table]) {
    let sets = names.len();
    let now = WEIGHTS
        .iter()
        .position(|w| *w == DEFAULT_WEIGHT)
        .unwrap_or(0);
    let rows = |left_out: Option<usize>| -> Vec<&Vec<f64>> {
        let sets = (0..sets).filter(move |i| Some(*i) != left_out);
        sets.flat_map(|i| tables.iter().map(move |table| &table[i]))
            .collect()
    };
    let by_mean = |rows: &[&Vec<f64>]| best(WEIGHTS.len(), |w| mean(rows.iter().map(|r| r[w])));
    let careful = |rows: &[&Vec<f64>]| {
        best(WEIGHTS.len(), |w| {
            let worst = rows.iter().map(|r| gain(r, w)).fold(f64::MAX, f64::min);
            mean(rows.iter().map(|r| gain(r, w))) + 10.0 * (worst - MOST_BELOW).min(0.0)
        })
    };
    let percent = |w: usize| WEIGHTS[w] as f64 / 100.0;
    println!(
        "{:<12}  model     dense   BM25    w=.{DEFAULT_WEIGHT}           by mean, others      3% rule, others      best of its own",
        "set"
    );
    let mut gains: Vec<[f64; 4]> = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let others = rows(Some(i));
        let (a, b) = (by_mean(&others), careful(&others));
        for (model, table) in models.iter().zip(tables) {
            let row = &table[i];
            let own = best(WEIGHTS.len(), |w| row[w]);
            let cell = |w: usize| {
                format!(
                    "{:.2} {:.4} {:+5.1}%",
                    percent(w),
                    row[w],
                    100.0 * gain(row, w)
                )
            };
            let short: String = model.name().chars().take(8).collect();
            println!(
                "{name:<12}  {short:<8}  {:.4}  {:.4}  {}  {}  {}  {}",
                row[0],
                row[WEIGHTS.len() - 1],
                &cell(now)[5..],
                cell(a),
                cell(b),
                cell(own)
            );
            gains.push([now, a, b, own].map(|w| gain(row, w)));
        }
    }
    let summed = |at: usize| {
        let worst = gains.iter().map(|g| g[at]).fold(f64::MAX, f64::min);
        format!(
            "mean {:+.1}%, worst {:+.1}%",
            100.0 * mean(gains.iter().map(|g| g[at])),
            100.0 * worst
        )
    };
    println!(
        "gain over the better single mode: w=.{DEFAULT_WEIGHT} {}; by mean {}; 3% rule {}; own best {}",
        summed(0),
        summed(1),
        summed(2),
        summed(3)
    );
    let every = rows(None);
    println!(
        "on all sets: by mean {:.2}, 3% rule {:.2}",
        percent(by_mean(&every)),
        percent(careful(&every))
    );
    let swept = |at: &(usize, &usize)| (10..=60).contains(at.1);
    for (w, weight) in WEIGHTS.iter().enumerate().filter(swept) {
        let worst = every.iter().map(|r| gain(r, w)).fold(f64::MAX, f64::min);
        let of: String = (tables.iter())
            .map(|table| format!("  {:.4}", mean(table.iter().map(|row| row[w]))))
            .collect();
        let rise = 100.0 * mean(every.iter().map(|r| gain(r, w)));
        println!(
            "  w=.{weight:02}: nDCG{of}, gain {rise:+.2}%, worst {:+.1}%",
            100.0 * worst
        );
    }
}
