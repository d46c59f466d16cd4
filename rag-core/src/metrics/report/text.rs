//! Numbers and names as they stand on the page.

use super::chart::Unit;
use crate::clock::day;
use std::borrow::Cow;

/// A name as HTML and SVG take it, in text and between quotation marks.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || hidden(c);
    if !text.contains(special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if hidden(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// What is not seen, or turns the direction of the text after it.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Three figures, without zeros at the end.
fn short(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return "0".to_owned();
    }
    let places = (2.0 - x.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    let text = format!("{x:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

pub(super) fn number(x: f64, unit: Unit) -> String {
    let scaled = |steps: &[(f64, &str)]| {
        // What is rounded up to the next step is told by it.
        let found = steps.iter().find(|(least, _)| x.abs() * 1.000_5 >= *least);
        let (least, name) = found.or(steps.last()).copied().unwrap_or((1.0, ""));
        format!("{}{name}", short(x / least))
    };
    match unit {
        _ if x == 0.0 => "0".to_owned(),
        Unit::Seconds => scaled(&[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs")]),
        Unit::Share => format!("{}%", short(x * 100.0)),
        Unit::Count if x.abs() < 1000.0 => short(x),
        Unit::Count => scaled(&[(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]),
    }
}

/// The time of the day, in UTC.
pub(super) fn time(at: f64) -> String {
    let minute = (at / 60.0) as u64;
    format!("{:02}:{:02}", minute / 60 % 24, minute % 60)
}

/// The month and the day.
pub(super) fn date(at: f64) -> String {
    day(at).chars().skip(5).collect()
}

pub(super) fn moment(at: f64) -> String {
    format!("{} {}", day(at), time(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_figures_and_a_unit() {
        let cases = [
            (0.0123, Unit::Seconds, "12.3 ms"),
            (0.000_004_56, Unit::Seconds, "4.56 µs"),
            (2.5, Unit::Seconds, "2.5 s"),
            (0.999_9, Unit::Seconds, "1 s"),
            (0.0, Unit::Seconds, "0"),
            (0.005, Unit::Share, "0.5%"),
            (1.0, Unit::Share, "100%"),
            (999.0, Unit::Count, "999"),
            (1250.0, Unit::Count, "1.25k"),
            (3.2e6, Unit::Count, "3.2M"),
            (0.25, Unit::Count, "0.25"),
        ];
        for (x, unit, want) in cases {
            assert_eq!(number(x, unit), want);
        }
    }

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(
            escape("a<b>&\"'\u{202e}\n"),
            "a&lt;b&gt;&amp;&quot;&#39;\u{fffd}\u{fffd}"
        );
        assert!(matches!(escape("local"), Cow::Borrowed(_)));
    }
}
