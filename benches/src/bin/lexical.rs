//! Lexical search without Python: what the index itself costs, in processor time of one thread.
//!
//! `python benches/retrieval/texts.py --data FOLDER --out TEXTS`, then
//! `cargo run --release -p ragcore-benches --bin lexical -- TEXTS`. `benches/retrieval/lexical.py`
//! compares with other engines.

use rag_core::Rng;
use rag_core::retrieval::lexical::{LexicalOptions, LexicalRows};
use rag_core::text::Language;
use ragcore_benches::collection::Result;
use ragcore_benches::cpu::thread_seconds;
use std::path::{Path, PathBuf};
use std::time::Instant;

const ROUNDS: usize = 5;
const CANDIDATES: usize = 1000;

fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder] = &arguments[..] else {
        return Err("a folder with the texts of texts.py is expected".into());
    };
    let exact = LexicalOptions::default().language(Language::None);
    let raw = lines(folder, "raw")?;
    let documents = lines(folder, "documents")?;
    build("as written, English", &LexicalOptions::default(), &raw)?;
    let mut rows = build("words alone", &exact, &documents)?;
    let queries = [lines(folder, "short")?, lines(folder, "questions")?];
    for (name, queries) in ["short", "questions"].iter().zip(&queries) {
        for k in [10, 100] {
            search(&format!("{name}, k = {k}"), &rows, queries, k, None)?;
        }
        for one_in in [2, 10, 100] {
            let allowed = |row: u32| row.is_multiple_of(one_in);
            let name = format!("{name}, k = 10, one row in {one_in}");
            search(&name, &rows, queries, 10, Some(&allowed))?;
        }
        candidates(name, &rows, queries)?;
    }
    let (start, mut rng) = (Instant::now(), Rng::new(1));
    let before = thread_seconds(start);
    for _ in 0..documents.len() {
        let row = rng.below(documents.len());
        rows.remove(row as u32);
        rows.insert(row as u32, &documents[row])?;
    }
    let seconds = thread_seconds(start) - before;
    let upserts = documents.len() as f64 / seconds;
    println!("a row written anew: {upserts:.0} a second; {}", size(&rows));
    search("short, k = 10, after that", &rows, &queries[0], 10, None)?;
    let before = thread_seconds(start);
    for row in (0..documents.len() as u32).step_by(2) {
        rows.remove(row);
    }
    let removals = documents.len() as f64 / 2.0 / (thread_seconds(start) - before);
    println!("half removed: {removals:.0} a second; {}", size(&rows));
    search("short, k = 10, after that", &rows, &queries[0], 10, None)
}

fn lines(folder: &Path, name: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(folder.join(name).with_extension("txt"))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn size(rows: &LexicalRows) -> String {
    let bytes = rows.bytes();
    let mb = |bytes: usize| bytes as f64 / 1e6;
    format!(
        "{:.1} MB: postings {:.1}, terms {:.1}, rows and lengths {:.1}, terms by row {:.1}",
        mb(bytes.total()),
        mb(bytes.postings),
        mb(bytes.terms),
        mb(bytes.documents),
        mb(bytes.forward)
    )
}

fn build(name: &str, options: &LexicalOptions, texts: &[String]) -> Result<LexicalRows> {
    let mut best = f64::INFINITY;
    let mut rows = LexicalRows::new(options)?;
    for _ in 0..ROUNDS {
        rows = LexicalRows::new(options)?;
        let start = Instant::now();
        let before = thread_seconds(start);
        for (row, text) in texts.iter().enumerate() {
            rows.insert(row as u32, text)?;
        }
        best = best.min(thread_seconds(start) - before);
    }
    let rate = texts.len() as f64 / best;
    println!("{name}: {rate:.0} documents a second; {}", size(&rows));
    Ok(rows)
}

fn search(
    name: &str,
    rows: &LexicalRows,
    queries: &[String],
    k: usize,
    allowed: Option<&dyn Fn(u32) -> bool>,
) -> Result<()> {
    let (mut hits, mut each) = (Vec::new(), Vec::new());
    let (mut best, start) = (f64::INFINITY, Instant::now());
    for _ in 0..ROUNDS {
        let mut sum = 0.0;
        for query in queries {
            hits.clear();
            let before = thread_seconds(start);
            rows.search_into(query, k, allowed, &mut hits)?;
            let seconds = thread_seconds(start) - before;
            each.push(seconds);
            sum += seconds;
        }
        best = best.min(sum);
    }
    each.sort_by(f64::total_cmp);
    println!(
        "{name}: {:.0} a second, p50 {:.1} us, p99 {:.1} us",
        queries.len() as f64 / best,
        each[each.len() / 2] * 1e6,
        each[each.len() * 99 / 100] * 1e6
    );
    Ok(())
}

fn candidates(name: &str, rows: &LexicalRows, queries: &[String]) -> Result<()> {
    let mut rng = Rng::new(2);
    let asked: Vec<u32> = (0..CANDIDATES)
        .map(|_| rng.below(rows.len()) as u32)
        .collect();
    let mut scores = vec![0.0; asked.len()];
    let start = Instant::now();
    let before = thread_seconds(start);
    for query in queries {
        rows.score_rows(query, &asked, &mut scores)?;
    }
    let each = (thread_seconds(start) - before) / queries.len() as f64;
    println!("{name}, scores of {CANDIDATES} rows: {:.1} us", each * 1e6);
    Ok(())
}
