//! Rotary positions (Su and others, 2021): numbers `i` and `i + half` of a head of a query or key
//! are a point that is turned by its place times a frequency of its own.

use crate::kernel::{Activation, Sheet};

/// The frequencies of one base.
#[derive(Clone, Debug)]
pub(super) struct Rotary {
    frequencies: Vec<f32>,
}

/// Cosines and sines by place. Grows to the longest text and stays.
#[derive(Debug, Default)]
pub(super) struct Angles {
    turns: Vec<(f32, f32)>,
    places: usize,
}

impl Rotary {
    pub(super) fn new(theta: f64, head: usize) -> Self {
        let power = |i: usize| (1.0 / theta.powf((2 * i) as f64 / head as f64)) as f32;
        Self {
            frequencies: (0..head / 2).map(power).collect(),
        }
    }

    /// Turns the queries and keys of the `length` rows from `first` on.
    pub(super) fn turn<T: Activation>(
        &self,
        qkv: &mut Sheet<T>,
        first: usize,
        length: usize,
        angles: &mut Angles,
    ) {
        let half = self.frequencies.len();
        let turned = qkv.width() / 3 * 2;
        for (place, turns) in self.angles(length, angles).chunks_exact(half).enumerate() {
            let row = &mut qkv.row_mut(first + place)[..turned];
            for head in row.chunks_exact_mut(2 * half) {
                let (a, b) = head.split_at_mut(half);
                for ((a, b), (cos, sin)) in a.iter_mut().zip(b).zip(turns) {
                    let (x, y) = (a.to_f32(), b.to_f32());
                    *a = T::from_f32(x * cos - y * sin);
                    *b = T::from_f32(y * cos + x * sin);
                }
            }
        }
    }

    /// The angle is a product in f32, as where models of this kind are trained.
    fn angles<'a>(&self, length: usize, angles: &'a mut Angles) -> &'a [(f32, f32)] {
        for place in angles.places..length {
            let turns = self.frequencies.iter().map(|frequency| {
                let (sin, cos) = (place as f32 * frequency).sin_cos();
                (cos, sin)
            });
            angles.turns.extend(turns);
        }
        angles.places = angles.places.max(length);
        &angles.turns[..length * self.frequencies.len()]
    }
}
