//! The static model behind the door that all models share.

use super::model::Model;
use super::options::{Precision, TextKind};
use super::static_model::StaticModel;
use crate::error::Result;
use crate::progress::Progress;
use crate::threads;
use std::sync::Mutex;

/// Texts between two reports, and between two looks at whether to go on.
const REPORT: usize = 4096;
/// Texts that one thread takes at a time.
const SHARE: usize = 64;

pub(super) struct BuiltIn;

impl Model for BuiltIn {
    fn name(&self) -> &str {
        "built-in static model"
    }

    fn dim(&self) -> usize {
        StaticModel::built_in().dim()
    }

    /// A sum has no longest text.
    fn max_tokens(&self) -> usize {
        usize::MAX
    }

    fn precision(&self) -> Precision {
        Precision::F32
    }

    fn fingerprint(&self) -> u64 {
        StaticModel::built_in().fingerprint()
    }

    fn normalizes(&self) -> bool {
        true
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        Ok(StaticModel::built_in().count_tokens(text))
    }

    fn encode(
        &self,
        texts: &[&str],
        _kind: TextKind,
        threads: usize,
        progress: &mut Progress<'_>,
        out: &mut [f32],
    ) -> Result<usize> {
        let model = StaticModel::built_in();
        let dim = model.dim();
        let mut done = 0;
        for (texts_now, out_now) in texts.chunks(REPORT).zip(out.chunks_mut(REPORT * dim)) {
            let shares = texts_now.chunks(SHARE).zip(out_now.chunks_mut(SHARE * dim));
            let shares: Vec<_> = shares.map(Mutex::new).collect();
            let results = threads::map(threads, shares.len(), &|i| {
                let mut share = shares[i].lock().unwrap_or_else(|e| e.into_inner());
                let (texts, out) = &mut *share;
                let mut rows = texts.iter().zip(out.chunks_mut(dim));
                rows.try_for_each(|(text, row)| model.encode_into(text, row))
            });
            results.into_iter().collect::<Result<()>>()?;
            done += texts_now.len();
            progress.step(done, texts.len())?;
        }
        Ok(0)
    }
}
