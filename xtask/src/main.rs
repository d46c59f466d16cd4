//! `cargo xtask`: everything that is done to the project rather than with it.

mod c;
mod layers;
mod model;
mod python;
mod run;
mod rust;
mod torture;

use run::{Count, command, succeeds};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND
  test                    every test in Rust, C, C++ and Python, in a virtual environment of its own
  test-rust, test-c, test-cpp, test-python
                          one of them
  check                   formatting, lints, layers, header, stubs, docs
  ci                      check, then test
  layers                  the arrows between the rooms point down
  header [--check]        write include/ragcore.h, or fail if it is not up to date
  install-c --prefix DIR  the C library, its headers, pkg-config file and CMake package
  model --work DIR        fit the built-in static model anew (hours)
  torture [--quick] [ORDEAL ...]
                          kill, corrupt and crowd stores; in full hours, --help lists the ordeals";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = root();
    let good = match words[..] {
        ["test"] => test(&root, &["Rust", "C", "C++", "Python"]),
        ["test-rust"] => test(&root, &["Rust"]),
        ["test-c"] => test(&root, &["C"]),
        ["test-cpp"] => test(&root, &["C++"]),
        ["test-python"] => test(&root, &["Python"]),
        ["check"] => check(&root),
        ["ci"] => check(&root) && test(&root, &["Rust", "C", "C++", "Python"]),
        ["layers"] => layers(&root),
        ["header"] => c::header(&root, false),
        ["header", "--check"] => c::header(&root, true),
        ["install-c", "--prefix", prefix] => c::install(&root, Path::new(prefix)),
        ["model", "--work", work] => model::fit(&root, Path::new(work)),
        ["torture", ref options @ ..] => torture::run(&root, options),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Runs the named suites one after the other and ends with a line for each.
fn test(root: &Path, suites: &[&str]) -> bool {
    let needs_python = suites.iter().any(|s| *s == "Rust" || *s == "Python");
    let python = needs_python.then(|| python::venv(root)).flatten();
    let model = python.as_ref().and_then(|p| model::folder(root, p));
    let model = model.as_deref();
    let run = |suite: &&str| match *suite {
        "Rust" => rust::test(root, model),
        "C" => c::test_c(root),
        "C++" => c::test_cpp(root),
        _ => match &python {
            Some(python) => python::test(root, python, model),
            None => Count::BROKEN,
        },
    };
    let counts: Vec<Count> = suites.iter().map(run).collect();
    println!();
    for (suite, count) in suites.iter().zip(&counts) {
        println!("{suite}: {}", count.line());
    }
    counts.iter().all(|c| c.failed == 0 && c.passed > 0)
}

/// Everything that is checked without running the tests. Each part says how to mend it.
fn check(root: &Path) -> bool {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let run = |args: &[&str]| succeeds(command(root, &cargo, args));
    let part = |name: &str, mend: &str, good: bool| {
        match good {
            true => println!("{name}: ok"),
            false => println!("{name}: not in order; {mend}"),
        }
        good
    };
    let lint = |build: &[&str]| {
        let ends = ["--all-targets", "--", "-D", "warnings"];
        run(&[&["clippy", "--quiet"], build, &ends].concat())
    };
    // Apart, or cargo would turn candle on for all that it looks at.
    let lints = || {
        lint(&["--workspace", "--exclude", "ragcore-reference"])
            & lint(&["-p", "rag-core", "-p", "ragcore-reference"])
    };
    let docs = [
        "doc",
        "--quiet",
        "--no-deps",
        "-p",
        "rag-core",
        "-p",
        "rag-ffi",
    ];
    let mut documentation = command(root, &cargo, &docs);
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    let stubs = || python::venv(root).is_some_and(|python| python::stubs(root, &python));
    [
        part(
            "format",
            "run cargo fmt --all",
            run(&["fmt", "--all", "--check"]),
        ),
        part("layers", "see ARCHITECTURE.md", layers(root)),
        part("header", "run cargo xtask header", c::header(root, true)),
        part("lints", "see above", lints()),
        part("docs", "see above", succeeds(documentation)),
        part("stubs", "see above", stubs()),
    ]
    .iter()
    .all(|good| *good)
}

fn layers(root: &Path) -> bool {
    let found = layers::violations(root);
    found.iter().for_each(|problem| eprintln!("{problem}"));
    found.is_empty()
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the workspace").into()
}

/// Where everything that is built or downloaded goes.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
