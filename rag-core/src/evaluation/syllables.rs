//! How many syllables an English word has, by its letters.
//!
//! The count is that of runs of vowels, less the vowels that are written and not spoken, more the
//! places where two vowels of a run are spoken apart. What no rule tells is in a list.

/// Words that the rules get wrong, with their plurals where these follow from them.
const EXCEPTIONS: &[(&str, usize)] = &[
    ("abalone", 4),
    ("aches", 1),
    ("acne", 2),
    ("aisle", 1),
    ("albeit", 3),
    ("alien", 3),
    ("aliens", 3),
    ("anemone", 4),
    ("anyone", 3),
    ("apache", 3),
    ("apostrophe", 4),
    ("boa", 2),
    ("business", 2),
    ("businesses", 3),
    ("cafe", 2),
    ("cashier", 2),
    ("canyon", 2),
    ("canyons", 2),
    ("catastrophe", 4),
    ("caveat", 3),
    ("cement", 2),
    ("chelsea", 2),
    ("chloe", 2),
    ("clothes", 1),
    ("colonel", 2),
    ("conscience", 2),
    ("coyote", 3),
    ("crooked", 2),
    ("diabetes", 4),
    ("element", 3),
    ("elements", 3),
    ("embed", 2),
    ("epitome", 4),
    ("european", 4),
    ("europeans", 4),
    ("evening", 2),
    ("evenings", 2),
    ("extraordinary", 5),
    ("eye", 1),
    ("eyes", 1),
    ("facsimile", 4),
    ("fiery", 3),
    ("friend", 1),
    ("friends", 1),
    ("frontier", 2),
    ("george", 1),
    ("guinea", 2),
    ("headaches", 2),
    ("hyperbole", 4),
    ("ideal", 3),
    ("ideals", 3),
    ("infrared", 3),
    ("isle", 1),
    ("jeopardy", 3),
    ("karate", 3),
    ("koala", 3),
    ("leopard", 2),
    ("linear", 3),
    ("maybe", 2),
    ("moped", 2),
    ("naive", 2),
    ("naked", 2),
    ("nevertheless", 4),
    ("noah", 2),
    ("nuclear", 3),
    ("nuclei", 3),
    ("oasis", 3),
    ("overseas", 3),
    ("parliament", 3),
    ("people", 2),
    ("peoples", 2),
    ("phoebe", 2),
    ("premier", 2),
    ("psyche", 2),
    ("ragged", 2),
    ("recipe", 3),
    ("recipes", 3),
    ("righteous", 2),
    ("rugged", 2),
    ("salesman", 2),
    ("sesame", 3),
    ("simile", 3),
    ("soldier", 2),
    ("soldiers", 2),
    ("stomachs", 2),
    ("theatre", 3),
    ("theatres", 3),
    ("vehement", 3),
    ("wednesday", 2),
    ("wicked", 2),
    ("wretched", 2),
    ("zoe", 2),
];

/// Two neighbouring vowels that are spoken apart: letters, and after how many of them the cut
/// stands. `^` is the beginning of the word, `$` its end.
const APART: &[(&str, usize)] = &[
    ("ia", 1),
    ("io", 1),
    ("iu", 1),
    ("iet", 1),
    ("scien", 3),
    ("rienc", 2),
    ("rient", 2),
    ("dien", 2),
    ("pient", 2),
    ("iesc", 1),
    ("clien", 3),
    ("hier", 2),
    ("lier", 2),
    ("ier$", 1),
    ("iers$", 1),
    ("iest$", 1),
    ("creat", 3),
    ("^react", 2),
    ("reali", 2),
    ("^theat", 3),
    ("^ideal", 3),
    ("ea$", 1),
    ("eas$", 1),
    ("eo", 1),
    ("seum", 2),
    ("leum", 2),
    ("bient", 2),
    ("eity", 1),
    ("cleu", 3),
    ("uclea", 4),
    ("cleic", 3),
    ("rmea", 3),
    ("linea", 4),
    ("eing", 1),
    ("oing", 1),
    ("uing", 1),
    ("iing", 1),
    ("aing", 1),
    ("eist", 1),
    ("^reinf", 2),
    ("^reinv", 2),
    ("^reite", 2),
    ("^reimb", 2),
    ("oali", 1),
    ("oale", 1),
    ("oev", 1),
    ("oem", 1),
    ("oet", 1),
    ("coef", 2),
    ("coex", 2),
    ("oic$", 1),
    ("oics$", 1),
    ("oical", 1),
    ("^coinc", 2),
    ("cooper", 2),
    ("coord", 2),
    ("zool", 2),
    ("ua", 1),
    ("uel", 1),
    ("uenc", 1),
    ("uent", 1),
    ("uet", 1),
    ("uer$", 1),
    ("uers$", 1),
    ("uid", 1),
    ("ruin", 2),
    ("nuin", 2),
    ("uity", 1),
    ("tuiti", 2),
    ("tuito", 2),
    ("suici", 2),
    ("uous", 1),
    ("uo$", 1),
    ("nuum", 2),
    ("ao", 1),
    ("aic", 1),
    ("yer$", 1),
    ("yers$", 1),
    ("ying", 1),
    ("cya", 2),
    ("hya", 2),
    ("hye", 2),
    ("myo", 2),
    ("ryo", 2),
];

/// Exceptions to [`APART`]: the run is spoken as one after all. The number says where the cut that
/// is taken back would stand.
const TOGETHER: &[(&str, usize)] = &[
    ("cia", 2),
    ("tia", 2),
    ("sia$", 2),
    ("sian", 2),
    ("gia$", 2),
    ("gian$", 2),
    ("iage", 1),
    ("lliant", 3),
    ("liar$", 2),
    ("lian$", 2),
    ("tion", 2),
    ("sion", 2),
    ("cion", 2),
    ("gion", 2),
    ("xion", 2),
    ("hion", 2),
    ("llion", 3),
    ("nion", 2),
    ("nior", 2),
    ("vior", 2),
    ("cious", 2),
    ("tious", 2),
    ("xious", 2),
    ("gious", 2),
    ("gium", 2),
    ("tient", 2),
    ("cient", 2),
    ("creatu", 3),
    ("geon", 2),
    ("geous", 2),
    ("jeop", 2),
    ("yeo", 2),
    ("suad", 2),
    ("suav", 2),
    ("suag", 2),
    ("gua", 2),
    ("guid", 2),
    ("guing", 2),
    ("wyer", 2),
];

/// What [`TOGETHER`] takes back and is apart all the same.
const APART_AFTER_ALL: &[(&str, usize)] = &[
    ("ciat", 2),
    ("ciar", 2),
    ("scien", 3),
    ("tiat", 2),
    ("tio$", 2),
    ("arguing", 4),
];

/// Parts of compounds whose last `e` is not spoken, whatever follows.
const FIRST_PARTS: &[&str] = &[
    "base", "care", "date", "else", "face", "file", "fire", "fore", "frame", "gate", "guide",
    "hedge", "here", "home", "horse", "house", "life", "like", "live", "more", "name", "nine",
    "nose", "note", "page", "pipe", "safe", "score", "share", "side", "some", "space", "stage",
    "stake", "state", "take", "there", "time", "trade", "where", "white", "whole", "wide", "wire",
];
/// Words that begin like such a compound and are none.
const NO_COMPOUNDS: &[&str] = &[
    "hered", "heres", "heret", "homeos", "homeop", "homer", "liver", "liven", "moree", "somer",
    "forei", "fores", "forev", "forex", "whereve", "careen", "caref", "firef",
];
/// Endings before which an `e` is not spoken.
const ENDINGS: &[&str] = &[
    "ly", "ment", "ments", "mental", "ness", "nesses", "less", "lessly", "lessness", "ful",
    "fully", "fulness", "some", "let", "lets",
];

/// The number of syllables of an English word, at least 1.
///
/// Numbers are read digit by digit, and capitals without a vowel letter by letter.
///
/// ```
/// use rag_core::evaluation::syllables;
/// let counted = ["idea", "loved", "wanted", "table", "homework", "created", "couldn't", "BBC"];
/// assert_eq!(counted.map(syllables), [3, 1, 2, 2, 2, 3, 2, 3]);
/// ```
pub fn syllables(word: &str) -> usize {
    let plain: String = word.chars().filter_map(letter).collect();
    let digits = plain.bytes().filter(u8::is_ascii_digit).count();
    let letters: String = plain.chars().filter(|c| !c.is_ascii_digit()).collect();
    let lower = letters.to_ascii_lowercase();
    if !lower.bytes().any(|b| b.is_ascii_alphabetic()) {
        return digits.max(1);
    }
    let acronym = lower.len() > 1 && letters.bytes().all(|b| b.is_ascii_uppercase());
    if acronym && !lower.bytes().any(|b| b"aeiouy".contains(&b)) {
        let spelled = lower.bytes().map(|b| if b == b'w' { 3 } else { 1 });
        return digits + spelled.sum::<usize>();
    }
    digits + contracted(&lower)
}

/// Latin letters without their marks, digits and apostrophes.
fn letter(c: char) -> Option<char> {
    Some(match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '\'' => c,
        '\u{2019}' => '\'',
        'à'..='å' | 'À'..='Å' | 'ā' => 'a',
        'æ' | 'Æ' | 'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' | 'Ë' | 'ē' => 'é',
        'ì'..='ï' | 'Ì'..='Ï' | 'ī' => 'i',
        'ò'..='ö' | 'Ò'..='Ö' | 'ø' | 'Ø' | 'ō' | 'œ' => 'o',
        'ù'..='ü' | 'Ù'..='Ü' | 'ū' => 'u',
        'ç' | 'Ç' => 'c',
        'ñ' | 'Ñ' => 'n',
        _ => return None,
    })
}

/// A word in lower case, apostrophes included.
fn contracted(word: &str) -> usize {
    let Some((stem, rest)) = word.rsplit_once('\'') else {
        return one(word);
    };
    let stem_count = one(&stem.replace('\'', ""));
    let ends = |endings: &[&str]| endings.iter().any(|ending| stem.ends_with(ending));
    let more = match rest {
        // "isn't" and "couldn't", but "can't", "won't" and "aren't".
        "t" => {
            let whole = ["can", "won", "don", "ain", "shan", "aren", "weren"].contains(&stem);
            return match whole {
                true => 1,
                false => one(stem.strip_suffix('n').unwrap_or(stem)) + 1,
            };
        }
        "s" => usize::from(ends(&["s", "x", "z", "ch", "sh", "ce", "ge", "se", "ze"])),
        "ll" | "d" => usize::from(ends(&["t", "d"])),
        "ve" => usize::from(!ends(&["i", "e", "u", "y", "o"])),
        _ => 0,
    };
    stem_count + more
}

/// A word of letters alone, in lower case.
fn one(word: &str) -> usize {
    if let Some((_, count)) = EXCEPTIONS.iter().find(|(known, _)| *known == word) {
        return *count;
    }
    let letters: Vec<char> = word.chars().collect();
    let n = letters.len();
    let mut vowel: Vec<bool> = (0..n).map(|i| is_vowel(&letters, i)).collect();
    let mut cut = cuts(word, n);
    for i in silent(word, &letters, &vowel) {
        // The rest of a run stays one syllable; where nothing is left of it, it is gone.
        vowel[i] = false;
        cut[i] = false;
    }
    let begins = |i: &usize| vowel[*i] && (*i == 0 || !vowel[*i - 1] || cut[*i]);
    let mut count = (0..n).filter(begins).count();
    // "prism" and "rhythm" end in a syllable without a vowel.
    count += usize::from(word.ends_with("sm") || word.ends_with("thm"));
    count += usize::from(word.ends_with("sms") || word.ends_with("thms"));
    count.max(1)
}

fn is_vowel(letters: &[char], i: usize) -> bool {
    let plain = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'é');
    let before = i.checked_sub(1).map(|i| letters[i]);
    let after = letters.get(i + 1).copied();
    match letters[i] {
        'u' => before != Some('q'),
        // "yes", "beyond" and "canyon", but "by", "type" and "trying".
        'y' => match (before, after) {
            (None, Some(after)) => !plain(after),
            (Some(before), Some(after)) if plain(after) => {
                !plain(before) && (before, after) != ('w', 'e')
            }
            _ => true,
        },
        c => plain(c),
    }
}

/// Where a run of vowels is cut: before which letters a syllable begins.
fn cuts(word: &str, n: usize) -> Vec<bool> {
    let mut cut = vec![false; n];
    // Letters of one byte alone have patterns.
    if !word.is_ascii() {
        return cut;
    }
    let vowels = |part: &str| part.bytes().any(|b| b"aeiouy".contains(&b));
    let mut mark = |patterns: &[(&str, usize)], value: bool| {
        for &(pattern, after) in patterns {
            let whole = pattern.trim_start_matches('^').trim_end_matches('$');
            for (at, _) in word.match_indices(whole) {
                let first = !pattern.starts_with('^') || at == 0;
                let last = !pattern.ends_with('$') || at + whole.len() == n;
                // "sea" and "pier" are one syllable, "area" and "easier" have one before.
                let ending = pattern.ends_with('$')
                    && matches!(whole, "ea" | "eas" | "ier" | "iers" | "iest");
                let after_one = !ending || vowels(&word[..at]);
                if first && last && after_one {
                    cut[at + after] = value;
                }
            }
        }
    };
    mark(APART, true);
    mark(TOGETHER, false);
    mark(APART_AFTER_ALL, true);
    cut
}

/// The places of vowels that are not spoken.
fn silent(word: &str, letters: &[char], vowel: &[bool]) -> Vec<usize> {
    let n = letters.len();
    let mut found = Vec::new();
    if !word.is_ascii() {
        return found;
    }
    // Whether an e at `i` stands between a consonant and what follows, with a vowel somewhere before.
    let lonely =
        |i: usize| letters[i] == 'e' && i > 0 && !vowel[i - 1] && vowel[..i - 1].contains(&true);
    // "table" and "centre": the e is not spoken, but the syllable is.
    let syllabic = |i: usize| {
        i >= 2
            && match letters[i - 1] {
                'l' => !vowel[i - 2] && !matches!(letters[i - 2], 'l' | 'r' | 'w'),
                'r' => !vowel[i - 2] && !matches!(letters[i - 2], 'r' | 'w'),
                _ => false,
            }
    };
    let before = |i: usize, ends: &[&str]| ends.iter().any(|end| word[..i].ends_with(end));
    if n >= 2 && lonely(n - 1) && !syllabic(n - 1) {
        found.push(n - 1);
    }
    if word.ends_with("gue") && n > 3 && word != "argue" && vowel[..n - 3].contains(&true) {
        found.extend([n - 2, n - 1]);
    }
    if word.ends_with("gues") && n > 4 && word != "argues" && vowel[..n - 4].contains(&true) {
        found.extend([n - 3, n - 2]);
    }
    if n >= 3 && lonely(n - 2) {
        let i = n - 2;
        let spoken = match letters[n - 1] {
            's' => before(i, &["s", "x", "z", "ch", "sh", "c", "g"]),
            'd' => before(i, &["t", "d"]),
            _ => true,
        };
        if !spoken && !syllabic(i) {
            found.push(i);
        }
    }
    for ending in ENDINGS {
        let Some(stem) = word.strip_suffix(ending) else {
            continue;
        };
        let i = stem.len().wrapping_sub(1);
        if i < n && i > 0 && lonely(i) && !syllabic(i) {
            found.push(i);
        }
    }
    let compound = FIRST_PARTS.iter().find(|part| {
        let rest = word.strip_prefix(**part);
        let long = rest.is_some_and(|rest| {
            let bent = [
                "s", "d", "r", "rs", "st", "n", "ns", "less", "ly", "ment", "ments",
            ];
            !bent.contains(&rest) && rest.bytes().any(|b| b"aeiouy".contains(&b))
        });
        long && !NO_COMPOUNDS.iter().any(|other| word.starts_with(other))
    });
    // "basically" and "every".
    if word.ends_with("ically") {
        found.push(n - 4);
    }
    if word.starts_with("every") {
        found.push(2);
    }
    found.extend(compound.map(|part| part.len() - 1));
    found.sort_unstable();
    found.dedup();
    found
}
