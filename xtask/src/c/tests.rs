//! The C and C++ tests: compiled by the machine's compilers, with sanitizers, as strangers would.

use super::{calls, header, install, tables};
use crate::run::{Count, command, succeeds, watch};
use std::path::{Path, PathBuf};
use std::process::Command;

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
const SANITIZERS: [&str; 3] = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-g",
];

/// What the examples are asked.
const QUESTION: &str = "how are writes kept safe?";

/// Where the compilers look and write.
struct Bench<'a> {
    root: &'a Path,
    /// The folder of the built library.
    library: PathBuf,
    /// Where programs go; they run there.
    out: PathBuf,
    count: Count,
}

/// Runs the C tests, the conformance cases, and the checks of the header and the symbols.
pub fn test_c(root: &Path) -> Count {
    let mut bench = match Bench::new(root, "c-tests") {
        Ok(bench) => bench,
        Err(count) => return count,
    };
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    if !bench.has(&cc, "C compiler") {
        return bench.count;
    }
    bench.check("the header is up to date", header::header(root, true));
    bench.header_compiles(&cc, "c", "-std=c11");
    let exported = bench.exports_only_what_the_header_declares();
    bench.check("the library exports what the header declares", exported);
    let made = tables::tables(root).and_then(|t| bench.generate("tables.c", &t));
    bench.check("conformance cases become C tables", made);
    let made = header::functions(root).map(|f| calls::calls(&f));
    let made = made.and_then(|text| bench.generate("calls.c", &text));
    bench.check("the header's calls can be read", made);
    let folder = root.join("rag-ffi/tests-c");
    let tests = files(&folder, |name| {
        name.starts_with("test_") && name.ends_with(".c")
    });
    let conformance = files(&folder, |name| {
        name.starts_with("conform") && name.ends_with(".c")
    });
    let helpers = [folder.join("json.c"), bench.out.join("tables.c")];
    let mut programs: Vec<(String, Vec<PathBuf>)> = tests.into_iter().map(alone).collect();
    programs.push((
        "conformance".into(),
        [conformance, helpers.to_vec()].concat(),
    ));
    let calls = [folder.join("calls_driver.c"), bench.out.join("calls.c")];
    programs.push(("calls".into(), calls.to_vec()));
    for (name, sources) in &programs {
        bench.program(
            &cc,
            &["-std=c11", "-D_POSIX_C_SOURCE=200809L"],
            name,
            sources,
        );
    }
    bench.example(&cc, "-std=c11", &root.join("examples/c/quickstart.c"));
    bench.ten_lines(&cc);
    bench.valgrind(&cc, &folder.join("test_memory.c"));
    let packages = install::packages(root, &bench.out);
    bench.count = bench.count.plus(packages);
    bench.count
}

/// Runs the C++ tests of `ragcore.hpp`.
pub fn test_cpp(root: &Path) -> Count {
    let mut bench = match Bench::new(root, "cpp-tests") {
        Ok(bench) => bench,
        Err(count) => return count,
    };
    let cxx = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    if !bench.has(&cxx, "C++ compiler") {
        return bench.count;
    }
    bench.header_compiles(&cxx, "c++", "-std=c++17");
    let folder = root.join("rag-ffi/tests-cpp");
    for source in files(&folder, |name| name.ends_with(".cpp")) {
        let (name, sources) = alone(source);
        bench.program(&cxx, &["-std=c++17"], &name, &sources);
    }
    bench.example(
        &cxx,
        "-std=c++17",
        &root.join("examples/cpp/quickstart.cpp"),
    );
    bench.count
}

impl<'a> Bench<'a> {
    fn new(root: &'a Path, folder: &str) -> Result<Self, Count> {
        let library = build(root, false).ok_or(Count::BROKEN)?;
        let out = crate::target(root).join(folder);
        // Files of the last run must not be found by this one.
        let _ = std::fs::remove_dir_all(&out);
        std::fs::create_dir_all(&out).map_err(|_| Count::BROKEN)?;
        Ok(Self {
            root,
            library,
            out,
            count: Count::default(),
        })
    }

    fn has(&mut self, program: &str, what: &str) -> bool {
        let found = Command::new(program).arg("--version").output().is_ok();
        if !found {
            println!("skipped: no {what} ({program}) on this machine");
            self.count.skipped += 1;
        }
        found
    }

    fn check(&mut self, what: &str, good: impl Outcome) {
        match good.outcome() {
            Ok(()) => self.count.passed += 1,
            Err(why) => {
                println!("FAILED: {what}{why}");
                self.count.failed += 1;
            }
        }
    }

    fn generate(&self, name: &str, text: &str) -> Result<(), String> {
        std::fs::write(self.out.join(name), text).map_err(|e| e.to_string())
    }

    /// The header alone, and twice, in both languages' strictest moods.
    fn header_compiles(&mut self, compiler: &str, language: &str, standard: &str) {
        let name = if language == "c" {
            "ragcore.h"
        } else {
            "ragcore.hpp"
        };
        let source = self.out.join(format!(
            "twice.{}",
            if language == "c" { "c" } else { "cpp" }
        ));
        let text =
            format!("#include \"{name}\"\n#include \"{name}\"\nint main(void) {{ return 0; }}\n");
        let written = std::fs::write(&source, text).is_ok();
        let include = format!("-I{}", self.root.join("include").display());
        let mut compile = command(self.root, compiler, &[standard, &include, "-fsyntax-only"]);
        compile.args(WARNINGS).arg(&source);
        self.check(
            &format!("{name} compiles as {standard}"),
            written && succeeds(compile),
        );
    }

    fn exports_only_what_the_header_declares(&self) -> Result<(), String> {
        let library = self.library.join(shared_name());
        let nm = Command::new("nm")
            .args(["-D", "--defined-only"])
            .arg(&library)
            .output();
        let nm = nm.map_err(|e| format!("nm: {e}"))?;
        let listed = String::from_utf8_lossy(&nm.stdout).into_owned();
        let mut exported: Vec<&str> = listed.lines().filter_map(|l| l.split(' ').nth(2)).collect();
        exported.sort_unstable();
        let functions = header::functions(self.root)?;
        let mut declared: Vec<&str> = functions.iter().map(|f| f.name.as_str()).collect();
        declared.sort_unstable();
        let extra: Vec<_> = exported.iter().filter(|e| !declared.contains(e)).collect();
        let missing: Vec<_> = declared.iter().filter(|d| !exported.contains(d)).collect();
        if extra.is_empty() && missing.is_empty() {
            return Ok(());
        }
        Err(format!(
            "only exported: {extra:?}; only declared: {missing:?}"
        ))
    }

    fn compile(&self, compiler: &str, flags: &[&str], sources: &[PathBuf], to: &Path) -> bool {
        let include = format!("-I{}", self.root.join("include").display());
        let tests = format!("-I{}", self.root.join("rag-ffi/tests-c").display());
        let mut compile = command(&self.out, compiler, &[&include, &tests]);
        compile
            .args(flags)
            .args(WARNINGS)
            .args(sources)
            .arg("-o")
            .arg(to);
        compile.arg(format!("-L{}", self.library.display()));
        compile.arg(format!("-Wl,-rpath,{}", self.library.display()));
        compile.args(["-lragcore", "-lpthread", "-lm"]);
        succeeds(compile)
    }

    /// Compiles and runs a test program and adds up what its last line says.
    fn program(&mut self, compiler: &str, flags: &[&str], name: &str, sources: &[PathBuf]) {
        let to = self.out.join(name);
        // The sanitizers' own allocator does not survive a fork beside busy threads.
        let flags = match name.contains("fork") {
            true => flags.to_vec(),
            false => [flags, &SANITIZERS].concat(),
        };
        if !self.compile(compiler, &flags, sources, &to) {
            return self.check(name, Err("it does not compile".to_owned()));
        }
        self.run(name, Command::new(&to));
    }

    fn run(&mut self, name: &str, mut program: Command) {
        program.current_dir(&self.out);
        program.env("ASAN_OPTIONS", "detect_leaks=1");
        let mut found = None;
        let good = watch(program, |line| found = read(line).or(found));
        match found {
            Some(count) if good || count.failed > 0 => self.count = self.count.plus(count),
            _ => self.check(name, Err("it ended before it could count".to_owned())),
        }
    }

    /// Builds an example like a test, runs it on the project's own documents, and compares its
    /// hits with those of the Rust quickstart: ids, scores to four digits, and order.
    fn example(&mut self, compiler: &str, standard: &str, source: &Path) {
        let to = self.out.join("quickstart");
        let flags = [&[standard, "-D_POSIX_C_SOURCE=200809L"][..], &SANITIZERS].concat();
        let name = source
            .strip_prefix(self.root)
            .unwrap_or(source)
            .display()
            .to_string();
        if !self.compile(compiler, &flags, &[source.to_path_buf()], &to) {
            return self.check(&name, Err("it does not compile".to_owned()));
        }
        let mut example = command(self.root, &to, &["docs", QUESTION]);
        let found = hits(example.env("ASAN_OPTIONS", "detect_leaks=1"));
        self.check(&name, found.as_ref().map(drop).map_err(Clone::clone));
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let rust = [
            "run",
            "-q",
            "-p",
            "ragcore-examples",
            "--example",
            "quickstart",
            "--",
            "docs",
            "--ask",
            QUESTION,
        ];
        let wanted = hits(&mut command(self.root, cargo, &rust));
        let same = match (found, wanted) {
            (Ok(found), Ok(wanted)) if found == wanted && found.len() >= 10 => Ok(()),
            (found, wanted) => Err(format!("found {found:#?}\nwanted {wanted:#?}")),
        };
        self.check(
            &format!("{name} finds what the Rust quickstart finds"),
            same,
        );
    }

    /// The program that the README shows, as it stands there.
    fn ten_lines(&mut self, compiler: &str) {
        let source = self.root.join("examples/c/ten_lines.c");
        let to = self.out.join("ten_lines");
        let built = self.compile(compiler, &["-std=c11"], &[source], &to);
        let output = Command::new(&to).output();
        let found = output.is_ok_and(|o| o.status.success() && !o.stdout.is_empty());
        self.check("examples/c/ten_lines.c", built && found);
    }

    fn valgrind(&mut self, compiler: &str, source: &Path) {
        if !self.has("valgrind", "valgrind") {
            return;
        }
        let to = self.out.join("memory");
        if !self.compile(compiler, &["-std=c11", "-g"], &[source.to_path_buf()], &to) {
            return self.check("valgrind", Err("test_memory.c does not compile".to_owned()));
        }
        let mut valgrind = Command::new("valgrind");
        let leaks = [
            "-q",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
        ];
        // Its instruction set is smaller than the machine's; the scalar row runs everywhere.
        valgrind
            .args(leaks)
            .arg("--error-exitcode=9")
            .arg(&to)
            .env("RAG_KERNELS", "scalar");
        self.run("valgrind", valgrind);
    }
}

/// The lines of an example that are hits: `  1. 0.4242   2.515   0.329  docs/store.md:5`.
fn hits(program: &mut Command) -> Result<Vec<String>, String> {
    let output = program.output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let is_hit = |line: &&str| {
        let rank = line.trim_start().split_once(". ");
        rank.is_some_and(|(n, rest)| n.parse::<u8>().is_ok() && rest.starts_with("0."))
    };
    Ok(text.lines().filter(is_hit).map(str::to_owned).collect())
}

/// Builds the C library; the folder that it lies in.
pub fn build(root: &Path, release: bool) -> Option<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut build = command(root, cargo, &["build", "--quiet", "--package", "rag-ffi"]);
    if release {
        build.arg("--release");
    }
    let profile = if release { "release" } else { "debug" };
    succeeds(build).then(|| crate::target(root).join(profile))
}

/// The file name of the shared library here.
pub fn shared_name() -> String {
    format!(
        "{}ragcore{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    )
}

fn alone(source: PathBuf) -> (String, Vec<PathBuf>) {
    let name = source
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    (name, vec![source])
}

fn files(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|e| e.path())
        .filter(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(&wanted))
        .collect();
    found.sort();
    found
}

/// The last line of a test program: `result: 12 passed, 0 failed, 1 skipped`.
fn read(line: &str) -> Option<Count> {
    let rest = line.strip_prefix("result: ")?;
    let mut numbers = rest
        .split(", ")
        .map(|part| part.split(' ').next()?.parse().ok());
    Some(Count {
        passed: numbers.next()??,
        failed: numbers.next()??,
        skipped: numbers.next()??,
    })
}

/// What a check comes to, with the reason if there is one to tell.
trait Outcome {
    fn outcome(self) -> Result<(), String>;
}

impl Outcome for bool {
    fn outcome(self) -> Result<(), String> {
        if self { Ok(()) } else { Err(String::new()) }
    }
}

impl Outcome for Result<(), String> {
    fn outcome(self) -> Result<(), String> {
        self.map_err(|why| format!(": {why}"))
    }
}

#[cfg(test)]
mod own {
    use super::*;

    #[test]
    fn the_last_line_is_read() {
        let count = read("result: 12 passed, 1 failed, 2 skipped").unwrap();
        assert_eq!((count.passed, count.failed, count.skipped), (12, 1, 2));
        assert!(read("anything else").is_none());
    }
}
