//! Stands in for `chat` in a build without the feature `http`.

use crate::convert::Text;
use crate::error::raise;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rag_core::generation::Generator;
use rag_core::{Error, ErrorKind};
use std::sync::Arc;

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct ChatModel;

#[pymethods]
impl ChatModel {
    #[new]
    #[pyo3(signature = (_endpoints, _model, _api_key, **_options))]
    fn new(
        py: Python<'_>,
        _endpoints: &Bound<'_, PyList>,
        _model: Text,
        _api_key: Option<Text>,
        _options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let message = "this build asks no servers; build it with the feature http";
        Err(raise(py, &Error::new(ErrorKind::Unsupported, message)))
    }
}

/// There is none.
pub(crate) fn chat_model_of(_: &Bound<'_, PyAny>) -> Option<Arc<dyn Generator>> {
    None
}
