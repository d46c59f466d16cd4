//! How long a server wants to be left alone: the header `Retry-After` (RFC 9110, 10.2.3).

use std::time::Duration;

const DAY: i64 = 86_400;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The time that `value` names, from `now` in seconds since 1970; `None` if it cannot be read.
pub(super) fn retry_after(value: &str, now: f64) -> Option<Duration> {
    let value = value.trim();
    let seconds = match value.parse::<f64>() {
        Ok(seconds) => seconds,
        Err(_) => date(value)? as f64 - now,
    };
    if seconds.is_nan() {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

/// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`, the form that servers send.
fn date(text: &str) -> Option<i64> {
    let text = text.strip_suffix("GMT")?.split_once(',')?.1;
    let mut words = text.split_ascii_whitespace();
    let day = number(words.next()?, 1..=31)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year = number(words.next()?, 1970..=9999)?;
    let mut clock = words.next()?.split(':');
    let mut part = |most| number(clock.next()?, 0..=most);
    let (hour, minute, second) = (part(23)?, part(59)?, part(60)?);
    if words.next().is_some() || clock.next().is_some() {
        return None;
    }
    // Days since 1970 in years that begin in March, so that leap days come last (Hinnant, 2013).
    let shifted = if month > 2 { year } else { year - 1 };
    let (era, of_era) = (shifted / 400, shifted % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * DAY + hour * 3600 + minute * 60 + second)
}

fn number(text: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits && range.contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nothing_else() {
        let now = 784_111_777.0;
        let read = |text| retry_after(text, now).map(|d| d.as_secs_f64());
        assert_eq!(read(" 120 "), Some(120.0));
        assert_eq!(read("0.5"), Some(0.5));
        assert_eq!(read("-3"), Some(0.0));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0.0));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30.0));
        assert_eq!(
            read("Thu, 29 Feb 1996 00:00:00 GMT"),
            Some(825_552_000.0 - now)
        );
        assert_eq!(read("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0.0));
        assert_eq!(retry_after("1e300", now), Some(Duration::MAX));
        assert_eq!(retry_after("inf", now), Some(Duration::MAX));
        for text in [
            "",
            "soon",
            "NaN",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            ", GMT",
            "GMT",
            "Sun, 06 Nov 99999999999 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37:00 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
