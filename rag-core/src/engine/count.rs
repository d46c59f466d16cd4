//! What a question tells the metrics when it is over. No word of anybody's goes there.

use super::retrieve::Looked;
use super::{Engine, Question};
use crate::answer::{Answer, Timing};
use crate::embedding::hash_of;
use crate::error::Result;
use crate::metrics::QueryEvent;
use std::borrow::Cow;
use std::time::Instant;

impl Engine {
    /// Counts a question for evidence.
    pub(super) fn count_retrieval(
        &self,
        question: &Question,
        looked: &Result<Looked>,
        started: Instant,
    ) {
        let mut event = self.event(question, started);
        match looked {
            Ok(looked) => {
                let evidence = &looked.evidence.evidence;
                event.cached = looked.cached;
                event.hits = evidence.passages.len() as u64;
                event.route = Cow::Owned(evidence.strategy.clone());
                event.caches = vec![(Cow::Borrowed("evidence"), looked.cached)];
                if !looked.cached {
                    event.timings = parts(&evidence.timings);
                }
            }
            Err(error) => event.error = Some(error.kind()),
        }
        self.count(&event);
    }

    /// Counts a question for an answer.
    pub(super) fn count_question(
        &self,
        question: &Question,
        answered: &Result<Answer>,
        started: Instant,
    ) {
        let mut event = self.event(question, started);
        match answered {
            Ok(answer) => {
                event.id.clone_from(&answer.id);
                event.cached = answer.cached;
                event.hits = answer.passages.len() as u64;
                event.route = Cow::Owned(answer.decision.generator.clone());
                event.caches = vec![(Cow::Borrowed("answers"), answer.cached)];
                event.timings = parts(&answer.timings);
                event.input_tokens = answer.usage.input_tokens as u64;
                event.output_tokens = answer.usage.output_tokens as u64;
                event.cost = answer.cost;
            }
            Err(error) => event.error = Some(error.kind()),
        }
        self.count(&event);
    }

    fn event(&self, question: &Question, started: Instant) -> QueryEvent {
        QueryEvent {
            at: self.shared.clock.now(),
            tenant: question
                .tenant
                .as_ref()
                .map(|name| hash_of(name.as_bytes())),
            seconds: started.elapsed().as_secs_f64(),
            ..QueryEvent::default()
        }
    }

    /// Whoever asked has nothing to do with what is wrong in a measurement.
    fn count(&self, event: &QueryEvent) {
        let _ = self.shared.metrics.record_query(event);
    }
}

fn parts(timings: &[Timing]) -> Vec<(Cow<'static, str>, f64)> {
    let part = |timing: &Timing| (Cow::Owned(timing.name.clone()), timing.seconds);
    timings.iter().map(part).collect()
}
