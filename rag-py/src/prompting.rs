//! `Prompts`: from a question and passages to the messages of a language model; packing of passages.
//!
//! What is asked and what comes back is JSON here; the package makes objects of it.

use crate::call::call;
use crate::convert::{Text, set_options};
use crate::guarded::Guarded;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::answer::{PackOptions, Packing};
use rag_core::prompting::{Asked, PromptOptions, Prompts as Core, Scenario};
use rag_core::text::{TokenCounter, estimate_tokens};
use std::sync::Mutex;

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Prompts(pub(crate) Guarded<Core>);

#[pymethods]
impl Prompts {
    #[new]
    fn new() -> Self {
        Self(Guarded::new(Core::new()))
    }

    fn add(&self, py: Python<'_>, name: Text, scenario: Text) -> PyResult<()> {
        call(py, || {
            let scenario = Scenario::from_json(&scenario)?;
            self.0.write(|p| p.add(&name, scenario))
        })
    }

    fn phrase(&self, py: Python<'_>, dial: Text, low: Text, high: Text) -> PyResult<()> {
        call(py, || self.0.write(|p| p.phrase(&dial, &low, &high)))
    }

    fn scenarios(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        call(py, || {
            self.0
                .read(|p| Ok(p.scenarios().into_iter().map(str::to_owned).collect()))
        })
    }

    fn scenario(&self, py: Python<'_>, name: Text) -> PyResult<String> {
        call(py, || self.0.read(|p| Ok(p.scenario(&name)?.to_json())))
    }

    #[pyo3(signature = (asked, counter, **options))]
    fn build(
        &self,
        py: Python<'_>,
        asked: Text,
        counter: Option<Py<PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<String> {
        let mut chosen = PromptOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        counted(py, counter, |counter| {
            let asked = Asked::from_json(&asked)?;
            // A copy, so that nothing is held while the caller's function runs.
            let prompts = self.0.read(|p| Ok(p.clone()))?;
            Ok(prompts.build(asked, counter, &chosen)?.to_json())
        })
    }
}

#[pyfunction]
pub(crate) fn sanitize(py: Python<'_>, text: Text) -> PyResult<String> {
    call(py, || Ok(rag_core::prompting::sanitize(&text).into_owned()))
}

#[pyfunction]
#[pyo3(signature = (packing, budget_tokens, counter, **options))]
pub(crate) fn pack(
    py: Python<'_>,
    packing: Text,
    budget_tokens: &Bound<'_, PyAny>,
    counter: Option<Py<PyAny>>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<String> {
    let mut chosen = PackOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    let budget_tokens = crate::convert::number(budget_tokens, "budget_tokens")?;
    counted(py, counter, |counter| {
        Packing::from_json(&packing)?.pack_json(budget_tokens, counter, &chosen)
    })
}

/// Calls `body` without the interpreter, with the caller's counter or the one that needs no model. What the
/// counter raises is raised.
fn counted<R: Send>(
    py: Python<'_>,
    counter: Option<Py<PyAny>>,
    body: impl Send + FnOnce(&dyn TokenCounter) -> rag_core::Result<R>,
) -> PyResult<R> {
    let Some(counter) = counter else {
        return call(py, || body(&estimate_tokens));
    };
    let raised = Mutex::new(None);
    let count = |text: &str| {
        let counted = Python::attach(|py| counter.call1(py, (text,))?.extract::<usize>(py));
        counted.unwrap_or_else(|exception| {
            let mut first = raised.lock().unwrap_or_else(|e| e.into_inner());
            first.get_or_insert(exception);
            estimate_tokens(text)
        })
    };
    let outcome = call(py, || body(&count));
    match raised.into_inner().unwrap_or_else(|e| e.into_inner()) {
        Some(exception) => Err(exception),
        None => outcome,
    }
}
