//! The noise filter: outliers among ratings dropped, the rest weighed by age and by user.
//!
//! The median absolute deviation stays put until half of the ratings are false; the standard
//! deviation is dragged along by the very outliers it should find, and three of them can never
//! be exceeded by one of ten ratings or fewer. Neither sees one voter who votes five hundred
//! times: only counting by user does.

mod median;
mod users;

use crate::error::{Error, Result};
use crate::kernel::ratings::{By, CHUNK, Place, Sums, weigh_all};
use crate::{kernel, threads};
use median::{Values, finish, gather};
use users::{Shares, Users};

crate::option_enum! {
    /// How outliers are found.
    FilterMethod {
        /// Distance from the median in median absolute deviations.
        Mad = "mad",
        /// Distance from the mean in standard deviations.
        Sigma = "sigma",
    }
}

crate::options! {
    /// How ratings are filtered.
    FilterOptions {
        /// The distance, in (estimated) standard deviations, beyond which a rating is dropped.
        sigma: f64 = 3.0, in 0.1..=100.0;
        /// How outliers are found.
        method: FilterMethod = FilterMethod::Mad;
        /// What all ratings of a user may weigh together, where users are told; the newest rating
        /// weighs 1. Infinity sets no cap.
        per_user: f64 = 1.0, in 1e-6..=f64::INFINITY;
        /// Threads for 100,000 ratings and more; all that the machine offers if not given. The
        /// result does not depend on it.
        threads: Option<usize> = None, in 1..=threads::MAX_THREADS;
    }
}

/// Ratings from which on threads are worth waking.
const MANY: usize = 100_000;
/// Pivots for a pass that is asked for no median.
const NOWHERE: (f64, f64) = (f64::INFINITY, f64::INFINITY);

/// What [`filter_feedback`] makes of ratings.
#[derive(Clone, Debug, PartialEq)]
pub struct Filtered {
    /// What each rating counts: 0 if it was dropped, else above 0.
    pub weights: Vec<f64>,
    /// Which ratings were kept.
    pub kept: Vec<bool>,
    /// The weighted mean of the ratings that were kept; NaN if none was.
    pub mean: f64,
    /// How far the mean can be relied on, from 0 for no rating towards 1 for very many: it grows
    /// with their number and falls with their disagreement.
    pub confidence: f64,
}

/// Weights, verdicts, mean and confidence for `ratings` given at the times `at` (unix seconds, in
/// any order) by `users` (an id for each rating, if that is known).
///
/// A rating is kept if it lies within `sigma` standard deviations of the centre. `"mad"` takes the
/// median `m` and estimates the deviation by `MAD / 0.6745`, `MAD` being the median of `|x - m|`
/// (Hampel, 1974; Iglewicz and Hoaglin, 1993). If more than half of the ratings are equal, `MAD`
/// is 0 and measures nothing (it implodes: Rousseeuw and Croux, 1993); these are votes for few
/// values, and then the median is taken of the `|x - m|` that are not 0. So nothing is an outlier
/// among votes for two values, however rare one of them: a rare vote is no error, and a false one
/// is not told from it by its value. `"sigma"` takes the mean and the standard deviation.
///
/// Kept ratings weigh `0.5^(age / half_life)`, the age counted in seconds from the newest kept
/// one, and never less than `2^-1022`; dropped ones weigh 0.
///
/// With `users`, a user whose ratings weigh more than `per_user` together has them scaled down to
/// it, and at the centre and the deviation each of a user's `n` ratings counts
/// `min(1, max(1, per_user) / n)`: whoever votes often neither outvotes the others nor makes them
/// look like outliers.
///
/// The confidence is the credibility `n / (n + v / a)` of a mean (Bühlmann, 1967): `n` is the
/// effective number `(sum w)^2 / sum w^2` of users, or of ratings if users are not told (Kish,
/// 1965); `a = span^2 / 12` is the variance of means of which nothing is known but the span, that
/// is the shortest that has 0, 1 and all kept ratings; `v` is the weighted variance of the kept
/// ratings together with one observation of the greatest variance there can be, `span^2 / 4`
/// (Popoviciu, 1935). One rating has 0.4, ten that agree 0.97, ten that are half 0 and half 1 0.77.
///
/// Empty input gives empty output. O(n); the same bits for every number of threads.
///
/// Fails with `InvalidArgument` if the lengths differ, a number is not finite, or `half_life` is
/// not above 0 (infinity means no decay).
///
/// ```
/// use rag_core::steering::{FilterOptions, filter_feedback};
/// let (ratings, at) = ([0.4, 0.5, 0.6, 0.5, 9.0], [0.0, 60.0, 0.0, 60.0, 600.0]);
/// let found = filter_feedback(&ratings, &at, None, 60.0, &FilterOptions::default())?;
/// assert_eq!(found.kept, [true, true, true, true, false]);
/// // The newest of those kept sets the clock: the outlier does not age the others.
/// assert_eq!(found.weights, [0.5, 1.0, 0.5, 1.0, 0.0]);
///
/// // One who votes three times counts as one of three, not as three of five.
/// let (votes, at, users) = ([0.0, 0.0, 1.0, 1.0, 1.0], [0.0; 5], [1, 2, 3, 3, 3]);
/// let found = filter_feedback(&votes, &at, Some(&users), 60.0, &FilterOptions::default())?;
/// assert!((found.mean - 1.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn filter_feedback(
    ratings: &[f64],
    at: &[f64],
    users: Option<&[u64]>,
    half_life: f64,
    options: &FilterOptions,
) -> Result<Filtered> {
    options.check()?;
    check_lengths(ratings, at, users, half_life)?;
    let threads = match ratings.len() < MANY {
        true => 1,
        false => threads::resolve(options.threads),
    };
    let users = users.map(Users::number);
    let each = users.as_ref().and_then(|u| u.shares(options.per_user));
    let shares = users.as_ref().zip(each.as_ref());
    let shares = shares.map(|(users, each)| Shares {
        of: &users.of,
        each,
    });
    let values = Values {
        ratings,
        centre: None,
        apart: false,
        threads,
    };
    let (centre, deviation, newest) = match options.method {
        FilterMethod::Mad => {
            let pivots = match shares {
                None => values.pivots(),
                Some(_) => NOWHERE,
            };
            let (newest, places) = survey(values, at, pivots)?;
            let centre = match shares {
                None => finish(gather(places), pivots, 0, ratings.len())
                    .unwrap_or_else(|| values.whole(0)),
                Some(shares) => values.weighted_median(shares),
            };
            (centre, deviation(values, centre, shares), newest)
        }
        FilterMethod::Sigma => {
            let (newest, _) = survey(values, at, NOWHERE)?;
            let (mean, deviation) = moments(ratings, shares);
            (mean, deviation, newest)
        }
    };
    let reach = options.sigma * deviation;
    let by = By {
        centre,
        reach,
        newest: newest_kept(ratings, at, &newest, |x| (x - centre).abs() <= reach),
        half_life,
    };
    let (mut weights, kept, mut sums) = weigh_all(ratings, at, &by, threads);
    let mut effective = sums.w * sums.w / sums.ww;
    if let Some(users) = users {
        let totals = users.cap(&mut weights, options.per_user);
        let (w, ww) = totals
            .iter()
            .fold((0.0, 0.0), |(w, ww), t| (w + t, ww + t * t));
        effective = w * w / ww;
        sums = resum(ratings, &weights, centre, threads);
    }
    let mean = match centre + sums.wd / sums.w {
        mean if mean.is_finite() || sums.w == 0.0 => mean,
        // Ratings near the largest number: their sums overflow, their shares in the mean do not.
        _ => ratings
            .iter()
            .zip(&weights)
            .map(|(x, w)| w / sums.w * x)
            .sum(),
    };
    Ok(Filtered {
        confidence: match sums.w > 0.0 {
            true => confidence(effective, &sums),
            false => 0.0,
        },
        weights,
        kept,
        mean,
    })
}

fn check_lengths(ratings: &[f64], at: &[f64], users: Option<&[u64]>, half_life: f64) -> Result<()> {
    let n = ratings.len();
    if n != at.len() {
        let got = at.len();
        return Err(Error::invalid(format!(
            "{n} ratings need as many times, got {got}"
        )));
    }
    if let Some(users) = users
        && (users.len() != n || u32::try_from(n).is_err())
    {
        return Err(Error::invalid(match users.len() == n {
            false => format!("{n} ratings need as many users, got {}", users.len()),
            true => format!("at most {} ratings can have users, got {n}", u32::MAX),
        }));
    }
    if half_life.is_nan() || half_life <= 0.0 {
        return Err(Error::invalid(format!(
            "half_life must be above 0 seconds, got {half_life}"
        )));
    }
    Ok(())
}

/// The newest time of each chunk, and where the ratings lie about the pivots; fails if a number is
/// not finite.
fn survey(
    values: Values<'_>,
    at: &[f64],
    (low, high): (f64, f64),
) -> Result<(Vec<f64>, Vec<Place>)> {
    let pass = kernel::active().ratings.survey;
    let parts =
        values.each_chunk(&|chunk, start| pass(chunk, &at[start..start + chunk.len()], low, high));
    if parts.iter().any(|(found, _)| !found.finite) {
        for (values, what) in [(values.ratings, "rating"), (at, "time")] {
            if let Some(i) = values.iter().position(|v| !v.is_finite()) {
                return Err(Error::invalid(format!(
                    "{what} {i} is {}; every number must be finite",
                    values[i]
                )));
            }
        }
    }
    let parts = parts.into_iter();
    Ok(parts.map(|(found, place)| (found.newest, place)).unzip())
}

/// The newest time of a rating that is kept. A chunk is looked through only if its newest time is
/// newer than what was found.
fn newest_kept(ratings: &[f64], at: &[f64], newest: &[f64], keep: impl Fn(f64) -> bool) -> f64 {
    let mut chunks: Vec<usize> = (0..newest.len()).collect();
    chunks.sort_by(|a, b| newest[*b].total_cmp(&newest[*a]));
    let mut found = f64::NEG_INFINITY;
    for chunk in chunks {
        if newest[chunk] <= found {
            break;
        }
        let places = chunk * CHUNK..ratings.len().min((chunk + 1) * CHUNK);
        for (x, t) in ratings[places.clone()].iter().zip(&at[places]) {
            found = if *t > found && keep(*x) { *t } else { found };
        }
    }
    found
}

/// The sums after the weights were changed.
fn resum(ratings: &[f64], weights: &[f64], centre: f64, threads: usize) -> Sums {
    let (ratings, weights): (Vec<_>, Vec<_>) =
        ratings.chunks(CHUNK).zip(weights.chunks(CHUNK)).unzip();
    let pass = kernel::active().ratings.sums;
    let parts = threads::map(threads, ratings.len(), &|i| {
        pass(ratings[i], weights[i], centre)
    });
    parts.into_iter().fold(Sums::NONE, Sums::plus)
}

/// `n / (n + v / a)` as [`filter_feedback`] has it, `v` and `a` both in units of the squared span.
fn confidence(n: f64, sums: &Sums) -> f64 {
    let span = sums.range.1.max(1.0) - sums.range.0.min(0.0);
    let away = sums.wd / sums.w;
    let variance = (sums.wdd / sums.w - away * away).max(0.0) / span / span;
    // What overflows is no agreement.
    let variance = match variance.is_finite() {
        true => variance.min(0.25),
        false => 0.25,
    };
    let v = (n * variance + 0.25) / (n + 1.0);
    n / (n + 12.0 * v)
}

/// The median, and the median of the absolute deviations from it.
pub(super) fn mad(values: &[f64]) -> (f64, f64) {
    let mut values = Values {
        ratings: values,
        centre: None,
        apart: false,
        threads: 1,
    };
    let centre = values.median();
    values.centre = Some(centre);
    (centre, values.median())
}

/// The robust estimate of the standard deviation about the median.
fn deviation(values: Values<'_>, centre: f64, shares: Option<Shares<'_>>) -> f64 {
    let away = Values {
        centre: Some(centre),
        ..values
    };
    let mut spread = match shares {
        None => away.median(),
        Some(shares) => away.weighted_median(shares),
    };
    if spread == 0.0 {
        let apart = Values {
            apart: true,
            ..away
        };
        spread = match shares {
            None => apart.median(),
            Some(shares) => apart.weighted_median(shares),
        };
    }
    spread / 0.6745
}

fn moments(values: &[f64], shares: Option<Shares<'_>>) -> (f64, f64) {
    if values.len() < 2 {
        return (values.first().copied().unwrap_or(0.0), 0.0);
    }
    let (mean, squares) = match shares {
        None => {
            let n = values.len() as f64;
            let mean = sum(values, |x| x) / n;
            (mean, sum(values, |x| (x - mean) * (x - mean)) / (n - 1.0))
        }
        Some(shares) => {
            let each = || {
                let shared = |(i, x): (usize, &f64)| (*x, shares.at(i) as f64);
                values.iter().enumerate().map(shared)
            };
            let total: f64 = each().map(|(_, s)| s).sum();
            let mean = each().map(|(x, s)| s * x).sum::<f64>() / total;
            let squares: f64 = each().map(|(x, s)| s * (x - mean) * (x - mean)).sum();
            let own: f64 = each().map(|(_, s)| s * s).sum();
            (mean, squares / (total - own / total).max(f64::MIN_POSITIVE))
        }
    };
    // A spread that is only the rounding of the mean must not drop equal ratings.
    let rounding = 1e-12 * mean.abs();
    (mean, squares.sqrt().max(rounding))
}

/// The sum of `of(x)` in eight lanes.
fn sum(values: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        for (lane, x) in lanes.iter_mut().zip(eight) {
            *lane += of(*x);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane += of(*x);
    }
    lanes.iter().sum()
}
