//! Generators: those of the core, and Python's own functions.

use crate::chat::chat_model_of;
use crate::convert::set_options;
use crate::error::raise;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rag_core::generation::{
    Extractive as Core, ExtractiveOptions, Flow, Generated, Generator, Request, Writing,
};
use rag_core::{Error, ErrorKind, Result};
use std::sync::Arc;

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Extractive(Arc<Core>);

#[pymethods]
impl Extractive {
    #[new]
    #[pyo3(signature = (**options))]
    fn new(py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut chosen = ExtractiveOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let made = Core::new(&chosen).map_err(|e| raise(py, &e))?;
        Ok(Self(Arc::new(made)))
    }
}

/// What an engine may be given as a generator: one of ours, or anything that can be called.
pub(crate) fn generator_of(name: &str, given: &Bound<'_, PyAny>) -> PyResult<Arc<dyn Generator>> {
    if let Ok(extractive) = given.cast::<Extractive>() {
        return Ok(Arc::<Core>::clone(&extractive.get().0) as Arc<dyn Generator>);
    }
    if let Some(chat) = chat_model_of(given) {
        return Ok(chat);
    }
    Ok(Arc::new(Function {
        name: name.to_owned(),
        function: given.clone().unbind(),
    }))
}

/// A Python function of a prompt, a dict, that returns a text or an iterator of pieces.
#[derive(Debug)]
struct Function {
    name: String,
    function: Py<PyAny>,
}

impl Function {
    /// The failure that an exception is, with the exception as its cause.
    fn failed(py: Python<'_>, error: PyErr) -> Error {
        if !error.is_instance_of::<PyException>(py) {
            let message = "the generator was interrupted";
            return Error::new(ErrorKind::Interrupted, message).with_source(error);
        }
        // What an exception says may hold the prompt; its kind does not.
        let kind = error
            .get_type(py)
            .name()
            .map_or_else(|_| "error".into(), |n| n.to_string());
        let message = format!("the generator raised {kind}; see its cause");
        Error::new(ErrorKind::Upstream, message).with_source(error)
    }

    fn pieces<'py>(&self, py: Python<'py>, request: &Request<'_>) -> PyResult<Bound<'py, PyAny>> {
        let prompt = serde_json::to_value(request.prompt).unwrap_or_default();
        let prompt = crate::metadata::python(py, &prompt)?;
        let made = self.function.bind(py).call1((prompt,))?;
        match made.cast::<PyString>() {
            Ok(_) => Ok(pyo3::types::PyList::new(py, [made])?.try_iter()?.into_any()),
            Err(_) => Ok(made.try_iter()?.into_any()),
        }
    }
}

impl Generator for Function {
    fn name(&self) -> &str {
        &self.name
    }

    fn generate(
        &self,
        request: &Request<'_>,
        sink: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Generated> {
        let mut writing = Writing::new(request, sink);
        let begun = Python::attach(|py| {
            let pieces = self.pieces(py, request);
            pieces.map(Bound::unbind).map_err(|e| Self::failed(py, e))
        })?;
        loop {
            let piece = Python::attach(|py| {
                let next = begun.bind(py).call_method0("__next__");
                match next {
                    Ok(piece) => piece.extract::<String>().map(Some),
                    Err(e) if e.is_instance_of::<pyo3::exceptions::PyStopIteration>(py) => Ok(None),
                    Err(e) => Err(e),
                }
                .map_err(|e| Self::failed(py, e))
            })?;
            let Some(piece) = piece else { break };
            let flow = writing.piece(&piece);
            if !matches!(flow, Ok(Flow::Continue)) {
                // A generator of Python's ends its work when it is closed.
                Python::attach(|py| drop(begun.bind(py).call_method0("close")));
                flow?;
                break;
            }
        }
        Ok(writing.finish(&self.name))
    }
}
