//! What becomes of an answer: it is kept, counted, and learnt from when it is rated.

use super::Engine;
use super::ask::Way;
use super::retrieve::Looked;
use super::space::{Space, Waiting};
use crate::answer::Answer;
use crate::error::{Error, ErrorKind, Result};
use crate::routing::{COST, Decision, QUALITY};

impl Engine {
    /// Tells what an answer was worth, `rating` in 0 to 1: to the router as its quality, to the bandit that chose
    /// the search, and to the user's taste by the passages that were cited. The history keeps the last one.
    ///
    /// Errors: `InvalidArgument` for a rating outside 0..=1; `NotFound` for an answer that nobody knows of: it was
    /// rated already and is not in the history, or was given too long ago.
    pub fn feedback(&self, tenant: Option<&str>, answer: &str, rating: f64) -> Result<()> {
        if !(0.0..=1.0).contains(&rating) {
            return Err(Error::invalid(format!(
                "a rating is in 0..=1, got {rating}"
            )));
        }
        let space = self.space(tenant, false)?;
        let waiting = space.waiting().pop(answer);
        let kept = match &space.history {
            Some(history) => history
                .rate(answer, rating)
                .map(|()| true)
                .or_else(|error| match error.kind() {
                    ErrorKind::NotFound => Ok(false),
                    _ => Err(error),
                })?,
            None => false,
        };
        let Some(waiting) = waiting else {
            return match kept {
                true => Ok(()),
                false => Err(Error::new(
                    ErrorKind::NotFound,
                    format!(
                        "no answer \"{answer}\" waits for a rating; it was rated, or is too old"
                    ),
                )),
            };
        };
        if let Some(decision) = waiting.decision {
            space.teach_router(|router| router.observe(decision, &[(QUALITY, rating)]))?;
        }
        if let (Some(tuned), Some(name)) = (&waiting.tuned, &self.shared.tuner) {
            let bandits = space.documents.bandits();
            space
                .documents
                .reward(tuned, &bandits.tuner(name)?, rating)?;
        }
        self.teach_taste(&space, &waiting, rating)
    }

    /// Each cited passage is what the user judged.
    fn teach_taste(&self, space: &Space, waiting: &Waiting, rating: f64) -> Result<()> {
        let (Some(user), Some(vector)) = (&waiting.user, &waiting.vector) else {
            return Ok(());
        };
        let steering = space.documents.steering();
        for document in space.documents.get(&waiting.cited)?.into_iter().flatten() {
            let Some(item) = &document.vector else {
                continue;
            };
            let dials: Vec<(&str, f64)> = waiting
                .dials
                .iter()
                .map(|(n, s)| (n.as_str(), *s))
                .collect();
            steering.feedback(
                vector,
                item,
                rating,
                Some(user),
                &dials,
                Some(self.shared.clock.now()),
            )?;
        }
        Ok(())
    }
}

impl Way<'_> {
    /// Keeps an answer in the history.
    pub(super) fn keep(&self, answer: Answer) -> Result<Answer> {
        if let Some(history) = self
            .space
            .history
            .as_ref()
            .filter(|_| self.question.ask.keep)
        {
            history.add(&answer)?;
        }
        Ok(answer)
    }

    /// Tells the router what a decision cost.
    pub(super) fn observe(&self, decision: Option<&Decision>, answer: &Answer) -> Result<()> {
        let Some(decision) = decision else {
            return Ok(());
        };
        self.space.teach_router(|router| {
            let mut outcomes = Vec::new();
            if router
                .objectives()
                .iter()
                .any(|objective| objective == COST)
            {
                outcomes.push((COST, answer.cost));
            }
            let seconds = answer.timings.iter().map(|t| t.seconds).sum();
            router.answered(decision.id, &outcomes, Some(seconds))
        })
    }

    /// Remembers what a rating of the answer is to be told to.
    pub(super) fn wait_for_rating(&self, answer: &Answer, looked: Looked) {
        let mut cited: Vec<String> = answer
            .citations
            .iter()
            .map(|citation| citation.passage.clone())
            .collect();
        cited.sort_unstable();
        cited.dedup();
        let waiting = Waiting {
            decision: answer.decision.decision,
            tuned: looked.tuned,
            vector: looked.vector,
            cited,
            user: answer.user.clone(),
            dials: answer
                .dials
                .iter()
                .map(|(name, s)| (name.clone(), *s))
                .collect(),
        };
        self.space.waiting().put(answer.id.clone(), waiting);
    }
}
