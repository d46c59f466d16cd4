//! The sum of a text's rows, in whole numbers until the last step.

/// The most dimensions that a model file may have.
pub(super) const MAX_DIM: usize = 512;

/// The largest multiplier of a row: the largest code times it still fits 16 bits.
pub(super) const MAX_MULTIPLIER: u16 = 4095;

/// What a stored code is above its meaning: codes 0 to 15 stand for -8 to 7.
const OFFSET: f64 = 8.0;

/// Rows summed before the narrow sum could overflow: 15 * 4095 * 65,536 < 2^32.
const ROWS: usize = 65_536;

/// A running sum. Byte `i` of a row holds dimension `i` in its low half and dimension
/// `i + dim / 2` in its high half, so that both halves are summed with the same plain loop.
pub(super) struct Sum {
    dim: usize,
    rows: usize,
    /// The sum of the multipliers, from which the offset of all codes follows.
    weight: u64,
    narrow: [u32; MAX_DIM],
    /// Whole numbers below 2^53: exact.
    wide: [f64; MAX_DIM],
}

impl Sum {
    pub(super) fn new(dim: usize) -> Self {
        Sum {
            dim,
            rows: 0,
            weight: 0,
            narrow: [0; MAX_DIM],
            wide: [0.0; MAX_DIM],
        }
    }

    /// Adds one row.
    pub(super) fn add(&mut self, codes: &[u8], multiplier: u16) {
        if self.rows == ROWS {
            self.widen();
        }
        self.rows += 1;
        self.weight += u64::from(multiplier);
        let (low, high) = self.narrow[..self.dim].split_at_mut(self.dim / 2);
        for ((low, high), code) in low.iter_mut().zip(high).zip(codes) {
            *low += u32::from(u16::from(code & 15) * multiplier);
            *high += u32::from(u16::from(code >> 4) * multiplier);
        }
    }

    fn widen(&mut self) {
        for (wide, narrow) in self.wide.iter_mut().zip(&mut self.narrow[..self.dim]) {
            *wide += f64::from(std::mem::take(narrow));
        }
        self.rows = 0;
    }

    /// Writes the sum scaled to length one; false, and nothing written, if it has no length.
    pub(super) fn unit_into(mut self, out: &mut [f32]) -> bool {
        self.widen();
        let offset = OFFSET * self.weight as f64;
        let mut squares = 0.0;
        for wide in &mut self.wide[..self.dim] {
            *wide -= offset;
            squares += *wide * *wide;
        }
        if squares == 0.0 {
            return false;
        }
        let scale = 1.0 / f64::sqrt(squares);
        for (out, wide) in out.iter_mut().zip(&self.wide) {
            *out = (wide * scale) as f32;
        }
        true
    }
}
