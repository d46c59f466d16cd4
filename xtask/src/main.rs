//! `cargo xtask`: everything that is done to the project rather than with it.

mod c;
mod layers;
mod run;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = root();
    let good = match words[..] {
        ["layers"] => {
            let found = layers::violations(&root);
            found.iter().for_each(|problem| eprintln!("{problem}"));
            found.is_empty()
        }
        ["header"] => c::header(&root, false),
        ["header", "--check"] => c::header(&root, true),
        ["install-c", "--prefix", prefix] => c::install(&root, Path::new(prefix)),
        ["test-c"] => {
            let count = c::test_c(&root);
            println!("C: {}", count.line());
            count.failed == 0
        }
        ["test-cpp"] => {
            let count = c::test_cpp(&root);
            println!("C++: {}", count.line());
            count.failed == 0
        }
        _ => {
            eprintln!("usage: cargo xtask layers | header [--check] | test-c | test-cpp | install-c --prefix DIR");
            return ExitCode::from(2);
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
