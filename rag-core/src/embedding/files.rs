//! The files of a model folder: whether they are there, whether they came through, and their JSON.
//!
//! Most folders that cannot be read were copied or downloaded in part, so what commonly stands in
//! the place of a file is told apart: each sentence names the file and what to do about it.

use crate::error::{Error, ErrorKind, Result};
use crate::file;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use std::io;
use std::path::{Path, PathBuf};

/// What every model folder holds.
pub(super) const PARTS: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];

const MAX_SETTINGS: u64 = 16 << 20;

/// Refuses a folder that lacks what every model has. Where weights of another form are there
/// instead, they are refused by name later.
pub(super) fn whole(folder: &Path) -> Result<()> {
    let lacks: Vec<&str> = (PARTS.into_iter())
        .filter(|part| folder.join(part).symlink_metadata().is_err())
        .collect();
    let Some(first) = lacks.first() else {
        return Ok(());
    };
    if lacks == ["model.safetensors"] {
        let others = ["model.safetensors.index.json", "pytorch_model.bin"];
        if others.iter().any(|other| folder.join(other).exists()) {
            return Ok(());
        }
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    names.sort();
    let inner = names.iter().find(|path| path.join("config.json").is_file());
    let advice = match inner {
        _ if !folder.is_dir() => "there is no such folder; download the whole model".into(),
        _ if names.is_empty() => "it is empty; download the model into it".into(),
        Some(inner) => format!("is {} the one that is meant?", inner.display()),
        None => "download the whole model, or save it with save_pretrained".into(),
    };
    let message = format!(
        "{} lacks {}; a model is a folder with {}: {advice}",
        folder.display(),
        lacks.join(", "),
        PARTS.join(", ")
    );
    Err(Error::new(ErrorKind::NotFound, message).with_file(&folder.join(first)))
}

/// Refuses a setting under its name.
pub(super) fn wrong(path: &Path, name: &str, wanted: &str, found: &Value) -> Error {
    let message = format!("{}: {name} must be {wanted}, got {found}", path.display());
    Error::invalid(message).with_file(path)
}

/// Refuses what is no file before it is opened: opening a pipe waits for its other end.
pub(super) fn regular(path: &Path) -> Result<()> {
    let found = std::fs::metadata(path).map_err(|e| match std::fs::read_link(path) {
        Ok(to) if e.kind() == io::ErrorKind::NotFound => {
            let (from, to) = (path.display(), to.display());
            let message =
                format!("{from} is a link to {to}, which is not there; download it again");
            Error::new(ErrorKind::NotFound, message).with_file(path)
        }
        _ => Error::io("cannot open", path, e),
    })?;
    if found.is_file() {
        return Ok(());
    }
    let what = match found.is_dir() {
        true => "a folder",
        false => "a pipe, a socket or a device",
    };
    let message = format!("{} is {what}, expected a file", path.display());
    Err(Error::invalid(message).with_file(path))
}

/// What stands in the place of a model's file when it did not come through, by its first bytes.
pub(super) fn stand_in(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.trim_ascii_start();
    if bytes.is_empty() {
        Some("is empty; download it again")
    } else if bytes.starts_with(b"version https://git-lfs") {
        Some("is a pointer of Git LFS and not the file itself; run git lfs pull")
    } else if text.starts_with(b"<") {
        Some("is a web page and not the model's file; download it again")
    } else {
        None
    }
}

/// The bytes of a JSON file, without the mark that some editors put in front of UTF-8.
pub(super) fn read_json(path: &Path, limit: u64) -> Result<Vec<u8>> {
    regular(path)?;
    let mut bytes = file::read(path, limit)?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    let found = match &bytes[..] {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is UTF-16, expected UTF-8; save it as UTF-8"),
        other => stand_in(other),
    };
    match found {
        None => Ok(bytes),
        Some(what) => Err(Error::invalid(format!("{} {what}", path.display())).with_file(path)),
    }
}

/// Reads a JSON file that must be there.
pub(super) fn required<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = read_json(path, MAX_SETTINGS)?;
    serde_json::from_slice(&bytes).map_err(|e| {
        let said = match e.classify() {
            Category::Data => format!("not the settings expected there: {e}"),
            Category::Eof => format!("it ends too early ({e}); download it again"),
            _ => format!("not JSON: {e}; mend it or download it again"),
        };
        Error::invalid(format!("{}: {said}", path.display()))
            .with_file(path)
            .with_source(e)
    })
}

/// Reads a JSON file that may be missing.
pub(super) fn optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match required(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}
