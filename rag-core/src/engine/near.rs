//! Answers for questions that ask the same in other words, if the cache was told to share those.

use super::keys::Given;
use super::retrieve::Watch;
use super::space::Space;
use super::{Engine, Question};
use crate::answer::Answer;
use crate::caching::{Key, Layer, NearHit, Nearby};
use crate::embedding::EncodeOptions;
use crate::error::Result;
use crate::kernel;
use crate::progress::Progress;
use std::sync::Arc;

/// Cosine from which on two answers say the same.
const AGREE: f32 = 0.9;

/// A question among those that were asked before, in all else alike.
pub(super) struct Near<'a> {
    engine: &'a Engine,
    space: &'a Space,
    question: &'a Question,
    nearby: Arc<Nearby>,
    vector: Vec<f32>,
    /// The key of everything but the question.
    scope: Key,
}

impl<'a> Near<'a> {
    /// `None` if equal questions alone share an answer, or this one has no vector.
    pub(super) fn of(
        engine: &'a Engine,
        space: &'a Space,
        question: &'a Question,
        key: &impl Fn(&Question) -> Key,
    ) -> Result<Option<Self>> {
        let Some(nearby) = engine.shared.cache.nearby() else {
            return Ok(None);
        };
        let Some(vector) = engine.vector(space, question, &mut Watch::default())? else {
            return Ok(None);
        };
        let unsaid = Question {
            text: String::new(),
            vector: None,
            ..question.clone()
        };
        Ok(Some(Self {
            engine,
            space,
            question,
            nearby,
            vector,
            scope: key(&unsaid),
        }))
    }

    /// A kept answer of a near question, unless there is one of this very question.
    pub(super) fn find(
        &self,
        answers: &Layer<Given>,
        own: &Key,
        valid: &impl Fn(&Given) -> bool,
    ) -> Option<(Arc<Given>, NearHit)> {
        let now = self.engine.shared.cache.now();
        if answers.get(own, now, valid).is_some() {
            return None;
        }
        let hit = self
            .nearby
            .find(&self.scope, &self.question.text, &self.vector, now)?;
        Some((answers.get(&hit.key, now, valid)?, hit))
    }

    /// Tells whether the kept answer would have been right.
    pub(super) fn compare(&self, kept: &Answer, made: &Answer, hit: &NearHit) -> Result<()> {
        let agree = kept.text == made.text || self.say_the_same(&kept.text, &made.text)?;
        self.nearby.compared(hit, agree);
        Ok(())
    }

    fn say_the_same(&self, kept: &str, made: &str) -> Result<bool> {
        let documents = &self.space.documents;
        if documents.has_own_vectors() || kept.trim().is_empty() || made.trim().is_empty() {
            return Ok(false);
        }
        let texts = [kept, made];
        let options = EncodeOptions::default();
        let rows = documents
            .embedder()?
            .encode(&texts, &options, Progress::none())?;
        Ok(kernel::dot(rows.row(0), rows.row(1))? >= AGREE)
    }

    /// Remembers the question, whose answer is kept under `own`.
    pub(super) fn remember(&self, own: &Key) {
        let now = self.engine.shared.cache.now();
        self.nearby
            .add(&self.scope, &self.question.text, &self.vector, own, now);
    }
}
