//! Passes over ratings: where they lie about two pivots, and what each weighs by its age.
//!
//! Each pass is written once in plain Rust, in lanes whose order is fixed and without fused
//! products, and compiled for each instruction set: every row, and every number of threads, gives
//! the same bits.
#![allow(unsafe_code)]

use crate::threads;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

/// Ratings of one task. Sums are taken task by task, so this number is part of the results.
pub(crate) const CHUNK: usize = 1 << 16;
/// Ratings that a pass goes over several times while they are near.
const BLOCK: usize = 1024;
const LANES: usize = 8;

/// The passes of one instruction set.
#[derive(Debug)]
pub(crate) struct Ratings {
    /// `survey(ratings, at, low, high)`: whether all is finite, the newest time, and the place of
    /// the ratings.
    pub survey: Look,
    /// `away(ratings, centre, low, high)`: the place of the distances from a centre.
    pub away: fn(&[f64], f64, f64, f64) -> Place,
    /// `weigh(ratings, at, by, weights, kept)`: writes every weight and verdict.
    pub weigh: Weigh,
    /// `sums(ratings, weights, centre)`: what the weights of 0 or more say of the ratings.
    pub sums: fn(&[f64], &[f64], f64) -> Sums,
}

type Look = fn(&[f64], &[f64], f64, f64) -> (Survey, Place);
type Weigh = fn(&[f64], &[f64], &By, &mut [MaybeUninit<f64>], &mut [MaybeUninit<bool>]) -> Sums;

/// What is found beside the place of the ratings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Survey {
    pub finite: bool,
    pub newest: f64,
}

/// Where values lie about the pivots `low <= high`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub below_low: usize,
    pub to_low: usize,
    pub to_high: usize,
    /// The values between the pivots, in their order.
    pub between: Vec<f64>,
}

/// What a weight is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By {
    pub centre: f64,
    /// The greatest distance from the centre that is kept.
    pub reach: f64,
    pub newest: f64,
    pub half_life: f64,
}

/// Sums over the ratings `x` that weigh `w > 0`, `d` being `x` less the centre.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums {
    pub w: f64,
    pub ww: f64,
    pub wd: f64,
    pub wdd: f64,
    /// The least and the greatest of them.
    pub range: (f64, f64),
}

impl Sums {
    pub(crate) const NONE: Sums = Sums {
        w: 0.0,
        ww: 0.0,
        wd: 0.0,
        wdd: 0.0,
        range: (f64::INFINITY, f64::NEG_INFINITY),
    };

    pub(crate) fn plus(self, other: Sums) -> Sums {
        Sums {
            w: self.w + other.w,
            ww: self.ww + other.ww,
            wd: self.wd + other.wd,
            wdd: self.wdd + other.wdd,
            range: (
                self.range.0.min(other.range.0),
                self.range.1.max(other.range.1),
            ),
        }
    }
}

/// Weights and verdicts of all ratings, and their sums. The slices are of one length.
pub(crate) fn weigh_all(
    ratings: &[f64],
    at: &[f64],
    by: &By,
    threads: usize,
) -> (Vec<f64>, Vec<bool>, Sums) {
    let n = ratings.len();
    let (mut weights, mut kept) = (Vec::with_capacity(n), Vec::with_capacity(n));
    let pieces = weights.spare_capacity_mut()[..n].chunks_mut(CHUNK);
    let pieces: Vec<_> = pieces
        .zip(kept.spare_capacity_mut()[..n].chunks_mut(CHUNK))
        .zip(ratings.chunks(CHUNK).zip(at.chunks(CHUNK)))
        .map(Mutex::new)
        .collect();
    let weigh = super::active().ratings.weigh;
    let parts = threads::map(threads, pieces.len(), &|i| {
        let mut piece = pieces[i].lock().unwrap_or_else(PoisonError::into_inner);
        let ((weights, kept), (ratings, at)) = &mut *piece;
        weigh(ratings, at, by, weights, kept)
    });
    drop(pieces);
    // SAFETY: both have room for `n`, the pieces cover those, and `weigh` has written the whole of
    // each piece or has panicked, and then this is not reached.
    unsafe {
        weights.set_len(n);
        kept.set_len(n);
    }
    (
        weights,
        kept,
        parts.into_iter().fold(Sums::NONE, Sums::plus),
    )
}

#[inline(always)]
fn survey(ratings: &[f64], at: &[f64], low: f64, high: f64) -> (Survey, Place) {
    assert_eq!(ratings.len(), at.len(), "a time for each rating");
    let (mut bad, mut newest) = ([0u64; LANES], [f64::NEG_INFINITY; LANES]);
    let mut place = Place::default();
    let mut look = |k: usize, x: f64, t: f64| {
        bad[k] += u64::from(!x.is_finite()) + u64::from(!t.is_finite());
        newest[k] = if t > newest[k] { t } else { newest[k] };
    };
    for (ratings, at) in ratings.chunks(BLOCK).zip(at.chunks(BLOCK)) {
        let ((xs, x_rest), (ts, t_rest)) = (ratings.as_chunks::<LANES>(), at.as_chunks::<LANES>());
        for (x, t) in xs.iter().zip(ts) {
            for k in 0..LANES {
                look(k, x[k], t[k]);
            }
        }
        for (k, (x, t)) in x_rest.iter().zip(t_rest).enumerate() {
            look(k, *x, *t);
        }
        place_block::<false>(ratings, 0.0, low, high, &mut place);
    }
    let survey = Survey {
        finite: bad.iter().sum::<u64>() == 0,
        newest: newest.into_iter().fold(f64::NEG_INFINITY, f64::max),
    };
    (survey, place)
}

#[inline(always)]
fn away(ratings: &[f64], centre: f64, low: f64, high: f64) -> Place {
    let mut place = Place::default();
    for block in ratings.chunks(BLOCK) {
        place_block::<true>(block, centre, low, high, &mut place);
    }
    place
}

#[inline(always)]
fn place_block<const AWAY: bool>(
    block: &[f64],
    centre: f64,
    low: f64,
    high: f64,
    place: &mut Place,
) {
    let value = |x: f64| if AWAY { (x - centre).abs() } else { x };
    let mut counts = [[0u64; LANES]; 3];
    let mut count = |k: usize, v: f64| {
        counts[0][k] += u64::from(v < low);
        counts[1][k] += u64::from(v <= low);
        counts[2][k] += u64::from(v <= high);
    };
    let (lanes, rest) = block.as_chunks::<LANES>();
    for x in lanes {
        for (k, x) in x.iter().enumerate() {
            count(k, value(*x));
        }
    }
    for (k, x) in rest.iter().enumerate() {
        count(k, value(*x));
    }
    let total = |c: [u64; LANES]| c.iter().sum::<u64>() as usize;
    let [below_low, to_low, to_high] = counts.map(total);
    place.below_low += below_low;
    place.to_low += to_low;
    place.to_high += to_high;
    if to_high == to_low {
        return;
    }
    let mut flags = [0u8; BLOCK];
    for (flag, x) in flags.iter_mut().zip(block) {
        let v = value(*x);
        *flag = u8::from((v > low) & (v < high));
    }
    // Eight flags at once: most groups have none or one.
    let (groups, _) = flags.as_chunks::<LANES>();
    for (i, group) in groups.iter().enumerate() {
        let mut set = u64::from_le_bytes(*group);
        while set != 0 {
            let x = block[i * LANES + set.trailing_zeros() as usize / 8];
            place.between.push(value(x));
            set &= set - 1;
        }
    }
}

#[inline(always)]
fn weigh(
    ratings: &[f64],
    at: &[f64],
    by: &By,
    weights: &mut [MaybeUninit<f64>],
    kept: &mut [MaybeUninit<bool>],
) -> Sums {
    let n = ratings.len();
    assert!(
        at.len() == n && weights.len() == n && kept.len() == n,
        "a time, a weight and a verdict for each rating"
    );
    let mut acc = Lanes::default();
    let mut near = [0.0; BLOCK];
    // Divisions would take longer than all the rest.
    let halvings = 1.0 / by.half_life.max(f64::MIN_POSITIVE);
    let inputs = ratings.chunks(BLOCK).zip(at.chunks(BLOCK));
    let outputs = weights.chunks_mut(BLOCK).zip(kept.chunks_mut(BLOCK));
    for ((ratings, at), (weights, kept)) in inputs.zip(outputs) {
        let near = &mut near[..ratings.len()];
        for (((x, t), w), kept) in ratings.iter().zip(at).zip(&mut *near).zip(kept) {
            let age = by.newest - t;
            let age = if age < f64::MAX { age } else { f64::MAX };
            let keep = (x - by.centre).abs() <= by.reach;
            let weight = halved(exactly(age * halvings, age, by.half_life));
            *w = if keep { weight } else { 0.0 };
            kept.write(keep);
        }
        for (weight, w) in weights.iter_mut().zip(&*near) {
            weight.write(*w);
        }
        acc.add(ratings, near, by.centre);
    }
    acc.total()
}

/// Adding this leaves the nearest whole number in the lowest bits: 1.5 * 2^52.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// The whole number near the quotient `about` if that is the true quotient of `a` and `b`.
#[inline(always)]
fn exactly(about: f64, a: f64, b: f64) -> f64 {
    let whole = (about + ROUND) - ROUND;
    if whole * b == a { whole } else { about }
}

/// `2^-x` for `x` from 0 to 1022, beyond that `2^-1022`: a rating that is kept never weighs
/// nothing. Relative error below 4e-14, and none for whole `x`.
#[inline(always)]
fn halved(x: f64) -> f64 {
    /// `(2^f - 1) / f` for `f` within a half: the polynomial through its values at the nine nodes
    /// of Chebyshev.
    const POWERS: [f64; 9] = [
        std::f64::consts::LN_2,
        0.240_226_506_958_129_9,
        0.055_504_108_664_760_424,
        0.009_618_129_159_402_558,
        0.001_333_355_817_904_311_2,
        0.000_154_034_558_524_538_38,
        1.525_268_684_626_772e-5,
        1.325_522_487_866_881_7e-6,
        1.020_312_106_339_172_9e-7,
    ];
    let x = if x < 1022.0 { -x } else { -1022.0 };
    let shifted = x + ROUND;
    let part = x - (shifted - ROUND);
    let mut power = POWERS[8];
    for c in POWERS[..8].iter().rev() {
        power = power * part + c;
    }
    power = power * part + 1.0;
    // The whole number goes into the exponent; the bits above it are shifted out.
    let exponent = (shifted.to_bits() << 52).wrapping_add(1023 << 52);
    power * f64::from_bits(exponent)
}

/// The sums of [`Sums`] in lanes, more than a register has: additions wait for each other.
const WIDE: usize = 16;
type Wide = [f64; WIDE];

struct Lanes {
    w: Wide,
    ww: Wide,
    wd: Wide,
    wdd: Wide,
    low: Wide,
    high: Wide,
}

impl Default for Lanes {
    fn default() -> Self {
        let zeros = [0.0; WIDE];
        Self {
            w: zeros,
            ww: zeros,
            wd: zeros,
            wdd: zeros,
            low: [f64::INFINITY; WIDE],
            high: [f64::NEG_INFINITY; WIDE],
        }
    }
}

impl Lanes {
    /// Adds a block.
    #[inline(always)]
    fn add(&mut self, ratings: &[f64], weights: &[f64], centre: f64) {
        let (xs, x_rest) = ratings.as_chunks::<WIDE>();
        let (ws, w_rest) = weights.as_chunks::<WIDE>();
        self.add_lanes(xs, ws, centre);
        if !x_rest.is_empty() {
            let (mut x, mut w) = ([0.0; WIDE], [0.0; WIDE]);
            x[..x_rest.len()].copy_from_slice(x_rest);
            w[..w_rest.len()].copy_from_slice(w_rest);
            self.add_lanes(&[x], &[w], centre);
        }
    }

    /// A loop for each sum: of several in one the compiler makes no wide instructions.
    #[inline(always)]
    fn add_lanes(&mut self, xs: &[Wide], ws: &[Wide], centre: f64) {
        let of_kept = |w: f64, x: f64, other: f64| if w > 0.0 { x } else { other };
        let away = |x: f64, w: f64| of_kept(w, x - centre, 0.0);
        each(&mut self.w, xs, ws, |sum, _, w| sum + w);
        each(&mut self.ww, xs, ws, |sum, _, w| sum + w * w);
        each(&mut self.wd, xs, ws, |sum, x, w| sum + w * away(x, w));
        each(&mut self.wdd, xs, ws, |sum, x, w| {
            sum + w * away(x, w) * away(x, w)
        });
        each(&mut self.low, xs, ws, |low, x, w| {
            let x = of_kept(w, x, f64::INFINITY);
            if x < low { x } else { low }
        });
        each(&mut self.high, xs, ws, |high, x, w| {
            let x = of_kept(w, x, f64::NEG_INFINITY);
            if x > high { x } else { high }
        });
    }

    #[inline(always)]
    fn total(&self) -> Sums {
        let least = self.low.into_iter().fold(f64::INFINITY, f64::min);
        let most = self.high.into_iter().fold(f64::NEG_INFINITY, f64::max);
        Sums {
            w: self.w.iter().sum(),
            ww: self.ww.iter().sum(),
            wd: self.wd.iter().sum(),
            wdd: self.wdd.iter().sum(),
            range: (least, most),
        }
    }
}

#[inline(always)]
fn each(lanes: &mut Wide, xs: &[Wide], ws: &[Wide], step: impl Fn(f64, f64, f64) -> f64) {
    let mut sums = *lanes;
    for (x, w) in xs.iter().zip(ws) {
        for k in 0..WIDE {
            sums[k] = step(sums[k], x[k], w[k]);
        }
    }
    *lanes = sums;
}

#[inline(always)]
fn sums(ratings: &[f64], weights: &[f64], centre: f64) -> Sums {
    let mut acc = Lanes::default();
    for (ratings, weights) in ratings.chunks(BLOCK).zip(weights.chunks(BLOCK)) {
        acc.add(ratings, weights, centre);
    }
    acc.total()
}

/// As the build's own instruction set has it; on ARM that is NEON.
pub(super) static PLAIN: Ratings = Ratings {
    survey,
    away,
    weigh,
    sums,
};

#[cfg(target_arch = "x86_64")]
macro_rules! compiled {
    ($set:ident, $features:literal, $($pass:ident($($arg:ident: $type:ty),+) -> $out:ty;)+) => {
        pub(super) static $set: Ratings = {
            $(fn $pass($($arg: $type),+) -> $out {
                #[target_feature(enable = $features)]
                fn entry($($arg: $type),+) -> $out {
                    super::ratings::$pass($($arg),+)
                }
                // SAFETY: the row is handed out only where the processor has the features.
                unsafe { entry($($arg),+) }
            })+
            Ratings { $($pass),+ }
        };
    };
    ($set:ident, $features:literal) => {
        compiled! { $set, $features,
            survey(ratings: &[f64], at: &[f64], low: f64, high: f64) -> (Survey, Place);
            away(ratings: &[f64], centre: f64, low: f64, high: f64) -> Place;
            weigh(ratings: &[f64], at: &[f64], by: &By, weights: &mut [MaybeUninit<f64>],
                kept: &mut [MaybeUninit<bool>]) -> Sums;
            sums(ratings: &[f64], weights: &[f64], centre: f64) -> Sums;
        }
    };
}

#[cfg(target_arch = "x86_64")]
compiled!(AVX2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
compiled!(AVX512, "avx512f,avx512bw,avx512dq,avx512vl");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    fn weighed(row: &Ratings, x: &[f64], t: &[f64], by: &By) -> (Vec<u64>, Vec<bool>, Sums) {
        let mut weights = vec![MaybeUninit::new(f64::NAN); x.len()];
        let mut kept = vec![MaybeUninit::new(false); x.len()];
        let sums = (row.weigh)(x, t, by, &mut weights, &mut kept);
        // SAFETY: both were made of values.
        let bits = weights.iter().map(|w| unsafe { w.assume_init() }.to_bits());
        // SAFETY: as above.
        let kept = kept.iter().map(|k| unsafe { k.assume_init() });
        (bits.collect(), kept.collect(), sums)
    }

    #[test]
    fn every_row_gives_the_same_bits() {
        let mut rng = Rng::new(3);
        let by = By {
            centre: 0.1,
            reach: 1.2,
            newest: 1e6,
            half_life: 7e4,
        };
        for n in (0..40).chain(1020..1032).chain([2048, 2049, 5000]) {
            let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let t: Vec<f64> = (0..n).map(|_| 1e6 * rng.uniform()).collect();
            let (weights, kept, sums) = weighed(&PLAIN, &x, &t, &by);
            let known: Vec<f64> = weights.iter().map(|w| f64::from_bits(*w)).collect();
            let placed = |row: &Ratings, away| match away {
                true => (row.away)(&x, 0.1, 0.5, 0.7),
                false => (row.survey)(&x, &t, -0.1, 0.3).1,
            };
            for row in crate::kernel::available() {
                let got = weighed(row.ratings, &x, &t, &by);
                assert_eq!((&got.0, &got.1), (&weights, &kept), "{} {n}", row.name);
                let again = (row.ratings.sums)(&x, &known, 0.1);
                let told = |sums: &Sums| format!("{sums:?}");
                assert_eq!(told(&got.2), told(&sums), "{} {n}", row.name);
                assert_eq!(told(&again), told(&sums), "{} {n}", row.name);
                for away in [true, false] {
                    let (got, want) = (placed(row.ratings, away), placed(&PLAIN, away));
                    assert_eq!(format!("{got:?}"), format!("{want:?}"), "{} {n}", row.name);
                    let value = |x: f64| if away { (x - 0.1).abs() } else { x };
                    let (low, high) = if away { (0.5, 0.7) } else { (-0.1, 0.3) };
                    let count =
                        |f: &dyn Fn(f64) -> bool| x.iter().filter(|x| f(value(**x))).count();
                    assert_eq!(got.below_low, count(&|v| v < low));
                    assert_eq!(got.to_low, count(&|v| v <= low));
                    assert_eq!(got.to_high, count(&|v| v <= high));
                    assert_eq!(got.between.len(), count(&|v| v > low && v < high));
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_seen_in_every_lane() {
        for row in crate::kernel::available() {
            for n in [1, 7, 8, 9, 1024, 1030] {
                let fine = vec![0.5; n];
                let finite = |x: &[f64], t: &[f64]| (row.ratings.survey)(x, t, 0.0, 1.0).0.finite;
                assert!(finite(&fine, &fine));
                for place in (0..n).step_by(1 + n / 50).chain([n - 1]) {
                    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                        let mut wrong = fine.clone();
                        wrong[place] = bad;
                        assert!(
                            !finite(&wrong, &fine) && !finite(&fine, &wrong),
                            "{n} {place}"
                        );
                    }
                }
            }
        }
    }
}
