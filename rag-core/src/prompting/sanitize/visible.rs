//! Which characters of somebody else's text are kept: those that a reader sees.
//!
//! Characters that show nothing carry messages that only a model reads, and split role tokens so that no
//! pattern finds them. A few have a use in writing (joiners of Arabic and Indic letters, sequences of
//! emoji) and stay exactly where they have it.

use std::borrow::Cow;

/// `text` without control, bidirectional and invisible characters, its line ends as `\n`.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    let plain = |b: &u8| matches!(b, b'\n' | b'\t' | b' '..=b'~');
    let Some(first) = text.bytes().position(|b| !plain(&b)) else {
        return Cow::Borrowed(text);
    };
    // Where the first doubtful character is, whole characters end.
    let mut out = String::with_capacity(text.len());
    out.push_str(&text[..first]);
    let mut previous = out.chars().next_back();
    let mut rest = text[first..].chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        let kept = match c {
            '\r' if next == Some('\n') => continue,
            '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            '\n' | '\t' | ' '..='~' => c,
            _ if shows(c) || joins(previous, c, next) => c,
            _ => continue,
        };
        out.push(kept);
        previous = Some(kept);
    }
    match out.len() == text.len() && out == text {
        true => Cow::Borrowed(text),
        false => Cow::Owned(out),
    }
}

/// Whether a character shows something of its own.
///
/// What does not: controls, and what Unicode calls default ignorable (version 16), with the fillers, the
/// interlinear marks and the non-characters.
fn shows(c: char) -> bool {
    !matches!(u32::from(c),
        0..=0x1f | 0x7f..=0x9f | 0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5
        | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164
        | 0xfdd0..=0xfdef | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0xfffe..=0xffff
        | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
        && u32::from(c) & 0xfffe != 0xfffe
}

/// Whether a character that shows nothing has a use between these two.
fn joins(previous: Option<char>, c: char, next: Option<char>) -> bool {
    let Some(previous) = previous else {
        return false;
    };
    match c {
        '\u{200d}' if is_emoji(previous) || previous == '\u{fe0f}' => next.is_some_and(is_emoji),
        '\u{200c}' | '\u{200d}' => is_shaped(previous) && next.is_some_and(is_shaped),
        // Drawn as text or as a picture; a digit in a keycap is another.
        '\u{fe0e}' | '\u{fe0f}' => {
            is_emoji(previous)
                || matches!(previous, '0'..='9' | '#' | '*') && next == Some('\u{20e3}')
        }
        '\u{180b}'..='\u{180d}' | '\u{180f}' => matches!(previous, '\u{1820}'..='\u{18aa}'),
        _ => false,
    }
}

/// Letters whose form depends on their neighbours: Arabic, Syriac, Indic, Tibetan, Myanmar, Khmer, Mongolian.
fn is_shaped(c: char) -> bool {
    shows(c)
        && matches!(u32::from(c), 0x620..=0x8ff | 0x900..=0xdff | 0xf40..=0xfbc | 0x1000..=0x109f
            | 0x1780..=0x17d3 | 0x1820..=0x18aa | 0xfb50..=0xfdcf | 0xfe70..=0xfefc)
}

fn is_emoji(c: char) -> bool {
    matches!(u32::from(c), 0xa9 | 0xae | 0x203c | 0x2049 | 0x2122 | 0x2139 | 0x2190..=0x21ff
        | 0x2300..=0x23ff | 0x24c2 | 0x25a0..=0x27bf | 0x2900..=0x297f | 0x2b00..=0x2bff | 0x3030
        | 0x303d | 0x3297 | 0x3299 | 0x1f000..=0x1faff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writing_needs_stays() {
        for kept in [
            "plain\ttext\n",
            "naïve café, 東京, 12 °C",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}💻 ❤\u{fe0f} 1\u{fe0f}\u{20e3} 👍🏽 🇫🇷",
            "❤\u{fe0f}\u{200d}🔥",
            "\u{1820}\u{180b}",
        ] {
            assert!(matches!(visible(kept), Cow::Borrowed(_)), "{kept:?}");
        }
    }

    #[test]
    fn what_nobody_sees_goes() {
        for (text, want) in [
            ("a\u{200b}b\u{feff}c\u{ad}d\u{2060}", "abcd"),
            ("a\u{202e}b\u{2066}c\u{2069}\u{200f}", "abc"),
            ("a\u{e0001}\u{e0041}\u{e007f}\u{fe01}\u{e0100}b", "ab"),
            (
                "a\u{fe0f}\u{200d}b 👍\u{200d}\u{200d}\u{fe0f}\u{fe0f}",
                "ab 👍\u{fe0f}",
            ),
            (
                "1\r\n2\r3\u{2028}4\u{85}5\u{b}6\0\u{1b}[31m",
                "1\n2\n3\n4\n5\n6[31m",
            ),
            ("\u{200b}", ""),
            ("\u{3164}\u{115f}\u{1ffff}x", "x"),
        ] {
            assert_eq!(visible(text), want, "{text:?}");
        }
    }
}
