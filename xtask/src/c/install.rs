//! The C library as a package: libraries, headers, pkg-config file and CMake package.

use super::header::version;
use super::tests::{build, shared_name};
use crate::run::{Count, command, succeeds};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Builds the library for release and installs it below `prefix`.
pub fn install(root: &Path, prefix: &Path) -> bool {
    let Some(library) = build(root, true) else {
        return false;
    };
    match install_from(root, &library, prefix) {
        Ok(()) => {
            println!("installed below {}", prefix.display());
            true
        }
        Err(why) => {
            eprintln!("install-c: {why}");
            false
        }
    }
}

fn install_from(root: &Path, library: &Path, prefix: &Path) -> Result<(), String> {
    let version = version(root)?;
    let templates = root.join("rag-ffi/package");
    let shared = shared_name();
    let copies = [
        (root.join("include/ragcore.h"), "include/ragcore.h"),
        (root.join("include/ragcore.hpp"), "include/ragcore.hpp"),
        (library.join(&shared), &*format!("lib/{shared}")),
        (library.join("libragcore.a"), "lib/libragcore.a"),
        (templates.join("ragcore.pc.in"), "lib/pkgconfig/ragcore.pc"),
        (
            templates.join("ragcore-config.cmake"),
            "lib/cmake/ragcore/ragcore-config.cmake",
        ),
        (
            templates.join("ragcore-config-version.cmake.in"),
            "lib/cmake/ragcore/ragcore-config-version.cmake",
        ),
    ];
    for (from, to) in copies {
        let to = prefix.join(to);
        let told = |e: std::io::Error| format!("{} to {}: {e}", from.display(), to.display());
        fs::create_dir_all(to.parent().unwrap_or(prefix)).map_err(told)?;
        match from.extension().is_some_and(|e| e == "in") {
            false => fs::copy(&from, &to).map(drop).map_err(told)?,
            true => {
                let text = fs::read_to_string(&from).map_err(told)?;
                fs::write(&to, filled(&text, &version)).map_err(told)?;
            }
        }
    }
    Ok(())
}

fn filled(template: &str, version: &str) -> String {
    let mut parts = version.split('.');
    let (major, minor) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    template
        .replace("@VERSION@", version)
        .replace("@MAJOR@", major)
        .replace("@MINOR@", minor)
}

/// Installs the library that the tests built and uses it as a stranger would, through pkg-config
/// and through CMake, shared and static.
pub(super) fn packages(root: &Path, out: &Path) -> Count {
    let mut count = Count::default();
    let prefix = out.join("prefix");
    let built = build(root, false).ok_or_else(|| "it does not build".to_owned());
    if let Err(why) = built.and_then(|library| install_from(root, &library, &prefix)) {
        println!("FAILED: install: {why}");
        return Count::BROKEN;
    }
    let mut note = |what: &str, outcome: Option<bool>| match outcome {
        Some(true) => count.passed += 1,
        Some(false) => {
            println!("FAILED: {what}");
            count.failed += 1;
        }
        None => {
            println!("skipped: {what}: not on this machine");
            count.skipped += 1;
        }
    };
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let source = out.join("packaged.c");
    let text = "#include <ragcore.h>\n#include <string.h>\n\
                int main(void) { return strcmp(rag_version(), RAG_VERSION) != 0; }\n";
    if fs::write(&source, text).is_err() {
        return Count::BROKEN;
    }
    let pkg_config = has("pkg-config");
    for kind in ["shared", "static"] {
        let good = || with_pkg_config(out, &prefix, &source, kind == "static");
        note(&format!("pkg-config, {kind}"), pkg_config.then(good));
    }
    let cmake = has("cmake");
    note(
        "CMake, shared and static",
        cmake.then(|| with_cmake(out, &prefix, &source)),
    );
    count
}

fn with_pkg_config(out: &Path, prefix: &Path, source: &Path, alone: bool) -> bool {
    let mut ask = command(out, "pkg-config", &["--cflags", "--libs", "ragcore"]);
    if alone {
        ask.arg("--static");
    }
    ask.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    let Ok(answer) = ask
        .output()
        .map(|o| String::from_utf8_lossy(&o.stdout).into_owned())
    else {
        return false;
    };
    let program = out.join(if alone { "packaged-static" } else { "packaged" });
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let mut compile = command(out, cc, &["-std=c11", "-Wall", "-Wextra", "-Werror"]);
    compile.arg(source).arg("-o").arg(&program);
    for flag in answer.split_whitespace() {
        match flag {
            // The linker prefers the shared library; the static one is asked for by name.
            "-lragcore" if alone => compile.arg(prefix.join("lib/libragcore.a")),
            flag => compile.arg(flag),
        };
    }
    let mut run = command(out, &program, &[]);
    if !alone {
        run.env("LD_LIBRARY_PATH", prefix.join("lib"));
    }
    succeeds(compile) && succeeds(run)
}

fn with_cmake(out: &Path, prefix: &Path, source: &Path) -> bool {
    let project = out.join("cmake");
    let text = format!(
        "cmake_minimum_required(VERSION 3.15)\nproject(packaged C)\n\
         find_package(ragcore 0.1 REQUIRED CONFIG)\n\
         add_executable(shared {0})\ntarget_link_libraries(shared ragcore::ragcore)\n\
         add_executable(alone {0})\ntarget_link_libraries(alone ragcore::static)\n",
        source.display()
    );
    let written =
        fs::create_dir_all(&project).and_then(|()| fs::write(project.join("CMakeLists.txt"), text));
    let place = format!("-DCMAKE_PREFIX_PATH={}", prefix.display());
    written.is_ok()
        && succeeds(command(&project, "cmake", &["-S", ".", "-B", "b", &place]))
        && succeeds(command(&project, "cmake", &["--build", "b"]))
        && succeeds(command(&project, project.join("b/shared"), &[]))
        && succeeds(command(&project, project.join("b/alone"), &[]))
}
