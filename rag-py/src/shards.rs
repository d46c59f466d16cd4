//! Requests to shards, and what shards say.

use crate::calibration::Calibration;
use crate::call::call;
use crate::collection::{Collection, Question, asked};
use crate::convert::Text;
use crate::embedding::Embedder;
use crate::guarded::Guarded;
use crate::hits::Found;
use crate::steering::Steering;
use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::types::{PyBytes, PyDict};
use rag_core::collection::{self as core, RequestStatistics};

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct ShardRequest(Guarded<core::ShardRequest>);

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct ShardStatistics(RequestStatistics);

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct ShardResponse(core::ShardResponse);

/// What several handles hold.
fn each<T, V: Clone>(all: &[Bound<'_, T>], value: impl Fn(&T) -> &V) -> Vec<V>
where
    T: PyClass<Frozen = True> + Sync,
{
    all.iter().map(|one| value(one.get()).clone()).collect()
}

#[pymethods]
impl ShardRequest {
    #[staticmethod]
    #[pyo3(signature = (questions, filter, steer, user, embedder, steering, **options))]
    #[allow(
        clippy::too_many_arguments,
        reason = "those of a search, and what it needs of a collection"
    )]
    fn make(
        py: Python<'_>,
        questions: Vec<Question<'_>>,
        filter: Option<&Bound<'_, PyAny>>,
        steer: Vec<(Text, f64)>,
        user: Option<Text>,
        embedder: Option<&Embedder>,
        steering: Option<&Steering>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let queries = asked(questions, filter, &steer, user.as_deref(), options)?;
        let embedder = embedder.map(|e| e.0.clone());
        let made = call(py, || {
            let steering = steering.map(Steering::snapshot).transpose()?;
            core::ShardRequest::new(&queries, embedder.as_ref(), steering.as_ref())
        })?;
        Ok(Self(Guarded::new(made)))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: Vec<u8>) -> PyResult<Self> {
        let read = call(py, || core::ShardRequest::from_bytes(&data))?;
        Ok(Self(Guarded::new(read)))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = call(py, || self.0.read(|r| Ok(r.to_bytes())))?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn len(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.0.read(|r| Ok(r.len())))
    }

    fn needs_statistics(&self, py: Python<'_>) -> PyResult<bool> {
        call(py, || self.0.read(|r| Ok(r.needs_statistics())))
    }

    fn set_statistics(
        &self,
        py: Python<'_>,
        shards: Vec<Bound<'_, ShardStatistics>>,
    ) -> PyResult<()> {
        let shards = each(&shards, |s| &s.0);
        call(py, || self.0.write(|r| r.set_statistics(&shards)))
    }

    fn merge(
        &self,
        py: Python<'_>,
        shards: Vec<Bound<'_, ShardResponse>>,
        calibration: Option<&Calibration>,
    ) -> PyResult<Vec<Found>> {
        let shards = each(&shards, |s| &s.0);
        let merged = call(py, || {
            let curve = calibration.map(|c| &c.0);
            self.0.read(|r| r.merge(&shards, curve))
        })?;
        Ok(merged.into_iter().map(Found::from).collect())
    }
}

impl ShardRequest {
    pub(crate) fn statistics(&self, of: &Collection) -> rag_core::Result<ShardStatistics> {
        let told = self.0.read(|r| of.0.shard_statistics(r))?;
        Ok(ShardStatistics(told))
    }

    pub(crate) fn search(&self, of: &Collection) -> rag_core::Result<ShardResponse> {
        let found = self.0.read(|r| of.0.search_shard(r))?;
        Ok(ShardResponse(found))
    }
}

#[pymethods]
impl ShardStatistics {
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: Vec<u8>) -> PyResult<Self> {
        call(py, || RequestStatistics::from_bytes(&data)).map(Self)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    fn sequence(&self) -> u64 {
        self.0.sequence
    }
}

#[pymethods]
impl ShardResponse {
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: Vec<u8>) -> PyResult<Self> {
        call(py, || core::ShardResponse::from_bytes(&data)).map(Self)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = call(py, || Ok(self.0.to_bytes()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn sequence(&self) -> u64 {
        self.0.sequence()
    }

    fn lens(&self) -> Vec<usize> {
        self.0.lens()
    }
}

#[pyfunction]
pub(crate) fn shard_of(py: Python<'_>, id: Text, shards: usize) -> PyResult<usize> {
    call(py, || core::shard_of(&id, shards))
}
