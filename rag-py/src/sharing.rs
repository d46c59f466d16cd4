//! Answers as files for others, and several of them held against each other.
//!
//! Answers come as the JSON of what the package holds, with offsets in code points.

use crate::call::call;
use crate::convert::{Text, set_options};
use crate::embedding::Embedder;
use crate::engine::answered;
use crate::metadata::python;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::answer::Offsets;
use rag_core::comparison::{ComparisonOptions, compare_json};
use rag_core::embedding::EncodeOptions;
use rag_core::export::{ExportOptions, Format, export_json, import_json as read};
use rag_core::generation::Vectors;
use rag_core::{Error, Progress};
use std::sync::Arc;

#[pyfunction]
#[pyo3(signature = (given, format, **options))]
pub(crate) fn export(
    py: Python<'_>,
    given: Text,
    format: Text,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<String> {
    let mut chosen = ExportOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    call(py, || {
        let format = Format::parse("format", &format)?;
        export_json(&given, format, &chosen, Offsets::CodePoints)
    })
}

#[pyfunction]
pub(crate) fn import_json(py: Python<'_>, text: Text) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let answers = call(py, || read(&text))?;
    answers.iter().map(|answer| answered(py, answer)).collect()
}

#[pyfunction]
#[pyo3(signature = (given, embedder, **options))]
pub(crate) fn compare<'py>(
    py: Python<'py>,
    given: Text,
    embedder: Option<&Embedder>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let mut chosen = ComparisonOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    let vectors = embedder.map(|embedder| -> Vectors {
        let embedder = embedder.0.clone();
        Arc::new(move |texts: &[&str]| {
            embedder.encode(texts, &EncodeOptions::default(), Progress::none())
        })
    });
    let found = call(py, || {
        let found = compare_json(&given, vectors.as_ref(), &chosen, Offsets::CodePoints)?;
        serde_json::from_str(&found).map_err(|e| Error::invalid(e.to_string()))
    })?;
    python(py, &found)
}
