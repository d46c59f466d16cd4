//! How values are spread: counts in buckets whose width is a 64th of a power of two.
//!
//! A value is told by its bucket's middle with a relative error of at most 1/128. Buckets are counted in atomics,
//! in as many copies as there are processors, so that threads neither wait for each other nor share a cache line,
//! and a fork finds nothing locked. HDR histograms (Tene, 2012) divide the same way.

use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Bits of a float's mantissa that tell its bucket.
const FINE: u32 = 6;
/// Values up to 2^LOW are in the first bucket.
const LOW: i32 = -30;
/// Values above 2^HIGH are in the last bucket.
const HIGH: i32 = 34;
/// One below, 64 an octave; the last takes what is above as well.
const BUCKETS: usize = 1 + (((HIGH - LOW) as usize) << FINE);

/// The bucket of a value: the one whose upper bound is the least that is not below it.
fn bucket(value: f64) -> u16 {
    // Also for what is no number.
    if value.is_nan() || value <= edge(0) {
        return 0;
    }
    // The floats just below and at a bound have neighbouring bits: one less puts the bound into the bucket below it.
    let bits = (value.to_bits() - 1) >> (52 - FINE);
    let first = (((1023 + LOW) as u64) << FINE) - 1;
    ((bits - first) as usize).min(BUCKETS - 1) as u16
}

/// The upper bound of a bucket, which belongs to it.
fn edge(bucket: u16) -> f64 {
    let bits = (((1023 + LOW) as u64) << FINE) + u64::from(bucket);
    f64::from_bits(bits << (52 - FINE))
}

/// The middle of a bucket.
fn middle(bucket: u16) -> f64 {
    match bucket {
        0 => 0.0,
        _ => 0.5 * (edge(bucket - 1) + edge(bucket)),
    }
}

/// How values were spread. Two of them add up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spread {
    /// Buckets that hold something, ascending, and how many values.
    buckets: Vec<(u16, u64)>,
    sum: f64,
    max: f64,
}

impl Spread {
    /// Counts a value; one that is negative or no number is left out.
    pub fn record(&mut self, value: f64) {
        if !(value.is_finite() && value >= 0.0) {
            return;
        }
        let at = bucket(value);
        match self.buckets.binary_search_by_key(&at, |(b, _)| *b) {
            Ok(i) => self.buckets[i].1 += 1,
            Err(i) => self.buckets.insert(i, (at, 1)),
        }
        self.sum += value;
        self.max = self.max.max(value);
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Spread) {
        let mut all = Vec::with_capacity(self.buckets.len().max(other.buckets.len()));
        let (mut a, mut b) = (
            self.buckets.iter().peekable(),
            other.buckets.iter().peekable(),
        );
        loop {
            let next = match (a.peek(), b.peek()) {
                (Some(x), Some(y)) if x.0 == y.0 => (x.0, x.1.saturating_add(y.1)),
                (Some(x), Some(y)) => **if x.0 < y.0 { x } else { y },
                (Some(x), None) => **x,
                (None, Some(y)) => **y,
                (None, None) => break,
            };
            a.next_if(|x| x.0 == next.0);
            b.next_if(|y| y.0 == next.0);
            all.push(next);
        }
        self.buckets = all;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.buckets
            .iter()
            .fold(0, |n, (_, more)| n.saturating_add(*more))
    }

    /// Their sum, exact up to rounding.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The largest, exactly; 0 without any.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Their mean, exact up to rounding; 0 without any.
    pub fn mean(&self) -> f64 {
        self.sum / self.count().max(1) as f64
    }

    /// The least value that a share `q` of all values is not above, off by at most 1/128 of it; 0 without any.
    ///
    /// ```
    /// use rag_core::metrics::Spread;
    /// let mut spread = Spread::default();
    /// (1..=100).for_each(|ms| spread.record(f64::from(ms) / 1000.0));
    /// assert!((spread.quantile(0.95) / 0.095 - 1.0).abs() < 1.0 / 128.0);
    /// assert_eq!(spread.quantile(1.0), 0.1);
    /// ```
    pub fn quantile(&self, q: f64) -> f64 {
        let count = self.count();
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
        if rank >= count {
            return self.max;
        }
        let mut below = 0u64;
        for (at, n) in &self.buckets {
            below = below.saturating_add(*n);
            if below >= rank {
                return middle(*at).min(self.max);
            }
        }
        self.max
    }

    /// Whether what was read from elsewhere can be what was recorded.
    pub(super) fn is_sound(&self) -> bool {
        let amount = |x: f64| x.is_finite() && x >= 0.0;
        let known = |(at, n): &(u16, u64)| usize::from(*at) < BUCKETS && *n > 0;
        amount(self.sum)
            && amount(self.max)
            && self.buckets.iter().all(known)
            && self.buckets.is_sorted_by(|a, b| a.0 < b.0)
    }

    /// How many values are not above a power of two, exactly.
    pub(super) fn up_to(&self, bound: f64) -> u64 {
        let below = self.buckets.iter().take_while(|(at, _)| edge(*at) <= bound);
        below.fold(0, |n, (_, more)| n.saturating_add(*more))
    }
}

/// The copy that the calling thread counts in.
pub(super) fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        mine.get()
    })
}

/// How many copies there are of everything that is counted: a power of two, about a copy for a processor.
pub(super) fn lanes() -> usize {
    let processors = std::thread::available_parallelism().map_or(4, |n| n.get());
    processors.next_power_of_two().min(16)
}

/// Adds to a float64 that is kept as bits.
pub(super) fn add_real(to: &AtomicU64, more: f64) {
    let mut before = to.load(Ordering::Relaxed);
    loop {
        let after = (f64::from_bits(before) + more).to_bits();
        match to.compare_exchange_weak(before, after, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => before = now,
        }
    }
}

/// What one lane has counted, on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Lane {
    sum: AtomicU64,
    /// Floats that are not negative are ordered as their bits.
    max: AtomicU64,
    buckets: Box<[AtomicU64]>,
}

/// A [`Spread`] that many threads record in at once.
#[derive(Debug)]
pub(super) struct Lanes(Box<[Lane]>);

impl Lanes {
    pub fn new() -> Self {
        let lane = |_| Lane {
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
        };
        Self((0..lanes()).map(lane).collect())
    }

    pub fn record(&self, value: f64) {
        if !(value.is_finite() && value >= 0.0) {
            return;
        }
        let lane = &self.0[lane() & (self.0.len() - 1)];
        lane.buckets[usize::from(bucket(value))].fetch_add(1, Ordering::Relaxed);
        add_real(&lane.sum, value);
        // Mostly it is not the largest, and a load leaves the line where it is.
        if lane.max.load(Ordering::Relaxed) < value.to_bits() {
            lane.max.fetch_max(value.to_bits(), Ordering::Relaxed);
        }
    }

    /// What was recorded so far. Records that come meanwhile may be counted in a part of it.
    pub fn spread(&self) -> Spread {
        let mut all = Spread::default();
        for at in 0..BUCKETS {
            let n: u64 = self
                .0
                .iter()
                .map(|l| l.buckets[at].load(Ordering::Relaxed))
                .sum();
            if n > 0 {
                all.buckets.push((at as u16, n));
            }
        }
        for lane in &self.0 {
            all.sum += f64::from_bits(lane.sum.load(Ordering::Relaxed));
            all.max = all
                .max
                .max(f64::from_bits(lane.max.load(Ordering::Relaxed)));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        for at in 0..BUCKETS as u16 {
            assert_eq!(bucket(edge(at)), at);
            let above = f64::from_bits(edge(at).to_bits() + 1);
            assert_eq!(
                usize::from(bucket(above)),
                (usize::from(at) + 1).min(BUCKETS - 1)
            );
        }
        for value in [0.0, -1.0, -0.0, f64::MIN_POSITIVE, f64::NAN] {
            assert_eq!(bucket(value), 0, "{value}");
        }
        assert_eq!(usize::from(bucket(f64::INFINITY)), BUCKETS - 1);
    }

    proptest! {
        /// Against sorting all values, and against the histogram that everybody knows.
        #[test]
        fn quantiles_are_those_of_the_sorted_values(
            logs in prop::collection::vec(-16.0f64..8.0, 1..300), split in 0usize..300,
        ) {
            let values: Vec<f64> = logs.iter().map(|x| x.exp()).collect();
            let lanes = Lanes::new();
            let (mut left, mut right) = (Spread::default(), Spread::default());
            let mut reference = hdrhistogram::Histogram::<u64>::new_with_bounds(1, 1 << 50, 3).unwrap();
            for (i, value) in values.iter().enumerate() {
                lanes.record(*value);
                if i < split { left.record(*value) } else { right.record(*value) }
                reference.record((value * 1e9) as u64).unwrap();
            }
            left.merge(&right);
            let all = lanes.spread();
            prop_assert_eq!(&all.buckets, &left.buckets);
            prop_assert!((all.sum - left.sum).abs() <= 1e-12 * all.sum);
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            for q in [0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0] {
                let rank = ((q * values.len() as f64).ceil() as usize).max(1);
                let exact = sorted[rank - 1];
                let found = all.quantile(q);
                prop_assert!((found / exact - 1.0).abs() <= 1.0 / 128.0, "{} {} {}", q, found, exact);
                // It counts whole nanoseconds.
                let theirs = reference.value_at_quantile(q) as f64 / 1e9;
                prop_assert!((found - theirs).abs() <= 0.01 * theirs + 1e-9, "{} {} {}", q, found, theirs);
            }
            for power in [-10, 0, 3] {
                let bound = f64::powi(2.0, power);
                let exact = values.iter().filter(|v| **v <= bound).count() as u64;
                prop_assert_eq!(all.up_to(bound), exact);
            }
        }
    }

    #[test]
    fn what_is_no_size_is_left_out_and_nothing_has_zeros() {
        let lanes = Lanes::new();
        for value in [f64::NAN, f64::INFINITY, -1.0] {
            lanes.record(value);
        }
        let none = lanes.spread();
        assert_eq!(
            (none.count(), none.sum(), none.max(), none.mean()),
            (0, 0.0, 0.0, 0.0)
        );
        assert_eq!(none.quantile(0.5), 0.0);
        lanes.record(1e300);
        assert_eq!(lanes.spread().quantile(0.5), 1e300);
    }

    #[test]
    fn threads_lose_nothing() {
        let lanes = Lanes::new();
        std::thread::scope(|scope| {
            for t in 0..8 {
                let lanes = &lanes;
                scope.spawn(move || (0..1000).for_each(|i| lanes.record(f64::from(t * 1000 + i))));
            }
        });
        let all = lanes.spread();
        assert_eq!((all.count(), all.max()), (8000, 7999.0));
        assert_eq!(all.sum(), 7999.0 * 4000.0);
    }
}
