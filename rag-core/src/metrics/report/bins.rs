//! Stretches of time, brought to as many points as a chart can show.

use crate::metrics::files::Stretch;
use crate::metrics::minutes::Minute;

/// Most points of a line.
const MAX_BINS: u64 = 120;
/// Lengths that people can read off an axis, in minutes; beyond them, whole days.
const LENGTHS: &[u64] = &[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];

/// Equal stretches one after the other; those in which nothing happened are `None`.
pub(super) struct Bins {
    /// The first minute.
    pub begin: u64,
    /// Minutes of each.
    pub minutes: u64,
    pub sums: Vec<Option<Minute>>,
}

impl Bins {
    /// `None` where nothing happened at all.
    pub fn of(stretches: &[Stretch]) -> Option<Self> {
        let begin = stretches.iter().map(|s| s.figures.minute).min()?;
        let end = |s: &Stretch| s.figures.minute.saturating_add(s.minutes.max(1));
        let end = stretches.iter().map(end).max()?;
        let longest = stretches.iter().map(|s| s.minutes).max()?.max(1);
        let span = end - begin;
        let fits = |length: &&u64| **length >= longest && span.div_ceil(**length) < MAX_BINS;
        let minutes = match LENGTHS.iter().find(fits) {
            Some(length) => *length,
            None => {
                let least = span.div_ceil(MAX_BINS - 1).max(longest);
                least.div_ceil(1440).saturating_mul(1440)
            }
        };
        let begin = begin - begin % minutes;
        let mut sums: Vec<Option<Minute>> = vec![None; (end - begin).div_ceil(minutes) as usize];
        for stretch in stretches {
            let at = stretch.figures.minute.saturating_sub(begin) / minutes;
            if let Some(sum) = sums.get_mut(at as usize) {
                sum.get_or_insert_default().merge(&stretch.figures);
            }
        }
        Some(Self {
            begin,
            minutes,
            sums,
        })
    }

    /// Unix seconds of the beginning of a bin.
    pub fn at(&self, bin: usize) -> f64 {
        (self.begin as f64 + bin as f64 * self.minutes as f64) * 60.0
    }

    /// A figure of each bin; without questions there is none.
    pub fn map(&self, of: impl Fn(&Minute) -> f64) -> Vec<Option<f64>> {
        self.sums.iter().map(|sum| sum.as_ref().map(&of)).collect()
    }

    /// Something that is counted, for each minute; without questions it is 0.
    pub fn a_minute(&self, of: impl Fn(&Minute) -> f64) -> Vec<Option<f64>> {
        let length = self.minutes as f64;
        let count = |sum: &Option<Minute>| Some(sum.as_ref().map_or(0.0, &of) / length);
        self.sums.iter().map(count).collect()
    }
}
