//! Rankings without an index: fusion and diversity.

use crate::call::call;
use crate::convert::{number_in, rows, set_options, vector};
use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::retrieval::MAX_K;
use rag_core::retrieval::diversity::{self, MmrOptions};
use rag_core::retrieval::fusion::{self, FuseOptions};

/// Keys and their scores.
type Scored<'py> = (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<f32>>);

#[pyfunction]
#[pyo3(signature = (rankings, **options))]
pub(crate) fn fuse<'py>(
    py: Python<'py>,
    rankings: Vec<PyReadonlyArray1<'_, u64>>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Scored<'py>> {
    let mut chosen = FuseOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    let lists: Vec<&[u64]> = rankings
        .iter()
        .map(|ranking| ranking.as_slice())
        .collect::<Result<_, _>>()?;
    let fused = call(py, || fusion::fuse(&lists, &chosen))?;
    let (keys, scores) = fused.into_iter().unzip();
    Ok((vector(py, keys), vector(py, scores)))
}

#[pyfunction]
#[pyo3(signature = (relevance, vectors, k, **options))]
pub(crate) fn mmr<'py>(
    py: Python<'py>,
    relevance: PyReadonlyArray1<'_, f32>,
    vectors: PyReadonlyArray2<'_, f32>,
    k: &Bound<'_, PyAny>,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let mut chosen = MmrOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    let k = number_in(k, "k", &(1..=MAX_K))?;
    let (relevance, vectors) = (relevance.as_slice()?, rows(&vectors)?);
    let order = call(py, || diversity::mmr(relevance, vectors, k, &chosen))?;
    Ok(vector(py, order.into_iter().map(|i| i as u64).collect()))
}
