//! Running other programs: their output is shown as it comes and read for the counts.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed, a suite that could not run included.
    pub failed: usize,
    /// Tests that said why they could not run here.
    pub skipped: usize,
}

impl Count {
    /// One failure: a suite that did not get as far as counting.
    pub const BROKEN: Count = Count {
        passed: 0,
        failed: 1,
        skipped: 0,
    };

    /// The sum of two counts.
    pub fn plus(self, other: Count) -> Count {
        Count {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
        }
    }

    /// `12 passed, 0 failed`, and what was skipped if anything was.
    pub fn line(self) -> String {
        let skipped = match self.skipped {
            0 => String::new(),
            n => format!(", {n} skipped"),
        };
        format!("{} passed, {} failed{skipped}", self.passed, self.failed)
    }
}

/// A command in the folder `root`.
pub fn command(root: &Path, program: impl AsRef<OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root).args(args);
    command
}

/// Runs a command to its end; whether it succeeded.
pub fn succeeds(mut command: Command) -> bool {
    let told = format!("{command:?}");
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("cannot run {told}: {error}");
            false
        }
    }
}

/// Runs a command, shows its standard output line by line, and hands each line to `see`.
pub fn watch(mut command: Command, mut see: impl FnMut(&str)) -> bool {
    let told = format!("{command:?}");
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("cannot run {told}: {error}");
            return false;
        }
    };
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            see(&line);
        }
    }
    child.wait().is_ok_and(|status| status.success())
}
