//! What a search found: kept as the core gave it, and made into Python's values when they are
//! asked for, since few callers read all of a hit.

use crate::convert::vector;
use crate::metadata::{dict, python};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use rag_core::collection::Hit;

/// (id, score, text, metadata, lexical score, dense score, relevance, explanation)
type HitParts<'py> = (
    Bound<'py, PyString>,
    f32,
    Option<Bound<'py, PyString>>,
    Bound<'py, PyDict>,
    Option<f32>,
    Option<f32>,
    Option<f32>,
    Option<Bound<'py, PyAny>>,
);

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Found(Vec<Hit>);

impl From<Vec<Hit>> for Found {
    fn from(hits: Vec<Hit>) -> Self {
        Self(hits)
    }
}

#[pymethods]
impl Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn ids(&self) -> Vec<&str> {
        self.0.iter().map(|hit| hit.id.as_str()).collect()
    }

    fn scores<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        vector(py, self.0.iter().map(|hit| hit.score).collect())
    }

    fn texts(&self) -> Vec<Option<&str>> {
        self.0.iter().map(|hit| hit.text.as_deref()).collect()
    }

    /// The fields of each hit.
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Vec<HitParts<'py>>> {
        self.0.iter().map(|hit| parts(py, hit)).collect()
    }
}

fn parts<'py>(py: Python<'py>, hit: &Hit) -> PyResult<HitParts<'py>> {
    let explanation = hit.explanation.as_ref().map(|e| python(py, &e.to_json()));
    Ok((
        PyString::new(py, &hit.id),
        hit.score,
        hit.text.as_ref().map(|text| PyString::new(py, text)),
        dict(py, &hit.metadata)?,
        hit.lexical_score,
        hit.dense_score,
        hit.relevance,
        explanation.transpose()?,
    ))
}
