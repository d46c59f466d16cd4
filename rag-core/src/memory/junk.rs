//! What is not worth keeping about a user, and what must not be kept.

use serde_json::Value;

/// Why a value is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Junk {
    /// Nothing is in it.
    Empty,
    /// No letter and no digit is in it.
    Punctuation,
    /// It only greets, thanks or agrees.
    Greeting,
    /// A text is longer than a fact.
    TooLong,
    /// It looks like a password or a key.
    Secret,
    /// It looks like the number of a payment card.
    Card,
}

impl Junk {
    /// The reason, as the end of a sentence about the value.
    pub fn reason(self) -> &'static str {
        match self {
            Junk::Empty => "is empty",
            Junk::Punctuation => "has neither letters nor digits",
            Junk::Greeting => "is a greeting and says nothing",
            Junk::TooLong => "has a text longer than max_chars",
            Junk::Secret => "looks like a password or a key",
            Junk::Card => "looks like the number of a payment card",
        }
    }
}

/// Texts that say nothing, in lower case without punctuation.
const GREETINGS: [&str; 40] = [
    "hi",
    "hello",
    "hey",
    "hello there",
    "hi there",
    "hey there",
    "good morning",
    "good afternoon",
    "good evening",
    "good night",
    "good day",
    "bye",
    "goodbye",
    "bye bye",
    "see you",
    "see you later",
    "thanks",
    "thank you",
    "thanks a lot",
    "many thanks",
    "thank you very much",
    "thx",
    "ty",
    "please",
    "ok",
    "okay",
    "k",
    "sure",
    "cool",
    "great",
    "nice",
    "lol",
    "haha",
    "hm",
    "hmm",
    "welcome",
    "you are welcome",
    "how are you",
    "whats up",
    "what is up",
];

/// Names under which secrets are kept, in lower case without separators.
const SECRET_NAMES: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "pin",
    "secret",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "token",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "credentials",
    "cvv",
];

/// How keys of well-known services begin, and how many characters follow at least.
const KEY_PREFIXES: [(&str, usize); 16] = [
    ("sk-", 16),
    ("pk-", 16),
    ("sk_live_", 8),
    ("sk_test_", 8),
    ("rk_live_", 8),
    ("AKIA", 12),
    ("ASIA", 12),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghs_", 16),
    ("github_pat_", 16),
    ("glpat-", 12),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("AIza", 30),
    ("hf_", 20),
];

/// Whether a value is not worth keeping under `key`, or must not be: empty, only punctuation, a greeting, a text of
/// more than `max_chars` characters, something like a secret or the number of a card (Luhn, 1960).
///
/// Greetings are known in English. Secrets are told by their looks, so that a few are missed and a few long
/// codes are taken for some.
///
/// ```
/// use rag_core::memory::{Junk, is_junk};
/// use serde_json::json;
/// assert_eq!(is_junk("note", &json!("Hello!"), 2000), Some(Junk::Greeting));
/// assert_eq!(is_junk("note", &json!({"pay": "4111-1111-1111-1111"}), 2000), Some(Junk::Card));
/// assert_eq!(is_junk("wifi password", &json!("hunter2"), 2000), Some(Junk::Secret));
/// assert_eq!(is_junk("likes", &json!("hello kitty"), 2000), None);
/// assert_eq!(is_junk("count", &json!(0), 2000), None);
/// ```
pub fn is_junk(key: &str, value: &Value, max_chars: usize) -> Option<Junk> {
    let (mut empty, mut mute) = (true, true);
    let mut rest: Vec<(&str, &Value)> = vec![(key, value)];
    while let Some((name, value)) = rest.pop() {
        match value {
            Value::Null => {}
            Value::Bool(_) => (empty, mute) = (false, false),
            Value::Number(number) => {
                (empty, mute) = (false, false);
                if has_card(&number.to_string()) {
                    return Some(Junk::Card);
                }
            }
            Value::String(text) => {
                if text.trim().is_empty() {
                    continue;
                }
                empty = false;
                mute &= !text.chars().any(speaks);
                if text.chars().count() > max_chars {
                    return Some(Junk::TooLong);
                }
                if names_secret(name) || has_secret(text) {
                    return Some(Junk::Secret);
                }
                if has_card(text) {
                    return Some(Junk::Card);
                }
            }
            Value::Array(items) => rest.extend(items.iter().map(|item| (name, item))),
            Value::Object(fields) => {
                rest.extend(fields.iter().map(|(name, value)| (name.as_str(), value)));
            }
        }
    }
    match value {
        _ if empty => Some(Junk::Empty),
        _ if mute => Some(Junk::Punctuation),
        Value::String(text) if is_greeting(text) => Some(Junk::Greeting),
        _ => None,
    }
}

/// Letters, digits and pictures say something.
fn speaks(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}')
}

fn is_greeting(text: &str) -> bool {
    let kept = |c: char| c.is_alphanumeric() || c.is_whitespace();
    let plain: String = text.to_lowercase().chars().filter(|&c| kept(c)).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    GREETINGS.contains(&plain.as_str())
}

fn names_secret(name: &str) -> bool {
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let pairs = words.windows(2).map(|pair| pair.concat());
    words
        .iter()
        .cloned()
        .chain(pairs)
        .any(|word| SECRET_NAMES.contains(&word.as_str()))
}

fn has_secret(text: &str) -> bool {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY") {
        return true;
    }
    let mut before = [""; 2];
    for word in text.split_whitespace() {
        let bare =
            word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-'));
        if is_key(bare) || assigns(word) || names(before, bare) {
            return true;
        }
        before = [before[1], word];
    }
    false
}

/// "password: x", "the pin is x", "Bearer x".
fn names(before: [&str; 2], word: &str) -> bool {
    let is_name = |name: &str| SECRET_NAMES.contains(&name.to_lowercase().as_str());
    let said = |word: &str| word.strip_suffix([':', '=']).is_some_and(is_name);
    let is = ["is", "=", ":", "was"].contains(&before[1]);
    let value = word.chars().any(|c| c.is_ascii_digit()) && word.len() >= 4;
    said(before[1]) && !word.is_empty()
        || is && is_name(before[0]) && value
        || before[1].eq_ignore_ascii_case("bearer") && word.len() >= 20
}

/// "password=x" in one word.
fn assigns(word: &str) -> bool {
    let parts = word.split_once(['=', ':']);
    parts.is_some_and(|(name, value)| {
        value.len() >= 4 && !value.starts_with('/') && names_secret(name)
    })
}

fn is_key(word: &str) -> bool {
    let tail = |&(prefix, least): &(&str, usize)| {
        let rest = word.strip_prefix(prefix);
        rest.is_some_and(|rest| {
            rest.len() >= least
                && rest
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        })
    };
    if KEY_PREFIXES.iter().any(tail) || word.starts_with("eyJ") && word.matches('.').count() == 2 {
        return true;
    }
    // Long words of all sorts of characters in no order. Paths and addresses are no such words.
    let plain = word.len() >= 24
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+_-=".contains(&b));
    let any = |test: fn(&u8) -> bool| word.bytes().any(|b| test(&b));
    let mixed =
        any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase) && any(u8::is_ascii_digit);
    let hex = word.len() >= 32
        && word.bytes().all(|b| b.is_ascii_hexdigit())
        && any(u8::is_ascii_digit)
        && any(u8::is_ascii_alphabetic);
    plain && (mixed && entropy(word) >= 3.7 || hex)
}

/// Bits for each character (Shannon, 1948).
fn entropy(word: &str) -> f64 {
    let mut counts = [0u32; 256];
    word.bytes().for_each(|b| counts[usize::from(b)] += 1);
    let total = word.len() as f64;
    let shares = counts
        .iter()
        .filter(|&&n| n > 0)
        .map(|&n| f64::from(n) / total);
    shares.map(|share| -share * share.log2()).sum()
}

/// Whether some 13 to 19 digits, with spaces or dashes between them at most one by one, begin and add up as those of
/// a card do.
fn has_card(text: &str) -> bool {
    let mut digits: Vec<u32> = Vec::new();
    let mut gap = false;
    for c in text.chars().chain(std::iter::once('.')) {
        match c.to_digit(10) {
            Some(digit) => {
                digits.push(digit);
                gap = false;
            }
            None if matches!(c, ' ' | '-') && !gap && !digits.is_empty() => gap = true,
            None => {
                if is_card(&digits) {
                    return true;
                }
                digits.clear();
                gap = false;
            }
        }
    }
    false
}

fn is_card(digits: &[u32]) -> bool {
    let first = digits.first().copied().unwrap_or(0);
    let sum = |(i, &digit): (usize, &u32)| match i % 2 {
        0 => digit,
        _ => digit * 2 / 10 + digit * 2 % 10,
    };
    (13..=19).contains(&digits.len())
        && (2..=6).contains(&first)
        && digits.iter().rev().enumerate().map(sum).sum::<u32>() % 10 == 0
}
