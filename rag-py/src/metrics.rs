//! `MetricsFiles`, and those who are told of questions and alerts.

use crate::call::call;
use crate::convert::{Text, set_options};
use crate::metadata::python;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::metrics::{Metrics, MetricsFiles as Core, MetricsFilesOptions, MetricsOptions};
use serde_json::Value;
use std::sync::Arc;

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct MetricsFiles(Arc<Core>);

#[pymethods]
impl MetricsFiles {
    #[new]
    #[pyo3(signature = (folder, **options))]
    fn new(py: Python<'_>, folder: Text, options: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut chosen = MetricsFilesOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let files = call(py, || Core::open(&*folder, &chosen))?;
        Ok(Self(Arc::new(files)))
    }

    fn read<'py>(&self, py: Python<'py>, since: f64, until: f64) -> PyResult<Bound<'py, PyAny>> {
        python(py, &call(py, || Ok(self.0.read(since, until)?.to_json()))?)
    }
}

impl MetricsFiles {
    /// Metrics that are kept in these files.
    pub(crate) fn metrics(&self) -> rag_core::Result<Arc<Metrics>> {
        let metrics = Metrics::new(&MetricsOptions::default())?;
        metrics.keep(Arc::clone(&self.0))?;
        Ok(Arc::new(metrics))
    }
}

/// What tells a Python function of something; an exception of it is shown as those are that nobody can catch.
pub(crate) fn teller<E>(
    tell: Py<PyAny>,
    write: fn(&E) -> serde_json::Result<Value>,
) -> impl Fn(&E) + Send + Sync {
    move |news| {
        Python::attach(|py| {
            let told = write(news)
                .map_err(|e| pyo3::exceptions::PyValueError::new_err(e.to_string()))
                .and_then(|news| tell.call1(py, (python(py, &news)?,)));
            if let Err(error) = told {
                error.write_unraisable(py, Some(tell.bind(py)));
            }
        });
    }
}
