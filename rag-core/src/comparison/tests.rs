use super::*;
use crate::Matrix;
use crate::answer::Offsets;
use proptest::prelude::*;
use std::sync::Arc;

const ONE: &str = "The bridge opened in 1932 [1]. It is painted grey. Trams cross it every day.";
const TWO: &str =
    "Trams cross the bridge every day. The bridge opened in 1923. Tickets are sold at the gate.";
const THREE: &str = "The bridge never opened in 1932. Its arch is made of steel.";

fn compared(texts: &[&str]) -> Comparison {
    compare_with(texts, &ComparisonOptions::default())
}

fn compare_with(texts: &[&str], options: &ComparisonOptions) -> Comparison {
    let texts: Vec<Compared<'_>> = texts.iter().map(|text| Compared::new(text)).collect();
    compare(&texts, None, options).unwrap()
}

fn sentences(themes: &[Theme]) -> Vec<Vec<&str>> {
    let of = |theme: &Theme| -> usize { theme.sentences.len() };
    let lists = themes.iter().map(|t| (of(t), t.sentences.iter()));
    lists
        .map(|(_, s)| s.map(|said| said.sentence.as_str()).collect())
        .collect()
}

#[test]
fn what_is_common_what_is_one_texts_own_and_what_contradicts_is_told() {
    let found = compared(&[ONE, TWO]);
    assert_eq!(
        sentences(&found.common),
        [
            [
                "Trams cross it every day.",
                "Trams cross the bridge every day."
            ],
            ["The bridge opened in 1932.", "The bridge opened in 1923."],
        ]
    );
    assert_eq!(
        sentences(&found.unique),
        [["It is painted grey."], ["Tickets are sold at the gate."]]
    );
    assert!(
        found.common[0].terms.contains(&"cross".to_owned()),
        "{:?}",
        found.common[0].terms
    );
    let [contradiction] = found.contradictions.as_slice() else {
        panic!("{:?}", found.contradictions);
    };
    assert_eq!(contradiction.kind, Conflict::Numbers);
    assert_eq!(
        &ONE[contradiction.first.start..contradiction.first.end],
        "The bridge opened in 1932 [1]."
    );
    assert_eq!(
        &TWO[contradiction.second.start..contradiction.second.end],
        "The bridge opened in 1923."
    );
    // Of three sentences each, the trams are what both say.
    assert!((found.agreement - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn a_theme_of_some_is_neither_common_nor_unique() {
    let found = compared(&[ONE, TWO, THREE]);
    assert_eq!(
        sentences(&found.shared),
        [[
            "Trams cross it every day.",
            "Trams cross the bridge every day."
        ]]
    );
    assert_eq!(found.common.len(), 1);
    let kinds: Vec<&str> = found.contradictions.iter().map(|c| c.kind.name()).collect();
    assert!(
        kinds.contains(&"negation") && kinds.contains(&"numbers"),
        "{kinds:?}"
    );
    assert_eq!(found.pairs.len(), 3);
}

#[test]
fn a_text_that_says_both_contradicts_nobody_else() {
    let both = "The bridge opened in 1932. The bridge opened in 1923.";
    let found = compared(&[both, both]);
    assert_eq!((found.agreement, found.contradiction_count), (1.0, 0));
}

#[test]
fn measures_are_those_of_the_rooms_that_make_them() {
    let text = "Yeast eats sugar [1]. Yeast eats sugar [2].";
    let given = Compared {
        passages: vec!["Yeast eats sugar, says the baker.".into()],
        ..Compared::new(text)
    };
    let found = compare(
        &[given, Compared::new("Rome is old.")],
        None,
        &ComparisonOptions::default(),
    );
    let measures = &found.unwrap().texts;
    let first = &measures[0];
    assert_eq!((first.sentences, first.words), (2, 6));
    assert_eq!(
        (first.groundedness, first.coverage),
        (Some(1.0), Some(1.0)),
        "citations are no words"
    );
    assert_eq!(
        (first.distinct_1, first.distinct_2, first.distance),
        (0.5, 0.6, 0.0)
    );
    let reads = crate::evaluation::readability("Yeast eats sugar. Yeast eats sugar.").unwrap();
    assert_eq!((first.reading_ease, first.grade), (reads.ease, reads.grade));
    assert_eq!(
        (measures[1].groundedness, measures[1].distance),
        (None, 0.0)
    );
}

/// Vectors by what a sentence is about: trams and what crosses are one thing.
fn by_topic(texts: &[&str]) -> Result<Matrix> {
    let topics: [&[&str]; 3] = [&["tram", "rail"], &["open", "built"], &[""]];
    let mut rows = Matrix::zeros(0, 3);
    for text in texts {
        let of = |words: &&[&str]| words.iter().any(|word| text.to_lowercase().contains(word));
        let row = topics.map(|words| if of(&words) { 1.0 } else { 0.0 });
        rows.push(&[row[0] * 9.0, row[1] * 9.0, row[2]])?;
    }
    Ok(rows)
}

#[test]
fn vectors_find_what_has_no_word_in_common() {
    let vectors: Vectors = Arc::new(by_topic);
    let texts = [
        Compared::new("Trams go over it."),
        Compared::new("People pass by rail."),
    ];
    let options = ComparisonOptions::default();
    assert_eq!(compare(&texts, None, &options).unwrap().agreement, 0.0);
    let found = compare(&texts, Some(&vectors), &options).unwrap();
    assert!(found.by_vectors && found.agreement == 1.0 && found.unique.is_empty());
}

#[test]
fn vectors_that_are_none_are_refused() {
    let texts = [Compared::new("A text."), Compared::new("Another one.")];
    let ask = |vectors: fn(&[&str]) -> Result<Matrix>| {
        let vectors: Vectors = Arc::new(vectors);
        let found = compare(&texts, Some(&vectors), &ComparisonOptions::default());
        found.unwrap_err().to_string()
    };
    assert!(ask(|_| Ok(Matrix::zeros(3, 2))).contains("got 3 rows for 2 texts"));
    assert!(
        ask(|_| Matrix::from_vec(vec![1.0, f32::NAN], 1)).contains("the vectors of the sentences")
    );
    assert!(ask(|_| Err(Error::invalid("no model"))).contains("no model"));
    // Zeros are like nothing.
    let zeros: Vectors = Arc::new(|texts| Ok(Matrix::zeros(texts.len(), 2)));
    assert_eq!(
        compare(&texts, Some(&zeros), &ComparisonOptions::default())
            .unwrap()
            .agreement,
        0.0
    );
    // Numbers whose squares leave the range are compared all the same.
    let large: Vectors = Arc::new(|texts| Matrix::from_vec(vec![f32::MAX; texts.len() * 2], 2));
    assert_eq!(
        compare(&texts, Some(&large), &ComparisonOptions::default())
            .unwrap()
            .agreement,
        1.0
    );
}

#[test]
fn too_few_too_many_and_empty_texts_are_refused() {
    let refused = |texts: &[&str], options: &ComparisonOptions| {
        let texts: Vec<Compared<'_>> = texts.iter().map(|text| Compared::new(text)).collect();
        compare(&texts, None, options).unwrap_err().to_string()
    };
    let options = ComparisonOptions::default();
    assert_eq!(
        refused(&["One."], &options),
        "there are 1 texts to compare; give 2 to 100"
    );
    assert!(refused(&["One."; 101], &options).contains("there are 101 texts"));
    for empty in ["", " \n", "[1] [2]", "... !"] {
        assert!(
            refused(&["One.", empty], &options).contains("text 1 has no words"),
            "{empty}"
        );
    }
    let few = options.max_sentences(3);
    assert!(
        refused(&["One is. Two are.", "Three. Four are."], &few).contains("more than 3 sentences")
    );
}

#[test]
fn json_of_texts_answers_and_evidence_is_compared() {
    let json = r#"["The bridge opened in 1932.",
        {"text": "The bridge opened in 1932.", "passages": [{"text": "It opened in 1932.", "id": "a"}], "id": "x"},
        {"passages": [{"text": "The bridge opened"}, {"text": "in 1932."}], "strategy": "passages"},
        {"text": "\u00e9\u00e9. The bridge opened in 1932.", "passages": ["It opened."]}]"#;
    let options = ComparisonOptions::default();
    let ask = |json: &str| compare_json(json, None, &options, Offsets::CodePoints);
    let found: serde_json::Value = serde_json::from_str(&ask(json).unwrap()).unwrap();
    assert_eq!(found["common"][0]["texts"], serde_json::json!([0, 1, 2, 3]));
    assert_eq!(
        found["common"][0]["sentences"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()["start"],
        4
    );
    assert!(
        found["texts"][1]["groundedness"].is_f64() && found["texts"][0]["groundedness"].is_null()
    );
    for bad in ["", "{}", "[1, 2]", "[\"a\", {\"text\": 1}]", "[null]"] {
        let said = ask(bad).unwrap_err().to_string();
        assert!(said.contains("give a list of texts"), "{said}");
    }
}

#[test]
fn a_long_text_without_an_end_and_marks_of_all_kinds_are_compared() {
    let long = "word ".repeat(50_000);
    let found = compared(&[&long, "\u{202e}x \u{0} [[[1]]] {} \\ 1,,2 -- 7%"]);
    assert!(found.agreement < 1.0);
}

/// Clusters as the definition says: the two groups with the largest mean, again and again.
fn slow_linkage(likeness: &Likeness, threshold: f64) -> Vec<usize> {
    let mut groups: Vec<Vec<usize>> = (0..likeness.count()).map(|i| vec![i]).collect();
    loop {
        let mut best: Option<(f64, usize, usize)> = None;
        for a in 0..groups.len() {
            for b in a + 1..groups.len() {
                let pairs = groups[a]
                    .iter()
                    .flat_map(|x| groups[b].iter().map(|y| likeness.of(*x, *y)));
                let mean = pairs.sum::<f64>() / (groups[a].len() * groups[b].len()) as f64;
                if best.is_none_or(|(most, ..)| mean > most) {
                    best = Some((mean, a, b));
                }
            }
        }
        match best {
            Some((mean, a, b)) if mean >= threshold => {
                let gone = groups.remove(b);
                groups[a].extend(gone);
            }
            _ => break,
        }
    }
    let mut of = vec![0; likeness.count()];
    groups.sort_by_key(|group| group.iter().min().copied());
    for (number, group) in groups.iter().enumerate() {
        group.iter().for_each(|i| of[*i] = number);
    }
    of
}

const POOL: [&str; 12] = [
    "The bridge opened in 1932.",
    "The bridge opened in 1923.",
    "The bridge never opened.",
    "Trams cross it every day.",
    "Trams do not cross it any more.",
    "It is painted grey.",
    "The grey paint is old.",
    "Yeast eats sugar and gives gas.",
    "Gas makes the dough rise.",
    "The dough rests for 3 hours.",
    "The dough rests for 12 hours.",
    "Rome is old.",
];

fn some_texts() -> impl Strategy<Value = Vec<String>> {
    let text = prop::collection::vec(prop::sample::select(POOL.to_vec()), 1..7);
    prop::collection::vec(text.prop_map(|sentences| sentences.join(" ")), 2..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn chains_find_the_clusters_of_the_definition(
        points in prop::collection::vec(prop::collection::vec(-1.0f32..1.0, 3), 1..14),
        threshold in -1.0..1.0f64,
    ) {
        let text: Vec<String> = (0..points.len()).map(|i| format!("Sentence number {i:02}.")).collect();
        let texts = [Compared::new("A word."), Compared::new(&text.join(" ")).clone()].map(|c| c.text.into_owned());
        let texts = texts.each_ref().map(|text| Compared::new(text));
        let all = Sentences::of(&texts, &ComparisonOptions::default()).unwrap();
        let points = points.clone();
        let vectors: Vectors = Arc::new(move |texts: &[&str]| {
            let mut rows = Matrix::zeros(0, 3);
            for (i, _) in texts.iter().enumerate() {
                rows.push(points.get(i).map_or(&[0.0, 0.0, 1.0], |p| p.as_slice()))?;
            }
            Ok(rows)
        });
        let likeness = Likeness::by_vectors(&all, &vectors).unwrap();
        let weights = vec![1.0; likeness.count()];
        let found = cluster::average_linkage(&likeness, &weights, threshold);
        prop_assert_eq!(found, slow_linkage(&likeness, threshold));
    }

    #[test]
    fn an_order_of_texts_is_an_order_of_results(texts in some_texts(), seed in any::<u64>()) {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        crate::Rng::new(seed).shuffle(&mut order);
        let plain: Vec<&str> = texts.iter().map(String::as_str).collect();
        let moved: Vec<&str> = order.iter().map(|i| plain[*i]).collect();
        let (a, b) = (compared(&plain), compared(&moved));
        prop_assert!((a.agreement - b.agreement).abs() < 1e-12);
        for (new, old) in order.iter().enumerate() {
            prop_assert_eq!(&b.texts[new], &a.texts[*old]);
        }
        // Themes are the same ones, with the texts by their new numbers.
        let shape = |found: &Comparison, order: Option<&[usize]>| {
            let lists = [&found.common, &found.shared, &found.unique];
            lists.map(|themes| {
                let themes = themes.iter().map(|theme| {
                    let number = |text: &usize| order.map_or(*text, |order| order[*text]);
                    let mut texts: Vec<usize> = theme.texts.iter().map(number).collect();
                    texts.sort_unstable();
                    let mut said: Vec<String> = theme.sentences.iter().map(|s| s.sentence.clone()).collect();
                    said.sort_unstable();
                    (theme.terms.clone(), texts, said)
                });
                let mut themes: Vec<_> = themes.collect();
                themes.sort_unstable();
                themes
            })
        };
        prop_assert_eq!(shape(&a, None), shape(&b, Some(&order)));
        prop_assert_eq!(a.contradiction_count, b.contradiction_count);
    }

    #[test]
    fn who_says_the_same_agrees_wholly(text in prop::collection::vec(prop::sample::select(POOL.to_vec()), 1..7)) {
        let text = text.join(" ");
        let found = compared(&[&text, &text, &text]);
        prop_assert_eq!(found.agreement, 1.0);
        prop_assert!(found.unique.is_empty() && found.shared.is_empty() && found.contradictions.is_empty());
    }

    #[test]
    fn every_sentence_is_in_one_theme_and_figures_keep_their_ranges(texts in some_texts(), threshold in 0.0..1.0f64) {
        let plain: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found = compare_with(&plain, &ComparisonOptions::default().threshold(Some(threshold)));
        let themes = [&found.common, &found.shared, &found.unique].into_iter().flatten();
        let mut said: Vec<(usize, usize)> = themes
            .flat_map(|theme| theme.sentences.iter().map(|s| (s.text, s.start)))
            .collect();
        said.sort_unstable();
        let want: Vec<(usize, usize)> = plain
            .iter()
            .enumerate()
            .flat_map(|(i, text)| crate::text::sentences(text).map(move |range| (i, range.start)))
            .collect();
        prop_assert_eq!(said, want);
        prop_assert!((0.0..=1.0).contains(&found.agreement));
        prop_assert!(found.contradictions.iter().all(|c| c.first.text < c.second.text));
        for text in &found.texts {
            prop_assert!((0.0..=1.0).contains(&text.distinct_1) && (0.0..=2.0).contains(&text.distance));
        }
    }
}
