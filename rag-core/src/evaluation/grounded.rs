//! How far an answer stands on the passages it was given, told without a model.
//!
//! Each sentence of the answer is held against every passage: by the order of its words (recall of
//! ROUGE-L; Lin, 2004) and, where the caller has vectors, by their cosine. The better of both
//! counts, but never more than [`DIFFERING`] where the passage lacks a number or a name of the
//! sentence, because what is wrong in an answer that reads well is mostly one of these. K-precision
//! (Adlakha and others, 2023) says besides how many of the answer's words the passages have at all.

use crate::error::{Error, Result};
use crate::matrix::Rows;
use crate::text::{sentences, words};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A sentence whose support is as large as this is covered.
pub const SUPPORTED: f64 = 0.5;
/// The most that a sentence is supported by a passage that lacks one of its numbers or names.
pub const DIFFERING: f64 = 0.3;
/// The words of the answer's sentences times those of the passages are at most so many.
pub const MAX_COMPARED: usize = 1 << 32;

/// Neighbouring sentences of a passage in which the words of a sentence are looked for: in more of
/// them, words that every text has add up to a likeness that says nothing.
const WINDOW: usize = 3;
const ARTICLES: [&str; 3] = ["a", "an", "the"];
/// Number words that are compared; "one" mostly counts nothing.
const NUMBER_WORDS: [(&str, &str); 28] = [
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("thirteen", "13"),
    ("fourteen", "14"),
    ("fifteen", "15"),
    ("sixteen", "16"),
    ("seventeen", "17"),
    ("eighteen", "18"),
    ("nineteen", "19"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("forty", "40"),
    ("fifty", "50"),
    ("sixty", "60"),
    ("seventy", "70"),
    ("eighty", "80"),
    ("ninety", "90"),
    ("hundred", "100"),
    ("thousand", "1000"),
];

/// The support of one sentence of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct SentenceSupport {
    /// Where the sentence stands in the answer, in bytes.
    pub range: Range<usize>,
    /// The passage that supports it best, the first of equals; none if there is no passage.
    pub passage: Option<usize>,
    /// The cosine with that passage, if vectors were given.
    pub cosine: Option<f64>,
    /// The share of the sentence's words that three neighbouring sentences of that passage have in
    /// the same order.
    pub rouge_l: f64,
    /// Whether that passage lacks a number or a name of the sentence.
    pub differs: bool,
    /// The larger of the two, in 0 to 1, at most [`DIFFERING`] if it differs.
    pub score: f64,
}

/// What [`groundedness`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Groundedness {
    /// The mean support of the sentences, in 0 to 1.
    pub score: f64,
    /// The share of sentences with a support of at least [`SUPPORTED`].
    pub coverage: f64,
    /// The share of the answer's words that the passages have, each as often as they have it.
    pub k_precision: f64,
    /// The support of each sentence, in their order.
    pub sentences: Vec<SentenceSupport>,
}

/// Vectors of the answer's sentences and of the passages, by one model.
#[derive(Clone, Copy, Debug)]
pub struct SupportVectors<'a> {
    /// One for each of [`answer_sentences`].
    pub sentences: Rows<'a>,
    /// One for each passage.
    pub passages: Rows<'a>,
}

/// The sentences of an answer that have words: those that [`groundedness`] judges.
pub fn answer_sentences(answer: &str) -> Vec<Range<usize>> {
    let spoken = |range: &Range<usize>| !tokens(&answer[range.clone()]).is_empty();
    sentences(answer).filter(spoken).collect()
}

/// Measures how far `answer` is grounded in `passages`.
///
/// Without a passage nothing is grounded. Words are compared in lower case, articles and the `'s`
/// of possession left out; numbers by their value (`1,500` is `1500`, "three" is `3`); names are
/// capitalised words that do not begin a sentence. That is made for English. A sentence that denies
/// what a passage says uses its words, so that negation is not seen.
///
/// `InvalidArgument` for an answer without words, for vectors that are not one for each sentence
/// and passage or not finite, and for more than [`MAX_COMPARED`] pairs of words; `DimensionMismatch`.
///
/// ```
/// use rag_core::evaluation::groundedness;
/// let passages = ["The bridge was opened in 1932. It is 1,149 metres long."];
/// let found = groundedness("The bridge is 1149 metres long.", &passages, None)?;
/// assert_eq!((found.score, found.coverage), (1.0, 1.0));
/// // One wrong number in a sentence that is right otherwise:
/// let found = groundedness("The bridge is 1419 metres long.", &passages, None)?;
/// assert!(found.sentences[0].rouge_l == 0.8 && found.score == 0.3 && found.coverage == 0.0);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn groundedness(
    answer: &str,
    passages: &[&str],
    vectors: Option<&SupportVectors<'_>>,
) -> Result<Groundedness> {
    let ranges = answer_sentences(answer);
    if ranges.is_empty() {
        return Err(Error::invalid(
            "the answer has no words, so nothing of it can be grounded; give some text",
        ));
    }
    let cosines = match vectors {
        Some(vectors) => Some(Cosines::new(vectors, ranges.len(), passages.len())?),
        None => None,
    };
    let texts = ranges.iter().map(|range| &answer[range.clone()]);
    let claims: Vec<Claim> = texts.map(Claim::new).collect();
    let passages: Vec<Passage> = passages.iter().map(|text| Passage::new(text)).collect();
    let said: usize = claims.iter().map(|claim| claim.tokens.len()).sum();
    let known: usize = passages.iter().map(Passage::len).sum();
    if said.saturating_mul(known) > MAX_COMPARED {
        return Err(Error::invalid(format!(
            "an answer of {said} words and passages of {known} are too many to compare; the product \
             may be {MAX_COMPARED}: judge the answer in parts, or give fewer passages"
        )));
    }
    let judged = ranges.into_iter().zip(&claims).enumerate();
    let judged = judged.map(|(i, (range, claim))| {
        let mut best = SentenceSupport {
            range,
            passage: None,
            cosine: None,
            rouge_l: 0.0,
            differs: false,
            score: 0.0,
        };
        for (j, passage) in passages.iter().enumerate() {
            let rouge_l = passage.rouge_l(claim);
            let cosine = cosines.as_ref().map(|cosines| cosines.of(i, j));
            let differs = !claim.facts.iter().all(|fact| passage.known.contains(fact));
            let most = if differs { DIFFERING } else { 1.0 };
            let score = cosine.unwrap_or(0.0).max(rouge_l).clamp(0.0, most);
            if best.passage.is_none() || score > best.score {
                best = SentenceSupport {
                    passage: Some(j),
                    cosine,
                    rouge_l,
                    differs,
                    score,
                    ..best
                };
            }
        }
        best
    });
    let sentences: Vec<SentenceSupport> = judged.collect();
    let n = sentences.len() as f64;
    let covered = sentences.iter().filter(|s| s.score >= SUPPORTED).count();
    Ok(Groundedness {
        score: sentences.iter().map(|s| s.score).sum::<f64>() / n,
        coverage: covered as f64 / n,
        k_precision: k_precision(&claims, &passages),
        sentences,
    })
}

fn k_precision(claims: &[Claim], passages: &[Passage]) -> f64 {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for token in passages.iter().flat_map(Passage::tokens) {
        *left.entry(token).or_default() += 1;
    }
    let (mut said, mut known) = (0usize, 0usize);
    for token in claims.iter().flat_map(|claim| &claim.tokens) {
        said += 1;
        if let Some(left) = left.get_mut(token.as_str()).filter(|left| **left > 0) {
            *left -= 1;
            known += 1;
        }
    }
    known as f64 / said.max(1) as f64
}

/// The words of a text as they are compared.
fn tokens(text: &str) -> Vec<String> {
    let found = words(text).map(|word| token(word.text));
    found
        .filter(|token| !ARTICLES.contains(&token.as_str()))
        .collect()
}

fn token(word: &str) -> String {
    let lower = word.to_lowercase().replace('\u{2019}', "'");
    let bare = lower.strip_suffix("'s").unwrap_or(&lower);
    match bare.starts_with(|c: char| c.is_ascii_digit()) {
        true => number(bare),
        false => bare.to_owned(),
    }
}

/// A number as its value is written shortest; what only begins like one stays.
fn number(word: &str) -> String {
    if !word
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b',' || b == b'.')
    {
        return word.to_owned();
    }
    let plain = word.replace(',', "");
    match plain.matches('.').count() {
        1 => plain.trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ => plain,
    }
}

/// A sentence of the answer.
struct Claim {
    tokens: Vec<String>,
    /// Numbers and names, each as a token.
    facts: Vec<String>,
}

impl Claim {
    fn new(text: &str) -> Self {
        let written: Vec<&str> = words(text).map(|word| word.text).collect();
        let begins_high = |word: &str| word.starts_with(char::is_uppercase);
        // In a headline capitals name nothing.
        let long = written.iter().filter(|word| word.chars().count() > 3);
        let low = long.clone().filter(|word| !begins_high(word)).count();
        let headline = low == 0 && long.count() >= 3;
        let mut facts = Vec::new();
        for (i, word) in written.iter().enumerate() {
            let token = token(word);
            let inside = word.chars().skip(1).any(char::is_uppercase);
            let named = inside || i > 0 && begins_high(word);
            let pronoun = *word == "I" || word.starts_with("I'") || word.starts_with("I\u{2019}");
            if let Some((_, digits)) = NUMBER_WORDS.iter().find(|(name, _)| *name == token) {
                facts.push((*digits).to_owned());
            } else if token.bytes().any(|b| b.is_ascii_digit())
                || named && !pronoun && !headline && !ARTICLES.contains(&token.as_str())
            {
                facts.push(token);
            }
        }
        Self {
            tokens: tokens(text),
            facts,
        }
    }
}

/// A passage: its words by sentence, and all that it can bear out.
struct Passage {
    sentences: Vec<Vec<String>>,
    known: HashSet<String>,
}

impl Passage {
    fn new(text: &str) -> Self {
        let found: Vec<Vec<String>> = sentences(text).map(|range| tokens(&text[range])).collect();
        let mut known: HashSet<String> = found.iter().flatten().cloned().collect();
        let digits = NUMBER_WORDS.iter().chain(&[("one", "1")]);
        let spelled = digits.filter(|(name, _)| known.contains(*name));
        let spelled: Vec<String> = spelled.map(|(_, digits)| (*digits).to_owned()).collect();
        known.extend(spelled);
        Self {
            sentences: found,
            known,
        }
    }

    fn tokens(&self) -> impl Iterator<Item = &str> {
        self.sentences.iter().flatten().map(String::as_str)
    }

    fn len(&self) -> usize {
        self.sentences.iter().map(Vec::len).sum()
    }

    /// The best recall of the claim's words in a window. Larger windows hold smaller ones.
    fn rouge_l(&self, claim: &Claim) -> f64 {
        let lcs = Subsequence::of(&claim.tokens);
        let size = self.sentences.len().clamp(1, WINDOW);
        let windows = self.sentences.windows(size);
        let longest = windows
            .map(|window| lcs.with(window.iter().flatten()))
            .max();
        longest.unwrap_or(0) as f64 / claim.tokens.len() as f64
    }
}

/// Longest common subsequences with one list of words, sixty-four of them at a time (Hyyrö, 2004).
struct Subsequence<'a> {
    places: HashMap<&'a str, Vec<u64>>,
    blocks: usize,
}

impl<'a> Subsequence<'a> {
    fn of(tokens: &'a [String]) -> Self {
        let blocks = tokens.len().div_ceil(64);
        let mut places: HashMap<&str, Vec<u64>> = HashMap::new();
        for (i, token) in tokens.iter().enumerate() {
            let bits = places.entry(token).or_insert_with(|| vec![0; blocks]);
            bits[i / 64] |= 1 << (i % 64);
        }
        Self { places, blocks }
    }

    fn with<'b>(&self, others: impl Iterator<Item = &'b String>) -> usize {
        let mut open = vec![u64::MAX; self.blocks];
        for bits in others.filter_map(|token| self.places.get(token.as_str())) {
            let mut carry = 0;
            for (open, bits) in open.iter_mut().zip(bits) {
                let matched = *open & bits;
                let (sum, over) = open.overflowing_add(matched);
                let (sum, again) = sum.overflowing_add(carry);
                carry = u64::from(over || again);
                *open = sum | (*open & !bits);
            }
        }
        // Bits behind the last word stay ones.
        open.iter().map(|block| block.count_zeros() as usize).sum()
    }
}

struct Cosines<'a> {
    vectors: &'a SupportVectors<'a>,
    lengths: (Vec<f64>, Vec<f64>),
}

impl<'a> Cosines<'a> {
    fn new(vectors: &'a SupportVectors<'a>, sentences: usize, passages: usize) -> Result<Self> {
        let counted = |rows: &Rows<'_>, wanted: usize, of: &str| match rows.len() == wanted {
            true => rows.check_finite().map_err(|e| e.context(format!("{of}s"))),
            false => Err(Error::invalid(format!(
                "there are {wanted} {of}s with words and {} vectors; give one for each",
                rows.len()
            ))),
        };
        counted(&vectors.sentences, sentences, "sentence")?;
        counted(&vectors.passages, passages, "passage")?;
        let (a, b) = (vectors.sentences.dim(), vectors.passages.dim());
        if a != b && passages > 0 {
            return Err(Error::dimension("the vectors of the sentences", a, b));
        }
        let length = |row: &[f32]| dot(row, row).sqrt();
        Ok(Self {
            vectors,
            lengths: (
                vectors.sentences.iter().map(length).collect(),
                vectors.passages.iter().map(length).collect(),
            ),
        })
    }

    /// 0 with a vector of zeros, which is like nothing.
    fn of(&self, sentence: usize, passage: usize) -> f64 {
        let said = self.vectors.sentences.row(sentence);
        let product = dot(said, self.vectors.passages.row(passage));
        let lengths = self.lengths.0[sentence] * self.lengths.1[passage];
        match lengths > 0.0 {
            true => (product / lengths).clamp(-1.0, 1.0),
            false => 0.0,
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.sum()
}
