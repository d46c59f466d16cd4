//! The Python package: a virtual environment of its own, the extension built into it, its tests
//! and the check of its stubs against the binary.

use crate::run::{Count, command, succeeds, watch};
use std::path::{Path, PathBuf};

/// The tools and libraries that the tests use, pinned. Only NumPy is needed by the package.
const TOOLS: &[&str] = &[
    "fastapi==0.165.0",
    "httpx==0.28.1",
    "limits==5.8.0",
    "maturin==1.16.0",
    "mypy==2.4.1",
    "numpy==2.4.6",
    "pandas==3.1.1",
    "pyarrow==26.0.1",
    "pytest==9.2.0",
    "ray[data]==2.60.0",
    "ruff==0.17.5",
    "uvicorn==0.54.0",
    "websockets==17.4",
];

/// The interpreter of the virtual environment `target/venv`, which is made when it is missing.
pub fn venv(root: &Path) -> Option<PathBuf> {
    let folder = crate::target(root).join("venv");
    let python = match cfg!(windows) {
        true => folder.join("Scripts").join("python.exe"),
        false => folder.join("bin").join("python"),
    };
    let stamp = folder.join("tools.txt");
    let wanted = TOOLS.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) {
        return Some(python);
    }
    let system = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let at = folder.display().to_string();
    let mut install = vec![
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    install.extend(TOOLS);
    let made = succeeds(command(root, system, &["-m", "venv", &at]))
        && succeeds(command(root, &python, &install))
        && std::fs::write(&stamp, wanted).is_ok();
    if !made {
        eprintln!("no virtual environment at {at}; it needs Python 3.11 or newer with pip");
        return None;
    }
    Some(python)
}

/// Builds the extension in the dev profile and puts it beside the package in `python/ragcore`,
/// where the environment finds both.
pub fn install(root: &Path, python: &Path) -> bool {
    develop(root, python, &[])
}

/// As [`install`], optimised.
pub fn install_release(root: &Path, python: &Path) -> bool {
    develop(root, python, &["--release"])
}

fn develop(root: &Path, python: &Path, profile: &[&str]) -> bool {
    let always = ["-m", "maturin", "develop", "--quiet"];
    let mut build = command(root, python, &[&always, profile].concat());
    if let Some(environment) = python.parent().and_then(Path::parent) {
        build.env("VIRTUAL_ENV", environment);
    }
    build.env("CARGO_TARGET_DIR", crate::target(root));
    succeeds(build)
}

/// Builds the package, then runs its tests, the examples in its docs and its example scripts.
///
/// `model` is the folder of a real model, if there is one.
pub fn test(root: &Path, python: &Path, model: Option<&Path>) -> Count {
    if !install(root, python) {
        return Count::BROKEN;
    }
    let mut tests = command(root, python, &["-m", "pytest", "-q"]);
    tests.env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(model) = model {
        tests.env("RAGCORE_TEST_MODEL", model);
    }
    let mut count = None;
    let passed = watch(tests, |line| count = read(line).or(count));
    match (count, passed) {
        (Some(count), true) => count,
        (Some(count), false) if count.failed > 0 => count,
        (Some(count), false) => count.plus(Count::BROKEN),
        (None, _) => Count::BROKEN,
    }
}

/// Checks the layout and the lints of the Python code; nothing is written.
fn style(root: &Path, python: &Path) -> bool {
    let folders = ["python", "examples/python", "examples/service", "torture"];
    let layout = [&["-m", "ruff", "format", "--check"][..], &folders].concat();
    let lints = [&["-m", "ruff", "check"][..], &folders].concat();
    succeeds(command(root, python, &layout)) && succeeds(command(root, python, &lints))
}

/// Checks the stubs against the built binary, the types, the layout and the lints of the package;
/// nothing is written.
pub fn stubs(root: &Path, python: &Path) -> bool {
    let options = ["-m", "mypy.stubtest", "ragcore._core", "--concise"];
    let mut check = command(root, python, &options);
    check.env("MYPYPATH", root.join("python"));
    install(root, python)
        && succeeds(check)
        && succeeds(command(root, python, &["-m", "mypy"]))
        && style(root, python)
}

/// The summary that `python/tests/conftest.py` prints.
fn read(line: &str) -> Option<Count> {
    let rest = line.strip_prefix("Python: ")?;
    let mut numbers = rest.split(", ").map(|part| {
        let number = part.split(' ').next().unwrap_or_default();
        number.parse::<usize>().ok()
    });
    let mut next = || numbers.next().flatten();
    Some(Count {
        passed: next()?,
        failed: next()?,
        skipped: next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_read() {
        let want = Count {
            passed: 12,
            failed: 3,
            skipped: 1,
        };
        assert_eq!(read("Python: 12 passed, 3 failed, 1 skipped"), Some(want));
        assert_eq!(read("Python: many passed"), None);
        assert_eq!(read("12 passed in 3 s"), None);
    }
}
