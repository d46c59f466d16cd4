//! Names of tenants, and the folders that belong to them.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Bytes that a tenant's name may have.
pub const MAX_TENANT_BYTES: usize = 64;
/// The folder inside a collection's own in which the engine keeps its stores.
const HOME: &str = "engine";

/// Checks a tenant's name: 1 to [`MAX_TENANT_BYTES`] bytes without control characters.
pub(super) fn check(tenant: &str) -> Result<()> {
    let found = match tenant {
        "" => "an empty one".to_owned(),
        name if name.len() > MAX_TENANT_BYTES => format!("one of {} bytes", name.len()),
        name if name.chars().any(char::is_control) => "one with a control character".to_owned(),
        _ => return Ok(()),
    };
    Err(Error::invalid(format!(
        "a tenant's name has 1 to {MAX_TENANT_BYTES} bytes and no control characters, got {found}"
    )))
}

/// The folder of a store, relative to that of the engine's documents.
pub(super) fn folder(tenant: Option<&str>, store: &str) -> PathBuf {
    match tenant {
        None => Path::new(HOME).join(store),
        Some(name) => of(name).join(store),
    }
}

/// The folder of everything of a tenant, relative to that of the engine's documents.
pub(super) fn of(tenant: &str) -> PathBuf {
    all().join(escaped(tenant))
}

/// A folder's name that no other tenant has, on file systems that fold case too.
fn escaped(tenant: &str) -> String {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let mut name = String::with_capacity(tenant.len());
    for byte in tenant.bytes() {
        match plain(byte) {
            true => name.push(char::from(byte)),
            false => name.push_str(&format!("%{byte:02x}")),
        }
    }
    name
}

/// The tenant whose folder has this name, if one has.
pub(super) fn unescaped(folder: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(folder.len());
    let mut rest = folder.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after.get(..2).and_then(|d| std::str::from_utf8(d).ok())?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|name| check(name).is_ok())
}

/// The folder of all tenants, relative to that of the engine's documents.
pub(super) fn all() -> PathBuf {
    Path::new(HOME).join("tenants")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_tenants_are_their_own() {
        let names = ["a", "A", "%41", "a/b", "..", ".", "ä", "a b", "nul", "-"];
        let mut folders: Vec<String> = names.iter().map(|n| escaped(n)).collect();
        for (name, folder) in names.iter().zip(&folders) {
            assert_eq!(unescaped(folder).as_deref(), Some(*name));
            assert!(!folder.contains(['/', '\\', '.']), "{folder}");
        }
        folders.sort();
        folders.dedup_by_key(|f| f.to_lowercase());
        assert_eq!(folders.len(), names.len());
    }

    #[test]
    fn names_that_are_none_are_refused() {
        let long = "x".repeat(MAX_TENANT_BYTES + 1);
        for name in ["", "a\nb", "\0", &long] {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert!(check("Ärzte & Co. /../ \u{1F600}").is_ok());
    }
}
