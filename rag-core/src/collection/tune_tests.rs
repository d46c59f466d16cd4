use super::*;
use crate::bandit::{Arms, Bandit, BanditOptions};
use crate::domain::{DomainDetector, DomainOptions};
use crate::evaluation::{EvaluateOptions, Interval, Qrels, Run, evaluate};
use crate::matrix::Rows;
use crate::retrieval::filter::Filter;
use crate::rng::Rng;
use proptest::prelude::*;
use std::sync::Mutex;

const DIM: usize = 16;
const WORDS: [&str; 12] = [
    "alpha", "beta", "gamma", "delta", "omega", "sigma", "kappa", "lambda", "theta", "zeta", "eta",
    "iota",
];

fn vector(rng: &mut Rng) -> Vec<f32> {
    (0..DIM).map(|_| rng.normal() as f32).collect()
}

fn text(rng: &mut Rng) -> String {
    let words = (0..3 + rng.below(12)).map(|_| WORDS[rng.below(WORDS.len())]);
    words.collect::<Vec<_>>().join(" ")
}

/// A collection of the caller's own vectors, some of whose documents lack a vector or a text.
fn made(n: usize, seed: u64) -> Collection {
    let mut rng = Rng::new(seed);
    let collection = Collection::in_memory(None, Some(DIM)).unwrap();
    let ids: Vec<String> = (0..n).map(|i| format!("d{i:05}")).collect();
    let texts: Vec<String> = ids.iter().map(|_| text(&mut rng)).collect();
    let vectors: Vec<f32> = ids.iter().flat_map(|_| vector(&mut rng)).collect();
    let metadata = ids.iter().enumerate().map(|(i, _)| {
        let fields = serde_json::json!({"odd": i % 2 == 1});
        fields.as_object().unwrap().clone()
    });
    let batch = Batch::new(ids.iter().map(String::as_str))
        .texts(texts.iter().map(String::as_str))
        .vectors(&vectors, DIM)
        .unwrap()
        .metadata(metadata.collect());
    collection.add(batch).unwrap();
    collection
}

fn bandit(arms: Arms) -> Mutex<Bandit> {
    Mutex::new(Bandit::new(arms, &BanditOptions::default().seed(Some(1))).unwrap())
}

fn question(rng: &mut Rng) -> Query {
    Query::text(text(rng)).with_vector(vector(rng))
}

fn ids(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.id.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// What every arm would have earned is what a search with it earns.
    #[test]
    fn every_arm_earns_what_a_search_with_it_does(seed in 0u64..10_000, large in prop::bool::ANY, k in 1usize..12, diverse in prop::bool::ANY, filtered in prop::bool::ANY) {
        let mut rng = Rng::new(seed);
        let n = if large { 1200 } else { 5 + rng.below(300) };
        let collection = made(n, seed);
        let mut asked = question(&mut rng).k(k);
        if diverse {
            asked.options.diversity = 0.4;
        }
        if filtered {
            asked = asked.filter(Filter::from_json(r#"{"odd": true}"#).unwrap());
        }
        let relevant: Vec<(String, f64)> = (0..6)
            .map(|i| (format!("d{:05}", rng.below(n)), f64::from(1 + i % 3)))
            .collect::<std::collections::BTreeMap<_, _>>().into_iter().collect();
        let relevant: Vec<(&str, f64)> = relevant.iter().map(|(id, g)| (id.as_str(), *g)).collect();
        let weights: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.0).collect();
        let tuner = bandit(Arms::Values(weights.clone()));
        let [tuned] = &collection.search_tuned(&[asked.clone()], &tuner, DomainOf::General).unwrap()[..] else {
            panic!("one question has one answer");
        };
        let rewards = collection.reward_relevant(tuned, &tuner, &relevant).unwrap();
        let qrels = Qrels::new().with("q", relevant.iter().copied()).unwrap();
        let options = EvaluateOptions::default().interval(Interval::T);
        for (weight, reward) in weights.iter().zip(&rewards) {
            let mut alone = asked.clone();
            alone.options.bm25_weight = Some(*weight as f32);
            let hits = collection.search(&alone).unwrap();
            let run = Run::new().with("q", ids(&hits)).unwrap();
            let metric = format!("ndcg@{k}");
            let want = evaluate(&run, &qrels, &[&metric], &options).unwrap();
            let want = want.estimate(&metric).unwrap().value;
            prop_assert!((want - reward).abs() < 1e-9, "{weight}: {want} {reward}");
        }
        prop_assert_eq!(rewards[tuned.choice.arm], rewards[tuned.choice.arm].clamp(0.0, 1.0));
    }
}

#[test]
fn a_tuned_search_is_the_search_with_what_was_chosen() {
    let collection = made(400, 3);
    let mut rng = Rng::new(4);
    let tuner = bandit(Arms::Range(0.0, 1.0));
    let queries: Vec<Query> = (0..20).map(|_| question(&mut rng).k(5)).collect();
    let tuned = collection
        .search_tuned(&queries, &tuner, DomainOf::Named("greek"))
        .unwrap();
    let mut weights = Vec::new();
    for (query, tuned) in queries.iter().zip(&tuned) {
        assert_eq!(
            (tuned.domain.as_str(), tuned.detection.is_none()),
            ("greek", true)
        );
        let weight = tuned.setting.bm25_weight.unwrap();
        assert_eq!(f64::from(weight), f64::from(tuned.choice.value as f32));
        let mut alone = query.clone();
        alone.options.bm25_weight = Some(weight);
        assert_eq!(collection.search(&alone).unwrap(), tuned.hits);
        weights.push(weight.to_bits());
        collection.reward(tuned, &tuner, 0.5).unwrap();
    }
    weights.dedup();
    assert!(weights.len() > 3, "each question has a choice of its own");
    assert_eq!(tuner.lock().unwrap().outstanding(), 0);
}

#[test]
fn the_loop_finds_the_side_that_answers() {
    // Words answer every question, and vectors are noise.
    let collection = made(300, 5);
    let mut rng = Rng::new(6);
    let told = bandit(Arms::Values(
        (0..=10).map(|i| f64::from(i) / 10.0).collect(),
    ));
    for _ in 0..40 {
        let id = format!("d{:05}", rng.below(300));
        let document = collection.get(&[&id]).unwrap().remove(0).unwrap();
        let asked = Query::text(document.text.unwrap()).with_vector(vector(&mut rng));
        let tuned = collection
            .search_tuned(&[asked], &told, DomainOf::General)
            .unwrap();
        collection
            .reward_relevant(&tuned[0], &told, &[(&id, 1.0)])
            .unwrap();
    }
    let best = told.lock().unwrap().best(GENERAL).unwrap();
    assert!(best >= 0.6, "{best}");
}

#[test]
fn domains_are_detected_by_the_vector_of_the_question() {
    let collection = made(50, 7);
    let mut rng = Rng::new(8);
    let centres = [vector(&mut rng), vector(&mut rng)];
    let near = |centre: &[f32], rng: &mut Rng| -> Vec<f32> {
        centre
            .iter()
            .map(|x| x + 0.2 * rng.normal() as f32)
            .collect()
    };
    let examples: Vec<Vec<f32>> = centres
        .iter()
        .map(|c| (0..20).flat_map(|_| near(c, &mut rng)).collect())
        .collect();
    let mut detector = DomainDetector::new(&DomainOptions::default()).unwrap();
    let rows: Vec<(&str, Rows<'_>)> = ["health", "finance"]
        .into_iter()
        .zip(&examples)
        .map(|(name, data)| (name, Rows::new(data, DIM).unwrap()))
        .collect();
    detector.learn(&rows, None).unwrap();
    let tuner = bandit(Arms::Values(vec![0.2, 0.8]));
    let mut asked = Vec::new();
    for centre in &centres {
        asked.push(Query::text("alpha").with_vector(near(centre, &mut rng)));
    }
    asked.push(Query::text("beta").with_vector(vector(&mut rng)));
    let domain = DomainOf::Detected(&detector);
    let tuned = collection.search_tuned(&asked, &tuner, domain).unwrap();
    let found: Vec<&str> = tuned.iter().map(|t| t.domain.as_str()).collect();
    assert_eq!(found[..2], ["health", "finance"]);
    assert_eq!(
        found[2] == GENERAL,
        tuned[2].detection.as_ref().unwrap().domain.is_none()
    );
    let mut other = DomainDetector::new(&DomainOptions::default()).unwrap();
    other
        .learn(&[("a", Rows::new(&[1.0, 0.0], 2).unwrap())], None)
        .unwrap();
    let refused = collection.search_tuned(&asked, &tuner, DomainOf::Detected(&other));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::DimensionMismatch);
}

#[test]
fn a_detector_of_another_model_is_refused() {
    let collection = Collection::in_memory(None, None).unwrap();
    collection
        .add(Batch::new(["a"]).texts(["one text"]))
        .unwrap();
    let embedder = collection.embedder().unwrap();
    let row = vec![1.0; embedder.dim()];
    let rows = Rows::single(&row).unwrap();
    let tuner = bandit(Arms::Range(0.0, 1.0));
    let ask = |model: u64| {
        let mut detector = DomainDetector::new(&DomainOptions::default()).unwrap();
        detector.learn(&[("a", rows)], Some(model)).unwrap();
        let asked = [Query::text("one")];
        collection
            .search_tuned(&asked, &tuner, DomainOf::Detected(&detector))
            .map(|t| t.len())
    };
    assert_eq!(ask(embedder.fingerprint()).unwrap(), 1);
    assert_eq!(ask(1).unwrap_err().kind(), ErrorKind::ModelMismatch);
}

#[test]
fn what_cannot_be_tuned_or_paid_is_said() {
    let collection = made(20, 9);
    let mut rng = Rng::new(10);
    let asked = question(&mut rng);
    let tuner = bandit(Arms::Range(0.0, 1.0));
    let tune = |query: Query, tuner: &Mutex<Bandit>| {
        let found = collection.search_tuned(&[query], tuner, DomainOf::General);
        found.map(|mut found| found.remove(0))
    };
    let fails = |query: Query, what: &str| {
        let e = tune(query, &tuner).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidArgument);
        assert!(e.to_string().contains(what), "{e}");
    };
    fails(asked.clone().mode(Mode::Dense), "convex");
    fails(Query::vector(vector(&mut rng)), "convex");
    fails(
        asked
            .clone()
            .options(SearchOptions::default().fusion(Fusion::Rrf)),
        "convex",
    );
    fails(
        asked
            .clone()
            .options(SearchOptions::default().bm25_weight(Some(0.3))),
        "0.3",
    );
    let wide = tune(asked.clone(), &bandit(Arms::Range(0.0, 2.0))).unwrap_err();
    assert!(wide.to_string().contains("in 0..=1"), "{wide}");
    assert_eq!(
        tuner.lock().unwrap().outstanding(),
        0,
        "nothing was chosen for what was refused"
    );

    let tuned = tune(asked.clone(), &tuner).unwrap();
    let bad = |relevant: &[(&str, f64)]| {
        collection
            .reward_relevant(&tuned, &tuner, relevant)
            .unwrap_err()
            .to_string()
    };
    assert!(bad(&[]).contains("relevant"));
    assert!(bad(&[("d00001", 0.0)]).contains("relevant"));
    assert!(bad(&[("d00001", 1.0), ("d00001", 2.0)]).contains("twice"));
    assert!(bad(&[("d00001", f64::NAN)]).contains("grade"));
    assert!(collection.reward(&tuned, &tuner, f64::NAN).is_err());
    let stranger = bandit(Arms::Range(0.0, 1.0));
    stranger.lock().unwrap().reseed(77);
    let foreign = collection.reward(&tuned, &stranger, 0.5).unwrap_err();
    assert_eq!(foreign.kind(), ErrorKind::NotFound);
    let other = made(20, 11);
    let foreign = other.reward(&tuned, &tuner, 0.5).unwrap_err();
    assert!(
        foreign.to_string().contains("another collection"),
        "{foreign}"
    );
    // None of it paid: the first that is right counts, the second is refused.
    let rewards = collection
        .reward_relevant(&tuned, &tuner, &[("d00001", 1.0), ("gone", 2.0)])
        .unwrap();
    assert!(rewards.iter().all(|r| (0.0..1.0).contains(r)));
    let again = collection.reward_relevant(&tuned, &tuner, &[("d00001", 1.0)]);
    assert!(again.unwrap_err().to_string().contains("already rewarded"));
}
