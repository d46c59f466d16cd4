//! `DenseIndex`: nearest vectors by key.

use crate::call::{call, long_call};
use crate::convert::{number_in, rows, set_options, table};
use crate::lexical::Found;
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::retrieval::MAX_K;
use rag_core::retrieval::dense::{DenseIndex as Core, DenseOptions, DenseSearchOptions, MAX_DIM};
use std::path::PathBuf;

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct DenseIndex(Core);

impl From<Core> for DenseIndex {
    fn from(core: Core) -> Self {
        Self(core)
    }
}

#[pymethods]
impl DenseIndex {
    #[new]
    #[pyo3(signature = (dim, **options))]
    fn new(
        py: Python<'_>,
        dim: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let dim = number_in(dim, "dim", &(1..=MAX_DIM))?;
        let mut chosen = DenseOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        call(py, || Core::new(dim, &chosen)).map(Self::from)
    }

    fn add(
        &self,
        py: Python<'_>,
        keys: PyReadonlyArray1<'_, u64>,
        vectors: PyReadonlyArray2<'_, f32>,
    ) -> PyResult<()> {
        let (keys, vectors) = (keys.as_slice()?, rows(&vectors)?);
        call(py, || self.0.add(keys, vectors))
    }

    fn remove(&self, py: Python<'_>, keys: PyReadonlyArray1<'_, u64>) -> PyResult<()> {
        let keys = keys.as_slice()?;
        call(py, || self.0.remove(keys))
    }

    fn len(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.0.len())
    }

    fn bytes(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.0.bytes())
    }

    fn dim(&self) -> usize {
        self.0.dim()
    }

    /// The options by name, as text.
    fn options(&self) -> (&'static str, &'static str, u64) {
        let o = self.0.options();
        (o.metric.name(), o.precision.name(), o.seed)
    }

    fn contains(&self, py: Python<'_>, key: u64) -> PyResult<bool> {
        call(py, || self.0.contains(key))
    }

    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<u64>>> {
        let keys = call(py, || self.0.keys())?;
        Ok(PyArray1::from_vec(py, keys))
    }

    fn vector<'py>(
        &self,
        py: Python<'py>,
        key: u64,
    ) -> PyResult<Option<Bound<'py, PyArray1<f32>>>> {
        let found = call(py, || self.0.vector(key))?;
        Ok(found.map(|values| PyArray1::from_vec(py, values)))
    }

    #[pyo3(signature = (queries, k, filter, progress, **options))]
    fn search<'py>(
        &self,
        py: Python<'py>,
        queries: PyReadonlyArray2<'_, f32>,
        k: &Bound<'_, PyAny>,
        filter: Option<PyReadonlyArray1<'_, u64>>,
        progress: Option<Bound<'_, PyAny>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Found<'py>> {
        let k = number_in(k, "k", &(1..=MAX_K))?;
        let mut chosen = DenseSearchOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let queries = rows(&queries)?;
        let filter = filter.as_ref().map(|f| f.as_slice()).transpose()?;
        let hits = long_call(py, progress, |mut progress| {
            self.0.search(queries, k, &chosen, filter, &mut progress)
        })?;
        let n = queries.len();
        Ok((table(py, hits.keys, n, k)?, table(py, hits.scores, n, k)?))
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        call(py, || self.0.save(&path))
    }

    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, mmap: bool) -> PyResult<Self> {
        call(py, || Core::open(&path, mmap)).map(Self::from)
    }
}
