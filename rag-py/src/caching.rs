//! `Cache`: what an engine keeps results in.

use crate::call::call;
use crate::convert::{Text, set_options};
use crate::metadata::python;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::caching::{Cache as Core, CacheOptions, question_difference as tell_apart};
use std::sync::Arc;

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Cache(pub(crate) Arc<Core>);

#[pymethods]
impl Cache {
    #[new]
    #[pyo3(signature = (redis, **options))]
    fn new(
        py: Python<'_>,
        redis: Option<Text>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = CacheOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let cache = call(py, || Core::open(chosen, redis.as_deref()))?;
        Ok(Self(Arc::new(cache)))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        python(py, &call(py, || Ok(self.0.stats()))?.to_json())
    }

    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        call(py, || self.0.clear())
    }

    fn clear_tenant(&self, py: Python<'_>, tenant: Option<Text>) -> PyResult<()> {
        call(py, || self.0.clear_tenant(tenant.as_deref()))
    }
}

#[pyfunction]
pub(crate) fn question_difference(
    py: Python<'_>,
    a: Text,
    b: Text,
) -> PyResult<Option<&'static str>> {
    let found = call(py, || Ok(tell_apart(&a, &b)))?;
    Ok(found.map(|difference| difference.name()))
}
