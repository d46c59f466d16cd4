//! Answers made of the passages' own sentences: no model, nothing invented, nothing to pay.
//!
//! Sentences are scored by the question's terms as if each were a document (BM25), and by the cosine of vectors
//! if somebody hands them over; the best that do not repeat each other are kept, in reading order, each with the
//! number of its passage, so that its citations are read like those of any model.

use super::citations::without_citations;
use super::generator::{Cancel, Finish, Flow, Generated, Generator, Request, Usage};
use crate::Matrix;
use crate::error::{Error, ErrorKind, Result};
use crate::prompting::Untrusted;
use crate::text::{Analyzer, Language, StemMemo, estimate_tokens, sentences};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// What an [`Extractive`] says if the passages hold nothing for the question.
pub const NOTHING_FOUND: &str = "The documents say nothing about this.";

/// Sentences that are compared with each other and have vectors made; the best by their terms.
const CANDIDATES: usize = 64;
/// Bytes of the longest sentence that is quoted; tables and code are no sentences.
const LONGEST: usize = 2000;
/// Sentences with more terms in common than this share are one.
const SAME: f64 = 0.8;

crate::options! {
    /// How an [`Extractive`] chooses sentences.
    ExtractiveOptions {
        /// Most sentences of an answer.
        max_sentences: usize = 4, in 1..=64;
        /// Most tokens of an answer, citations included; a request may ask for fewer.
        max_tokens: usize = 256, in 1..=100000;
        /// A sentence needs this share of the best one's score.
        min_share: f64 = 0.35, in 0.0..=1.0;
        /// Weight of a sentence's score against its likeness to those that were chosen before it.
        relevance_weight: f64 = 0.7, in 0.0..=1.0;
        /// Weight of vectors against terms, if there are vectors.
        vector_weight: f64 = 0.5, in 0.0..=1.0;
        /// Whose words the passages are made of.
        language: Language = Language::English;
    }
}

/// Makes vectors of texts.
pub type Vectors = Arc<dyn Fn(&[&str]) -> Result<Matrix> + Send + Sync>;

/// The generator that needs no model: the best sentences of the passages, with citations.
///
/// Deterministic. Square brackets of a passage come out as round ones, so that no passage can cite or mark anything.
///
/// ```
/// use rag_core::generation::{Extractive, Flow, Generator, Request};
/// use rag_core::prompting::{Prompt, Untrusted};
/// let passage = |text: &str| Untrusted { text: text.into(), ..Default::default() };
/// let prompt = Prompt {
///     question: "how old is the bridge?".into(),
///     passages: vec![passage("It rained. Nobody came."), passage("The town is small. Its bridge is 300 years old.")],
///     ..Default::default()
/// };
/// let answer = Extractive::new(&Default::default())?.generate(&Request::new(&prompt), &mut |_| Flow::Continue)?;
/// assert_eq!(answer.text, "Its bridge is 300 years old. [2]");
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Extractive {
    options: ExtractiveOptions,
    vectors: Option<Vectors>,
}

impl std::fmt::Debug for Extractive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Extractive")
            .field("options", &self.options)
            .field("vectors", &self.vectors.is_some())
            .finish()
    }
}

/// A sentence that may be quoted.
struct Candidate {
    /// Its passage, from 0.
    passage: usize,
    text: String,
    terms: BTreeMap<String, usize>,
    length: usize,
    score: f64,
}

impl Extractive {
    /// A generator with these options.
    pub fn new(options: &ExtractiveOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options: options.clone(),
            vectors: None,
        })
    }

    /// The same, that also compares sentences by their vectors with the question's. `vectors` gives one row a text.
    #[must_use]
    pub fn with_vectors(mut self, vectors: Vectors) -> Self {
        self.vectors = Some(vectors);
        self
    }

    /// The sentences to quote, in reading order, each with its citation.
    fn choose(&self, question: &str, passages: &[Untrusted], budget: usize) -> Result<Vec<String>> {
        let mut found = self.candidates(question, passages);
        if let Some(vectors) = &self.vectors
            && !found.is_empty()
        {
            self.add_vectors(vectors, question, &mut found)?;
        }
        let best = found.iter().map(|c| c.score).fold(0.0, f64::max);
        if best <= 0.0 {
            return Ok(Vec::new());
        }
        let mut left: Vec<usize> = (0..found.len())
            .filter(|i| found[*i].score > 0.0 && found[*i].score >= best * self.options.min_share)
            .collect();
        // The largest likeness to what was chosen, kept up to date.
        let mut like = vec![0f64; found.len()];
        let (mut chosen, mut tokens) = (BTreeSet::new(), 0);
        while chosen.len() < self.options.max_sentences {
            // Maximal marginal relevance (Carbonell and Goldstein, 1998).
            let weight = self.options.relevance_weight;
            let gain = |i: &usize| weight * found[*i].score / best - (1.0 - weight) * like[*i];
            let Some(next) = left
                .iter()
                .copied()
                .reduce(|a, b| match gain(&b) > gain(&a) {
                    true => b,
                    false => a,
                })
            else {
                break;
            };
            left.retain(|i| *i != next);
            let cost = estimate_tokens(&cited(&found[next]));
            if tokens + cost <= budget {
                tokens += cost;
                chosen.insert(next);
                for i in &left {
                    like[*i] = like[*i].max(likeness(&found[*i].terms, &found[next].terms));
                }
                left.retain(|i| like[*i] < SAME);
            } else if chosen.is_empty() && left.is_empty() {
                return Ok(shortened(&found[next], budget).into_iter().collect());
            }
        }
        Ok(chosen.into_iter().map(|i| cited(&found[i])).collect())
    }

    /// The sentences with most of the question's terms, in reading order, their scores between 0 and 1.
    fn candidates(&self, question: &str, passages: &[Untrusted]) -> Vec<Candidate> {
        let analyzer = Analyzer::new(self.options.language);
        let mut memo = StemMemo::default();
        let mut all = Vec::new();
        for (passage, from) in passages.iter().enumerate() {
            for span in sentences(&from.text) {
                let text = &from.text[span];
                if text.len() > LONGEST || is_heading(text) {
                    continue;
                }
                let text = quotable(text);
                let mut terms = BTreeMap::new();
                let mut length = 0;
                analyzer.for_each_term(&text, &mut memo, &mut |term| {
                    *terms.entry(term.to_owned()).or_insert(0) += 1;
                    length += 1;
                });
                if length > 0 {
                    all.push(Candidate {
                        passage,
                        text,
                        terms,
                        length,
                        score: 0.0,
                    });
                }
            }
        }
        let mut wanted = BTreeSet::new();
        analyzer.for_each_term(question, &mut memo, &mut |term| {
            wanted.insert(term.to_owned());
        });
        score(&mut all, &wanted);
        if all.len() > CANDIDATES {
            let mut order: Vec<usize> = (0..all.len()).collect();
            order.sort_by(|a, b| all[*b].score.total_cmp(&all[*a].score).then(a.cmp(b)));
            let kept: BTreeSet<usize> = order.into_iter().take(CANDIDATES).collect();
            let mut i = 0;
            all.retain(|_| (kept.contains(&i), i += 1).0);
        }
        all
    }

    fn add_vectors(
        &self,
        vectors: &Vectors,
        question: &str,
        found: &mut [Candidate],
    ) -> Result<()> {
        let mut texts = vec![question];
        texts.extend(found.iter().map(|c| c.text.as_str()));
        let rows = vectors(&texts)?;
        if rows.len() != texts.len() {
            return Err(Error::invalid(format!(
                "the function for vectors must give one row a text, got {} rows for {} texts",
                rows.len(),
                texts.len()
            )));
        }
        let weight = self.options.vector_weight;
        let wanted = rows.row(0);
        for (i, candidate) in found.iter_mut().enumerate() {
            let near = cosine(wanted, rows.row(i + 1)).max(0.0);
            candidate.score = (1.0 - weight) * candidate.score + weight * near;
        }
        Ok(())
    }
}

/// BM25 (Robertson and Zaragoza, 2009) with k1 1.2 and b 0.75, every sentence a document; divided by the best.
fn score(all: &mut [Candidate], wanted: &BTreeSet<String>) {
    let count = all.len() as f64;
    let mean = all.iter().map(|c| c.length as f64).sum::<f64>() / count.max(1.0);
    let mut frequency: HashMap<&str, f64> = HashMap::new();
    for term in wanted {
        let n = all.iter().filter(|c| c.terms.contains_key(term)).count();
        frequency.insert(term, n as f64);
    }
    for candidate in all.iter_mut() {
        let long = 1.2 * (0.25 + 0.75 * candidate.length as f64 / mean);
        candidate.score = 0.0;
        for term in wanted {
            if let Some(n) = candidate.terms.get(term) {
                let n = *n as f64;
                let seen = frequency[term.as_str()];
                let rare = ((count - seen + 0.5) / (seen + 0.5)).ln_1p();
                candidate.score += rare * n * 2.2 / (n + long);
            }
        }
    }
    let best = all.iter().map(|c| c.score).fold(0.0, f64::max);
    if best > 0.0 {
        all.iter_mut().for_each(|c| c.score /= best);
    }
}

/// Whether it is a heading of Markdown: it names what follows and says nothing.
fn is_heading(text: &str) -> bool {
    let text = text.trim();
    let level = text.bytes().take_while(|byte| *byte == b'#').count();
    (1..=6).contains(&level) && text[level..].starts_with([' ', '\t']) && !text.contains('\n')
}

/// The share of terms that two sentences have in common (Jaccard, 1901).
fn likeness(a: &BTreeMap<String, usize>, b: &BTreeMap<String, usize>) -> f64 {
    let common = a.keys().filter(|t| b.contains_key(*t)).count();
    common as f64 / (a.len() + b.len() - common).max(1) as f64
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum()
    };
    let length = (dot(a, a) * dot(b, b)).sqrt();
    let cosine = dot(a, b) / length;
    if cosine.is_finite() { cosine } else { 0.0 }
}

/// One line without the passage's own citations, brackets and control characters.
fn quotable(text: &str) -> String {
    let clean = without_citations(text);
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let round = |c: char| match c {
        '[' => '(',
        ']' => ')',
        c => visible(c),
    };
    let clean: String = clean.chars().map(round).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cited(candidate: &Candidate) -> String {
    format!("{} [{}]", candidate.text, candidate.passage + 1)
}

/// The beginning of a sentence that fits, cut between words; nothing if no word does.
fn shortened(candidate: &Candidate, budget: usize) -> Option<String> {
    let mark = format!("… [{}]", candidate.passage + 1);
    let mut left = budget.checked_sub(estimate_tokens(&mark))?;
    let mut end = 0;
    for word in candidate.text.split_inclusive(' ') {
        left = match left.checked_sub(estimate_tokens(word)) {
            Some(left) => left,
            None => break,
        };
        end += word.len();
    }
    let text = candidate.text[..end].trim_end();
    (!text.is_empty()).then(|| format!("{text}{mark}"))
}

impl Generator for Extractive {
    fn name(&self) -> &str {
        "extractive"
    }

    fn fingerprint(&self) -> String {
        let o = &self.options;
        format!(
            "extractive-1 {} {} {} {} {} {} {}",
            o.max_sentences,
            o.max_tokens,
            o.min_share,
            o.relevance_weight,
            o.vector_weight,
            o.language.name(),
            self.vectors.is_some()
        )
    }

    fn generate(
        &self,
        request: &Request<'_>,
        sink: &mut dyn FnMut(&str) -> Flow,
    ) -> Result<Generated> {
        let begun = Instant::now();
        check_time(request.deadline)?;
        let prompt = request.prompt;
        let budget = self
            .options
            .max_tokens
            .min(request.max_tokens.unwrap_or(usize::MAX));
        let mut pieces = self.choose(&prompt.question, &prompt.passages, budget)?;
        check_time(request.deadline)?;
        if pieces.is_empty() {
            pieces.push(NOTHING_FOUND.to_owned());
        }
        for piece in &mut pieces[1..] {
            piece.insert(0, ' ');
        }
        let whole = pieces.concat();
        let end = first_stop(&whole, request.stop).unwrap_or(whole.len());
        let (text, finish, first) =
            hand_out(&pieces, end, &request.cancel, &mut |p| sink(p), begun);
        let input = prompt.passages.iter().map(|p| estimate_tokens(&p.text));
        Ok(Generated {
            usage: Usage {
                input_tokens: estimate_tokens(&prompt.question) + input.sum::<usize>(),
                output_tokens: estimate_tokens(&text),
                estimated: true,
            },
            text,
            finish,
            model: self.name().to_owned(),
            first_s: first,
            attempts: 0,
        })
    }
}

/// Hands pieces out up to byte `end` of all of them, until nobody wants more.
fn hand_out(
    pieces: &[String],
    end: usize,
    cancel: &Cancel,
    sink: &mut dyn FnMut(&str) -> Flow,
    begun: Instant,
) -> (String, Finish, Option<f64>) {
    let (mut text, mut first) = (String::new(), None);
    for piece in pieces {
        let piece = &piece[..piece.len().min(end - text.len())];
        if piece.is_empty() {
            break;
        }
        if cancel.is_cancelled() {
            return (text, Finish::Cancelled, first);
        }
        first.get_or_insert_with(|| begun.elapsed().as_secs_f64());
        text.push_str(piece);
        if sink(piece) == Flow::Stop {
            return (text, Finish::Cancelled, first);
        }
    }
    (text, Finish::Stop, first)
}

/// Where the first of the texts that end an answer begins; empty ones end nothing.
fn first_stop(text: &str, stop: &[String]) -> Option<usize> {
    let found = stop.iter().filter(|s| !s.is_empty());
    found.filter_map(|s| text.find(s.as_str())).min()
}

fn check_time(deadline: Option<Instant>) -> Result<()> {
    match deadline {
        Some(at) if Instant::now() >= at => Err(Error::new(
            ErrorKind::Timeout,
            "the deadline passed before the answer was written; give it more time",
        )),
        _ => Ok(()),
    }
}
