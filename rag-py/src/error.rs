//! From a kind of the core to a class of `ragcore.errors`.
//!
//! The classes are written in Python, where they can have Python bases and attributes. The first
//! error fetches the function that looks the class up by the name of the kind.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use rag_core::{Error, ErrorKind};
use std::any::Any;

/// The name that a caught panic has where a kind is expected.
const PANIC: &str = "panic";

static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The exception for an error of the core.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let file = error.file().map(|f| f.display().to_string());
    let raised = make(
        py,
        error.kind().name(),
        error.message(),
        file,
        error.offset(),
        error.pid(),
    );
    // What Python's own code raised below is the cause, as if that code had been called here.
    let cause = std::error::Error::source(error).and_then(|e| e.downcast_ref::<PyErr>());
    if let Some(cause) = cause {
        raised.set_cause(py, Some(cause.clone_ref(py)));
    }
    raised
}

/// `InvalidArgument` for what the core never sees: a wrong Python type or a broken string.
pub(crate) fn invalid(py: Python<'_>, message: impl Into<String>) -> PyErr {
    raise(py, &Error::invalid(message))
}

/// A panic as an ordinary exception, so that `except Exception` holds it.
pub(crate) fn panicked(py: Python<'_>, payload: &(dyn Any + Send)) -> PyErr {
    let said = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let message = format!("a mistake inside ragcore: {said}; please report it with what you did");
    make(py, PANIC, &message, None, None, None)
}

fn make(
    py: Python<'_>,
    kind: &str,
    message: &str,
    file: Option<String>,
    offset: Option<u64>,
    pid: Option<u32>,
) -> PyErr {
    let made = MAKE
        .import(py, "ragcore.errors", "_make")
        .and_then(|function| function.call1((kind, message, file, offset, pid)));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        // Without its package around it the module can still say what went wrong.
        Err(_) => PyException::new_err(format!("{kind}: {message}")),
    }
}

/// Every kind of the core as `(name, number, meaning)`, for the check of the Python table.
#[pyfunction]
pub(crate) fn error_kinds() -> Vec<(&'static str, i32, &'static str)> {
    ErrorKind::ALL
        .iter()
        .map(|kind| (kind.name(), kind.code(), kind.doc().trim()))
        .collect()
}

/// Fails with the kind of that name, or panics for `"panic"`: the tests' door to both paths.
#[pyfunction]
pub(crate) fn fail(py: Python<'_>, kind: &str) -> PyResult<()> {
    crate::call::call(py, || {
        assert_ne!(kind, PANIC, "asked for");
        match ErrorKind::ALL.iter().find(|k| k.name() == kind) {
            Some(found) => {
                let path = std::path::Path::new("a/file");
                Err(match found {
                    ErrorKind::Corrupt => Error::corrupt(path, 7, "asked for"),
                    _ => Error::new(*found, "asked for").with_file(path).with_pid(1),
                })
            }
            None => Err(Error::invalid(format!("no kind is called \"{kind}\""))),
        }
    })
}
