//! The two parts that learn from what came of it: the bandit and the router.
//!
//! Nobody sits here to say which hits were good, so the run asks questions whose answer it knows:
//! half of the words of a passage, the passage itself being wanted. The reward is one over the
//! rank at which it comes back, which is what a click on the right hit would tell.

use crate::page;
use rag_core::bandit::{Arms, Bandit, BanditOptions};
use rag_core::collection::{Collection, Mode, Query};
use rag_core::routing::{RouteOptions, Router};
use rag_core::{Result, Rng};
use std::time::Instant;

const DOMAIN: &str = "this folder";
const ROUNDS: usize = 3;
/// Questions with a known answer by which the routes are measured.
const PROBES: usize = 24;
const DEPTH: usize = 10;

/// A question whose answer is known.
struct Probe {
    question: String,
    wanted: String,
}

/// Three rounds of feedback; the weight that the bandit thinks best afterwards. `None` if the
/// passages are too short to ask for.
pub fn bandit(collection: &Collection) -> Result<Option<f64>> {
    let options = BanditOptions::default().seed(Some(7));
    let mut bandit = Bandit::new(Arms::Range(0.0, 1.0), &options)?.with_prior(DOMAIN, 0.5)?;
    page::heading("Three rounds of feedback: how much should words weigh against meanings?");
    say!("before: the prior guess is {:.2}", bandit.best(DOMAIN)?);
    let probes = probes(collection, ROUNDS, 11)?;
    for (round, probe) in probes.iter().enumerate() {
        let choice = bandit.choose(DOMAIN, None)?;
        let rank = rank_of(collection, probe, choice.value as f32)?;
        let reward = reward(rank);
        bandit.reward(choice.id, reward)?;
        say!(
            "round {}: tried {:.2} (chosen with probability {:.3}), the passage wanted came {}, \
             reward {reward:.2}, best now {:.2}",
            round + 1,
            choice.value,
            bandit.propensity(choice.id)?,
            rank.map_or_else(|| "not at all".to_owned(), |r| format!("at rank {r}")),
            bandit.best(DOMAIN)?
        );
    }
    let best = bandit.best(DOMAIN)?;
    Ok((!probes.is_empty()).then_some(best))
}

fn reward(rank: Option<usize>) -> f64 {
    rank.map_or(0.0, |r| 1.0 / r as f64)
}

fn rank_of(collection: &Collection, probe: &Probe, weight: f32) -> Result<Option<usize>> {
    let mut query = Query::text(&probe.question).k(DEPTH);
    query.options.bm25_weight = Some(weight);
    let hits = collection.search(&query)?;
    Ok(hits
        .iter()
        .position(|h| h.id == probe.wanted)
        .map(|i| i + 1))
}

/// `n` passages spread by a seed, each asked for with half of its words.
fn probes(collection: &Collection, n: usize, seed: u64) -> Result<Vec<Probe>> {
    let mut rng = Rng::new(seed);
    let mut ids = collection.ids()?;
    rng.shuffle(&mut ids);
    let mut probes = Vec::new();
    for id in ids {
        let text = collection.get(&[&id])?.pop().flatten().and_then(|d| d.text);
        let text = text.unwrap_or_default();
        let mut words: Vec<&str> = text.split_whitespace().take(24).collect();
        if words.len() < 8 {
            continue;
        }
        rng.shuffle(&mut words);
        words.truncate(words.len() / 2);
        probes.push(Probe {
            question: words.join(" "),
            wanted: id,
        });
        if probes.len() == n {
            break;
        }
    }
    Ok(probes)
}

/// Measures four ways of searching on questions with a known answer, shows the front and routes
/// the user's own question.
pub fn route(collection: &Collection, question: &str, weight: f64) -> Result<()> {
    let both = |text: &str| {
        let mut query = Query::text(text).k(DEPTH);
        query.options.bm25_weight = Some(weight as f32);
        query
    };
    let diverse = |text: &str| {
        let mut query = both(text);
        query.options.diversity = 0.5;
        query
    };
    type Ask<'a> = &'a dyn Fn(&str) -> Query;
    let routes: [(&str, Ask<'_>); 4] = [
        ("words alone", &|text| {
            Query::text(text).k(DEPTH).mode(Mode::Lexical)
        }),
        ("meanings alone", &|text| {
            Query::text(text).k(DEPTH).mode(Mode::Dense)
        }),
        ("both", &both),
        ("both, diverse", &diverse),
    ];
    let probes = probes(collection, PROBES, 23)?;
    let mut router = Router::new(&["cost", "quality", "diversity"], 7)?;
    page::heading("Routing: four ways of searching, measured on questions with a known answer");
    say!("way                cost (ms)   quality   diversity");
    let mut lines = Vec::new();
    for (name, ask) in routes {
        let (cost, quality, diversity) = measure(collection, &probes, ask)?;
        router.add(
            name,
            &[
                ("cost", cost),
                ("quality", quality),
                ("diversity", diversity),
            ],
        )?;
        lines.push((
            name,
            format!("{cost:9.3}   {quality:7.3}   {diversity:9.3}"),
        ));
    }
    let wish = RouteOptions::default()
        .prefer("cost", 0.1)
        .prefer("quality", 0.7)
        .prefer("diversity", 0.2);
    let decision = router.route(None, &wish)?;
    for (name, figures) in lines {
        let mark = match (
            decision.name == name,
            decision.front.iter().any(|f| f == name),
        ) {
            (true, _) => "<- chosen",
            (_, true) => "on the front",
            _ => "dominated",
        };
        say!("{name:16} {figures}   {mark}");
    }
    say!(
        "wanted: cost 0.1, quality 0.7, diversity 0.2; \"{question}\" goes to: {}",
        decision.name
    );
    Ok(())
}

/// Mean milliseconds a search, mean reciprocal rank, and mean distance among the first five.
fn measure(
    collection: &Collection,
    probes: &[Probe],
    ask: &dyn Fn(&str) -> Query,
) -> Result<(f64, f64, f64)> {
    let n = probes.len().max(1) as f64;
    let (mut cost, mut quality, mut diversity) = (0.0, 0.0, 0.0);
    for probe in probes {
        let start = Instant::now();
        let hits = collection.search(&ask(&probe.question))?;
        cost += start.elapsed().as_secs_f64() * 1e3;
        quality += reward(
            hits.iter()
                .position(|h| h.id == probe.wanted)
                .map(|i| i + 1),
        );
        let ids: Vec<&str> = hits.iter().take(5).map(|h| h.id.as_str()).collect();
        let documents = collection.get(&ids)?;
        let vectors: Vec<Vec<f32>> = documents
            .into_iter()
            .flatten()
            .filter_map(|d| d.vector)
            .collect();
        diversity += mean_distance(&vectors);
    }
    Ok((cost / n, quality / n, diversity / n))
}

/// The mean of one minus the cosine over all pairs of unit vectors; 0 without a pair.
fn mean_distance(vectors: &[Vec<f32>]) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0);
    for (i, a) in vectors.iter().enumerate() {
        for b in &vectors[..i] {
            let cosine: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
            sum += 1.0 - f64::from(cosine);
            pairs += 1;
        }
    }
    sum / f64::from(pairs.max(1))
}
