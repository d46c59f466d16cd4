//! Measures of answers and of variety.

use super::*;
use crate::matrix::Rows;
use proptest::prelude::*;

fn grounded(answer: &str, passages: &[&str]) -> Groundedness {
    groundedness(answer, passages, None).unwrap()
}

#[test]
fn numbers_and_names_that_differ_cap_the_support() {
    let passages = [
        "Marie Curie won the Nobel Prize in 1903 with two colleagues.",
        "She was born in Warsaw and moved to Paris in 1891.",
    ];
    for right in [
        "Marie Curie won the Nobel Prize in 1903.",
        "She was born in Warsaw.",
        "Marie Curie won it with 2 colleagues in 1903.",
        "MARIE CURIE WON THE NOBEL PRIZE",
    ] {
        let found = grounded(right, &passages);
        assert!(
            !found.sentences[0].differs && found.coverage == 1.0,
            "{right}: {found:?}"
        );
    }
    for wrong in [
        "Marie Curie won the Nobel Prize in 1904.",
        "Pierre and Marie Laurent won the Nobel Prize in 1903.",
        "Marie Curie won the Nobel Prize in 1903 with three colleagues.",
        "She was born in Paris and moved to Berlin.",
    ] {
        let found = grounded(wrong, &passages);
        assert!(
            found.sentences[0].differs && found.score <= DIFFERING,
            "{wrong}: {found:?}"
        );
    }
}

#[test]
fn the_best_passage_is_named_and_the_rest_is_uncovered() {
    let passages = ["Yeast eats sugar.", "The moon makes the tides."];
    let found = grounded(
        "The tides come from the moon. Bread is baked. Yeast eats sugar.",
        &passages,
    );
    let of: Vec<Option<usize>> = found.sentences.iter().map(|s| s.passage).collect();
    assert_eq!(of, [Some(1), Some(0), Some(0)]);
    assert_eq!(found.sentences[2].score, 1.0);
    assert_eq!(found.sentences[1].score, 0.0);
    assert!((found.coverage - 1.0 / 3.0).abs() < 1e-12);
    let none = grounded("Anything.", &[]);
    assert_eq!(
        (none.score, none.coverage, none.k_precision),
        (0.0, 0.0, 0.0)
    );
    assert_eq!(none.sentences[0].passage, None);
}

#[test]
fn cosines_count_where_words_differ() {
    let answer = "Feline pets sleep a lot.";
    let passages = ["Cats are often dozing.", "Rates rose."];
    let (said, known) = ([1.0, 0.0], [0.8, 0.6, 0.0, 1.0]);
    let vectors = SupportVectors {
        sentences: Rows::new(&said, 2).unwrap(),
        passages: Rows::new(&known, 2).unwrap(),
    };
    let found = groundedness(answer, &passages, Some(&vectors)).unwrap();
    assert_eq!(found.sentences[0].passage, Some(0));
    assert!((found.score - 0.8).abs() < 1e-6);
    let one = SupportVectors {
        passages: Rows::new(&known[..2], 2).unwrap(),
        ..vectors
    };
    let refused = groundedness(answer, &passages, Some(&one)).unwrap_err();
    assert!(refused.to_string().contains("2 passages"), "{refused}");
    let bad = [f32::NAN, 0.0];
    let nan = SupportVectors {
        sentences: Rows::new(&bad, 2).unwrap(),
        ..vectors
    };
    assert!(groundedness(answer, &passages, Some(&nan)).is_err());
    let three = [1.0, 0.0, 0.0];
    let wide = SupportVectors {
        sentences: Rows::new(&three, 3).unwrap(),
        ..vectors
    };
    let refused = groundedness(answer, &passages, Some(&wide)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::DimensionMismatch);
}

#[test]
fn nothing_to_measure_is_said() {
    for text in ["", " \n", "... !"] {
        assert!(groundedness(text, &["a"], None).is_err());
        assert!(readability(text).is_err());
    }
    let word = "word ".repeat(70_000);
    let refused = groundedness(&word, &[&word], None).unwrap_err();
    assert!(refused.to_string().contains("too many"), "{refused}");
}

#[test]
fn syllables_by_ear() {
    for line in include_str!("../../../conformance/truth/syllables.txt").lines() {
        let Some((count, list)) = line.split_once(':') else {
            continue;
        };
        let count: usize = count.trim().parse().unwrap();
        for word in list.split_whitespace() {
            assert_eq!(syllables(word), count, "{word}");
        }
    }
}

/// The longest common subsequence by its recurrence.
fn slow_lcs(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut corner = 0;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y {
                corner + 1
            } else {
                above.max(row[j])
            };
            corner = above;
        }
    }
    row[b.len()]
}

proptest! {
    #[test]
    fn rouge_is_the_longest_common_subsequence(a in "([b-f] ){1,150}", b in "([b-f] ){0,150}") {
        let found = grounded(&a, &[&b]);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (a, b) = (words(&a), words(&b));
        let want = slow_lcs(&a, &b) as f64 / a.len() as f64;
        prop_assert!((found.sentences[0].rouge_l - want).abs() < 1e-12);
    }

    #[test]
    fn no_text_is_too_strange(answer in "\\PC{0,60}", passage in "\\PC{0,60}") {
        if let Ok(found) = groundedness(&answer, &[&passage], None) {
            prop_assert!((0.0..=1.0).contains(&found.score) && (0.0..=1.0).contains(&found.k_precision));
            let read = readability(&answer).unwrap();
            prop_assert!(read.syllables >= read.words && read.words >= read.sentences);
            let whole = grounded(&answer, &[&answer]);
            prop_assert!(whole.sentences.iter().all(|s| !s.differs));
            prop_assert_eq!(whole.k_precision, 1.0);
        }
        let _ = syllables(&answer);
    }

    #[test]
    fn the_distance_of_a_list_is_that_of_its_pairs(rows in proptest::collection::vec(-1.0f32..1.0, 6..30)) {
        let dim = 3;
        let rows = &rows[..rows.len() / dim * dim];
        let view = Rows::new(rows, dim).unwrap();
        prop_assume!(view.iter().all(|r| r.iter().any(|x| x.abs() > 1e-3)));
        let cosine = |a: &[f32], b: &[f32]| {
            let dot = |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum() };
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let (mut sum, mut pairs) = (0.0, 0.0);
        for i in 0..view.len() {
            for j in 0..i {
                sum += 1.0 - cosine(view.row(i), view.row(j));
                pairs += 1.0;
            }
        }
        let want = if pairs > 0.0 { sum / pairs } else { 0.0 };
        prop_assert!((intra_list_distance(view).unwrap() - want).abs() < 1e-9);
    }

    #[test]
    fn the_greedy_order_has_all_there_is(topics in proptest::collection::vec(proptest::collection::btree_set(0u8..6, 0..4), 1..8), alpha in 0.0f64..1.0, k in 1usize..10) {
        let names: Vec<String> = (0..topics.len()).map(|i| format!("d{i}")).collect();
        let labels = ["a", "b", "c", "d", "e", "f"];
        let about: Vec<(&str, Vec<&str>)> = names.iter().zip(&topics)
            .map(|(n, t)| (n.as_str(), t.iter().map(|i| labels[usize::from(*i)]).collect())).collect();
        prop_assume!(topics.iter().any(|t| !t.is_empty()));
        let options = AlphaNdcgOptions::default().alpha(alpha).k(k);
        // Greedy, one document at a time.
        let (mut left, mut order) = ([1.0; 6], Vec::new());
        while order.len() < names.len() {
            let worth = |i: usize| topics[i].iter().map(|t| left[usize::from(*t)]).sum::<f64>();
            let open = (0..names.len()).filter(|i| !order.contains(i));
            let best = open.max_by(|a, b| worth(*a).total_cmp(&worth(*b)).then(b.cmp(a))).unwrap();
            topics[best].iter().for_each(|t| left[usize::from(*t)] *= 1.0 - alpha);
            order.push(best);
        }
        let order: Vec<&str> = order.into_iter().map(|i| names[i].as_str()).collect();
        prop_assert!((alpha_ndcg(&order, &about, &options).unwrap() - 1.0).abs() < 1e-12);
        let mut backwards = order.clone();
        backwards.reverse();
        let value = alpha_ndcg(&backwards, &about, &options).unwrap();
        prop_assert!((0.0..=1.0).contains(&value));
    }
}

#[test]
fn variety_refuses_what_comes_twice() {
    let about = [("a", vec!["x"]), ("b", vec!["x", "y"])];
    let options = AlphaNdcgOptions::default();
    assert!(alpha_ndcg(&["a", "a"], &about, &options).is_err());
    assert!(alpha_ndcg(&["a"], &[("a", vec!["x", "x"])], &options).is_err());
    assert!(alpha_ndcg(&["a"], &[("a", vec!["x"]), ("a", vec!["y"])], &options).is_err());
    assert!(alpha_ndcg(&["a"], &[("a", vec![])], &options).is_err());
    assert!(alpha_ndcg(&["a"], &about, &options.clone().alpha(1.5)).is_err());
    assert_eq!(alpha_ndcg(&[], &about, &options).unwrap(), 0.0);
    assert!(intra_list_distance(Rows::new(&[0.0, 0.0], 2).unwrap()).is_err());
    assert!(intra_list_distance(Rows::new(&[f32::NAN, 0.0], 2).unwrap()).is_err());
}
