//! `Calibration`: scores to probabilities of relevance.

use crate::call::call;
use crate::convert::{set_options, vector};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use rag_core::calibration::{Calibration as Core, CalibrationOptions};
use std::path::PathBuf;

type Numbers<'py> = PyReadonlyArray1<'py, f64>;
/// (low, high, weight, predicted, observed)
type Bin = (f64, f64, f64, f64, f64);
/// (method, pairs, positives, negatives, folds, brier, log_loss, ece, bins)
type Report = (
    &'static str,
    usize,
    f64,
    f64,
    usize,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Vec<Bin>,
);

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct Calibration(pub(crate) Core);

/// Scores, relevances and weights.
type Pairs = (Vec<f64>, Vec<f64>, Option<Vec<f64>>);

/// Copies, because another thread may write to the arrays meanwhile.
fn copies(
    scores: &Numbers<'_>,
    relevant: &Numbers<'_>,
    weights: Option<&Numbers<'_>>,
) -> PyResult<Pairs> {
    let weights = weights.map(|w| w.as_slice().map(<[f64]>::to_vec));
    Ok((
        scores.as_slice()?.to_vec(),
        relevant.as_slice()?.to_vec(),
        weights.transpose()?,
    ))
}

#[pymethods]
impl Calibration {
    #[staticmethod]
    #[pyo3(signature = (scores, relevant, weights, **options))]
    fn fit(
        py: Python<'_>,
        scores: Numbers<'_>,
        relevant: Numbers<'_>,
        weights: Option<Numbers<'_>>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = CalibrationOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let (scores, relevant, weights) = copies(&scores, &relevant, weights.as_ref())?;
        call(py, || {
            Core::fit(&scores, &relevant, weights.as_deref(), &chosen)
        })
        .map(Self)
    }

    fn updated(
        &self,
        py: Python<'_>,
        scores: Numbers<'_>,
        relevant: Numbers<'_>,
        weights: Option<Numbers<'_>>,
    ) -> PyResult<Self> {
        let (scores, relevant, weights) = copies(&scores, &relevant, weights.as_ref())?;
        call(py, || {
            self.0.updated(&scores, &relevant, weights.as_deref())
        })
        .map(Self)
    }

    fn merged(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        call(py, || self.0.merged(&other.0)).map(Self)
    }

    fn predict<'py>(
        &self,
        py: Python<'py>,
        scores: Numbers<'_>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let scores = scores.as_slice()?.to_vec();
        let found = call(py, || self.0.predict_many(&scores))?;
        Ok(vector(py, found))
    }

    fn report(&self) -> Report {
        let r = self.0.report();
        let bins = r.bins.iter();
        let bins = bins.map(|b| (b.low, b.high, b.weight, b.predicted, b.observed));
        (
            r.method.name(),
            r.pairs,
            r.positives,
            r.negatives,
            r.folds,
            r.brier,
            r.log_loss,
            r.ece,
            bins.collect(),
        )
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        call(py, || self.0.save(&path))
    }

    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        call(py, || Core::load(&path)).map(Self)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = call(py, || Ok(self.0.to_bytes()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        call(py, || Core::from_bytes(bytes)).map(Self)
    }
}
