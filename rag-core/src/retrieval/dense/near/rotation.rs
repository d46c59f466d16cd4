//! A random rotation in O(n log n), after which every number of a vector says about as much as
//! every other, so that four bits suit them all.

use crate::rng::Rng;

/// Rounds of sign flips and Hadamard transforms.
const ROUNDS: usize = 4;

/// Random signs, then the Walsh-Hadamard transform of the longest prefix, or in every other round
/// suffix, whose length is a power of two (as in fast Johnson-Lindenstrauss transforms, Ailon and
/// Chazelle, 2009). Orthogonal, so that products and distances stay what they are.
#[derive(Clone, Debug)]
pub(super) struct Rotation {
    dim: usize,
    /// `ROUNDS * dim` of 1 and -1, over the root of the transform's length.
    signs: Vec<f32>,
}

impl Rotation {
    pub(super) fn new(dim: usize, seed: u64) -> Self {
        let mut rng = Rng::fork(seed, 0x526f_7461);
        let scale = 1.0 / (Self::span(dim) as f32).sqrt();
        let start = dim - Self::span(dim);
        let mut signs = Vec::with_capacity(ROUNDS * dim);
        for round in 0..ROUNDS {
            let first = Self::first(round, start);
            for i in 0..dim {
                let sign = if rng.next_u64() >> 63 == 0 { 1.0 } else { -1.0 };
                let turned = (first..first + Self::span(dim)).contains(&i);
                signs.push(if turned { sign * scale } else { sign });
            }
        }
        Self { dim, signs }
    }

    fn span(dim: usize) -> usize {
        1 << dim.max(1).ilog2()
    }

    fn first(round: usize, start: usize) -> usize {
        if round.is_multiple_of(2) { 0 } else { start }
    }

    /// Turns `x`, which has `dim` numbers, in place.
    pub(super) fn turn(&self, x: &mut [f32]) {
        let span = Self::span(self.dim);
        for (round, signs) in self.signs.chunks_exact(self.dim).enumerate() {
            for (x, sign) in x.iter_mut().zip(signs) {
                *x *= sign;
            }
            let first = Self::first(round, self.dim - span);
            hadamard(&mut x[first..first + span]);
        }
    }

    /// Turns `x` back.
    pub(super) fn turn_back(&self, x: &mut [f32]) {
        let span = Self::span(self.dim);
        for (round, signs) in self.signs.chunks_exact(self.dim).enumerate().rev() {
            let first = Self::first(round, self.dim - span);
            hadamard(&mut x[first..first + span]);
            // The signs carry one over the root of the length, the transform twice its root.
            for (x, sign) in x.iter_mut().zip(signs) {
                *x *= sign;
            }
        }
    }
}

/// The Walsh-Hadamard transform without its scale.
fn hadamard(x: &mut [f32]) {
    let mut half = x.len() / 2;
    while half > 0 {
        for pair in x.chunks_exact_mut(2 * half) {
            let (low, high) = pair.split_at_mut(half);
            for (a, b) in low.iter_mut().zip(high) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_angles_stay() {
        for dim in [1, 2, 3, 8, 100, 384, 1000] {
            let rotation = Rotation::new(dim, 3);
            let mut rng = Rng::new(dim as u64);
            let mut two: Vec<Vec<f32>> = (0..2)
                .map(|_| (0..dim).map(|_| rng.normal() as f32).collect())
                .collect();
            let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(x, y)| x * y).sum() };
            let before = [dot(&two[0], &two[0]), dot(&two[0], &two[1])];
            two.iter_mut().for_each(|x| rotation.turn(x));
            let after = [dot(&two[0], &two[0]), dot(&two[0], &two[1])];
            let mut again = two[0].clone();
            rotation.turn_back(&mut again);
            rotation.turn(&mut again);
            for (a, b) in again.iter().zip(&two[0]) {
                assert!((a - b).abs() < 1e-4, "{dim}: {a} {b}");
            }
            for (a, b) in before.iter().zip(after) {
                assert!((a - b).abs() <= 1e-5 * before[0].max(1.0), "{dim}: {a} {b}");
            }
        }
    }

    #[test]
    fn one_large_number_is_spread_over_all() {
        let rotation = Rotation::new(384, 1);
        for at in [0, 200, 383] {
            let mut x = vec![0.0; 384];
            x[at] = 1.0;
            rotation.turn(&mut x);
            let most = x.iter().fold(0.0f32, |m, x| m.max(x.abs()));
            assert!(most < 0.35, "{most}");
        }
    }
}
