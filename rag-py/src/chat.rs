//! `ChatModel`: a language model behind servers.

use crate::call::call;
use crate::convert::{Text, set_options, slices, strings};
use crate::error::raise;
use crate::metadata::python;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rag_core::generation::{ChatModel as Core, ChatOptions, Generator, Secret};
use std::sync::Arc;

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct ChatModel(Arc<Core>);

#[pymethods]
impl ChatModel {
    #[new]
    #[pyo3(signature = (endpoints, model, api_key, **options))]
    fn new(
        py: Python<'_>,
        endpoints: &Bound<'_, PyList>,
        model: Text,
        api_key: Option<Text>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = ChatOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let endpoints = strings(endpoints, "endpoints")?;
        let key = api_key.as_deref().map(Secret::new).transpose();
        let key = key.map_err(|e| raise(py, &e))?;
        let made = call(py, || Core::new(&slices(&endpoints), &model, key, &chosen))?;
        Ok(Self(Arc::new(made)))
    }

    fn health<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let health = call(py, || Ok(self.0.health()))?;
        python(py, &serde_json::to_value(health).unwrap_or_default())
    }
}

/// The generator, if what is given is a chat model.
pub(crate) fn chat_model_of(given: &Bound<'_, PyAny>) -> Option<Arc<dyn Generator>> {
    let chat = given.cast::<ChatModel>().ok()?;
    Some(Arc::<Core>::clone(&chat.get().0))
}
