//! `LexicalIndex`: exact BM25 over keys.

use crate::call::call;
use crate::convert::{number_in, set_options, slices, strings, table};
use crate::error::invalid;
use crate::guarded::Guarded;
use numpy::{PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rag_core::retrieval::MAX_K;
use rag_core::retrieval::lexical::{LexicalIndex as Core, LexicalOptions};
use rag_core::text::Analyzer;
use std::path::PathBuf;

/// What a padded row ends with.
pub(crate) const NO_KEY: u64 = u64::MAX;

/// The most places, padding included, in the arrays of one call.
const MAX_PLACES: usize = 100_000_000;

/// Keys and scores, (n, k) each.
pub(crate) type Found<'py> = (Bound<'py, PyArray2<u64>>, Bound<'py, PyArray2<f32>>);

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct LexicalIndex(Guarded<Core>);

#[pymethods]
impl LexicalIndex {
    #[new]
    #[pyo3(signature = (**options))]
    fn new(py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut chosen = LexicalOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        call(py, || Core::new(&chosen)).map(|core| Self(Guarded::new(core)))
    }

    fn add(
        &self,
        py: Python<'_>,
        keys: PyReadonlyArray1<'_, u64>,
        texts: &Bound<'_, PyList>,
    ) -> PyResult<()> {
        let (keys, texts) = (keys.as_slice()?, strings(texts, "texts")?);
        call(py, || {
            self.0.write(|index| index.add(keys, &slices(&texts)))
        })
    }

    fn remove(&self, py: Python<'_>, keys: PyReadonlyArray1<'_, u64>) -> PyResult<()> {
        let keys = keys.as_slice()?;
        call(py, || self.0.write(|index| index.remove(keys)))
    }

    fn len(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.0.read(|index| Ok(index.len())))
    }

    fn contains(&self, py: Python<'_>, key: u64) -> PyResult<bool> {
        call(py, || self.0.read(|index| Ok(index.contains(key))))
    }

    fn search<'py>(
        &self,
        py: Python<'py>,
        queries: &Bound<'_, PyList>,
        k: &Bound<'_, PyAny>,
        filter: Option<PyReadonlyArray1<'_, u64>>,
    ) -> PyResult<Found<'py>> {
        let (queries, k) = (
            strings(queries, "queries")?,
            number_in(k, "k", &(1..=MAX_K))?,
        );
        let filter = filter.as_ref().map(|f| f.as_slice()).transpose()?;
        let search = |index: &Core| index.search(&slices(&queries), k, filter);
        let hits = call(py, || self.0.read(search))?;
        let rows: Vec<_> = hits.into_iter().map(|h| (h.keys, h.scores)).collect();
        padded(py, rows, k)
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        call(py, || self.0.read(|index| index.save(&path)))
    }

    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        call(py, || Core::open(&path)).map(|core| Self(Guarded::new(core)))
    }
}

/// Rows of at most `k` hits as two arrays of exactly `k` columns.
pub(crate) fn padded<'py>(
    py: Python<'py>,
    rows: Vec<(Vec<u64>, Vec<f32>)>,
    k: usize,
) -> PyResult<Found<'py>> {
    let n = rows.len();
    if n.saturating_mul(k) > MAX_PLACES {
        let message =
            format!("{n} queries of {k} hits are more than {MAX_PLACES}; search in parts");
        return Err(invalid(py, message));
    }
    let (mut keys, mut scores) = (Vec::with_capacity(n * k), Vec::with_capacity(n * k));
    for (i, (row_keys, row_scores)) in rows.into_iter().enumerate() {
        keys.extend(row_keys);
        scores.extend(row_scores);
        keys.resize((i + 1) * k, NO_KEY);
        scores.resize((i + 1) * k, f32::NEG_INFINITY);
    }
    Ok((table(py, keys, n, k)?, table(py, scores, n, k)?))
}

/// The index terms of a text, in order: what the lexical index counts.
#[pyfunction]
#[pyo3(signature = (text, **options))]
pub(crate) fn terms(
    py: Python<'_>,
    text: crate::convert::Text,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Vec<String>> {
    let language = crate::convert::single_option(options, "language")?;
    call(py, || Ok(Analyzer::new(language).terms(&text)))
}
