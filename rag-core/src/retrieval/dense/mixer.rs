//! Where a key's slot is looked up.

use std::hash::Hasher;

/// A hash for numbers: a filter looks up very many of them. One product mixes them well enough for
/// a table that only costs time where somebody chooses keys that collide.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u32(&mut self, x: u32) {
        self.write_u64(x.into());
    }

    fn write_u64(&mut self, x: u64) {
        let both = u128::from(self.0 ^ x ^ 0x2545_F491_4F6C_DD1D) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (both as u64) ^ (both >> 64) as u64;
    }
}
