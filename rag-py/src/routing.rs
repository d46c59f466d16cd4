//! `Router`: which model to ask.

use crate::call::call;
use crate::convert::{Text, number, rows};
use crate::guarded::Guarded;
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rag_core::routing::{Decision, Outcomes, RouteOptions, Router as Core};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// (id, name, expected, front)
type Parts = (u64, String, BTreeMap<String, f64>, Vec<String>);
/// Values by objective.
type Values<'py> = Vec<(Text, PyReadonlyArray1<'py, f64>)>;

fn parts(decision: Decision) -> Parts {
    let Decision {
        id,
        name,
        expected,
        front,
    } = decision;
    (id, name, expected, front)
}

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Router(Guarded<Core>);

impl From<Core> for Router {
    fn from(core: Core) -> Self {
        Self(Guarded::new(core))
    }
}

#[pymethods]
impl Router {
    #[new]
    fn new(py: Python<'_>, objectives: Vec<Text>, seed: &Bound<'_, PyAny>) -> PyResult<Self> {
        let seed = number(seed, "seed")?;
        let names: Vec<&str> = objectives.iter().map(|o| &**o).collect();
        call(py, || Core::new(&names, seed)).map(Self::from)
    }

    fn add(&self, py: Python<'_>, name: Text, priors: Vec<(Text, f64)>) -> PyResult<()> {
        let priors: Vec<(&str, f64)> = priors.iter().map(|(o, v)| (&**o, *v)).collect();
        call(py, || self.0.write(|r| r.add(&name, &priors)))
    }

    fn remove(&self, py: Python<'_>, name: Text) -> PyResult<()> {
        call(py, || self.0.write(|r| r.remove(&name)))
    }

    fn names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let names = |r: &Core| Ok(r.names().into_iter().map(str::to_owned).collect());
        call(py, || self.0.read(names))
    }

    fn objectives(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        call(py, || self.0.read(|r| Ok(r.objectives().to_vec())))
    }

    fn fit(
        &self,
        py: Python<'_>,
        queries: PyReadonlyArray2<'_, f32>,
        outcomes: Vec<(Text, Values<'_>)>,
    ) -> PyResult<()> {
        let queries = rows(&queries)?;
        let mut observed = Outcomes::new();
        for (name, values) in outcomes {
            let route = observed.entry(name.to_string()).or_default();
            for (objective, numbers) in values {
                route.insert(objective.to_string(), numbers.as_slice()?.to_vec());
            }
        }
        call(py, || self.0.write(|r| r.fit(queries, &observed)))
    }

    fn route(
        &self,
        py: Python<'_>,
        vector: Option<PyReadonlyArray1<'_, f32>>,
        preference: Vec<(Text, f64)>,
        budget: Option<f64>,
        exclude: Vec<Text>,
        explore: bool,
    ) -> PyResult<Parts> {
        let vector = match &vector {
            Some(vector) => Some(vector.as_slice()?.to_vec()),
            None => None,
        };
        let options = RouteOptions {
            preference: preference
                .iter()
                .map(|(o, w)| (o.to_string(), *w))
                .collect(),
            budget,
            exclude: exclude.iter().map(|name| name.to_string()).collect(),
            explore,
        };
        let route = |r: &mut Core| r.route(vector.as_deref(), &options);
        call(py, || self.0.write(route)).map(parts)
    }

    fn observe(&self, py: Python<'_>, id: u64, outcomes: Vec<(Text, f64)>) -> PyResult<()> {
        let outcomes: Vec<(&str, f64)> = outcomes.iter().map(|(o, v)| (&**o, *v)).collect();
        call(py, || self.0.write(|r| r.observe(id, &outcomes)))
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        call(py, || {
            // A copy, so that two routers that merge each other do not wait for each other.
            let other = other.0.read(|r| Ok(r.clone()))?;
            self.0.write(|r| r.merge(&other))
        })
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        call(py, || self.0.read(|r| r.save(&path)))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        call(py, || Core::load(&path)).map(Self::from)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = call(py, || self.0.read(|r| Ok(r.to_bytes())))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        call(py, || Core::from_bytes(bytes)).map(Self::from)
    }
}
