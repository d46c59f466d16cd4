//! Whether two questions ask the same, by what their words say for certain.
//!
//! Vectors of "which drug raises the risk" and "which drug lowers the risk" lie as near as those of a paraphrase, so nearness
//! alone must never share an answer. Here both questions are put into a plain form: contractions written out, articles,
//! politeness and question marks gone, plurals, spellings and a few synonyms made one. Two questions are alike only if
//! nothing is left that differs: a word that only one of them has makes them different, whatever it means, so that a
//! language or a word that is unknown here costs a hit and never a wrong answer. What differs decides the name that the
//! difference gets.

use super::lexicon::{
    AUXILIARIES, CONTRACTIONS, FILLERS, NEGATIONS, NUMBERS, OPPOSITES, PREFIXES, PRONOUNS,
    QUESTIONS, SYNONYMS, UNITS, WHOLE_PLURALS, WORDS_IN_CAPITALS,
};
use super::normal_form;

crate::option_enum! {
    /// What tells two questions apart.
    Difference {
        /// One says no where the other says yes, or the opposite: `with` and `without`, `best` and `worst`.
        Polarity = "polarity",
        /// Another number, another unit, or the same ones in another order.
        Numbers = "numbers",
        /// Another name: capitalised words, abbreviations, quotations, code.
        Entities = "entities",
        /// Another kind of question, time or mood: `who` and `when`, `is` and `was`, `can` and `must`.
        Question = "question",
        /// The same words in another order.
        Order = "order",
        /// Other words.
        Words = "words",
        /// Too long to be compared, and not the same text.
        Length = "length",
    }
}

/// Bytes up to which texts are compared.
pub(super) const LONGEST: usize = 2000;

/// What tells two questions apart; `None` if they ask the same, as far as their words say.
///
/// In doubt they differ: the answer `None` is meant to be safe, not frequent. English is understood; in any other
/// language questions are alike if they have the same words in the same order. Where several things differ, the first in
/// the order of [`Difference`] is named, but another order only if nothing else differs.
///
/// ```
/// use rag_core::caching::{Difference, question_difference};
/// let differ = question_difference;
/// assert_eq!(differ("What's the capital of France?", "please tell me what the capital of france is"), None);
/// assert_eq!(differ("How do I sort a list?", "how to sort lists"), None);
/// assert_eq!(differ("Does it work with sugar?", "Does it work without sugar?"), Some(Difference::Polarity));
/// assert_eq!(differ("Who won in 2020?", "Who won in 2021?"), Some(Difference::Numbers));
/// assert_eq!(differ("Is A faster than B?", "Is B faster than A?"), Some(Difference::Order));
/// // Perhaps these ask the same; nothing here knows it for certain.
/// assert_eq!(differ("How tall is it?", "What is its height?"), Some(Difference::Question));
/// ```
pub fn question_difference(a: &str, b: &str) -> Option<Difference> {
    if a == b {
        return None;
    }
    if a.len().max(b.len()) > LONGEST {
        return Some(Difference::Length);
    }
    Plain::of(a).difference(&Plain::of(b))
}

/// A word that is left.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// In lower case.
    pub(super) raw: String,
    /// The same for all forms of a word.
    pub(super) form: String,
    /// Written like a name: its form is as it is.
    name: bool,
    pub(super) number: bool,
    pub(super) unit: bool,
    quoted: bool,
}

impl Token {
    fn is(&self, other: &Self) -> bool {
        // Who writes in small letters means the same name, unless those spell a word: US is not us.
        let named = self.name == other.name || !has(WORDS_IN_CAPITALS, &self.raw);
        self.raw == other.raw && named || !self.name && !other.name && self.form == other.form
    }
}

/// A text in plain form.
#[derive(Debug, Default)]
pub(super) struct Plain {
    pub(super) tokens: Vec<Token>,
    pub(super) negations: usize,
    /// Question words, in order.
    questions: Vec<&'static str>,
    /// Auxiliaries, sorted.
    moods: Vec<&'static str>,
}

fn find<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    // The tables are sorted; a test sees to it.
    let at = table.binary_search_by(|(w, _)| (*w).cmp(word)).ok()?;
    Some(table[at].1)
}

fn has(table: &[&str], word: &str) -> bool {
    table.binary_search(&word).is_ok()
}

/// Whether a word only says no.
pub(super) fn says_no(token: &Token) -> bool {
    !token.name && !token.quoted && has(NEGATIONS, &token.raw)
}

impl Plain {
    pub(super) fn of(text: &str) -> Self {
        let mut tokens = written_out(text);
        drop_fillers(&mut tokens);
        plain_how(&mut tokens);
        let mut plain = Self::default();
        for token in tokens {
            if !token.name && !token.quoted {
                if has(NEGATIONS, &token.raw) {
                    plain.negations += 1;
                    // What is said no to matters as well as how often: "no" stays where it is.
                } else if let Some(class) = find(QUESTIONS, &token.raw) {
                    plain.questions.push(class);
                } else if let Some(class) = find(AUXILIARIES, &token.raw) {
                    plain.moods.push(class);
                    continue;
                } else if matches!(token.raw.as_str(), "a" | "an" | "the") {
                    continue;
                }
            }
            plain.tokens.push(token);
        }
        plain.moods.sort_unstable();
        plain.moods.dedup();
        plain
    }

    fn difference(&self, other: &Self) -> Option<Difference> {
        let same_words = self.tokens.len() == other.tokens.len()
            && self.tokens.iter().zip(&other.tokens).all(|(a, b)| a.is(b));
        if same_words && self.questions == other.questions && self.moods == other.moods {
            return None;
        }
        let (only_here, only_there) = only(&self.tokens, &other.tokens);
        let of_both = || only_here.iter().chain(&only_there);
        let opposite = |a: &&Token| only_there.iter().any(|b| are_opposites(a, b));
        let numbers = |plain: &Self| -> Vec<String> {
            let numbers = plain.tokens.iter().filter(|t| t.number);
            numbers.map(|t| t.form.clone()).collect()
        };
        Some(
            if self.negations != other.negations || only_here.iter().any(opposite) {
                Difference::Polarity
            } else if of_both().any(|t| t.unit) || numbers(self) != numbers(other) {
                Difference::Numbers
            } else if of_both().any(|t| t.name || t.quoted) {
                Difference::Entities
            } else if self.questions != other.questions || self.moods != other.moods {
                Difference::Question
            } else if only_here.is_empty() && only_there.is_empty() {
                Difference::Order
            } else {
                Difference::Words
            },
        )
    }
}

/// The words of each that the other has not, counting repeats.
pub(super) fn only<'a>(a: &'a [Token], b: &'a [Token]) -> (Vec<&'a Token>, Vec<&'a Token>) {
    let mut there: Vec<&Token> = b.iter().collect();
    let here = a
        .iter()
        .filter(
            |token| match there.iter().position(|other| token.is(other)) {
                Some(at) => {
                    there.remove(at);
                    false
                }
                None => true,
            },
        )
        .collect();
    (here, there)
}

pub(super) fn are_opposites(a: &Token, b: &Token) -> bool {
    let listed = |a: &str, b: &str| OPPOSITES.contains(&(a, b)) || OPPOSITES.contains(&(b, a));
    let prefixed = |long: &str, short: &str| {
        short.len() > 2
            && long
                .strip_suffix(short)
                .is_some_and(|prefix| has(PREFIXES, prefix.trim_end_matches('-')))
    };
    listed(&a.raw, &b.raw)
        || listed(&a.form, &b.form)
        || prefixed(&a.form, &b.form)
        || prefixed(&b.form, &a.form)
}

/// The words of a text, contractions written out, names found.
fn written_out(text: &str) -> Vec<Token> {
    let shouted = text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase);
    let mut tokens: Vec<Token> = Vec::new();
    let mut starts = true;
    let mut quoted = false;
    let mut raw = String::new();
    for piece in text.split_whitespace() {
        let opens = piece.starts_with(['"', '\u{201c}', '`', '\u{ab}', '\'', '\u{2018}']);
        let closes = piece.len() > 1
            && piece
                .trim_end_matches(['?', '.', ',', '!', ';', ':'])
                .ends_with(['"', '\u{201d}', '`', '\u{bb}', '\'', '\u{2019}']);
        quoted |= opens;
        // A point behind few letters is that of an abbreviation.
        let ends = piece.ends_with(['!', '?', ':']) || piece.ends_with('.') && piece.len() > 4;
        let bare = bare(piece);
        // Words that hyphens join are words; a sign in front of a number is a part of it.
        let parts = bare.split(['-', '\u{2010}', '\u{2011}']);
        let signed = bare.starts_with('-') && bare[1..].starts_with(|c: char| c.is_ascii_digit());
        let parts: Vec<&str> = match signed {
            true => vec![bare],
            false => parts.filter(|part| !part.is_empty()).collect(),
        };
        for part in parts {
            normal_form(part, &mut raw);
            let name = !shouted && is_name(part, starts);
            starts = false;
            push_written_out(&mut tokens, &raw, name, quoted);
        }
        starts |= ends;
        if closes {
            quoted = false;
        }
    }
    // A quotation mark that nothing closes is an apostrophe or a slip.
    if quoted {
        tokens.iter_mut().for_each(|token| token.quoted = false);
    }
    tokens
}

/// A piece without the marks around it that say nothing. Marks that may be a part of a name, as in C++ or #4, stay.
fn bare(piece: &str) -> &str {
    let quote = |c: char| {
        matches!(
            c,
            '"' | '\''
                | '`'
                | '\u{2018}'
                | '\u{2019}'
                | '\u{201c}'
                | '\u{201d}'
                | '\u{ab}'
                | '\u{bb}'
        )
    };
    let open = |c: char| quote(c) || matches!(c, '(' | '[' | '{' | '\u{bf}' | '\u{a1}');
    let close = |c: char| {
        quote(c)
            || matches!(
                c,
                ')' | ']' | '}' | '?' | '!' | '.' | ',' | ';' | ':' | '\u{2026}'
            )
    };
    // A call keeps its parentheses: f() is not f.
    let ended = piece.trim_start_matches(open);
    match ended.trim_end_matches(|c| close(c) && !matches!(c, ')' | ']')) {
        call if call.ends_with("()") || call.ends_with("[]") => call,
        _ => ended.trim_end_matches(close),
    }
}

const CURRENCIES: [char; 4] = ['$', '\u{20ac}', '\u{a3}', '\u{a5}'];

/// Whether a word is written like a name: capitals not at the start, capitals inside, digits among letters, marks of code.
fn is_name(word: &str, starts: bool) -> bool {
    let mut chars = word.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    // I and A are words.
    let alone = matches!(word, "I" | "A" | "I'm" | "I'd" | "I've" | "I'll");
    let inside = chars.clone().any(char::is_uppercase);
    let digits = word.chars().any(|c| c.is_ascii_digit());
    let letters = word.chars().any(char::is_alphabetic);
    let plain = |c: char| {
        c.is_alphanumeric() || matches!(c, '\'' | '\u{2019}' | '%' | '.' | ',' | '&' | '/')
    };
    let code = !word.chars().all(|c| plain(c) || CURRENCIES.contains(&c));
    let path = word
        .split('.')
        .skip(1)
        .any(|rest| rest.starts_with(char::is_alphabetic));
    !alone && (inside || first.is_uppercase() && !starts)
        || digits && letters && unit_of(word).is_none()
        || code
        || path
}

/// The number and the unit of `3mg`, `50%` or `1.5GB`.
fn unit_of(word: &str) -> Option<(&str, &str)> {
    let end = word.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))?;
    let (number, unit) = word.split_at(end);
    let known = unit == "%" || has(UNITS, &unit.to_lowercase());
    (end > 0 && known).then_some((number, unit))
}

fn push_written_out(tokens: &mut Vec<Token>, raw: &str, name: bool, quoted: bool) {
    let mut push = |raw: &str, name: bool| {
        let mut token = token(raw, name, quoted);
        // A bar is one behind a number only.
        token.unit &= tokens.last().is_some_and(|before| before.number);
        tokens.push(token);
    };
    if raw.is_empty() {
        return;
    }
    if let Some(parts) = find(CONTRACTIONS, raw) {
        parts.split(' ').for_each(|part| push(part, false));
    } else if let Some(stem) = raw.strip_suffix("n't") {
        push(stem, false);
        push("not", false);
    } else if let Some(stem) = raw.strip_suffix("'s") {
        // Another's, whose name stays as it is.
        push(stem, name);
    } else if let Some((number, unit)) = unit_of(raw) {
        push(number, false);
        push(unit, false);
    } else {
        push(raw, name);
    }
}

fn token(raw: &str, name: bool, quoted: bool) -> Token {
    let amount = raw.strip_prefix('-').unwrap_or(raw);
    let amount = amount.strip_prefix(CURRENCIES).unwrap_or(amount);
    let digits = amount.starts_with(|c: char| c.is_ascii_digit());
    let word = find(NUMBERS, raw);
    let form = match word {
        Some(number) => number.to_owned(),
        None if digits => raw.replace(',', ""),
        None if raw == "&" => "and".to_owned(),
        None if raw == "%" => "percent".to_owned(),
        None => {
            let singular = singular(raw);
            let same = find(SYNONYMS, raw).or_else(|| find(SYNONYMS, &singular));
            same.map_or(singular, str::to_owned)
        }
    };
    Token {
        unit: has(UNITS, &form) || has(UNITS, raw) || form == "percent",
        number: digits || word.is_some(),
        raw: if digits { form.clone() } else { raw.to_owned() },
        form,
        name: name && !digits,
        quoted,
    }
}

/// A word without the `s` of a plural or of a third person. Endings that may belong to the word stay.
fn singular(word: &str) -> String {
    let cut = |end: usize, with: &str| format!("{}{with}", &word[..word.len() - end]);
    if word.len() < 4 || !word.is_ascii() || has(WHOLE_PLURALS, word) {
        return word.to_owned();
    }
    if word.ends_with("ies") && word.len() > 4 {
        return cut(3, "y");
    }
    if ["sses", "ches", "shes", "xes", "zzes"]
        .iter()
        .any(|end| word.ends_with(end))
    {
        return cut(2, "");
    }
    match word.ends_with('s') && !["ss", "us", "is"].iter().any(|end| word.ends_with(end)) {
        true => cut(1, ""),
        false => word.to_owned(),
    }
}

/// Drops what is said out of politeness, in front and behind.
fn drop_fillers(tokens: &mut Vec<Token>) {
    let begins = |tokens: &[Token], phrase: &str| {
        let mut n = 0;
        let fits = phrase.split(' ').all(|word| {
            n += 1;
            tokens
                .get(n - 1)
                .is_some_and(|t| t.raw == word && !t.quoted)
        });
        (fits && n < tokens.len()).then_some(n)
    };
    while let Some(n) = FILLERS.iter().find_map(|phrase| begins(tokens, phrase)) {
        tokens.drain(..n);
    }
    while tokens.len() > 1 {
        let last = tokens.last().expect("there are two");
        let thanks = |t: &Token| matches!(t.raw.as_str(), "please" | "thanks") && !t.quoted;
        if thanks(last) {
            tokens.pop();
        } else if last.raw == "you" && tokens[tokens.len() - 2].raw == "thank" && tokens.len() > 2 {
            tokens.truncate(tokens.len() - 2);
        } else {
            break;
        }
    }
}

/// `how do I`, `how can you` and `how to` are one question.
fn plain_how(tokens: &mut Vec<Token>) {
    if tokens.len() < 3 || tokens[0].raw != "how" {
        return;
    }
    let helps = matches!(
        tokens[1].raw.as_str(),
        "do" | "does" | "can" | "could" | "would"
    );
    if tokens[1].raw == "to" {
        tokens.remove(1);
    } else if helps && has(PRONOUNS, &tokens[2].raw) && tokens.len() > 3 {
        tokens.drain(1..3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn opposites_are_listed_as_they_are_looked_up() {
        for (a, b) in OPPOSITES {
            let tell = |x: &str, y: &str| {
                question_difference(&format!("is it {x}"), &format!("is it {y}"))
            };
            assert!(tell(a, b).is_some() && tell(b, a).is_some(), "{a} {b}");
        }
    }

    #[test]
    fn a_text_of_nothing_but_marks_or_of_one_long_word_is_no_trouble() {
        let long = "a-".repeat(999);
        for text in [
            "", " ", "?", "-", "--", "'", "\"", "()", "'s", "n't", "$", "%", "\u{301}", &long,
        ] {
            assert_eq!(question_difference(text, text), None);
            let _ = question_difference(text, "why");
        }
    }

    fn words() -> impl Strategy<Value = Vec<&'static str>> {
        let known = [
            "how",
            "do",
            "I",
            "the",
            "list",
            "lists",
            "not",
            "Paris",
            "3",
            "mg",
            "is",
            "was",
            "than",
            "B",
            "can't",
            "without",
            "who",
            "WHO",
            "\u{e9}t\u{e9}",
            "x_y",
            "50%",
            "of",
            "to",
        ];
        prop::collection::vec(prop::sample::select(known.to_vec()), 0..9)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn any_two_texts_differ_both_ways_alike(a in "\\PC{0,40}", b in "\\PC{0,40}") {
            prop_assert_eq!(question_difference(&a, &b), question_difference(&b, &a));
            prop_assert_eq!(question_difference(&a, &a), None);
        }

        #[test]
        fn words_differ_both_ways_and_one_more_word_is_a_difference(
            a in words(),
            b in words(),
            at in 0..9usize,
            more in prop::sample::select(vec!["not", "Paris", "7", "list", "without", "blue"]),
        ) {
            let (one, other) = (a.join(" "), b.join(" "));
            prop_assert_eq!(question_difference(&one, &other), question_difference(&other, &one));
            prop_assert_eq!(question_difference(&one, &format!("{one}?")), None);
            let mut longer = a.clone();
            longer.insert(at.min(a.len()), more);
            prop_assert!(question_difference(&one, &longer.join(" ")).is_some());
        }
    }
}
