//! Who gets what: by a hash of the user ([`stable_hash`]) that is the same everywhere. A choice among `n` is the upper
//! half of `hash * n`: whole numbers only.

use crate::error::{Error, Result};
pub(super) use crate::rng::scaled as below;
pub use crate::rng::stable_hash;

/// Slots that the users of a layer are divided into.
pub const LAYER_SLOTS: usize = 1000;

/// Which of several has a hash, by their weights.
pub(super) fn weighted(hash: u64, weights: impl Iterator<Item = u64> + Clone) -> usize {
    let mut left = below(hash, weights.clone().sum());
    for (i, weight) in weights.enumerate() {
        if left < weight {
            return i;
        }
        left -= weight;
    }
    0
}

/// A name of something in an experiment.
pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    let found = match name {
        "" => "an empty one".to_owned(),
        name if name.len() > super::MAX_NAME => format!("one of {} bytes", name.len()),
        name if name.chars().any(char::is_control) => "one with a control character".to_owned(),
        _ => return Ok(()),
    };
    Err(Error::invalid(format!(
        "{what} has 1 to {} bytes and no control characters, got {found}",
        super::MAX_NAME
    )))
}
