use super::*;
use crate::answer::Taken;
use crate::collection::OpenOptions;
use crate::generation::{Finish, Usage};

fn answer(i: usize) -> Answer {
    let users = ["ann", "bob", "ann\0", "a\"b"];
    Answer {
        id: format!("id {i}"),
        question: format!("what is number {i}?"),
        text: format!(
            "It is {}.",
            ["odd", "even"][usize::from(i.is_multiple_of(2))]
        ),
        citations: Vec::new(),
        markers: Vec::new(),
        passages: Vec::new(),
        decision: Taken {
            generator: ["small", "large"][i % 2].to_owned(),
            strategy: "passages".to_owned(),
            decision: Some(u64::MAX - i as u64),
            expected: Default::default(),
            front: Vec::new(),
        },
        model: "m".to_owned(),
        finish: Finish::Stop,
        usage: Usage::default(),
        cost: 0.1,
        timings: Vec::new(),
        cached: i.is_multiple_of(3),
        at: 1e9 + i as f64,
        user: Some(users[i % 4].to_owned()),
        session: None,
        tenant: None,
        scenario: "general".to_owned(),
        dials: Default::default(),
        rating: None,
    }
}

fn filled(n: usize) -> History {
    let history = History::open(Collection::in_memory(None, None).unwrap()).unwrap();
    (0..n).for_each(|i| history.add(&answer(i)).unwrap());
    history
}

fn numbers(found: &[Answer]) -> Vec<usize> {
    found
        .iter()
        .map(|answer| answer.id[3..].parse().unwrap())
        .collect()
}

#[test]
fn what_was_kept_is_found_again() {
    let history = filled(40);
    assert_eq!(history.get("id 7").unwrap(), Some(answer(7)));
    assert_eq!(history.get("id 70").unwrap(), None);
    let mut query = HistoryQuery::default();
    assert_eq!(
        numbers(&history.search(&query).unwrap()),
        (20..40).rev().collect::<Vec<_>>()
    );
    query.options = HistoryOptions::default().limit(3).offset(38);
    assert_eq!(numbers(&history.search(&query).unwrap()), [1, 0]);
    query.options = HistoryOptions::default()
        .since(Some(1e9 + 10.0))
        .until(Some(1e9 + 20.0));
    query.user = Some("ann".into());
    assert_eq!(numbers(&history.search(&query).unwrap()), [16, 12]);
    query.generator = Some("large".into());
    assert!(history.search(&query).unwrap().is_empty());
    let words = HistoryQuery {
        text: Some("number 23".into()),
        ..Default::default()
    };
    assert_eq!(numbers(&history.search(&words).unwrap())[0], 23);
    let cached = HistoryQuery {
        options: HistoryOptions::default().cached(Some(true)).limit(100),
        ..Default::default()
    };
    assert_eq!(history.search(&cached).unwrap().len(), 14);
}

#[test]
fn a_rating_is_written_down_and_moves_nothing() {
    let history = filled(5);
    history.rate("id 1", 0.25).unwrap();
    history.rate("id 1", 0.75).unwrap();
    assert_eq!(history.get("id 1").unwrap().unwrap().rating, Some(0.75));
    assert_eq!(
        numbers(&history.search(&HistoryQuery::default()).unwrap()),
        [4, 3, 2, 1, 0]
    );
    let good = HistoryQuery {
        options: HistoryOptions::default().min_rating(Some(0.5)),
        ..Default::default()
    };
    assert_eq!(numbers(&history.search(&good).unwrap()), [1]);
    assert_eq!(
        history.rate("nobody", 1.0).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert!(history.rate("id 1", f64::NAN).is_err());
    assert_eq!(history.len().unwrap(), 5);
}

#[test]
fn a_user_is_forgotten_and_the_old_go_first() {
    let history = filled(40);
    assert_eq!(history.forget("ann").unwrap(), 10);
    assert_eq!(history.prune(1e9 + 40.0, Some(30.0), Some(5)).unwrap(), 25);
    let left = history.search(&HistoryQuery::default()).unwrap();
    assert_eq!(numbers(&left), [39, 38, 37, 35, 34]);
}

#[test]
fn it_is_there_after_opening_again() {
    let path = std::env::temp_dir().join(format!("ragcore-history-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let open = || {
        let options = OpenOptions::default().dim(Some(1));
        History::open(Collection::open(&path, None, &options).unwrap()).unwrap()
    };
    open().add(&answer(3)).unwrap();
    let again = open();
    assert_eq!(again.get("id 3").unwrap(), Some(answer(3)));
    again.forget("a\"b").unwrap();
    again.compact().unwrap();
    again.collection().close().unwrap();
    for entry in std::fs::read_dir(&path).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|w| w == b"number 3"));
    }
    std::fs::remove_dir_all(&path).unwrap();
}

#[test]
fn an_answer_too_large_for_metadata_loses_the_texts_of_its_passages() {
    let history = filled(0);
    let mut large = answer(1);
    large.passages = (0..4)
        .map(|i| crate::answer::Passage {
            id: format!("p{i}"),
            document: "d".into(),
            start: 0,
            end: 400_000,
            text: "x".repeat(400_000).into(),
            metadata: Arc::default(),
            score: 1.0,
            relevance: None,
            tokens: 1,
            merged: vec![format!("p{i}")],
        })
        .collect();
    history.add(&large).unwrap();
    let held = history.get("id 1").unwrap().unwrap();
    assert_eq!(
        (held.passages.len(), &*held.passages[0].text, &*held.text),
        (4, "", &*large.text)
    );
}
