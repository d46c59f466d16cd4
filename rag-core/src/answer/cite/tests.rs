use super::*;
use std::sync::Arc;

fn passage(id: &str, text: &str) -> Passage {
    Passage {
        id: id.to_owned(),
        document: format!("{id}.md"),
        start: 0,
        end: text.len(),
        text: text.into(),
        metadata: Arc::default(),
        score: 1.0,
        relevance: None,
        tokens: 1,
        merged: vec![id.to_owned()],
    }
}

fn passages() -> [Passage; 2] {
    [
        passage(
            "yeast",
            "Bread is old. Yeast eats sugar. The gas makes dough rise.",
        ),
        passage("moon", "The moon makes the tides. It is 384,400 km away."),
    ]
}

fn seen(answer: &str, cited: &[(Range<usize>, Vec<usize>)]) -> Vec<(String, String, String, f64)> {
    let passages = passages();
    let found = cite(answer, cited, &passages, &CiteOptions::default()).unwrap();
    let show = |c: Citation| {
        let passage = passages.iter().find(|p| p.id == c.passage).unwrap();
        let said = answer[c.answer[0]..c.answer[1]].to_owned();
        (
            c.passage,
            said,
            passage.text[c.source[0]..c.source[1]].to_owned(),
            c.support,
        )
    };
    found.into_iter().map(show).collect()
}

fn row(passage: &str, said: &str, source: &str, support: f64) -> (String, String, String, f64) {
    (passage.into(), said.into(), source.into(), support)
}

#[test]
fn marks_point_at_the_best_sentence() {
    let answer = "Yeast eats sugars [1]. Tides come from the moon [2, 1, 9, 0, 2].";
    let cited = [(0..22, vec![1]), (23..64, vec![2, 1, 9, 0, 2])];
    assert_eq!(
        seen(answer, &cited),
        [
            row("yeast", "Yeast eats sugars [1].", "Yeast eats sugar.", 1.0),
            row("moon", &answer[23..], "The moon makes the tides.", 0.5),
            row("yeast", &answer[23..], &passages()[0].text, 0.0),
        ]
    );
}

#[test]
fn an_answer_without_marks_is_attributed() {
    let answer = "The dough rises by gas. Nobody knows why cats purr. The moon makes tides.";
    let want = [
        row(
            "yeast",
            "The dough rises by gas.",
            "The gas makes dough rise.",
            1.0,
        ),
        row(
            "moon",
            "The moon makes tides.",
            "The moon makes the tides.",
            1.0,
        ),
    ];
    assert_eq!(seen(answer, &[]), want);
    let spans: Vec<_> = sentences(answer).map(|range| (range, vec![])).collect();
    assert_eq!(seen(answer, &spans), want);
    assert!(seen("", &[]).is_empty() && seen("[1] [2].", &[]).is_empty());
    assert!(
        cite(answer, &[], &[], &CiteOptions::default())
            .unwrap()
            .is_empty()
    );
}

#[test]
fn ranges_must_be_the_answers() {
    let options = CiteOptions::default();
    for range in [0..9, 1..2, 2..5] {
        let cited = [(range, vec![1])];
        assert!(cite("aé b", &cited, &passages(), &options).is_err());
    }
    let reversed = Range { start: 3, end: 1 };
    assert!(
        cite(
            "abcd",
            &[(reversed, vec![])],
            &passages(),
            &CiteOptions::default()
        )
        .is_err()
    );
}

#[test]
fn marks_are_no_terms() {
    for (text, want) in [
        ("a [1][2, 3] b [12–14]", "a    b  "),
        ("[note] [] [1", " note]  ]  1"),
        ("x", "x"),
    ] {
        assert_eq!(without_marks(text), want);
    }
}
