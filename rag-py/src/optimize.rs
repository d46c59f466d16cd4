//! NSGA-II over settings of knobs, evaluated by a Python function.

use crate::call::long_call;
use crate::convert::{set_options, table};
use crate::error::raise;
use numpy::{PyArray2, PyArrayMethods, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rag_core::routing::{self, Knob, OptimizeOptions};
use rag_core::{Error, ErrorKind};

/// (name, kind, low, high, choices)
type GivenKnob = (String, String, f64, f64, Vec<String>);
/// (settings, points, evaluations)
type Found<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<f64>>, usize);

/// `evaluate` is given settings, (n, knobs), and answers outcomes, (n, objectives).
#[pyfunction]
#[allow(
    clippy::too_many_arguments,
    reason = "what is searched, for what, from where, and who is told"
)]
#[pyo3(signature = (evaluate, knobs, objectives, maximize, initial, progress, **options))]
pub(crate) fn optimize<'py>(
    py: Python<'py>,
    evaluate: Bound<'py, PyAny>,
    knobs: Vec<GivenKnob>,
    objectives: Vec<String>,
    maximize: Vec<bool>,
    initial: PyReadonlyArray1<'_, f64>,
    progress: Option<Bound<'py, PyAny>>,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Found<'py>> {
    let mut chosen = OptimizeOptions::default();
    set_options(options, |name, value| chosen.set(name, value))?;
    let given = knobs.iter().map(|(name, kind, low, high, choices)| {
        Knob::named(name, kind, *low, *high, choices.clone()).map_err(|e| raise(py, &e))
    });
    let knobs = given.collect::<PyResult<Vec<Knob>>>()?;
    let names: Vec<&str> = objectives.iter().map(String::as_str).collect();
    let (initial, evaluate) = (initial.as_slice()?, evaluate.unbind());
    let mut raised: Option<PyErr> = None;
    let mut ask = |settings: &[f64]| {
        let answer = Python::attach(|py| {
            py.check_signals()?;
            let (n, k) = (settings.len() / knobs.len(), knobs.len());
            let rows = table(py, settings.to_vec(), n, k)?;
            let answer = evaluate.call1(py, (rows,))?;
            let outcomes = answer.bind(py).cast::<PyArray2<f64>>()?;
            // What has another number of columns would make rows of other lengths.
            match outcomes.shape() == [n, names.len()] {
                true => outcomes.to_vec().map_err(PyErr::from),
                false => Ok(Vec::new()),
            }
        });
        answer.map_err(|exception| {
            raised = Some(exception);
            Error::new(ErrorKind::Interrupted, "the objective raised")
        })
    };
    let outcome = long_call(py, progress, |progress| {
        routing::optimize(
            &knobs, &names, &maximize, initial, &mut ask, &chosen, progress,
        )
    });
    if let Some(exception) = raised {
        return Err(exception);
    }
    let found = outcome?;
    let (n, k, m) = (found.points.len() / names.len(), knobs.len(), names.len());
    Ok((
        table(py, found.settings, n, k)?,
        table(py, found.points, n, m)?,
        found.evaluations,
    ))
}
