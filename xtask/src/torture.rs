//! The torture run: what the store promises, tried on this library and, as control, on SQLite.
//! The ordeals and their rules are told in `torture/README.md`.

use crate::python;
use crate::run::{command, succeeds};
use std::path::Path;

/// Runs `torture/run.py` with `options` in the environment of the Python tests; false if a promise
/// was broken. The full run is of an optimised build, the quick one of that which the tests use.
pub fn run(root: &Path, options: &[&str]) -> bool {
    let Some(python) = python::venv(root) else {
        return false;
    };
    let built = match options.contains(&"--quick") {
        true => python::install(root, &python),
        false => python::install_release(root, &python),
    };
    let script = ["torture/run.py"];
    let mut ordeals = command(root, &python, &[&script, options].concat());
    ordeals.env("PYTHONDONTWRITEBYTECODE", "1");
    built && succeeds(ordeals)
}
