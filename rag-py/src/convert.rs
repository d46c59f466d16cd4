//! Python values to what the core takes: options by name, texts, rows; and results back.

use crate::error::{invalid, raise};
use numpy::ndarray::Array2;
use numpy::{Element, PyArray1, PyArray2, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use rag_core::options::{Bounded, OptionField, OptionValue};
use rag_core::{Matrix, Rows};
use std::ops::{Deref, RangeInclusive};

/// Hands every option that is not `None` to the core's `set(name, value)`.
pub(crate) fn set_options(
    options: Option<&Bound<'_, PyDict>>,
    mut set: impl FnMut(&str, &OptionValue) -> rag_core::Result<()>,
) -> PyResult<()> {
    let Some(options) = options else {
        return Ok(());
    };
    for (name, value) in options {
        if value.is_none() {
            continue;
        }
        let name = name.cast::<PyString>()?.to_cow()?;
        let typed = option_value(&name, &value)?;
        set(&name, &typed).map_err(|e| raise(options.py(), &e))?;
    }
    Ok(())
}

/// A number that is an argument and no option, such as `k`; refused in the core's words.
pub(crate) fn number<T: OptionField>(value: &Bound<'_, PyAny>, name: &str) -> PyResult<T> {
    let typed = option_value(name, value)?;
    T::from_value(name, &typed).map_err(|e| raise(value.py(), &e))
}

fn option_value(name: &str, value: &Bound<'_, PyAny>) -> PyResult<OptionValue> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(OptionValue::Str(string(text, name)?));
    }
    // What is neither of Python's own may still be a number or a flag of NumPy's, which takes
    // longer to find out.
    if !value.is_instance_of::<PyInt>()
        && !value.is_instance_of::<PyFloat>()
        && let Ok(flag) = value.extract::<bool>()
    {
        return Ok(OptionValue::Bool(flag));
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(OptionValue::Bool(flag.is_true()));
    }
    if let Ok(whole) = value.extract::<u64>() {
        return Ok(OptionValue::U64(whole));
    }
    match value.extract::<f64>() {
        Ok(real) => Ok(OptionValue::F64(real)),
        Err(_) => Ok(OptionValue::Other(type_name(value)?)),
    }
}

/// As [`number`], for one of which the range is known.
pub(crate) fn number_in<T: OptionField + Bounded<T>>(
    value: &Bound<'_, PyAny>,
    name: &str,
    range: &RangeInclusive<T>,
) -> PyResult<T> {
    let typed = option_value(name, value)?;
    T::from_value(name, &typed)
        .map_err(|_| T::refuse(name, &typed, range))
        .map_err(|e| raise(value.py(), &e))
}

/// What messages call the type of a value.
fn type_name(value: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(value.get_type().name()?.to_string())
}

/// A single choice by name, the only option of its verb.
pub(crate) fn single_option<T: OptionField + Default>(
    options: Option<&Bound<'_, PyDict>>,
    only: &str,
) -> PyResult<T> {
    let mut chosen = T::default();
    set_options(options, |name, value| {
        if name != only {
            let message = format!("no option is called \"{name}\" here; there is {only}");
            return Err(rag_core::Error::invalid(message));
        }
        chosen = T::from_value(name, value)?;
        Ok(())
    })?;
    Ok(chosen)
}

/// A string argument: borrowed, and refused as `InvalidArgument` if it is no whole text.
pub(crate) struct Text(PyBackedStr);

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'py> FromPyObject<'_, 'py> for Text {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        // The name of the argument is added to the exception by PyO3, as a note.
        text(&value, "the argument").map(Text)
    }
}

/// A string argument under its name; anything else is refused.
pub(crate) fn text(value: &Bound<'_, PyAny>, name: &str) -> PyResult<PyBackedStr> {
    let Ok(text) = value.cast::<PyString>() else {
        let message = format!("{name} must be a str, got {}", type_name(value)?);
        return Err(invalid(value.py(), message));
    };
    PyBackedStr::try_from(text.clone()).map_err(|_| invalid(value.py(), surrogate(name)))
}

/// A Python string as UTF-8; a lone surrogate is refused under the name of the argument.
pub(crate) fn string(text: &Bound<'_, PyString>, name: &str) -> PyResult<String> {
    match text.to_str() {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(invalid(text.py(), surrogate(name))),
    }
}

fn surrogate(name: &str) -> String {
    format!(
        "{name} holds a lone surrogate, which is no character; \
         encode it with errors=\"replace\" or read the file with the right encoding"
    )
}

/// Strings, borrowed from Python; anything else is refused under its index.
pub(crate) fn strings(values: &Bound<'_, PyList>, name: &str) -> PyResult<Vec<PyBackedStr>> {
    let mut texts = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        let whole = value.cast::<PyString>().ok().cloned();
        match whole.and_then(|text| PyBackedStr::try_from(text).ok()) {
            Some(text) => texts.push(text),
            None => texts.push(text(&value, &format!("{name}[{i}]"))?),
        }
    }
    Ok(texts)
}

/// The strings as slices, for the core.
pub(crate) fn slices(texts: &[PyBackedStr]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

/// The rows of a C-contiguous float32 array, borrowed.
pub(crate) fn rows<'a>(array: &'a PyReadonlyArray2<'_, f32>) -> PyResult<Rows<'a>> {
    let dim = array.shape()[1].max(1);
    Rows::new(array.as_slice()?, dim).map_err(|e| raise(array.py(), &e))
}

/// A fresh (n, dim) array that takes over the memory of `matrix`.
pub(crate) fn matrix(py: Python<'_>, matrix: Matrix) -> PyResult<Bound<'_, PyArray2<f32>>> {
    let (n, dim) = (matrix.len(), matrix.dim());
    table(py, matrix.into_vec(), n, dim)
}

/// A fresh (n, columns) array that takes over `values`, row after row.
pub(crate) fn table<T: Element>(
    py: Python<'_>,
    values: Vec<T>,
    n: usize,
    columns: usize,
) -> PyResult<Bound<'_, PyArray2<T>>> {
    match Array2::from_shape_vec((n, columns), values) {
        Ok(array) => Ok(PyArray2::from_owned_array(py, array)),
        Err(error) => Err(invalid(py, error.to_string())),
    }
}

/// A fresh (n,) array that takes over `values`.
pub(crate) fn vector<T: Element>(py: Python<'_>, values: Vec<T>) -> Bound<'_, PyArray1<T>> {
    PyArray1::from_vec(py, values)
}
