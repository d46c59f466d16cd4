//! A query as the router keeps it: a direction in bytes, and a few numbers of it.
//!
//! Only the direction counts. Everything that is learnt is learnt from the bytes and not from the
//! floats that they were rounded from, so that it can be had again from what is saved.

use crate::Rng;
use crate::kernel::active;

/// Numbers that a query becomes for the residuals, besides the constant.
pub(super) const FEATURES: usize = 16;
/// The constant and the features.
pub(super) const SIZE: usize = FEATURES + 1;
/// Numbers that a longer query becomes for the ridge.
pub(super) const SKETCH: usize = 128;
/// Bytes are padded to whole registers.
const LANE: usize = 64;
/// One for all routers, so that what they learnt can be put together.
const SEED: u64 = 0x7261_6763_6f72_6531;

/// One query.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Query {
    /// The direction: the largest number is 127 in size. Empty for no query in particular.
    pub codes: Vec<i8>,
}

impl Query {
    pub fn new(vector: &[f32]) -> Self {
        let largest = vector.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        if largest == 0.0 {
            return Self::default();
        }
        let scale = 127.0 / f64::from(largest);
        // Half away from zero, without the call that rounding is where the processor has none.
        let code = |x: &f32| {
            let y = f64::from(*x) * scale;
            (y + 0.5f64.copysign(y)) as i8
        };
        Self {
            codes: vector.iter().map(code).collect(),
        }
    }

    pub fn is_none(&self) -> bool {
        self.codes.is_empty()
    }
}

/// The length of a direction in bytes.
pub(super) fn norm(codes: &[i8]) -> f32 {
    // Sums of so few fit 32 bits, which processors add many of at once.
    let part = |codes: &[i8]| codes.iter().map(|c| i32::from(*c).pow(2)).sum::<i32>();
    let squares: i64 = codes.chunks(4096).map(|c| i64::from(part(c))).sum();
    (squares as f64).sqrt() as f32
}

/// Bytes of a padded row of `dim`.
pub(super) fn padded(dim: usize) -> usize {
    dim.next_multiple_of(LANE)
}

/// A number that tells directions apart, and spreads them evenly.
pub(super) fn key(codes: &[i8]) -> u64 {
    let mut state = SEED ^ codes.len() as u64;
    for chunk in codes.chunks(8) {
        let mut word = [0u8; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = from.cast_unsigned();
        }
        state ^= u64::from_le_bytes(word);
        state = crate::rng::splitmix64(&mut state);
    }
    state
}

/// What turns directions of one dimension into features.
#[derive(Clone, Debug)]
pub(super) struct Lens {
    dim: usize,
    /// [`FEATURES`] rows of normal numbers (Johnson and Lindenstrauss, 1984); none where the
    /// dimension is no larger.
    rows: Vec<f32>,
    /// Where each number goes in a sketch, and with which sign (Charikar, Chen and Farach-Colton,
    /// 2002); none where the dimension is no larger than [`SKETCH`].
    places: Vec<(u16, f32)>,
}

impl Lens {
    pub fn new(dim: usize) -> Self {
        let mut rng = Rng::new(SEED);
        let rows = match dim <= FEATURES {
            true => Vec::new(),
            false => (0..FEATURES * dim).map(|_| rng.normal() as f32).collect(),
        };
        let places = match dim <= SKETCH {
            true => Vec::new(),
            false => {
                // Every bucket gets as many numbers as the others, give or take one.
                let mut places: Vec<u16> = (0..dim).map(|i| (i % SKETCH) as u16).collect();
                rng.shuffle(&mut places);
                let sign = |rng: &mut Rng| if rng.below(2) == 0 { 1.0 } else { -1.0 };
                places.into_iter().map(|p| (p, sign(&mut rng))).collect()
            }
        };
        Self { dim, rows, places }
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Numbers of a sketch.
    pub fn sketch_size(&self) -> usize {
        self.dim.min(SKETCH)
    }

    /// The direction at unit length.
    pub fn unit(codes: &[i8]) -> Vec<f32> {
        let norm = norm(codes);
        codes.iter().map(|c| f32::from(*c) / norm).collect()
    }

    /// The constant and the features of a unit direction; of no query, the constant alone.
    pub fn features(&self, unit: &[f32]) -> Vec<f64> {
        let mut z = vec![0.0; SIZE];
        z[0] = 1.0;
        if unit.is_empty() {
            return z;
        }
        if self.rows.is_empty() {
            let scale = (self.dim as f64).sqrt();
            for (z, x) in z[1..].iter_mut().zip(unit) {
                *z = scale * f64::from(*x);
            }
            return z;
        }
        let dot = active().dot;
        for (z, row) in z[1..].iter_mut().zip(self.rows.chunks_exact(self.dim)) {
            *z = f64::from(dot(row, unit));
        }
        z
    }

    /// The sketch of a unit direction into `out`.
    pub fn sketch(&self, unit: &[f32], out: &mut [f32]) {
        if self.places.is_empty() {
            out.copy_from_slice(unit);
            return;
        }
        out.fill(0.0);
        for (x, (place, sign)) in unit.iter().zip(&self.places) {
            out[usize::from(*place)] += sign * x;
        }
    }
}
