//! The examples that a query is most like.
//!
//! Directions lie in cells around centres, about as many as the root of their number; a query is
//! compared with the centres, then with the directions of the nearest cells, until enough were seen.
//! Products of bytes are exact, so the neighbours are the same on every machine.

use super::query::{Query, norm, padded};
use crate::kernel::active;

/// The most neighbours that are asked for.
pub(super) const MOST: usize = 128;
/// So many directions are compared at least, if there are as many.
const SEEN: usize = 4 * MOST;
/// Times that the centres are moved to the middle of their cells.
const ROUNDS: usize = 4;

/// Directions in cells.
#[derive(Clone, Debug)]
pub(super) struct Neighbours {
    stride: usize,
    centres: Vec<i8>,
    centre_norms: Vec<f32>,
    /// Where each cell begins in `rows`, and where the last one ends.
    starts: Vec<usize>,
    /// The example of each place, by cell.
    rows: Vec<u32>,
    codes: Vec<i8>,
    norms: Vec<f32>,
    /// 0, 1, 2...: the places, as the kernel wants them.
    places: Vec<u32>,
}

/// A neighbour: the example and how far it is, as a squared distance of unit vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Near {
    pub row: u32,
    pub distance: f32,
}

/// Reused between searches.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch {
    query: Vec<i8>,
    sums: Vec<i32>,
    cells: Vec<(f32, u32)>,
    keys: Vec<u64>,
    pub near: Vec<Near>,
}

impl Near {
    /// A number that sorts as distance and row do: distances are not negative, so that their bits
    /// ascend with them.
    fn key(self) -> u64 {
        u64::from(self.distance.to_bits()) << 32 | u64::from(self.row)
    }

    fn of_key(key: u64) -> Self {
        Self {
            row: key as u32,
            distance: f32::from_bits((key >> 32) as u32),
        }
    }
}

impl Neighbours {
    /// Of queries that have a direction; the others have no neighbours and are none.
    pub fn new(queries: &[Query], dim: usize) -> Self {
        let stride = padded(dim);
        let with: Vec<u32> = (0..queries.len() as u32)
            .filter(|i| !queries[*i as usize].is_none())
            .collect();
        let n = with.len();
        let row = |i: u32, out: &mut [i8]| out[..dim].copy_from_slice(&queries[i as usize].codes);
        let mut codes = vec![0i8; n * stride];
        for (i, out) in with.iter().zip(codes.chunks_exact_mut(stride)) {
            row(*i, out);
        }
        let norms: Vec<f32> = codes.chunks_exact(stride).map(norm).collect();
        let count = ((n as f64).sqrt() as usize).max(1).min(n);
        // The order of the examples is that of a hash: the first are as good as drawn by lot.
        let mut centres = codes[..count * stride].to_vec();
        let mut nearest = vec![0usize; n];
        for _ in 0..ROUNDS {
            assign(&codes, stride, &centres, &mut nearest);
            centres = middles(&codes, stride, &norms, &nearest, count);
        }
        assign(&codes, stride, &centres, &mut nearest);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|i| (nearest[*i], *i));
        let starts = (0..=count)
            .map(|c| order.partition_point(|i| nearest[*i] < c))
            .collect();
        let gather = |i: &usize| codes[i * stride..(i + 1) * stride].iter().copied();
        Self {
            stride,
            centre_norms: centres.chunks_exact(stride.max(1)).map(norm).collect(),
            centres,
            starts,
            rows: order.iter().map(|i| with[*i]).collect(),
            codes: order.iter().flat_map(gather).collect(),
            norms: order.iter().map(|i| norms[*i]).collect(),
            places: (0..n as u32).collect(),
        }
    }

    /// The `MOST` nearest, nearest first, into `scratch.near`; never the example `without`.
    pub fn search(&self, query: &Query, without: Option<u32>, scratch: &mut Scratch) {
        scratch.near.clear();
        scratch.keys.clear();
        if self.rows.is_empty() || query.is_none() {
            return;
        }
        let own = norm(&query.codes);
        scratch.query.clear();
        scratch.query.extend_from_slice(&query.codes);
        scratch.query.resize(self.stride, 0);
        let bytes = active().codes.bytes;
        let centres = self.centre_norms.len();
        scratch.sums.resize(centres.max(self.rows.len()), 0);
        let sums = &mut scratch.sums;
        bytes(
            &scratch.query,
            &self.centres,
            &self.places[..centres],
            &mut sums[..centres],
        );
        scratch.cells.clear();
        let nearness = sums.iter().zip(&self.centre_norms);
        let cells = nearness.enumerate().map(|(c, (sum, norm))| {
            let cosine = *sum as f32 / norm.max(1.0);
            (-cosine, c as u32)
        });
        scratch.cells.extend(cells);
        scratch
            .cells
            .sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (_, cell) in &scratch.cells {
            let (from, to) = (self.starts[*cell as usize], self.starts[*cell as usize + 1]);
            let sums = &mut sums[..to - from];
            bytes(&scratch.query, &self.codes, &self.places[from..to], sums);
            for (place, sum) in (from..to).zip(sums.iter()) {
                let cosine = *sum as f32 / (own * self.norms[place]);
                let row = self.rows[place];
                if Some(row) != without {
                    // Adding zero makes the negative zero positive.
                    let distance = (2.0 - 2.0 * cosine).max(0.0) + 0.0;
                    scratch.keys.push(Near { row, distance }.key());
                }
            }
            if scratch.keys.len() >= SEEN {
                break;
            }
        }
        if scratch.keys.len() > MOST {
            scratch.keys.select_nth_unstable(MOST - 1);
            scratch.keys.truncate(MOST);
        }
        scratch.keys.sort_unstable();
        let near = scratch.keys.iter().copied().map(Near::of_key);
        scratch.near.extend(near);
    }
}

fn assign(codes: &[i8], stride: usize, centres: &[i8], nearest: &mut [usize]) {
    let bytes = active().codes.bytes;
    let norms: Vec<f32> = centres.chunks_exact(stride).map(norm).collect();
    let all: Vec<u32> = (0..norms.len() as u32).collect();
    let mut sums = vec![0; norms.len()];
    for (row, nearest) in codes.chunks_exact(stride).zip(nearest) {
        bytes(row, centres, &all, &mut sums);
        let cosine = |c: usize| sums[c] as f32 / norms[c].max(1.0);
        *nearest = (1..norms.len()).fold(0, |best, c| match cosine(c) > cosine(best) {
            true => c,
            false => best,
        });
    }
}

/// The mean directions of the cells; of an empty one, nothing, which nobody is near to.
fn middles(codes: &[i8], stride: usize, norms: &[f32], nearest: &[usize], count: usize) -> Vec<i8> {
    let mut sums = vec![0.0f64; count * stride];
    for ((row, norm), cell) in codes.chunks_exact(stride).zip(norms).zip(nearest) {
        let to = &mut sums[cell * stride..(cell + 1) * stride];
        for (to, code) in to.iter_mut().zip(row) {
            *to += f64::from(*code) / f64::from(*norm);
        }
    }
    let mut middles = vec![0i8; count * stride];
    for (from, to) in sums
        .chunks_exact(stride)
        .zip(middles.chunks_exact_mut(stride))
    {
        let largest = from.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        for (to, x) in to.iter_mut().zip(from) {
            *to = (x / largest.max(f64::MIN_POSITIVE) * 127.0).round() as i8;
        }
    }
    middles
}
