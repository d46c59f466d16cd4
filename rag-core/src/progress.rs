//! Progress of long calls, and the way to stop them.

use crate::error::{Error, ErrorKind, Result};

/// Told `(done, total)` now and then; answers whether to go on.
///
/// ```
/// use rag_core::Progress;
/// let mut seen = Vec::new();
/// let mut watch = |done, total| { seen.push((done, total)); done < 2 };
/// let mut progress = Progress::new(&mut watch);
/// assert!(progress.step(1, 3).is_ok());
/// assert_eq!(progress.step(2, 3).unwrap_err().kind().name(), "interrupted");
/// ```
#[derive(Default)]
pub struct Progress<'a>(Option<&'a mut dyn FnMut(usize, usize) -> bool>);

impl<'a> Progress<'a> {
    /// Nobody watches.
    pub fn none() -> Self {
        Self(None)
    }

    /// Calls `watch(done, total)`; `false` stops the work.
    pub fn new(watch: &'a mut dyn FnMut(usize, usize) -> bool) -> Self {
        Self(Some(watch))
    }

    /// Reports; fails with `Interrupted` when the caller wants to stop.
    pub fn step(&mut self, done: usize, total: usize) -> Result<()> {
        let go_on = self.0.as_mut().is_none_or(|watch| watch(done, total));
        if go_on {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Interrupted,
            format!("stopped by the caller after {done} of {total}; nothing was kept"),
        ))
    }
}
