//! States as JSON.

use crate::error::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Most bytes of a state.
const MAX_BYTES: usize = 256 << 20;
/// Most writers of a state.
const MAX_WRITERS: usize = 100_000;

pub(super) fn write<T: Serialize>(state: &T) -> Result<String> {
    serde_json::to_string(state).map_err(|e| Error::invalid(e.to_string()))
}

pub(super) fn read<T: DeserializeOwned>(json: &str, what: &str) -> Result<T> {
    if json.len() > MAX_BYTES {
        return Err(Error::invalid(format!(
            "the state of {what} has {} bytes, expected at most {MAX_BYTES}",
            json.len()
        )));
    }
    // The parser's own words may repeat what stands there.
    serde_json::from_str(json).map_err(|e| {
        let message = format!(
            "this is not the state of {what}: line {}, column {}; give what to_json wrote",
            e.line(),
            e.column()
        );
        Error::new(ErrorKind::Corrupt, message)
    })
}

pub(super) fn check_format<'a>(
    found: &str,
    want: &str,
    writers: impl ExactSizeIterator<Item = &'a String>,
) -> Result<()> {
    if found != want {
        return Err(corrupt(&format!("its format is not {want}")));
    }
    if writers.len() > MAX_WRITERS {
        return Err(corrupt(&format!("it has more than {MAX_WRITERS} writers")));
    }
    Ok(())
}

pub(super) fn corrupt(what: &str) -> Error {
    let message = format!("this state cannot be read: {what}; give what to_json wrote");
    Error::new(ErrorKind::Corrupt, message)
}
