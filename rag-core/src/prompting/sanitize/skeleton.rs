//! What a text looks like: one byte for each character that looks like ASCII.
//!
//! Tokenizers normalise before they look for role tokens, and a model reads what looks alike as if it were
//! the same, so that role tokens are looked for in the shape of a text. Compatibility forms (full width,
//! mathematical, circled) come from Unicode's decompositions; letters of other scripts and brackets that
//! pass for others from a table after Unicode's list of confusables (UTS 39).

use unicode_normalization_alignments::{UnicodeNormalization, char::is_combining_mark};

/// A character that looks like nothing in ASCII.
const OTHER: u8 = 1;

/// The shape of a text in lower case. Marks have none.
pub(super) struct Skeleton {
    pub(super) bytes: Vec<u8>,
    /// Where the character of each byte begins and ends in the text.
    places: Option<Vec<(u32, u32)>>,
}

impl Skeleton {
    /// `text` has fewer than 4 GiB.
    pub(super) fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self {
                bytes: text.bytes().map(|b| b.to_ascii_lowercase()).collect(),
                places: None,
            };
        }
        let mut bytes = Vec::with_capacity(text.len());
        let mut places = Vec::with_capacity(text.len());
        for (at, c) in text.char_indices() {
            let place = (at as u32, (at + c.len_utf8()) as u32);
            let mut put = |byte: u8| {
                bytes.push(byte.to_ascii_lowercase());
                places.push(place);
            };
            if c.is_ascii() {
                put(c as u8);
            } else if let Some(like) = confusable(c) {
                like.bytes().for_each(put);
            } else if decomposes(c) {
                for (part, _) in std::iter::once(c).nfkd() {
                    match confusable(part) {
                        Some(like) => like.bytes().for_each(&mut put),
                        None if part.is_ascii() => put(part as u8),
                        None if is_combining_mark(part) => {}
                        None => put(OTHER),
                    }
                }
            } else if !is_combining_mark(c) {
                put(if c.is_whitespace() { b' ' } else { OTHER });
            }
        }
        Self {
            bytes,
            places: Some(places),
        }
    }

    /// Where the character of the byte `at` begins in the text.
    pub(super) fn begins(&self, at: usize) -> usize {
        self.places.as_ref().map_or(at, |p| p[at].0 as usize)
    }

    /// Where it ends.
    pub(super) fn ends(&self, at: usize) -> usize {
        self.places.as_ref().map_or(at + 1, |p| p[at].1 as usize)
    }
}

/// Blocks whose characters decompose to ASCII.
fn decomposes(c: char) -> bool {
    matches!(u32::from(c), 0xa0..=0x24f | 0x1d2c..=0x1dbf | 0x1e00..=0x1eff | 0x2000..=0x203f
        | 0x2047..=0x209f | 0x2100..=0x218f | 0x2460..=0x24ff | 0x2a74..=0x2a76 | 0x2c7c..=0x2c7d
        | 0xfb00..=0xfb06 | 0xfe10..=0xfe6f | 0xff01..=0xffee | 0x1d400..=0x1d7ff
        | 0x1f100..=0x1f189 | 0x1fbf0..=0x1fbf9)
}

/// What a character passes for, where Unicode's decompositions do not say so.
fn confusable(c: char) -> Option<&'static str> {
    Some(match c {
        // Brackets, bars, colons, slashes, underscores.
        '‹' | '〈' | '⟨' | '❬' | '❮' | '˂' | 'ᐸ' | '𝈶' | '⧼' | '⦑' | 'く' => {
            "<"
        }
        '›' | '〉' | '⟩' | '❭' | '❯' | '˃' | 'ᐳ' | '𝈷' | '⧽' | '⦒' => ">",
        '«' | '≪' | '《' | '⟪' => "<<",
        '»' | '≫' | '》' | '⟫' => ">>",
        '【' | '〔' | '⟦' | '❲' | '〖' | '⁅' => "[",
        '】' | '〕' | '⟧' | '❳' | '〗' | '⁆' => "]",
        '∣' | '│' | '┃' | '❘' | '⏐' | '丨' | '︱' | '¦' | 'ǀ' | '｜' | '￨' | '❙' | '❚' => {
            "|"
        }
        '∶' | '꞉' | 'ː' | 'ꓽ' | '：' | '︓' | '։' | '׃' | '܃' | '܄' => ":",
        '∕' | '⁄' | '╱' | '⧸' | 'Ⳇ' | '⟋' => "/",
        '▁' | '＿' | '_' | 'ˍ' => "_",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '⁃' => "-",
        // Latin letters that are no variants to Unicode.
        'ı' | 'ɪ' | 'ɩ' | 'ꙇ' | 'ι' | 'і' | 'І' | 'Ι' | 'Ӏ' | 'ӏ' | 'ا' => "i",
        'ɑ' | 'α' | 'а' | 'А' | 'Α' | 'ᴀ' | 'Ꭺ' | 'ꓮ' => "a",
        'ʙ' | 'В' | 'в' | 'Β' | 'β' | 'Ꮟ' | 'ꓐ' | 'ь' | 'Ь' => "b",
        'с' | 'С' | 'ϲ' | 'Ϲ' | 'ᴄ' | 'Ꮯ' | 'ꓚ' => "c",
        'ԁ' | 'Ԁ' | 'ᴅ' | 'Ꭰ' | 'ꓓ' | 'đ' | 'Đ' => "d",
        'е' | 'Е' | 'ε' | 'Ε' | 'ᴇ' | 'Ꭼ' | 'ꓰ' | 'є' | 'Є' | 'ҽ' => "e",
        'ғ' | 'ꜰ' | 'ꓝ' | 'ƒ' => "f",
        'ɡ' | 'ɢ' | 'ց' | 'Ԍ' | 'ꓖ' => "g",
        'һ' | 'Һ' | 'н' | 'Н' | 'Η' | 'ʜ' | 'Ꮋ' | 'ꓧ' | 'հ' => "h",
        'ј' | 'Ј' | 'ϳ' | 'ᴊ' => "j",
        'к' | 'К' | 'κ' | 'Κ' | 'ᴋ' | 'Ꮶ' | 'ꓗ' => "k",
        'ʟ' | 'Ꮮ' | 'ꓡ' | 'ł' | 'Ł' => "l",
        'м' | 'М' | 'Μ' | 'ᴍ' | 'Ꮇ' | 'ꓟ' | 'ϻ' => "m",
        'ո' | 'ռ' | 'Ν' | 'ν' | 'ɴ' | 'ꓠ' | 'η' | 'п' => "n",
        'о' | 'О' | 'ο' | 'Ο' | 'ᴏ' | 'օ' | 'Օ' | 'ꓳ' | 'σ' | 'ø' | 'Ø' | '០' | '०' => {
            "o"
        }
        'р' | 'Р' | 'ρ' | 'Ρ' | 'ᴘ' | 'Ꮲ' | 'ꓑ' => "p",
        'ԛ' | 'Ԛ' | 'զ' => "q",
        'г' | 'ʀ' | 'Ꭱ' | 'ꓣ' | 'ꭇ' | 'ᴦ' => "r",
        'ѕ' | 'Ѕ' | 'ꜱ' | 'Ꮪ' | 'ꓢ' | 'ƽ' | 'Տ' => "s",
        'т' | 'Т' | 'τ' | 'Τ' | 'ᴛ' | 'Ꭲ' | 'ꓔ' => "t",
        'υ' | 'ս' | 'ᴜ' | 'ꓴ' | 'Ս' | 'ʋ' => "u",
        'ѵ' | 'Ѵ' | 'ᴠ' | 'Ꮩ' | 'ꓦ' => "v",
        'ѡ' | 'ԝ' | 'Ԝ' | 'ᴡ' | 'Ꮃ' | 'ꓪ' | 'ω' => "w",
        'х' | 'Х' | 'χ' | 'Χ' | 'ꓫ' => "x",
        'у' | 'У' | 'ү' | 'Ү' | 'Υ' | 'γ' | 'ʏ' | 'Ꮍ' | 'ꓬ' => "y",
        'ᴢ' | 'Ζ' | 'Ꮓ' | 'ꓜ' => "z",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_and_placed() {
        let shape = |text: &str| String::from_utf8(Skeleton::of(text).bytes).unwrap();
        assert_eq!(shape("<|IM_Start|>"), "<|im_start|>");
        assert_eq!(shape("＜｜ｉｍ▁ｓｔａｒｔ｜＞"), "<|im_start|>");
        assert_eq!(shape("Ѕуstеm： 𝐔𝐬𝐞𝐫 Ⓗⓤⓜⓐⓝ á"), "system: user human a");
        let skeleton = Skeleton::of("é«ﬁ");
        assert_eq!(skeleton.bytes, b"e<<fi");
        assert_eq!((skeleton.begins(2), skeleton.ends(2)), (2, 4));
        assert_eq!((skeleton.begins(4), skeleton.ends(4)), (4, 7));
    }
}
