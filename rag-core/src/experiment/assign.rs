//! Who gets what: a hash of the user that stays the same in every version, on every machine and in every language.
//!
//! The hash is FNV-1a of 64 bits (Fowler, Noll and Vo) over the bytes of a salt, a zero byte, and the bytes of the user's name
//! in UTF-8, then the last steps of MurmurHash3 (Appleby, 2011), without which users whose names differ in the last
//! letter only would be near each other. A choice among `n` is the upper half of `hash * n`: whole numbers only.

use crate::error::{Error, Result};

/// Slots that the users of a layer are divided into.
pub const LAYER_SLOTS: usize = 1000;

/// The hash of a user under a salt.
///
/// ```
/// use rag_core::experiment::stable_hash;
/// assert_eq!(stable_hash("ranking", "ann"), 0x14cf_b60d_645e_fc44);
/// ```
pub fn stable_hash(salt: &str, user: &str) -> u64 {
    let bytes = salt.bytes().chain([0]).chain(user.bytes());
    let mut h = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^= h >> 33;
    h = h.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

/// A number below `n` by a hash.
pub(super) fn below(hash: u64, n: u64) -> u64 {
    ((u128::from(hash) * u128::from(n)) >> 64) as u64
}

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
