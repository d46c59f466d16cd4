//! Exact medians without sorting: a sample gives two pivots about the middle, one pass counts what
//! is below them and gathers the few between, and the answer is selected among those.
//!
//! Values that equal a pivot are counted and not gathered, so that ratings of few values cost no
//! more. Where a sample misled, everything is gathered: slower, and as exact.

use super::users::Shares;
use crate::kernel::ratings::{CHUNK, Place};
use crate::{kernel, threads};

/// Values that are looked at together.
const BLOCK: usize = 1024;
/// Fewer values are gathered whole.
const FEW: usize = 1 << 11;
/// Standard deviations of a sample's middle that the pivots are apart from it: one sample in two
/// thousand misleads.
const MARGIN: f64 = 3.5;

/// Two numbers that the middle is likely to be between.
pub(super) type Pivots = (f64, f64);

const ALL: Pivots = (f64::NEG_INFINITY, f64::INFINITY);

/// Ratings, or their distances from a centre.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) ratings: &'a [f64],
    pub(super) centre: Option<f64>,
    /// Whether values of 0 are left out.
    pub(super) apart: bool,
    pub(super) threads: usize,
}

impl Values<'_> {
    fn get(&self, i: usize) -> f64 {
        match self.centre {
            Some(centre) => (self.ratings[i] - centre).abs(),
            None => self.ratings[i],
        }
    }

    fn len(&self) -> usize {
        self.ratings.len()
    }

    /// The places of a sample: one in each of as many equal stretches, not in step with anything.
    fn sampled(self) -> impl Iterator<Item = usize> {
        // Selecting in the sample then takes as long as selecting among what it leaves.
        let len = self.len();
        let count = ((MARGIN * 0.5 * len as f64).cbrt().powi(2) as usize).clamp(1, len.max(1));
        let (step, longer) = (len / count, len % count);
        let places = (0..count).map(move |i| {
            let width = (step + usize::from(i < longer)) as u64;
            let jump = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            i * step + i.min(longer) + ((jump * width) >> 24) as usize
        });
        places.filter(move |i| !self.apart || self.get(*i) != 0.0)
    }

    /// The middle value, or the middle of the two of an even number; 0 of none.
    pub(super) fn median(self) -> f64 {
        let pivots = self.pivots();
        let skip = match self.apart {
            true => self.place((0.0, 0.0)).to_low,
            false => 0,
        };
        finish(self.place(pivots), pivots, skip, self.len()).unwrap_or_else(|| self.whole(skip))
    }

    pub(super) fn pivots(self) -> Pivots {
        if self.len() < FEW {
            return ALL;
        }
        let mut sample: Vec<f64> = self.sampled().map(|i| self.get(i)).collect();
        let (middle, last) = (sample.len() / 2, sample.len().saturating_sub(1));
        let reach = (MARGIN * 0.5 * (sample.len() as f64).sqrt()) as usize + 1;
        if middle < reach {
            return ALL;
        }
        let (first, second) = (middle - reach, (middle + reach).min(last));
        let (_, low, above) = sample.select_nth_unstable_by(first, f64::total_cmp);
        let low = *low;
        let high = above.select_nth_unstable_by(second - first - 1, f64::total_cmp);
        (low, *high.1)
    }

    fn place(self, (low, high): Pivots) -> Place {
        let passes = kernel::active().ratings;
        let parts = self.each_chunk(&|chunk, _| match self.centre {
            Some(centre) => (passes.away)(chunk, centre, low, high),
            // The times do not matter here: any finite numbers do.
            None => (passes.survey)(chunk, chunk, low, high).1,
        });
        gather(parts)
    }

    pub(super) fn each_chunk<T: Send>(self, body: &(dyn Fn(&[f64], usize) -> T + Sync)) -> Vec<T> {
        threads::map(self.threads, self.len().div_ceil(CHUNK), &|i| {
            let rest = &self.ratings[i * CHUNK..];
            body(&rest[..CHUNK.min(rest.len())], i * CHUNK)
        })
    }

    /// The median with everything gathered.
    pub(super) fn whole(self, skip: usize) -> f64 {
        finish(self.place(ALL), ALL, skip, self.len()).unwrap_or(0.0)
    }

    /// The median where value `i` counts `shares.at(i)`: the middle of the least value that half
    /// of the shares do not exceed and the least that more than half do not.
    pub(super) fn weighted_median(self, shares: Shares<'_>) -> f64 {
        let pivots = self.weighted_pivots(shares);
        self.weighted_between(shares, pivots)
            .or_else(|| self.weighted_between(shares, ALL))
            .unwrap_or(0.0)
    }

    fn weighted_pivots(self, shares: Shares<'_>) -> Pivots {
        if self.len() < FEW {
            return ALL;
        }
        let mut sample: Vec<(f64, u64)> = self
            .sampled()
            .map(|i| (self.get(i), shares.at(i)))
            .collect();
        sample.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (mut total, mut squares) = (0.0, 0.0);
        for (_, share) in &sample {
            let share = *share as f64;
            total += share;
            squares += share * share;
        }
        let reach = MARGIN * 0.5 * squares.sqrt();
        let (mut low, mut high, mut sum) = (f64::NEG_INFINITY, f64::INFINITY, 0.0);
        for (value, share) in &sample {
            if sum <= 0.5 * total - reach {
                low = *value;
            }
            sum += *share as f64;
            if sum >= 0.5 * total + reach {
                high = *value;
                break;
            }
        }
        (low, high)
    }

    fn weighted_between(self, shares: Shares<'_>, (low, high): Pivots) -> Option<f64> {
        let parts = self.each_chunk(&|chunk, start| {
            let (mut sums, mut between) = ([0u64; 4], Vec::new());
            let (mut values, mut weights) = ([0.0; BLOCK], [0u64; BLOCK]);
            for (block, of) in chunk.chunks(BLOCK).zip(shares.of[start..].chunks(BLOCK)) {
                let values = &mut values[..block.len()];
                let weights = &mut weights[..block.len()];
                for ((value, x), (weight, user)) in
                    values.iter_mut().zip(block).zip(weights.iter_mut().zip(of))
                {
                    *value = self.centre.map_or(*x, |centre| (x - centre).abs());
                    *weight = shares.each[*user as usize];
                }
                for (value, weight) in values.iter().zip(&mut *weights) {
                    *weight = if self.apart && *value == 0.0 {
                        0
                    } else {
                        *weight
                    };
                }
                // A loop for each sum, which the compiler makes wide.
                for (value, weight) in values.iter().zip(&*weights) {
                    sums[0] += if *value < low { *weight } else { 0 };
                }
                for (value, weight) in values.iter().zip(&*weights) {
                    sums[1] += if *value <= low { *weight } else { 0 };
                }
                for (value, weight) in values.iter().zip(&*weights) {
                    sums[2] += if *value <= high { *weight } else { 0 };
                }
                sums[3] += weights.iter().sum::<u64>();
                for (value, weight) in values.iter().zip(&*weights) {
                    if (*value > low) & (*value < high) {
                        between.push((*value, *weight));
                    }
                }
            }
            (sums, between)
        });
        let (mut sums, mut between) = ([0; 4], Vec::new());
        for (part, values) in parts {
            for (sum, more) in sums.iter_mut().zip(part) {
                *sum += more;
            }
            between.extend(values);
        }
        let [below_low, to_low, to_high, total] = sums;
        between.sort_unstable_by(|a: &(f64, u64), b| a.0.total_cmp(&b.0));
        // Shares are whole numbers near the true ones: half is what is half of these within the
        // rounding.
        let rounding = self.len() as u64;
        let enough = |sum: u64| 2 * sum >= total.saturating_sub(rounding);
        let more = |sum: u64| 2 * sum > total + rounding;
        if total == 0 {
            return Some(0.0);
        }
        if enough(below_low) {
            return None;
        }
        let (mut lower, mut sum) = (None, to_low);
        if enough(to_low) {
            lower = Some(low);
        }
        if more(to_low) {
            return Some(low);
        }
        for (value, share) in between {
            sum += share;
            if lower.is_none() && enough(sum) {
                lower = Some(value);
            }
            if more(sum) {
                return lower.map(|lower| between_two(lower, value));
            }
        }
        if lower.is_none() && enough(to_high) {
            lower = Some(high);
        }
        // One value has all the shares that are left above.
        match more(to_high) {
            true => lower.map(|lower| between_two(lower, high)),
            false => None,
        }
    }
}

/// The places of all chunks as one.
pub(super) fn gather(parts: impl IntoIterator<Item = Place>) -> Place {
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    for part in parts {
        all.below_low += part.below_low;
        all.to_low += part.to_low;
        all.to_high += part.to_high;
        all.between.extend(part.between);
    }
    all
}

/// The median of all but the least `skip` of `n` values of which the place is known; none if it
/// is not between the pivots.
pub(super) fn finish(mut place: Place, (low, high): Pivots, skip: usize, n: usize) -> Option<f64> {
    let count = n - skip;
    if count == 0 {
        return Some(0.0);
    }
    let (lower, upper) = (skip + (count - 1) / 2, skip + count / 2);
    let found = place.between.len();
    let (first, last) = (place.to_low, place.to_low + found);
    let outside = |rank: usize| match rank {
        rank if rank < place.below_low => None,
        rank if rank < first => Some(low),
        rank if rank < place.to_high => Some(high),
        _ => None,
    };
    if !(first..last).contains(&upper) {
        let upper = outside(upper)?;
        let lower = match (first..last).contains(&lower) {
            true => place.between.iter().copied().reduce(f64::max)?,
            false => outside(lower)?,
        };
        return Some(between_two(lower, upper));
    }
    let above = outside(lower);
    let (below, value, _) = place
        .between
        .select_nth_unstable_by(upper - first, f64::total_cmp);
    let value = *value;
    let lower = match lower {
        lower if lower == upper => value,
        lower if lower >= first => below.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        _ => above?,
    };
    Some(between_two(lower, value))
}

/// The middle of two values, which must not overflow on the way.
fn between_two(lower: f64, upper: f64) -> f64 {
    let gap = upper - lower;
    match gap.is_finite() {
        true => lower + 0.5 * gap,
        false => 0.5 * lower + 0.5 * upper,
    }
}
