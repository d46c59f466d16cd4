//! `Router`: which model to ask.

use crate::call::call;
use crate::convert::{Text, number, rows, set_options, vector};
use crate::guarded::Guarded;
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rag_core::routing::{self, Decision, Outcomes, RouteOptions, Router as Core, RouterOptions};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// (id, name, expected, front, why)
type Parts = (u64, String, BTreeMap<String, f64>, Vec<String>, Why);
/// Values by objective.
type Values<'py> = Vec<(Text, PyReadonlyArray1<'py, f64>)>;
/// (id, seed, at, route, vector, preference, outcomes, propensity, propensity_error)
type Entry<'py> = (
    u64,
    u64,
    f64,
    String,
    Bound<'py, PyArray1<f32>>,
    BTreeMap<String, f64>,
    BTreeMap<String, f64>,
    f64,
    f64,
);
/// (failures, tried_next, per_minute, latency_mean_s, latency_p95_s)
type Told = (u64, Option<f64>, Option<u64>, Option<f64>, Option<f64>);

fn parts(decision: Decision) -> Parts {
    let Decision {
        id,
        name,
        expected,
        front,
        why,
    } = decision;
    (id, name, expected, front, Why(why))
}

/// (name, standing, until, expected, sd, drawn, loss)
type Considered = (
    String,
    &'static str,
    Option<f64>,
    Vec<f64>,
    Vec<f64>,
    Vec<f64>,
    Option<f64>,
);
/// (objective, heads, believed, residual)
type Spoken = (String, Vec<(&'static str, f64)>, f64, f64);

/// (policy, trade, weights, budget, explored)
type Chosen = (
    &'static str,
    &'static str,
    Vec<(String, f64)>,
    Option<f64>,
    bool,
);

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Why(routing::Why);

#[pymethods]
impl Why {
    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn choice(&self) -> Chosen {
        let why = &self.0;
        let objectives = why.objectives.clone();
        (why.policy, why.trade, objectives, why.budget, why.explored)
    }

    fn routes(&self) -> Vec<Considered> {
        let one = |c: &routing::Considered| {
            (
                c.name.clone(),
                c.standing.name(),
                c.standing.until(),
                c.expected.clone(),
                c.sd.clone(),
                c.drawn.clone(),
                c.loss,
            )
        };
        self.0.routes.iter().map(one).collect()
    }

    fn spoken(&self) -> Vec<Spoken> {
        let one = |s: &routing::Spoken| {
            let heads = s.heads.clone();
            (s.objective.clone(), heads, s.believed, s.residual)
        };
        self.0.spoken.iter().map(one).collect()
    }

    fn neighbours(&self) -> (usize, usize, Option<f64>) {
        (self.0.neighbours, self.0.examples, self.0.nearest)
    }
}

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Router(pub(crate) Guarded<Core>);

impl From<Core> for Router {
    fn from(core: Core) -> Self {
        Self(Guarded::new(core))
    }
}

#[pymethods]
impl Router {
    #[new]
    #[pyo3(signature = (objectives, seed, **options))]
    fn new(
        py: Python<'_>,
        objectives: Vec<Text>,
        seed: &Bound<'_, PyAny>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let seed = number(seed, "seed")?;
        let mut chosen = RouterOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let names: Vec<&str> = objectives.iter().map(|o| &**o).collect();
        call(py, || Core::with_options(&names, seed, &chosen)).map(Self::from)
    }

    fn reseed(&self, py: Python<'_>, seed: &Bound<'_, PyAny>) -> PyResult<()> {
        let seed = number(seed, "seed")?;
        call(py, || {
            self.0.write(|r| {
                r.reseed(seed);
                Ok(())
            })
        })
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

    #[pyo3(signature = (vector, preference, exclude, **options))]
    fn route(
        &self,
        py: Python<'_>,
        vector: Option<PyReadonlyArray1<'_, f32>>,
        preference: Vec<(Text, f64)>,
        exclude: Vec<Text>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Parts> {
        let vector = match &vector {
            Some(vector) => Some(vector.as_slice()?.to_vec()),
            None => None,
        };
        let mut asked = RouteOptions {
            preference: preference
                .iter()
                .map(|(o, w)| (o.to_string(), *w))
                .collect(),
            exclude: exclude.iter().map(|name| name.to_string()).collect(),
            ..RouteOptions::default()
        };
        set_options(options, |name, value| asked.settings.set(name, value))?;
        let route = |r: &mut Core| r.route(vector.as_deref(), &asked);
        call(py, || self.0.write(route)).map(parts)
    }

    fn observe(
        &self,
        py: Python<'_>,
        id: u64,
        outcomes: Vec<(Text, f64)>,
        latency_s: Option<f64>,
    ) -> PyResult<()> {
        let outcomes: Vec<(&str, f64)> = outcomes.iter().map(|(o, v)| (&**o, *v)).collect();
        call(py, || {
            self.0.write(|r| r.answered(id, &outcomes, latency_s))
        })
    }

    fn fail(&self, py: Python<'_>, id: u64, at: Option<f64>) -> PyResult<()> {
        call(py, || self.0.write(|r| r.fail(id, at)))
    }

    fn limit(&self, py: Python<'_>, name: Text, per_minute: Option<u64>) -> PyResult<()> {
        call(py, || self.0.write(|r| r.limit(&name, per_minute)))
    }

    fn health(&self, py: Python<'_>, name: Text) -> PyResult<Told> {
        let health = call(py, || self.0.read(|r| r.health(&name)))?;
        Ok((
            health.failures,
            health.tried_next,
            health.per_minute,
            health.latency_mean_s,
            health.latency_p95_s,
        ))
    }

    fn log<'py>(&self, py: Python<'py>) -> PyResult<Vec<Entry<'py>>> {
        let log = call(py, || self.0.read(|r| Ok(r.log())))?;
        let entry = |e: routing::RouteLogEntry| {
            (
                e.id,
                e.seed,
                e.at,
                e.name,
                vector(py, e.vector),
                e.preference,
                e.outcomes,
                e.propensity,
                e.propensity_error,
            )
        };
        Ok(log.into_iter().map(entry).collect())
    }

    fn propensity(&self, py: Python<'_>, id: u64) -> PyResult<(f64, f64)> {
        call(py, || self.0.read(|r| r.propensity(id)))
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

#[pyfunction]
pub(crate) fn routing_curve(
    py: Python<'_>,
    costs: PyReadonlyArray1<'_, f64>,
    qualities: PyReadonlyArray1<'_, f64>,
) -> PyResult<Vec<(f64, f64)>> {
    let (costs, qualities) = (costs.as_slice()?, qualities.as_slice()?);
    call(py, || routing::routing_curve(costs, qualities))
}

#[pyfunction]
pub(crate) fn aiq(
    py: Python<'_>,
    costs: PyReadonlyArray1<'_, f64>,
    qualities: PyReadonlyArray1<'_, f64>,
    range: Option<(f64, f64)>,
) -> PyResult<f64> {
    let (costs, qualities) = (costs.as_slice()?, qualities.as_slice()?);
    call(py, || routing::aiq(costs, qualities, range))
}

#[pyfunction]
pub(crate) fn pgr(py: Python<'_>, quality: f64, weak: f64, strong: f64) -> PyResult<f64> {
    call(py, || routing::pgr(quality, weak, strong))
}

#[pyfunction]
pub(crate) fn apgr(
    py: Python<'_>,
    shares: PyReadonlyArray1<'_, f64>,
    qualities: PyReadonlyArray1<'_, f64>,
    weak: f64,
    strong: f64,
) -> PyResult<f64> {
    let (shares, qualities) = (shares.as_slice()?, qualities.as_slice()?);
    call(py, || routing::apgr(shares, qualities, weak, strong))
}

#[pyfunction]
pub(crate) fn cpt(
    py: Python<'_>,
    shares: PyReadonlyArray1<'_, f64>,
    qualities: PyReadonlyArray1<'_, f64>,
    weak: f64,
    strong: f64,
    gap: Option<f64>,
) -> PyResult<f64> {
    let (shares, qualities) = (shares.as_slice()?, qualities.as_slice()?);
    call(py, || routing::cpt(shares, qualities, weak, strong, gap))
}
