//! Pareto fronts of plain tables of points.

use crate::call::call;
use crate::convert::{set_options, single_option, table, vector};
use crate::guarded::Guarded;
use numpy::{PyArray1, PyArray2, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::routing::{self, ArchiveOptions, ChebyshevOptions, Epsilon};

type Indices<'py> = Bound<'py, PyArray1<u64>>;

fn indices(py: Python<'_>, found: Vec<usize>) -> Indices<'_> {
    vector(py, found.into_iter().map(|i| i as u64).collect())
}

#[pyfunction]
pub(crate) fn pareto_front<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'_, f64>,
    maximize: Vec<bool>,
) -> PyResult<Indices<'py>> {
    let (data, d) = (points.as_slice()?, points.shape()[1]);
    let found = call(py, || routing::pareto_front(data, d, &maximize))?;
    Ok(indices(py, found))
}

#[pyfunction]
pub(crate) fn nondominated_sort<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'_, f64>,
    maximize: Vec<bool>,
) -> PyResult<Indices<'py>> {
    let (data, d) = (points.as_slice()?, points.shape()[1]);
    let found = call(py, || routing::nondominated_sort(data, d, &maximize))?;
    Ok(indices(py, found))
}

#[pyfunction]
pub(crate) fn crowding_distance<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'_, f64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (data, d) = (points.as_slice()?, points.shape()[1]);
    let found = call(py, || routing::crowding_distance(data, d))?;
    Ok(vector(py, found))
}

#[pyfunction]
pub(crate) fn hypervolume(
    py: Python<'_>,
    points: PyReadonlyArray2<'_, f64>,
    reference: PyReadonlyArray1<'_, f64>,
    maximize: Vec<bool>,
) -> PyResult<f64> {
    let (data, d) = (points.as_slice()?, points.shape()[1]);
    let reference = reference.as_slice()?;
    call(py, || routing::hypervolume(data, d, reference, &maximize))
}

#[pyfunction]
pub(crate) fn hypervolume_contributions<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'_, f64>,
    reference: PyReadonlyArray1<'_, f64>,
    maximize: Vec<bool>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (data, d) = (points.as_slice()?, points.shape()[1]);
    let reference = reference.as_slice()?;
    let found = call(py, || {
        routing::hypervolume_contributions(data, d, reference, &maximize)
    })?;
    Ok(vector(py, found))
}

#[pyfunction]
#[pyo3(signature = (points, epsilon, maximize, **options))]
pub(crate) fn epsilon_front<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'_, f64>,
    epsilon: PyReadonlyArray1<'_, f64>,
    maximize: Vec<bool>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Indices<'py>> {
    let kind: Epsilon = single_option(options, "kind")?;
    let (data, d) = (points.as_slice()?, points.shape()[1]);
    let epsilon = epsilon.as_slice()?;
    let found = call(py, || {
        routing::epsilon_front(data, d, epsilon, kind, &maximize)
    })?;
    Ok(indices(py, found))
}

#[pyfunction]
pub(crate) fn knee(
    py: Python<'_>,
    points: PyReadonlyArray2<'_, f64>,
    maximize: Vec<bool>,
) -> PyResult<usize> {
    let (data, d) = (points.as_slice()?, points.shape()[1]);
    call(py, || routing::knee(data, d, &maximize))
}

#[pyfunction]
pub(crate) fn distance_to_ideal<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'_, f64>,
    weights: PyReadonlyArray1<'_, f64>,
    maximize: Vec<bool>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let (data, d) = (points.as_slice()?, points.shape()[1]);
    let weights = weights.as_slice()?;
    let found = call(py, || {
        routing::distance_to_ideal(data, d, weights, &maximize)
    })?;
    Ok(vector(py, found))
}

#[pyfunction]
#[pyo3(signature = (points, weights, reference, maximize, **options))]
pub(crate) fn chebyshev<'py>(
    py: Python<'py>,
    points: PyReadonlyArray2<'_, f64>,
    weights: PyReadonlyArray1<'_, f64>,
    reference: PyReadonlyArray1<'_, f64>,
    maximize: Vec<bool>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let mut chosen = ChebyshevOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    let (data, d) = (points.as_slice()?, points.shape()[1]);
    let (weights, reference) = (weights.as_slice()?, reference.as_slice()?);
    let found = call(py, || {
        routing::chebyshev(data, d, weights, reference, &maximize, &chosen)
    })?;
    Ok(vector(py, found))
}

#[pyclass(frozen, module = "ragcore._core")]
pub(crate) struct ParetoArchive(Guarded<routing::ParetoArchive>);

#[pymethods]
impl ParetoArchive {
    #[new]
    #[pyo3(signature = (objectives, maximize, reference, **options))]
    fn new(
        py: Python<'_>,
        objectives: usize,
        maximize: Vec<bool>,
        reference: PyReadonlyArray1<'_, f64>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let mut chosen = ArchiveOptions::default();
        set_options(options, |name, value| chosen.set(name, value))?;
        let reference = reference.as_slice()?;
        let archive = call(py, || {
            routing::ParetoArchive::new(objectives, &maximize, reference, chosen)
        })?;
        Ok(Self(Guarded::new(archive)))
    }

    fn insert(&self, py: Python<'_>, point: PyReadonlyArray1<'_, f64>, id: u64) -> PyResult<bool> {
        let point = point.as_slice()?;
        call(py, || self.0.write(|a| a.insert(point, id)))
    }

    fn extend<'py>(
        &self,
        py: Python<'py>,
        points: PyReadonlyArray2<'_, f64>,
        ids: PyReadonlyArray1<'_, u64>,
    ) -> PyResult<Bound<'py, PyArray1<bool>>> {
        let (points, ids) = (points.as_slice()?, ids.as_slice()?);
        let kept = call(py, || self.0.write(|a| a.extend(points, ids)))?;
        Ok(vector(py, kept))
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<()> {
        call(py, || {
            // A copy, so that two archives that merge each other do not wait for each other.
            let other = other.0.read(|a| Ok(a.clone()))?;
            self.0.write(|a| a.merge(&other))
        })
    }

    fn len(&self, py: Python<'_>) -> PyResult<usize> {
        call(py, || self.0.read(|a| Ok(a.len())))
    }

    fn points<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let held = |a: &routing::ParetoArchive| Ok((a.points(), a.len(), a.objectives()));
        let (points, n, d) = call(py, || self.0.read(held))?;
        table(py, points, n, d)
    }

    fn ids<'py>(&self, py: Python<'py>) -> PyResult<Indices<'py>> {
        let ids = call(py, || self.0.read(|a| Ok(a.ids().to_vec())))?;
        Ok(vector(py, ids))
    }
}
