//! `Embedder`: texts to vectors.

use crate::call::{call, long_call};
use crate::convert::{self, matrix, set_options, slices, strings};
use numpy::PyArray2;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rag_core::embedding::{Embedder as Core, EmbedderOptions, EncodeOptions};
use std::path::PathBuf;

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Embedder(pub(crate) Core);

#[pymethods]
impl Embedder {
    #[new]
    #[pyo3(signature = (folder, **options))]
    fn new(
        py: Python<'_>,
        folder: Option<PathBuf>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = EmbedderOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let open = || match folder {
            Some(folder) => Core::open(&folder, &chosen),
            None => Core::built_in(&chosen),
        };
        call(py, open).map(Self)
    }

    #[pyo3(signature = (texts, progress, **options))]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'_, PyList>,
        progress: Option<Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<(Bound<'py, PyArray2<f32>>, usize)> {
        let mut chosen = EncodeOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let texts = strings(texts, "texts")?;
        let encoded = long_call(py, progress, |progress| {
            self.0.encode_counted(&slices(&texts), &chosen, progress)
        })?;
        Ok((matrix(py, encoded.rows)?, encoded.truncated))
    }

    #[getter]
    fn dim(&self) -> usize {
        self.0.dim()
    }

    #[getter]
    fn max_tokens(&self) -> usize {
        self.0.max_tokens()
    }

    #[getter]
    fn precision(&self) -> &'static str {
        self.0.precision().name()
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    #[getter]
    fn fingerprint(&self) -> String {
        format!("{:016x}", self.0.fingerprint())
    }

    fn count_tokens(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<usize> {
        let text = convert::text(text, "text")?;
        call(py, || self.0.count_tokens(&text))
    }
}
