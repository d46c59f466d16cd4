//! Metadata and filters: Python's dicts and lists to JSON values and back.

use crate::call::call;
use crate::convert::string;
use crate::error::{invalid, raise};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use rag_core::retrieval::filter::Filter;
use serde_json::{Map, Number, Value};

/// Deeper values are refused before they can exhaust the stack; the core's own limits are lower.
const MAX_DEPTH: usize = 128;

/// A dict as a JSON object; `name` says what it is in messages.
pub(crate) fn object(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Map<String, Value>> {
    match value_at(value, name, 0)? {
        Value::Object(map) => Ok(map),
        _ => {
            let found = value.get_type().name()?;
            let message = format!("{name} must be a dict, got {found}");
            Err(invalid(value.py(), message))
        }
    }
}

fn value_at(value: &Bound<'_, PyAny>, name: &str, depth: usize) -> PyResult<Value> {
    let py = value.py();
    if depth > MAX_DEPTH {
        let message = format!("{name} is nested more than {MAX_DEPTH} levels deep");
        return Err(invalid(py, message));
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Value::Bool(flag.is_true()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return string(text, name).map(Value::String);
    }
    if value.is_instance_of::<PyInt>() {
        return whole(value, name);
    }
    if let Ok(real) = value.cast::<PyFloat>() {
        return finite(py, real.value(), name);
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return entries(dict, name, depth);
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value.try_iter()?;
        let listed: PyResult<Vec<Value>> = items
            .map(|item| value_at(&item?, name, depth + 1))
            .collect();
        return listed.map(Value::Array);
    }
    // NumPy's scalars and arrays know the Python value that they stand for.
    if value.hasattr("dtype")? && value.hasattr("tolist")? {
        let plain = value.call_method0("tolist")?;
        if !plain.hasattr("dtype")? {
            return value_at(&plain, name, depth + 1);
        }
    }
    let found = value.get_type().name()?;
    Err(invalid(
        py,
        format!(
            "{name} holds a {found}; it may hold None, bools, numbers, strings, lists and dicts \
             (write dates as text or as a number of seconds)"
        ),
    ))
}

fn entries(dict: &Bound<'_, PyDict>, name: &str, depth: usize) -> PyResult<Value> {
    let mut map = Map::new();
    for (key, item) in dict {
        let Ok(key) = key.cast::<PyString>() else {
            let found = key.get_type().name()?;
            let message = format!("the keys of {name} must be strings, got {found}");
            return Err(invalid(dict.py(), message));
        };
        map.insert(string(key, name)?, value_at(&item, name, depth + 1)?);
    }
    Ok(Value::Object(map))
}

fn whole(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Value> {
    if let Ok(number) = value.extract::<i64>() {
        return Ok(number.into());
    }
    if let Ok(number) = value.extract::<u64>() {
        return Ok(number.into());
    }
    match value.extract::<f64>() {
        Ok(number) => finite(value.py(), number, name),
        Err(_) => Err(invalid(
            value.py(),
            format!("{name} holds a whole number too large for a float"),
        )),
    }
}

fn finite(py: Python<'_>, number: f64, name: &str) -> PyResult<Value> {
    match Number::from_f64(number) {
        Some(number) => Ok(Value::Number(number)),
        None => Err(invalid(
            py,
            format!("{name} holds {number}; every number must be finite"),
        )),
    }
}

/// A JSON value as the Python value that `json.loads` would make of it.
pub(crate) fn python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => PyBool::new(py, *flag).to_owned().into_any(),
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => whole.into_pyobject(py)?.into_any(),
            (None, Some(whole)) => whole.into_pyobject(py)?.into_any(),
            (None, None) => PyFloat::new(py, number.as_f64().unwrap_or(f64::NAN)).into_any(),
        },
        Value::Array(items) => {
            let listed: PyResult<Vec<_>> = items.iter().map(|item| python(py, item)).collect();
            PyList::new(py, listed?)?.into_any()
        }
        Value::Object(map) => dict(py, map)?.into_any(),
    })
}

/// A JSON object as a dict.
pub(crate) fn dict<'py>(py: Python<'py>, map: &Map<String, Value>) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    for (key, value) in map {
        out.set_item(key, python(py, value)?)?;
    }
    Ok(out)
}

/// A filter dict, parsed.
pub(crate) fn filter(value: &Bound<'_, PyAny>) -> PyResult<Filter> {
    let parsed = Filter::parse(&Value::Object(object(value, "filter")?));
    parsed.map_err(|e| raise(value.py(), &e))
}

/// Which of some metadata a filter lets through.
#[pyfunction]
pub(crate) fn filter_match(
    py: Python<'_>,
    filter: &Bound<'_, PyAny>,
    documents: Vec<Bound<'_, PyAny>>,
) -> PyResult<Vec<bool>> {
    let filter = self::filter(filter)?;
    let documents: PyResult<Vec<_>> = documents.iter().map(|d| object(d, "metadata")).collect();
    let documents = documents?;
    call(py, || {
        Ok(documents.iter().map(|d| filter.matches(d)).collect())
    })
}
