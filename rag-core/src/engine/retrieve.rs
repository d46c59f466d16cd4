//! From a question to its evidence: embed, search, read documents whole where that was asked for, pack.

use super::documents::{self, Origin};
use super::keys::{self, Seen, Whole};
use super::space::Space;
use super::{Engine, Question, Strategy};
use crate::answer::{Evidence, Found, PackOptions, PackOrder, Passage, Timing, pack};
use crate::caching::Source;
use crate::collection::{DomainOf, GENERAL, Hit, Mode, Query, SearchOptions, Tuned};
use crate::embedding::{EncodeOptions, TextKind};
use crate::error::{Error, Result};
use crate::generation::Generator;
use crate::progress::Progress;
use crate::retrieval::filter::Filter;
use crate::text::TokenCounter;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Hits that are looked at for each passage that is wanted: some are merged, some are alike.
const SPARE: usize = 2;

/// Evidence with what the rest of the way needs.
pub(super) struct Looked {
    pub(super) evidence: Arc<Seen>,
    pub(super) cached: bool,
    pub(super) vector: Option<Vec<f32>>,
    /// What a bandit chose, if one did.
    pub(super) tuned: Option<Tuned>,
}

/// Times the parts of a call.
#[derive(Default)]
pub(super) struct Watch(pub(super) Vec<Timing>);

impl Watch {
    pub(super) fn time<T>(&mut self, name: &str, body: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = body();
        self.0.push(Timing {
            name: name.to_owned(),
            seconds: start.elapsed().as_secs_f64(),
        });
        done
    }
}

impl Engine {
    /// The passages for a question.
    ///
    /// The question is embedded and steered, the collection searched by words and vectors; passages that say the
    /// same are dropped, neighbours merged, and the best kept that fit the budget. Evidence comes from the cache
    /// for as long as the collection is as it was.
    ///
    /// Errors: `InvalidArgument` for a question, dial, filter or option outside its range; `NotFound` for a tenant of whom
    /// there is nothing; those of [`Collection::search`](crate::collection::Collection::search).
    pub fn retrieve(&self, question: &Question) -> Result<Evidence> {
        let started = Instant::now();
        let filter = question.check()?;
        let space = self.space(question.tenant.as_deref(), false)?;
        let looked = self.look(
            &space,
            question,
            filter.as_ref(),
            &*self.shared.generators[0].1,
        );
        self.count_retrieval(question, &looked, started);
        let looked = looked?;
        let mut evidence = looked.evidence.evidence.clone();
        evidence.cached = looked.cached;
        if looked.cached {
            evidence.timings = vec![Timing {
                name: "cache".to_owned(),
                seconds: started.elapsed().as_secs_f64(),
            }];
        }
        Ok(evidence)
    }

    /// Evidence from the cache, or found.
    pub(super) fn look(
        &self,
        space: &Space,
        question: &Question,
        filter: Option<&Filter>,
        generator: &dyn Generator,
    ) -> Result<Looked> {
        let layers = &self.shared.layers;
        // A bandit that always sees the same evidence learns nothing from it.
        if !question.retrieve.cache || self.tunes(question) {
            let mut watch = Watch::default();
            let vector = self.vector(space, question, &mut watch)?;
            let (found, tuned) = self.find(space, question, filter, generator, &vector, watch)?;
            return Ok(Looked {
                evidence: Arc::new(found),
                cached: false,
                vector,
                tuned,
            });
        }
        let key = keys::evidence(question, self.model_of(space)?, space.taste(question)?);
        let valid = |found: &Seen| {
            space
                .documents
                .sequence()
                .is_ok_and(|now| now == found.sequence)
        };
        let mut vector = None;
        let made = layers.evidence.get_or_make(&key, None, valid, || {
            let mut watch = Watch::default();
            vector = self.vector(space, question, &mut watch)?;
            Ok(self
                .find(space, question, filter, generator, &vector, watch)?
                .0)
        });
        let (evidence, source) = made?;
        Ok(Looked {
            evidence,
            cached: !matches!(source, Source::Made),
            vector,
            tuned: None,
        })
    }

    /// Whether a bandit chooses the share of BM25 for a question.
    fn tunes(&self, question: &Question) -> bool {
        let retrieve = &question.retrieve;
        self.shared.tuner.is_some()
            && retrieve.bm25_weight.is_none()
            && retrieve.mode == Mode::Hybrid
    }

    /// What made the vectors of a space; 0 where they are the caller's own.
    pub(super) fn model_of(&self, space: &Space) -> Result<u64> {
        match space.documents.has_own_vectors() {
            true => Ok(0),
            false => Ok(space.documents.embedder()?.fingerprint()),
        }
    }

    /// The question's vector: its own, the one that is kept, or a new one; none where only words are searched.
    pub(super) fn vector(
        &self,
        space: &Space,
        question: &Question,
        watch: &mut Watch,
    ) -> Result<Option<Vec<f32>>> {
        if let Some(vector) = &question.vector {
            return Ok(Some(vector.clone()));
        }
        let documents = &space.documents;
        if question.retrieve.mode == Mode::Lexical || documents.has_own_vectors() {
            return Ok(None);
        }
        let embedder = documents.embedder()?;
        let tenant = space.tenant.as_deref();
        let key = keys::vector(tenant, embedder.fingerprint(), &question.text);
        watch.time("embed", || {
            let make = || {
                let options = EncodeOptions::default().kind(TextKind::Query);
                let rows = embedder.encode(&[&question.text], &options, Progress::none())?;
                Ok(rows.row(0).to_vec())
            };
            if !question.retrieve.cache {
                return make().map(Some);
            }
            let vectors = &self.shared.layers.vectors;
            let (vector, _) = vectors.get_or_make(&key, None, |_| true, make)?;
            Ok(Some(vector.to_vec()))
        })
    }

    fn find(
        &self,
        space: &Space,
        question: &Question,
        filter: Option<&Filter>,
        generator: &dyn Generator,
        vector: &Option<Vec<f32>>,
        mut watch: Watch,
    ) -> Result<(Seen, Option<Tuned>)> {
        // Read before the search: what changes meanwhile makes it old, never new.
        let sequence = space.documents.sequence()?;
        let query = self.query(space, question, filter, vector)?;
        let (hits, tuned) = watch.time("search", || match &self.shared.tuner {
            Some(name) if self.tunes(question) => {
                let bandits = space.documents.bandits();
                let domain = match &self.shared.domains {
                    Some(detector) => DomainOf::Detected(detector),
                    None => DomainOf::Named(GENERAL),
                };
                let tuner = bandits.tuner(name)?;
                let mut tuned = space.documents.search_tuned(&[query], &tuner, domain)?;
                let tuned = tuned.remove(0);
                Ok::<_, Error>((tuned.hits.clone(), Some(tuned)))
            }
            _ => Ok((space.documents.search(&query)?, None)),
        })?;
        let counter = |text: &str| generator.count_tokens(text);
        let retrieve = &question.retrieve;
        let want = Want {
            passages: retrieve.k,
            tokens: retrieve.budget_tokens,
            order: retrieve.order,
        };
        let passages = watch.time("pack", || match retrieve.strategy {
            Strategy::Passages => want.pack(&hits, &counter),
            Strategy::Documents => self.read_whole(space, &hits, &counter, want),
        })?;
        let evidence = Evidence {
            tokens: passages.iter().map(|p| p.tokens).sum(),
            passages,
            strategy: retrieve.strategy.name().to_owned(),
            timings: watch.0,
            cached: false,
        };
        Ok((Seen { evidence, sequence }, tuned))
    }

    fn query(
        &self,
        space: &Space,
        question: &Question,
        filter: Option<&Filter>,
        vector: &Option<Vec<f32>>,
    ) -> Result<Query> {
        let retrieve = &question.retrieve;
        let options = SearchOptions::default()
            .k(retrieve.k.saturating_mul(SPARE).min(10_000))
            .mode(retrieve.mode)
            .bm25_weight(retrieve.bm25_weight)
            .diversity(retrieve.diversity)
            .min_relevance(retrieve.min_relevance);
        let mut query = Query::text(&question.text).options(options);
        if let Some(vector) = vector {
            query = query.with_vector(vector.clone());
            // Dials that the collection never learnt are the generator's alone.
            if !question.dials.is_empty() {
                let known: HashSet<String> =
                    space.documents.steering().names()?.into_iter().collect();
                let dials = question
                    .dials
                    .iter()
                    .filter(|(name, _)| known.contains(*name));
                query = dials.fold(query, |query, (name, strength)| {
                    query.steer(name, *strength)
                });
            }
            if let Some(user) = &question.user {
                query = query.user(user);
            }
        }
        if let Some(filter) = filter {
            query = query.filter(filter.clone());
        }
        Ok(query)
    }

    /// Documents with the best passages, whole while they fit; the rest of the budget is filled with passages of the
    /// others.
    fn read_whole(
        &self,
        space: &Space,
        hits: &[Hit],
        counter: &dyn TokenCounter,
        mut want: Want,
    ) -> Result<Vec<Passage>> {
        let mut read: Vec<Passage> = Vec::new();
        let mut tried: HashSet<String> = HashSet::new();
        let mut rest = Vec::new();
        for hit in hits {
            let found = found(hit);
            if !tried.insert(found.document.clone()) || want.passages == 0 {
                continue;
            }
            let text = self.whole(space, &found)?;
            let tokens = text
                .as_deref()
                .map_or(usize::MAX, |text| counter.count(text));
            let Some(text) = text.filter(|_| tokens <= want.tokens) else {
                rest.push(found.document);
                continue;
            };
            want.tokens -= tokens;
            want.passages -= 1;
            read.push(Passage {
                id: found.id.clone(),
                document: found.document,
                start: 0,
                end: text.len(),
                text,
                metadata: found.metadata,
                score: found.score,
                relevance: found.relevance,
                tokens,
                merged: vec![found.id],
            });
        }
        let others = |hit: &&Hit| rest.contains(&self::found(hit).document);
        let others: Vec<Hit> = hits.iter().filter(others).cloned().collect();
        if want.passages > 0 && !others.is_empty() {
            read.extend(want.pack(&others, counter)?);
        }
        Ok(read)
    }

    /// The text of a passage's document; `None` if it cannot be made whole.
    fn whole(&self, space: &Space, found: &Found) -> Result<Option<Arc<str>>> {
        if found.document == found.id {
            return Ok(Some(Arc::clone(&found.text)));
        }
        let first = format!("{}#0", found.document);
        let version = space.documents.versions(&[&first])?.remove(0);
        let key = keys::whole(space.tenant.as_deref(), &found.document);
        let texts = &self.shared.layers.texts;
        let valid = |whole: &Whole| whole.version == version;
        let made = texts.get_or_make(&key, None, valid, || {
            let whole = documents::whole(&space.documents, &found.document)?;
            let (text, _) = whole
                .ok_or_else(|| Error::new(crate::ErrorKind::NotFound, "the document is gone"))?;
            Ok(Whole {
                text: text.into(),
                version,
            })
        });
        match made {
            Ok((whole, _)) => Ok(Some(Arc::clone(&whole.text))),
            // Its passages were changed one by one.
            Err(error) if error.kind() == crate::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How much evidence is wanted.
#[derive(Clone, Copy)]
struct Want {
    passages: usize,
    tokens: usize,
    order: PackOrder,
}

impl Want {
    /// The first hits that become so many passages and fit.
    fn pack(self, hits: &[Hit], counter: &dyn TokenCounter) -> Result<Vec<Passage>> {
        // Hits come in the order in which they are wanted, which with diversity is not that of their scores.
        let mut found: Vec<Found> = hits.iter().map(found).collect();
        for (i, found) in found.iter_mut().enumerate() {
            found.score = -(i as f32);
        }
        let between = |document: &str, range: Range<usize>| gap(hits, document, range);
        let options = PackOptions::default().order(self.order);
        let mut taken = self.passages.min(found.len());
        let mut passages = loop {
            let some = &found[..taken];
            let packed = pack(some, self.tokens, counter, Some(&between), &options)?;
            // Where some were merged or dropped, the next ones take their place.
            let missing = self.passages.saturating_sub(packed.len());
            if missing == 0 || taken == found.len() {
                break packed;
            }
            taken = (taken + missing).min(found.len());
        };
        for passage in &mut passages {
            let best = hits.get((-passage.score) as usize);
            passage.score = best.map_or(0.0, |hit| hit.score);
        }
        Ok(passages)
    }
}

/// A hit as a stretch of its document.
fn found(hit: &Hit) -> Found {
    let text = hit.text.clone().unwrap_or_else(|| Arc::from(""));
    let origin = Origin::read(&hit.metadata, &text);
    let (document, start) = match &origin {
        Some(origin) => (origin.document.to_owned(), origin.start),
        None => (hit.id.clone(), 0),
    };
    Found {
        id: hit.id.clone(),
        document,
        start,
        end: start + text.len(),
        text,
        metadata: Arc::clone(&hit.metadata),
        score: hit.score,
        relevance: hit.relevance,
        vector: None,
    }
}

/// The white space in front of the passage that begins at the end of `range`.
fn gap(hits: &[Hit], document: &str, range: Range<usize>) -> Option<String> {
    hits.iter().find_map(|hit| {
        let origin = Origin::read(&hit.metadata, hit.text.as_deref()?)?;
        let right = origin.document == document
            && origin.start == range.end
            && origin.before.len() == range.len();
        right.then(|| origin.before.to_owned())
    })
}
