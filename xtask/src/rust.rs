//! The Rust tests: units, properties, conformance, the reference and the examples in the docs.

use crate::run::{Count, command, watch};
use std::path::Path;

/// What is tested in one build each: cargo turns a feature on for all crates that it builds
/// together, and candle is for the crate `reference` and the units behind the feature alone.
const BUILDS: [&[&str]; 2] = [
    &[
        "--workspace",
        "--exclude",
        "rag-py",
        "--exclude",
        "ragcore-reference",
    ],
    &[
        "-p",
        "rag-core",
        "-p",
        "ragcore-reference",
        "--lib",
        "--bins",
        "--test",
        "candle",
        "--test",
        "minilm",
    ],
];

/// Runs every Rust test of the workspace. `model` is the folder of a real model, if there is one.
pub fn test(root: &Path, model: Option<&Path>) -> Count {
    let counts = BUILDS
        .iter()
        .map(|build| build_and_test(root, build, model));
    counts.fold(Count::default(), Count::plus)
}

fn build_and_test(root: &Path, build: &[&str], model: Option<&Path>) -> Count {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let args = [&["test"], build, &["--no-fail-fast", "--", "--show-output"]].concat();
    let mut tests = command(root, cargo, &args);
    if let Some(model) = model {
        tests.env("RAGCORE_TEST_MODEL", model);
    }
    let mut count = Count::default();
    let passed = watch(tests, |line| count = count.plus(read(line)));
    // A test that skips itself counts as passed to the harness; say it once, as skipped.
    count.passed = count.passed.saturating_sub(count.skipped);
    match passed || count.failed > 0 {
        true => count,
        false => count.plus(Count::BROKEN),
    }
}

/// What one line of output says: the harness's summary, or a test that tells why it did not run.
fn read(line: &str) -> Count {
    if line.starts_with("skipped: ") {
        return Count {
            skipped: 1,
            ..Count::default()
        };
    }
    let Some(rest) = line.strip_prefix("test result: ") else {
        return Count::default();
    };
    let number = |label: &str| {
        let mut parts = rest.split(['.', ';']);
        let found = parts.find_map(|p| p.trim().strip_suffix(label));
        found.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
    };
    Count {
        passed: number(" passed"),
        failed: number(" failed"),
        skipped: number(" ignored"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_summary_is_read() {
        let line =
            "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 7 filtered out";
        let want = Count {
            passed: 12,
            failed: 3,
            skipped: 1,
        };
        assert_eq!(read(line), want);
        assert_eq!(read("skipped: no model").skipped, 1);
        assert_eq!(read("test a::b ... ok"), Count::default());
        assert_eq!(want.line(), "12 passed, 3 failed, 1 skipped");
    }
}
