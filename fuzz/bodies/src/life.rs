//! The life of a collection beside a plain map that lives the same: changes go to both, and what a
//! collection answers is compared with what a look at every document says.

use crate::choices::Choices;
use rag_core::ErrorKind;
use rag_core::collection::{Batch, Collection, Hit, Metadata, Mode, Query};
use rag_core::retrieval::filter::Filter;
use rag_core::retrieval::lexical::LexicalOptions;
use rag_core::steering::SteeringVector;
use rag_core::text::Analyzer;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TEXTS: [&str; 7] = [
    "moon salt",
    "bread",
    "iron iron rust",
    "",
    "gold lamp fish moon",
    "\u{0}salt \u{1f41f} stra\u{df}e",
    "the and of",
];
const DIM: usize = 3;
/// How often very many documents may come in one life.
const MOST_FLOODS: usize = 3;

/// What is known of a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    text: Option<String>,
    metadata: Metadata,
    vector: Option<Vec<f32>>,
}

/// The plain map, and the words of what has been learnt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    pub(crate) documents: BTreeMap<String, Held>,
    dials: BTreeSet<String>,
    /// Whether texts become vectors by themselves.
    embeds: bool,
    /// How often very many have come at once, which takes its time.
    floods: usize,
}

impl Life {
    /// A life whose vectors are its own, or those of the built-in model.
    pub(crate) fn new(embeds: bool) -> Self {
        Self {
            embeds,
            ..Self::default()
        }
    }

    /// Lets only a few documents come at a time, so that a store's upkeep never begins by itself.
    pub(crate) fn without_floods(&mut self) {
        self.floods = MOST_FLOODS;
    }

    pub(crate) fn embeds(&self) -> bool {
        self.embeds
    }

    /// What the collection is opened with.
    pub(crate) fn dim(&self) -> Option<usize> {
        (!self.embeds).then_some(DIM)
    }

    /// One change, made in both.
    pub(crate) fn change(&mut self, collection: &Collection, choices: &mut Choices<'_>) {
        match choices.below(16) {
            0..=3 => self.put(collection, choices, false),
            4..=7 => self.put(collection, choices, true),
            8..=10 => {
                let ids: Vec<String> = (0..1 + choices.below(4)).map(|_| id(choices)).collect();
                let before = self.documents.len();
                self.documents.retain(|id, _| !ids.contains(id));
                let gone = collection.delete(&ids).expect("ids that may be here");
                assert_eq!(gone, before - self.documents.len());
            }
            11 => {
                let filter = filter(choices);
                let before = self.documents.len();
                self.documents
                    .retain(|_, held| !filter.matches(&held.metadata));
                let gone = collection.delete_where(&filter).expect("a good filter");
                assert_eq!(gone, before - self.documents.len());
            }
            12 => self.many(collection, choices),
            13 => self.learn(collection, choices),
            14 => {
                let vectors = [vector(choices), vector(choices)];
                if self.embeds {
                    return;
                }
                let rating = choices.below(5) as f64 / 4.0;
                let user = choices.once_in(2).then_some("u");
                let steering = collection.steering();
                let [query, item] = &vectors;
                let taken = steering.feedback(query, item, rating, user, &[], Some(1e9));
                taken.expect("good feedback");
            }
            _ => {
                collection.steering().forget("u").expect("open for writing");
            }
        }
    }

    fn put(&mut self, collection: &Collection, choices: &mut Choices<'_>, replace: bool) {
        let n = 1 + choices.below(4);
        let ids: Vec<String> = (0..n).map(|_| id(choices)).collect();
        let kind = choices.below(8);
        let metadata: Vec<Metadata> = (0..n).map(|_| metadata(choices)).collect();
        let mut held: Vec<Held> = metadata
            .into_iter()
            .map(|metadata| Held {
                text: None,
                metadata,
                vector: None,
            })
            .collect();
        let mut batch =
            Batch::new(&ids).metadata(held.iter().map(|h| h.metadata.clone()).collect());
        // Documents without anything, without texts, with some texts, and with all there can be.
        let bare = kind == 0;
        if !bare && kind != 1 {
            let gaps = kind == 2 && !self.embeds;
            held.iter_mut().for_each(|held| {
                let left_out = gaps && choices.once_in(2);
                held.text = (!left_out).then(|| (*choices.pick(&TEXTS)).to_owned());
            });
            batch = batch.optional_texts(held.iter().map(|h| h.text.clone()).collect());
        }
        if !bare && !self.embeds {
            let vectors: Vec<Vec<f32>> = (0..n).map(|_| vector(choices)).collect();
            batch = batch.vectors(&vectors.concat(), DIM).expect("whole rows");
            for (held, vector) in held.iter_mut().zip(vectors) {
                held.vector = Some(vector);
            }
        }
        let doubled = ids.iter().collect::<BTreeSet<_>>().len() < n;
        let taken = ids.iter().any(|id| self.documents.contains_key(id));
        let done = match replace {
            true => collection.upsert(batch),
            false => collection.add(batch),
        };
        match done {
            Ok(()) => assert!(!doubled && (replace || !taken)),
            Err(error) if doubled => {
                assert_eq!(error.kind(), ErrorKind::InvalidArgument);
                return;
            }
            Err(error) => {
                assert!(
                    taken && !replace && error.kind() == ErrorKind::AlreadyExists,
                    "{error}"
                );
                return;
            }
        }
        if self.embeds {
            // What the model makes of a text is the model's to say; it must only stay.
            let found = collection.get(&ids).expect("open");
            for (held, found) in held.iter_mut().zip(found) {
                held.vector = found.expect("it was added").vector;
                assert_eq!(held.vector.is_some(), held.text.is_some());
            }
        } else {
            held.iter_mut()
                .filter_map(|held| held.vector.as_mut())
                .for_each(|vector| normalise(vector));
        }
        self.documents.extend(ids.into_iter().zip(held));
    }

    /// So many documents come, or all go, that rows are numbered anew.
    fn many(&mut self, collection: &Collection, choices: &mut Choices<'_>) {
        self.floods += 1;
        if self.embeds || self.floods > MOST_FLOODS {
            let everything = Filter::parse(&json!({})).expect("a filter");
            let gone = collection
                .delete_where(&everything)
                .expect("open for writing");
            assert_eq!(gone, self.documents.len());
            self.documents.clear();
            return;
        }
        let ids: Vec<String> = (0..600).map(|i| format!("m{i}")).collect();
        let held = Held {
            text: Some(TEXTS[choices.below(2)].to_owned()),
            metadata: metadata(choices),
            vector: Some(vector(choices)),
        };
        let text = held.text.as_deref().expect("it has one");
        let flat = held
            .vector
            .as_deref()
            .expect("it has one")
            .repeat(ids.len());
        let batch = Batch::new(&ids)
            .texts(ids.iter().map(|_| text))
            .metadata(vec![held.metadata.clone(); ids.len()]);
        let batch = batch.vectors(&flat, DIM).expect("whole rows");
        collection.upsert(batch).expect("good documents");
        let mut held = held;
        held.vector
            .as_mut()
            .into_iter()
            .for_each(|vector| normalise(vector));
        self.documents
            .extend(ids.into_iter().map(|id| (id, held.clone())));
    }

    fn learn(&mut self, collection: &Collection, choices: &mut Choices<'_>) {
        let name = format!("dial{}", choices.below(3));
        let steering = collection.steering();
        if choices.once_in(3) {
            assert_eq!(steering.remove(&name).is_ok(), self.dials.remove(&name));
        } else if !self.embeds {
            let dial = SteeringVector::from_parts(&name, &[0.0, 0.6, 0.8], 0.25, None);
            let kept = steering.insert(dial.expect("a good dial"));
            let new = self.dials.insert(name);
            assert_eq!(kept.is_ok(), new, "{:?}", kept.err());
        }
    }

    /// Everything that is held is what is known.
    pub(crate) fn check(&self, collection: &Collection) {
        assert_eq!(collection.len().expect("open"), self.documents.len());
        let ids = collection.ids().expect("open");
        let known: BTreeSet<&String> = self.documents.keys().collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>(), known);
        assert_eq!(ids.len(), known.len(), "an id twice");
        // All of a few, some of many.
        let some: Vec<&String> = ids.iter().step_by(1 + ids.len() / 64).collect();
        let documents = collection.get(&some).expect("open");
        for (id, document) in some.into_iter().zip(documents) {
            let document = document.expect("its id is here");
            let held = &self.documents[id];
            assert_eq!((&document.id, &document.text), (id, &held.text));
            assert_eq!(document.metadata, held.metadata);
            match (&document.vector, &held.vector) {
                (Some(found), Some(wanted)) => assert!(same(found, wanted), "{found:?} {wanted:?}"),
                (found, wanted) => assert_eq!(found, wanted),
            }
        }
        assert_eq!(
            collection.steering().names().expect("open"),
            Vec::from_iter(self.dials.clone())
        );
        assert_eq!(collection.get(&["nobody"]).expect("open"), [None]);
    }

    /// A search finds what a look at every document finds.
    pub(crate) fn search(&self, collection: &Collection, choices: &mut Choices<'_>) {
        let text = *choices.pick(&TEXTS);
        let mode = *choices.pick(&[Mode::Hybrid, Mode::Dense, Mode::Lexical]);
        let mut query = Query::text(text).mode(mode);
        let asked = (!self.embeds).then(|| vector(choices));
        if let Some(asked) = &asked {
            query = query.with_vector(asked.clone());
        }
        let filter = choices.once_in(2).then(|| filter(choices));
        if let Some(filter) = &filter {
            query = query.filter(filter.clone());
            let among = self
                .documents
                .values()
                .filter(|held| filter.matches(&held.metadata));
            assert_eq!(collection.count(filter).expect("open"), among.count());
        }
        let k = *choices.pick(&[1, 5, 10_000]);
        query.options.exact = choices.once_in(2);
        query.options.explain = choices.once_in(4);
        query.options.diversity = if choices.once_in(8) { 0.5 } else { 0.0 };
        let plain = query.options.diversity == 0.0;
        let hits = match collection.search(&query.k(k)) {
            Ok(hits) => hits,
            Err(error) => {
                // The empty text has no vector of its own, and a dense question needs one.
                assert!(self.embeds, "{error}");
                return;
            }
        };
        let found: BTreeSet<&String> = hits.iter().map(|hit| &hit.id).collect();
        assert_eq!(found.len(), hits.len(), "a document twice");
        assert!(
            !plain || hits.is_sorted_by(|a, b| (b.score, &a.id) <= (a.score, &b.id)),
            "{hits:?}"
        );
        let analyzer = Analyzer::new(LexicalOptions::default().language);
        let terms = analyzer.terms(text);
        let mut findable = 0;
        for (id, held) in &self.documents {
            let allowed = filter.as_ref().is_none_or(|f| f.matches(&held.metadata));
            let own = held
                .text
                .as_deref()
                .map(|text| analyzer.terms(text))
                .unwrap_or_default();
            let words = terms.iter().any(|term| own.contains(term));
            let can = allowed
                && match mode {
                    Mode::Lexical => words,
                    Mode::Dense => held.vector.is_some(),
                    Mode::Hybrid => words || held.vector.is_some(),
                };
            assert!(can || !found.contains(id), "{id} cannot be found");
            findable += usize::from(can);
        }
        assert_eq!(hits.len(), k.min(findable));
        for hit in &hits {
            self.check_hit(hit, asked.as_deref());
        }
    }

    fn check_hit(&self, hit: &Hit, asked: Option<&[f32]>) {
        let held = &self.documents[&hit.id];
        assert_eq!(hit.text.as_deref(), held.text.as_deref());
        assert_eq!(*hit.metadata, held.metadata);
        assert!(hit.score.is_finite());
        if let (Some(score), Some(asked), Some(vector)) = (hit.dense_score, asked, &held.vector) {
            let mut asked = asked.to_vec();
            normalise(&mut asked);
            let cosine: f32 = asked.iter().zip(vector).map(|(a, b)| a * b).sum();
            assert!((cosine - score).abs() < 1e-4, "{cosine} {score}");
        }
        if let Some(explanation) = &hit.explanation {
            assert!(
                (explanation.total() - f64::from(hit.score)).abs() < 1e-3,
                "{hit:?}"
            );
        }
    }
}

fn id(choices: &mut Choices<'_>) -> String {
    format!("d{}", choices.below(16))
}

fn metadata(choices: &mut Choices<'_>) -> Metadata {
    let values = [
        json!({}),
        json!({"a": 1}),
        json!({"a": 2.5, "b": "x"}),
        json!({"a": [1, null, {"c": 3}]}),
        json!({"b": {"c": "y"}, "a": null}),
        json!({"b": "y"}),
    ];
    let Value::Object(metadata) = choices.pick(&values).clone() else {
        return Metadata::new();
    };
    metadata
}

fn filter(choices: &mut Choices<'_>) -> Filter {
    let filters = [
        json!({"a": 1}),
        json!({"a": {"$gte": 2}}),
        json!({"a": null}),
        json!({"b": {"$in": ["x", "y"]}}),
        json!({"a": {"$ne": 1}, "b": {"$exists": true}}),
        json!({"b.c": {"$exists": false}}),
        json!({"$or": [{"a.c": 3}, {"b.c": "y"}]}),
        json!({"nothing": 1}),
    ];
    Filter::parse(choices.pick(&filters)).expect("a good filter")
}

/// A vector of a few directions, so that some are equal, or of any.
fn vector(choices: &mut Choices<'_>) -> Vec<f32> {
    let turn = choices.byte() as f32 / 256.0 * std::f32::consts::TAU;
    let tilt = if choices.once_in(4) { 0.5 } else { 0.0 };
    vec![turn.cos() * 3.0, turn.sin() * 3.0, tilt]
}

fn normalise(vector: &mut [f32]) {
    let norm = vector
        .iter()
        .map(|x| f64::from(*x).powi(2))
        .sum::<f64>()
        .sqrt() as f32;
    vector.iter_mut().for_each(|x| *x /= norm);
}

fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}
