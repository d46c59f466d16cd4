//! Time, given from outside, so that what depends on it can be tested and repeated.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the time comes from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> f64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> f64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |d| d.as_secs_f64())
    }
}

/// A clock that stands still until it is moved.
///
/// ```
/// use rag_core::clock::{Clock, ManualClock};
/// let clock = ManualClock::new(100.0);
/// clock.advance(5.0);
/// assert_eq!(clock.now(), 105.0);
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: f64) -> Self {
        Self(AtomicU64::new(now.to_bits()))
    }

    /// Moves the clock by `seconds`.
    pub fn advance(&self, seconds: f64) {
        let now = self.now() + seconds;
        self.0.store(now.to_bits(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::SeqCst))
    }
}

/// The last second of the year 9999.
pub(crate) const MAX_SECONDS: f64 = 253_402_300_799.0;

/// The day of Unix seconds in UTC, as `2026-12-01` (after Hinnant, 2014, "chrono-compatible low-level date
/// algorithms").
pub(crate) fn day(seconds: f64) -> String {
    let days = (seconds.clamp(0.0, MAX_SECONDS) / 86_400.0).floor() as i64 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Unix seconds of the beginning of a day that was written by [`day`]; `None` for anything else.
pub(crate) fn day_begins(text: &str) -> Option<f64> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, of_month) = (parts.next()??, parts.next()??, parts.next()??);
    // Whatever is no date is not written back as it was.
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&of_month)
    {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let of_era = year % 400;
    let month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month + 2) / 5 + of_month - 1;
    let days = year / 400 * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = days as f64 * 86_400.0;
    (day(seconds) == text).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written_and_nothing_else_is() {
        for at in (0..2_932_897).step_by(97).map(|n| f64::from(n) * 86_400.0) {
            assert_eq!(day_begins(&day(at + 86_399.0)), Some(at));
        }
        assert_eq!(day(1_764_547_200.0), "2025-12-01");
        let bad = [
            "",
            "2026",
            "2026-02-30",
            "2026-2-3",
            "2026-00-01",
            "2026-13-01",
            "-1-01-01",
            "1969-12-31",
            "2026-01-99999999999999999999",
            "2026-12-01T",
            "9223372036854775807-01-01",
            "2026-9223372036854775807-9223372036854775807",
        ];
        for text in bad {
            assert_eq!(day_begins(text), None, "{text}");
        }
    }
}
