//! Many questions at a time.

use super::{Engine, Question};
use crate::answer::{Answer, Evidence};
use crate::error::Result;
use crate::progress::Progress;
use crate::threads;

impl Engine {
    /// Answers questions on several threads; each has its own result, in their order.
    ///
    /// Equal questions are answered once. `Interrupted` if `progress` stops it: what was answered until then is in
    /// the history and the cache.
    pub fn ask_many(
        &self,
        questions: &[Question],
        progress: Progress<'_>,
    ) -> Result<Vec<Result<Answer>>> {
        self.many(questions, progress, |question| self.ask(question))
    }

    /// The same for evidence.
    pub fn retrieve_many(
        &self,
        questions: &[Question],
        progress: Progress<'_>,
    ) -> Result<Vec<Result<Evidence>>> {
        self.many(questions, progress, |question| self.retrieve(question))
    }

    fn many<T: Send>(
        &self,
        questions: &[Question],
        mut progress: Progress<'_>,
        body: impl Fn(&Question) -> Result<T> + Sync,
    ) -> Result<Vec<Result<T>>> {
        let threads = threads::resolve(Some(self.shared.options.threads));
        progress.step(0, questions.len())?;
        let mut done = Vec::with_capacity(questions.len());
        // A step of some questions a thread, so that progress is told and can stop them.
        for step in questions.chunks(threads.max(1) * 4) {
            done.extend(threads::map(threads, step.len(), &|i| body(&step[i])));
            progress.step(done.len(), questions.len())?;
        }
        Ok(done)
    }
}
