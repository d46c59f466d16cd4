//! `cargo xtask`: everything that is done to the project rather than with it.

mod c;
mod run;

use run::Count;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let root = root();
    let good = match words[..] {
        ["test-c"] => counted("C", c::test_c(&root)),
        ["test-cpp"] => counted("C++", c::test_cpp(&root)),
        ["header"] => c::header(&root, false),
        ["header", "--check"] => c::header(&root, true),
        ["install-c", "--prefix", prefix] => c::install(&root, Path::new(prefix)),
        _ => {
            eprintln!("usage: cargo xtask header [--check] | test-c | test-cpp | install-c --prefix DIR");
            return ExitCode::from(2);
        }
    };
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Prints the one line that a suite comes to.
fn counted(suite: &str, count: Count) -> bool {
    println!("{suite}: {}", count.line());
    count.failed == 0
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
