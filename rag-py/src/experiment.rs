//! `Experiment`, `Interleaving`, and how users and rankings are mixed.

use crate::call::call;
use crate::convert::{Text, set_options, slices, strings};
use crate::error::raise;
use crate::metadata::python;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rag_core::Rng;
use rag_core::experiment::{
    Experiment as CoreExperiment, ExperimentOptions, Interleaved, Interleaving as CoreInterleaving,
    MeasureOptions, Team, interleave as core_interleave, stable_hash as core_hash,
};
use serde_json::to_value;

/// (name, its options)
type GivenMeasure<'py> = (String, Bound<'py, PyDict>);
/// (ids, whose each is)
type Mixed = (Vec<String>, Vec<Option<&'static str>>);

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Experiment(CoreExperiment);

#[pymethods]
impl Experiment {
    #[new]
    #[pyo3(signature = (name, variants, measures, **options))]
    fn new(
        py: Python<'_>,
        name: Text,
        variants: Vec<(String, u64)>,
        measures: Vec<GivenMeasure<'_>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = ExperimentOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let variants: Vec<(&str, u64)> = variants.iter().map(|(n, w)| (n.as_str(), *w)).collect();
        let made = CoreExperiment::new(&name, &variants, &chosen);
        let mut made = made.map_err(|e| raise(py, &e))?;
        for (measure, given) in measures {
            let mut chosen = MeasureOptions::default();
            set_options(Some(&given), |name, value| chosen.set(name, value))?;
            made = made.measure(&measure, &chosen).map_err(|e| raise(py, &e))?;
        }
        Ok(Self(made))
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn assign(&self, py: Python<'_>, user: Text) -> PyResult<Option<String>> {
        call(py, || self.0.assign(&user))
    }

    fn record(&self, py: Python<'_>, user: Text, measure: Text, value: f64) -> PyResult<()> {
        call(py, || self.0.record(&user, &measure, value))
    }

    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let status = call(py, || Ok(to_value(self.0.status())))?;
        python(py, &status.unwrap_or_default())
    }

    fn promote(&self, py: Python<'_>, variant: Text) -> PyResult<()> {
        call(py, || self.0.promote(&variant))
    }

    fn promote_winner(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || self.0.promote_winner())
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.0.overlaps(&other.0)
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || self.0.to_json())
    }

    #[staticmethod]
    fn from_json(py: Python<'_>, json: Text) -> PyResult<Self> {
        call(py, || CoreExperiment::from_json(&json)).map(Self)
    }

    fn merge(&self, py: Python<'_>, json: Text) -> PyResult<()> {
        call(py, || self.0.merge(&json))
    }
}

/// Which of two rankings is clicked more.
#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Interleaving(CoreInterleaving);

fn list(ids: &Bound<'_, PyList>, teams: Vec<Option<String>>) -> PyResult<Interleaved> {
    let py = ids.py();
    let team = |name: Option<String>| name.map(|name| Team::parse("team", &name)).transpose();
    let teams: rag_core::Result<Vec<Option<Team>>> = teams.into_iter().map(team).collect();
    let ids = strings(ids, "ids")?;
    Ok(Interleaved {
        ids: slices(&ids).into_iter().map(str::to_owned).collect(),
        teams: teams.map_err(|e| raise(py, &e))?,
    })
}

#[pymethods]
impl Interleaving {
    #[new]
    fn new(py: Python<'_>, alpha: f64) -> PyResult<Self> {
        call(py, || CoreInterleaving::new(alpha)).map(Self)
    }

    fn record(
        &self,
        py: Python<'_>,
        ids: &Bound<'_, PyList>,
        teams: Vec<Option<String>>,
        clicked: &Bound<'_, PyList>,
    ) -> PyResult<()> {
        let shown = list(ids, teams)?;
        let clicked = strings(clicked, "clicked")?;
        call(py, || {
            self.0.record(&shown, &slices(&clicked));
            Ok(())
        })
    }

    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let status = call(py, || Ok(to_value(self.0.status())))?;
        python(py, &status.unwrap_or_default())
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        call(py, || self.0.to_json())
    }

    #[staticmethod]
    fn from_json(py: Python<'_>, json: Text) -> PyResult<Self> {
        call(py, || CoreInterleaving::from_json(&json)).map(Self)
    }

    fn merge(&self, py: Python<'_>, json: Text) -> PyResult<()> {
        call(py, || self.0.merge(&json))
    }
}

#[pyfunction]
pub(crate) fn interleave(
    py: Python<'_>,
    a: &Bound<'_, PyList>,
    b: &Bound<'_, PyList>,
    k: usize,
    seed: Option<u64>,
) -> PyResult<Mixed> {
    let (a, b) = (strings(a, "a")?, strings(b, "b")?);
    let seed = seed.unwrap_or_else(Rng::seed_from_system);
    let list = call(py, || core_interleave(&slices(&a), &slices(&b), k, seed))?;
    let teams = list.teams.iter().map(|team| team.map(Team::name));
    let teams = teams.collect();
    Ok((list.ids, teams))
}

/// Clicks of each ranking's results.
#[pyfunction]
pub(crate) fn interleaving_credit(
    ids: &Bound<'_, PyList>,
    teams: Vec<Option<String>>,
    clicked: &Bound<'_, PyList>,
) -> PyResult<(u64, u64)> {
    let shown = list(ids, teams)?;
    let clicked = strings(clicked, "clicked")?;
    Ok(shown.credit(&slices(&clicked)))
}

#[pyfunction]
pub(crate) fn stable_hash(salt: Text, user: Text) -> u64 {
    core_hash(&salt, &user)
}
