//! Pareto fronts of plain tables of points.

use crate::call::call;
use crate::convert::vector;
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use rag_core::routing;

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
