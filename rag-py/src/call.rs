//! One way into the core: let go of the interpreter, catch panics, map errors.
//!
//! Locks of the core and of [`crate::guarded`] are taken inside [`call`] only, after the
//! interpreter is let go and given back before it is taken again, so the two never wait for each
//! other.

use crate::error::{panicked, raise};
use pyo3::prelude::*;
use rag_core::{Progress, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How long a pending Ctrl-C may wait.
const SIGNALS_EVERY: Duration = Duration::from_millis(40);

/// Runs `body` without the interpreter.
pub(crate) fn call<T: Send>(
    py: Python<'_>,
    body: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    match py.detach(|| catch_unwind(AssertUnwindSafe(body))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(raise(py, &error)),
        Err(payload) => Err(panicked(py, payload.as_ref())),
    }
}

/// [`call`] for work that reports: `progress(done, total)` is called when given, and Ctrl-C is
/// answered at the core's next report. An exception of either stops the work and is raised.
pub(crate) fn long_call<T: Send>(
    py: Python<'_>,
    progress: Option<Bound<'_, PyAny>>,
    body: impl FnOnce(Progress<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    let progress = progress.map(Bound::unbind);
    let mut pending: Option<PyErr> = None;
    let outcome = call(py, || {
        let mut looked = Instant::now();
        let mut watch = |done: usize, total: usize| {
            if progress.is_none() && looked.elapsed() < SIGNALS_EVERY {
                return true;
            }
            looked = Instant::now();
            let told = Python::attach(|py| {
                py.check_signals()?;
                match &progress {
                    Some(function) => function.call1(py, (done, total)).map(|_| ()),
                    None => Ok(()),
                }
            });
            match told {
                Ok(()) => true,
                Err(exception) => {
                    pending = Some(exception);
                    false
                }
            }
        };
        body(Progress::new(&mut watch))
    });
    match pending {
        Some(exception) => Err(exception),
        None => outcome,
    }
}
