use super::*;
use crate::rng::Rng;
use proptest::prelude::*;

type Lists = Vec<(Vec<u8>, Vec<(u8, i8)>)>;

/// Rankings and judgements of some queries over a few documents.
fn lists() -> impl Strategy<Value = Lists> {
    let ranking = prop::collection::hash_set(0u8..12, 0..12).prop_map(|set| {
        let mut list: Vec<u8> = set.into_iter().collect();
        list.sort_by_key(|d| u32::from(*d) * 37 % 101);
        list
    });
    let judged = prop::collection::hash_map(0u8..12, -1i8..4, 1..8);
    let judged = judged.prop_map(|map| map.into_iter().collect());
    prop::collection::vec((ranking, judged), 1..12)
}

const ALL: &[&str] = &[
    "ndcg@3",
    "ndcg",
    "recall@3",
    "recall",
    "mrr@3",
    "mrr",
    "map@3",
    "map",
    "precision@3",
    "success@3",
    "judged@3",
];

fn quick() -> EvaluateOptions {
    EvaluateOptions::default().resamples(100)
}

/// The lists as a run and judgements, under query ids that `name` makes.
fn made(lists: &Lists, name: impl Fn(usize) -> String) -> (Run<'static>, Qrels<'static>) {
    let (mut run, mut qrels) = (Run::new(), Qrels::new());
    for (i, (ranking, judged)) in lists.iter().enumerate() {
        run.add(name(i), ranking.iter().map(u8::to_string)).unwrap();
        let judged = judged.iter().map(|(d, g)| (d.to_string(), f64::from(*g)));
        qrels.add(name(i), judged).unwrap();
    }
    (run, qrels)
}

fn means(found: &Evaluation) -> Vec<Estimate> {
    ALL.iter().map(|m| found.estimate(m).unwrap()).collect()
}

proptest! {
    #[test]
    fn values_are_shares_and_the_order_of_queries_does_not_matter(lists in lists()) {
        let (run, qrels) = made(&lists, |i| format!("q{i}"));
        let Ok(found) = evaluate(&run, &qrels, ALL, &quick()) else { return Ok(()) };
        for metric in ALL {
            let values = found.per_query(metric).unwrap();
            prop_assert!(values.iter().all(|v| (0.0..=1.0).contains(v)), "{metric}: {values:?}");
            prop_assert_eq!(values.len(), found.counts().queries);
        }
        let mut order: Vec<usize> = (0..lists.len()).collect();
        Rng::new(lists.len() as u64).shuffle(&mut order);
        let (mut shuffled, mut judged) = (Run::new(), Qrels::new());
        for i in order {
            let query = format!("q{i}");
            shuffled.add(query.clone(), run.ranking(&query).unwrap().iter().cloned()).unwrap();
            judged.add(query.clone(), qrels.judgements(&query).unwrap().iter().cloned()).unwrap();
        }
        let again = evaluate(&shuffled, &judged, ALL, &quick()).unwrap();
        prop_assert_eq!(means(&found), means(&again), "to the bit, intervals included");
    }

    #[test]
    fn scores_matter_by_their_order_only(lists in lists()) {
        let (run, qrels) = made(&lists, |i| format!("q{i}"));
        let Ok(want) = evaluate(&run, &qrels, ALL, &quick()) else { return Ok(()) };
        let mut scored = Run::new();
        for (i, (ranking, _)) in lists.iter().enumerate() {
            // Worst first and with a monotone transform of the ranks for scores.
            let all = ranking.iter().enumerate().rev();
            let all = all.map(|(at, d)| (d.to_string(), (-(at as f64) / 7.0).exp() - 5.0));
            scored.add_scores(format!("q{i}"), all).unwrap();
        }
        let got = evaluate(&scored, &qrels, ALL, &quick()).unwrap();
        prop_assert_eq!(means(&want), means(&got));
    }

    #[test]
    fn the_best_order_has_an_ndcg_of_one_and_swapping_downwards_never_helps(lists in lists()) {
        let (_, qrels) = made(&lists, |i| format!("q{i}"));
        let mut best = Run::new();
        for (i, (_, judged)) in lists.iter().enumerate() {
            let graded = judged.iter().map(|(d, g)| (d.to_string(), f64::from(*g)));
            best.add_scores(format!("q{i}"), graded).unwrap();
        }
        for gain in [Gain::Linear, Gain::Exponential] {
            let options = quick().gain(gain);
            let Ok(found) = evaluate(&best, &qrels, &["ndcg@5"], &options) else { return Ok(()) };
            prop_assert!(found.per_query("ndcg@5").unwrap().iter().all(|v| *v == 1.0));
        }
    }

    #[test]
    fn a_comparison_turned_round_is_its_mirror(a in lists(), seed in 0u64..9) {
        let (first, qrels) = made(&a, |i| format!("q{i}"));
        let mut second = Run::new();
        for (i, (ranking, _)) in a.iter().enumerate() {
            second.add(format!("q{i}"), ranking.iter().rev().map(u8::to_string)).unwrap();
        }
        for test in Test::ALL {
            let options = CompareOptions::default().test(*test).seed(seed).interval(Interval::T).resamples(200);
            let Ok(ab) = compare_runs(&first, &second, &qrels, "ndcg@5", &options) else { return Ok(()) };
            let ba = compare_runs(&second, &first, &qrels, "ndcg@5", &options).unwrap();
            prop_assert!((ab.difference.value + ba.difference.value).abs() < 1e-12);
            prop_assert!(ab.queries < 2 || (ab.difference.low + ba.difference.high).abs() < 1e-12);
            prop_assert_eq!((ab.wins, ab.ties, ab.losses), (ba.losses, ba.ties, ba.wins));
            prop_assert!((ab.p_value - ba.p_value).abs() < 1e-12);
            prop_assert!(ab.p_value > 0.0 && ab.p_value <= 1.0 || *test == Test::T);
            let same = compare_runs(&first, &first, &qrels, "ndcg@5", &options).unwrap();
            prop_assert_eq!((same.p_value, same.difference.value, same.wins), (1.0, 0.0, 0));
        }
    }
}

/// Runs of `n` queries whose reciprocal ranks are drawn; `gap` is how much more often `a` is first.
fn drawn(n: usize, gap: f64, seed: u64) -> (Run<'static>, Run<'static>, Qrels<'static>) {
    let mut rng = Rng::new(seed);
    let (mut a, mut b, mut qrels) = (Run::new(), Run::new(), Qrels::new());
    for i in 0..n {
        let query = format!("{i}");
        qrels.add(query.clone(), [("x", 1.0)]).unwrap();
        let order = |first: bool| if first { ["x", "y"] } else { ["y", "x"] };
        a.add(query.clone(), order(rng.uniform() < 0.5 + gap))
            .unwrap();
        b.add(query, order(rng.uniform() < 0.5)).unwrap();
    }
    (a, b, qrels)
}

#[test]
fn the_three_tests_and_both_intervals_agree_where_there_are_many_queries() {
    let (a, b, qrels) = drawn(400, 0.08, 3);
    let found: Vec<Comparison> = (Test::ALL.iter())
        .flat_map(|test| Interval::ALL.iter().map(move |interval| (*test, *interval)))
        .map(|(test, interval)| {
            let options = CompareOptions::default().test(test).interval(interval);
            compare_runs(&a, &b, &qrels, "mrr@10", &options).unwrap()
        })
        .collect();
    for other in &found {
        // Differences of one half lie on a lattice: a test that counts "as large" holds a whole
        // step of it, which Student's t halves. A step is 0.04 here.
        assert!((other.p_value - found[0].p_value).abs() < 0.03, "{other}");
        assert!(
            (other.difference.low - found[0].difference.low).abs() < 0.004,
            "{other}"
        );
        assert!(
            (other.difference.high - found[0].difference.high).abs() < 0.004,
            "{other}"
        );
    }
    assert!(
        found[0].p_value > 0.001 && found[0].p_value < 0.3,
        "{}",
        found[0]
    );
    let again = compare_runs(&a, &b, &qrels, "mrr@10", &CompareOptions::default()).unwrap();
    assert_eq!(again, found[0], "the same seed is the same answer");
    let other = CompareOptions::default().seed(1);
    let other = compare_runs(&a, &b, &qrels, "mrr@10", &other).unwrap();
    assert_ne!(other.difference, again.difference);
    assert_ne!(other.p_value, again.p_value);
}

/// Of 300 pairs of equally good runs about one in twenty is called different at 0.05, and of 300
/// intervals about 95 % hold the truth; seeds are fixed, so nothing fails by chance.
#[test]
fn tests_and_intervals_keep_their_promise() {
    let (mut rejected, mut covered) = (0, 0);
    for seed in 0..300 {
        let (a, b, qrels) = drawn(60, 0.0, 1000 + seed);
        let options = CompareOptions::default().resamples(400).seed(seed);
        let found = compare_runs(&a, &b, &qrels, "mrr@10", &options).unwrap();
        rejected += usize::from(found.p_value <= 0.05);
        let mean = evaluate(&a, &qrels, &["mrr@10"], &quick().resamples(400)).unwrap();
        let mean = mean.estimate("mrr@10").unwrap();
        covered += usize::from(mean.low <= 0.75 && 0.75 <= mean.high);
    }
    assert!((3..=27).contains(&rejected), "{rejected} of 300");
    assert!((270..=297).contains(&covered), "{covered} of 300");
}

#[test]
fn files_of_both_layouts_are_read_and_damage_is_named() {
    let beir = "query-id\tcorpus-id\tscore\r\nq 1\td1\t2\r\n\r\nq2\td 2\t0\r\nq 1\td3\t-1\r\n";
    let qrels = Qrels::parse(beir).unwrap();
    assert_eq!(qrels.queries().collect::<Vec<_>>(), ["q 1", "q2"]);
    assert_eq!(
        qrels.judgements("q 1").unwrap(),
        [("d1".into(), 2.0), ("d3".into(), -1.0)]
    );
    let headless = Qrels::parse("\u{FEFF}q1\td1\t1\n").unwrap();
    assert_eq!(headless.queries().next(), Some("q1"));
    assert_eq!(Qrels::parse("q1 0 d1 1\nq1\t0\td2  0\n").unwrap().len(), 1);
    let run = Run::parse("q1 Q0 a 1 0.5 tag\nq2 Q0 z 1 1e3 tag\nq1 Q0 b 2 0.75 tag\n").unwrap();
    assert_eq!(
        run.ranking("q1").unwrap(),
        ["b", "a"],
        "scores decide, not ranks"
    );
    assert_eq!(run.scores("q1").unwrap(), [0.75, 0.5]);
    let say = |text: &str| Qrels::parse(text).unwrap_err().to_string();
    assert_eq!(say(""), "there are no judgements in it");
    assert_eq!(
        say("query-id\tcorpus-id\tscore\n"),
        "there are no judgements in it"
    );
    assert_eq!(
        say("q1 0 d1 1\nq1 0 d2\n"),
        "line 2: 4 columns expected, got 3 in \"q1 0 d2\""
    );
    assert_eq!(
        say("q1\td1\t1\nq1\td2\thigh\n"),
        "line 2: a grade must be a number, got \"high\""
    );
    assert_eq!(
        say("q1 0 d1 1\nq2 0 d1 1\n\nq1 0 d1 2"),
        "line 4: query \"q1\" has document \"d1\" a second time"
    );
    assert!(
        say("q1 0 d1 1e9").starts_with("line 1: a grade must be in -1000..=1000, got 1000000000")
    );
    assert!(say("{\"a\": 1}").starts_with("line 1: judgements have three columns parted by tabs"));
    let say = |text: &str| Run::parse(text).unwrap_err().to_string();
    assert_eq!(
        say("q1 Q0 a 1 nan tag"),
        "line 1: a score must be a number, got \"nan\""
    );
    assert!(say("q1 Q0 a 1 tag").starts_with("line 1: 6 columns expected, got 5"));
    assert_eq!(say("\n"), "there are no hits in it");
    let folder = std::env::temp_dir().join(format!("ragcore-evaluation-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("qrels.tsv");
    std::fs::write(&path, b"q1\td1\t1\nq\xFF\td\t1\n").unwrap();
    let error = Qrels::read(&path).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: line 2: not UTF-8", path.display())
    );
    std::fs::write(&path, "q1\td1\t1\nq1\td1\t1\n").unwrap();
    let error = Qrels::read(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("{}: line 2: ", path.display()))
    );
    assert_eq!(error.file(), Some(&*path));
    std::fs::write(&path, beir).unwrap();
    assert_eq!(
        Qrels::read(&path).unwrap().judgements("q2").unwrap(),
        [("d 2".into(), 0.0)]
    );
    assert_eq!(
        Run::read(folder.join("none")).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn errors_say_what_was_found() {
    let qrels = Qrels::new().with("q1", [("a", 1.0)]).unwrap();
    let run = Run::new().with("q1", ["a"]).unwrap();
    let say = |run: &Run<'_>, metrics: &[&str], options: &EvaluateOptions| {
        evaluate(run, &qrels, metrics, options)
            .unwrap_err()
            .to_string()
    };
    let plain = EvaluateOptions::default();
    assert_eq!(
        say(&run, &["nDCG@10"], &plain),
        "no metric is called \"nDCG@10\"; there are ndcg, recall, mrr, map, precision, success, \
         judged, each with a cutoff as in ndcg@10"
    );
    for bad in [
        "ndcg@",
        "ndcg@0",
        "ndcg@10001",
        "ndcg@+5",
        "ndcg@99999999999999999999",
    ] {
        let message = say(&run, &[bad], &plain);
        assert_eq!(
            message,
            format!("the cutoff of a metric must be in 1..=10000, got \"{bad}\"")
        );
    }
    assert_eq!(say(&run, &["map", "map"], &plain), "map is asked for twice");
    assert_eq!(
        say(&run, &[], &plain.clone().level(f64::NAN)),
        "level must be in 0.5..=0.999, got NaN"
    );
    let other = Run::new().with("7", ["a"]).unwrap();
    assert_eq!(
        say(&other, &[], &plain),
        "the run and the judgements have no query in common (the run has \"7\", the judgements \
         have \"q1\"); give both the same ids"
    );
    let error = run.clone().with("q1", ["b"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the run has query \"q1\" already; give all of its documents at once"
    );
    let error = Run::new().with("q", ["a", "b", "a"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "query \"q\" found document \"a\" twice, at ranks 1 and 3; keep the better one"
    );
    let error = Run::new().with_scores("q", [("a", f64::NAN)]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("document \"a\": a score must be a number")
    );
    let error = Qrels::new()
        .with("q", [("a", 1.0), ("a", 0.0)])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "query \"q\" judges document \"a\" twice; one grade each"
    );
    let error = Qrels::new().with("q", [("a", f64::NAN)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "query \"q\", document \"a\": a grade must be in -1000..=1000, got NaN"
    );
    let nothing = Qrels::new().with("q1", [("a", 0.0)]).unwrap();
    let error = evaluate(&run, &nothing, &[], &plain).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("no query can be measured: 1 are judged")
    );
    let found = evaluate(&run, &qrels, &[], &plain).unwrap();
    let error = found.estimate("ndcg@5").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "ndcg@5 was not measured; there are ndcg@10, recall@10, mrr@10, map@10"
    );
    let only = found.estimate("ndcg@10").unwrap();
    assert_eq!(
        (only.value, only.low, only.high),
        (1.0, f64::NEG_INFINITY, f64::INFINITY)
    );
}

#[test]
fn the_table_reads_well() {
    let qrels = Qrels::parse("q1 0 a 2\nq1 0 b 1\nq2 0 c 1\nq3 0 d 0\nq4 0 e 1\n").unwrap();
    let run = Run::new().with("q1", ["b", "a"]).unwrap();
    let run = run.with("q2", ["c"]).unwrap().with("q9", ["c"]).unwrap();
    let options = EvaluateOptions::default().interval(Interval::T);
    let found = evaluate(&run, &qrels, &["ndcg@10", "mrr@10"], &options).unwrap();
    assert_eq!(
        found.to_string(),
        "metric             mean   95% interval\n\
         ndcg@10          0.6199   -0.7250 to 1.9649\n\
         mrr@10           0.6667   -0.7676 to 2.1009\n\
         3 queries, 1 of them missing from the run; left out: 1 without relevant documents; \
         ignored: 1 not judged; intervals by Student's t"
    );
}

#[test]
fn a_query_may_find_itself() {
    let qrels = Qrels::new().with("q", [("a", 1.0)]).unwrap();
    let run = Run::new().with("q", ["q", "a"]).unwrap();
    let value = |ignore| {
        let options = quick().ignore_identical_ids(ignore);
        let found = evaluate(&run, &qrels, &["mrr@1"], &options).unwrap();
        found.estimate("mrr@1").unwrap().value
    };
    assert_eq!((value(false), value(true)), (0.0, 1.0));
}
