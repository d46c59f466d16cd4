use super::*;
use proptest::prelude::*;

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn found(id: &str, document: &str, start: usize, text: &str, score: f32) -> Found {
    Found {
        id: id.into(),
        document: document.into(),
        start,
        end: start + text.len(),
        text: text.into(),
        score,
        ..Found::default()
    }
}

fn texts(packed: &[Passage]) -> Vec<&str> {
    packed.iter().map(|p| &*p.text).collect()
}

fn packed(found: &[Found], budget: usize, options: &PackOptions) -> Vec<Passage> {
    pack(found, budget, &words, None, options).unwrap()
}

#[test]
fn the_same_is_said_once() {
    let text = "The quick brown fox jumps over the lazy dog near the old river bank.";
    let all = [
        found("a", "1", 0, text, 0.9),
        found("b", "2", 0, &text.to_uppercase(), 0.8),
        found("c", "3", 0, "Something else entirely is said here.", 0.7),
        found("d", "4", 0, &text.replace("old", "wide"), 0.6),
    ];
    let ids = |options: &PackOptions| {
        let kept = packed(&all, 100, options);
        kept.into_iter().map(|p| p.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&PackOptions::default()), ["a", "c", "d"]);
    assert_eq!(ids(&PackOptions::default().near_duplicate(0.6)), ["a", "c"]);
    let with = |mut f: Found, v: [f32; 2]| {
        f.vector = Some(v.to_vec());
        f
    };
    let near = [
        with(found("a", "1", 0, "One thing.", 0.9), [2.0, 0.0]),
        with(found("b", "2", 0, "Another thing.", 0.8), [1.0, 0.01]),
        with(found("c", "3", 0, "A third.", 0.7), [0.0, 0.0]),
    ];
    assert_eq!(
        texts(&packed(&near, 100, &PackOptions::default())),
        ["One thing.", "A third."]
    );
}

#[test]
fn overlapping_passages_become_one_if_they_agree() {
    let text = "zero one two three four five six";
    let of = |id: &str, range: Range<usize>, score: f32| {
        found(id, "d", range.start, &text[range], score)
    };
    let all = [
        of("c", 18..32, 0.5),
        of("a", 0..12, 0.9),
        of("b", 9..23, 0.7),
        of("a2", 5..8, 0.1),
    ];
    let kept = packed(&all, 100, &PackOptions::default());
    assert_eq!(texts(&kept), [text]);
    assert_eq!((kept[0].start, kept[0].end, kept[0].score), (0, 32, 0.9));
    assert_eq!((kept[0].id.as_str(), kept[0].tokens), ("a", 7));
    assert_eq!(kept[0].merged, ["a", "a2", "b", "c"]);
    let changed = [
        of("a", 0..12, 0.9),
        found("b", "d", 9, "TWO three four", 0.7),
    ];
    assert_eq!(packed(&changed, 100, &PackOptions::default()).len(), 2);
    // The first two merged have five words, all three would have seven.
    assert_eq!(
        texts(&packed(&all, 6, &PackOptions::default())),
        ["zero one two three four"]
    );
}

#[test]
fn what_does_not_fit_is_cut_at_a_sentence_or_passed_over() {
    let all = [
        found(
            "a",
            "1",
            0,
            "One two three. Four five six. Seven eight nine ten.",
            0.9,
        ),
        found(
            "b",
            "2",
            0,
            "Eleven twelve thirteen fourteen fifteen sixteen.",
            0.8,
        ),
        found("c", "3", 0, "Small one.", 0.7),
    ];
    let options = PackOptions::default().min_tokens(4);
    assert_eq!(
        texts(&packed(&all, 8, &options)),
        ["One two three. Four five six.", "Small one."]
    );
    let kept = packed(&all, 12, &options);
    assert_eq!(
        texts(&kept),
        [
            "One two three. Four five six. Seven eight nine ten.",
            "Small one."
        ]
    );
    assert_eq!(texts(&packed(&all, 3, &options)), ["Small one."]);
    assert!(packed(&all, 0, &options).is_empty() && packed(&all, 1, &options).is_empty());
    assert_eq!(
        texts(&packed(&all, 12, &options.clone().overhead(2))),
        ["One two three. Four five six. Seven eight nine ten."]
    );
}

#[test]
fn orders() {
    let all: Vec<Found> = [("y", 50), ("x", 90), ("y", 0), ("x", 10), ("z", 5)]
        .iter()
        .enumerate()
        .map(|(i, (d, start))| {
            found(
                &i.to_string(),
                d,
                *start,
                &format!("w{i}"),
                1.0 - i as f32 / 10.0,
            )
        })
        .collect();
    let ids = |order| {
        let kept = packed(&all, 100, &PackOptions::default().order(order));
        kept.iter().map(|p| p.id.clone()).collect::<String>()
    };
    assert_eq!(ids(PackOrder::Rank), "01234");
    assert_eq!(ids(PackOrder::Document), "20314");
    assert_eq!(ids(PackOrder::Edges), "02431");
}

#[test]
fn offsets_may_be_code_points_and_must_be_those_of_the_text() {
    let document = "é one ü two";
    let at = |start: usize, end: usize, score: f32| Found {
        id: start.to_string(),
        end,
        start,
        text: document
            .chars()
            .skip(start)
            .take(end - start)
            .collect::<String>()
            .into(),
        score,
        ..Found::default()
    };
    let all = [at(0, 7, 0.9), at(6, 11, 0.8)];
    let options = PackOptions::default().offsets(Offsets::CodePoints);
    let kept = packed(&all, 9, &options);
    assert_eq!((texts(&kept), kept[0].end), (vec![document], 11));
    let error = pack(&all, 9, &words, None, &PackOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("9 bytes and 7 code points"),
        "{error}"
    );
    let bad = Found {
        end: 3,
        start: usize::MAX,
        text: "abc".into(),
        ..Found::default()
    };
    assert!(pack(&[bad], 9, &words, None, &options).is_err());
    for wrong in [
        Found {
            score: f32::NAN,
            ..Found::default()
        },
        Found {
            relevance: Some(1.5),
            ..Found::default()
        },
        Found {
            vector: Some(vec![f32::INFINITY]),
            ..Found::default()
        },
    ] {
        assert!(pack(&[wrong], 9, &words, None, &options).is_err());
    }
    let vectors = [1, 2].map(|n| Found {
        vector: Some(vec![1.0; n]),
        ..Found::default()
    });
    let error = pack(&vectors, 9, &words, None, &options).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::DimensionMismatch);
    assert!(
        pack(
            &vec![Found::default(); MAX_FOUND + 1],
            9,
            &words,
            None,
            &options
        )
        .is_err()
    );
}

/// Three documents of words that are told apart, with gaps of one and two characters.
fn document(number: usize) -> String {
    let mut text = String::new();
    for word in 0..40 {
        text += &format!("w{number}x{word}");
        text += if word % 7 == 6 { ".\n" } else { " " };
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn what_is_packed_is_of_its_document_and_within_the_budget(
        spans in proptest::collection::vec((0usize..3, 0usize..40, 1usize..12, 0u8..9), 0..24),
        budget in 0usize..120,
        overhead in 0usize..3,
        min_tokens in 1usize..9,
    ) {
        let documents: Vec<String> = (0..3).map(document).collect();
        let all: Vec<Found> = spans.iter().enumerate().map(|(i, (d, first, count, score))| {
            let text = &documents[*d];
            let begins: Vec<usize> = text.split_whitespace()
                .map(|w| w.as_ptr() as usize - text.as_ptr() as usize).collect();
            let last = (first + count).min(40) - 1;
            let end = begins[last] + text[begins[last]..].find(char::is_whitespace).unwrap();
            found(&i.to_string(), &d.to_string(), begins[*first], &text[begins[*first]..end], f32::from(*score))
        }).collect();
        let options = PackOptions::default().overhead(overhead).min_tokens(min_tokens);
        let between = |d: &str, range: Range<usize>| Some(documents[d.parse::<usize>().unwrap()][range].to_owned());
        let kept = pack(&all, budget, &words, Some(&between), &options).unwrap();
        let spent: usize = kept.iter().map(|p| words(&p.text) + overhead).sum();
        prop_assert!(spent <= budget);
        let mut seen = std::collections::HashSet::new();
        for p in &kept {
            prop_assert_eq!(&documents[p.document.parse::<usize>().unwrap()][p.start..p.end], &*p.text);
            prop_assert_eq!(p.tokens, words(&p.text));
            prop_assert_eq!(&p.id, &p.merged[0]);
            for id in &p.merged {
                let member = &all[id.parse::<usize>().unwrap()];
                prop_assert!(seen.insert(id.clone()) && member.document == p.document);
                prop_assert!(p.start <= member.start && member.score <= p.score);
                // One that was cut may have become part of another since.
                prop_assert!(member.start < p.end);
            }
        }
        // Nothing that is kept is a neighbour of anything else that is kept.
        for a in &kept {
            for b in kept.iter().filter(|b| b.document == a.document && b.start > a.start) {
                let text = &documents[a.document.parse::<usize>().unwrap()];
                prop_assert!(a.end < b.start && !text[a.end..b.start].trim().is_empty());
            }
        }
        // What was left out did not fit at the end either, or overlaps what was cut.
        // Where passages became one, an overhead came free again after it was passed over.
        let freed: usize = kept.iter().map(|p| (p.merged.len() - 1) * overhead).sum();
        let room = (budget - spent).saturating_sub(freed);
        for f in all.iter().filter(|f| !seen.contains(&f.id)) {
            let touches = kept.iter().any(|p| p.document == f.document && p.start <= f.end + 2 && f.start <= p.end + 2);
            prop_assert!(touches || words(&f.text) + overhead > room);
        }
    }
}
