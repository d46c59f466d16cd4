//! From what an answer cites to what supports it.
//!
//! Each sentence is held against the sentences of a passage by its terms; the sentence of the passage that
//! has most of them is the one that is pointed at.

use super::types::{Citation, Passage};
use crate::error::{Error, Result};
use crate::text::{Analyzer, Language, StemMemo, sentences};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

crate::options! {
    /// How the sentences of an answer find what they stand on.
    CiteOptions {
        /// From which support on a sentence is attributed to a passage, in an answer that cites nothing.
        min_support: f64 = 0.5, in 0.0..=1.0;
        /// Whose words they are.
        language: Language = Language::English;
    }
}

/// Finds where the sentences of an answer come from.
///
/// `cited` has the sentences, as ranges of bytes, with the numbers of the passages that each cites: from 1,
/// in the order of `passages`, as a prompt numbers them. Numbers that no passage has are left out, since models
/// make up some. In an answer that cites nothing each sentence is attributed to the passage that supports it
/// best, if it does so by `min_support`; `cited` may then be empty, and the answer's sentences are found here.
///
/// Support is the share of a sentence's different terms, stemmed and without stop words, that one sentence of
/// the passage has. Numbers in square brackets are no terms. A cited passage that has none of the terms gets a
/// support of 0, its whole text as the source. Of equals the first is taken.
///
/// `InvalidArgument` for a range that is not one of the answer.
///
/// ```
/// use rag_core::answer::{CiteOptions, Passage, cite};
/// let passage: Passage = serde_json::from_str(r#"{"id": "b1", "document": "bread", "start": 0, "end": 47,
///     "text": "Dough rests. The yeast eats sugar and gives gas.", "metadata": {}, "score": 1,
///     "tokens": 10, "merged": ["b1"]}"#).unwrap();
/// let answer = "Yeast eats sugar [1].";
/// let found = cite(answer, &[(0..21, vec![1])], &[passage.clone()], &CiteOptions::default())?;
/// let [from, to] = found[0].source;
/// assert_eq!(&passage.text[from..to], "The yeast eats sugar and gives gas.");
/// assert_eq!(found[0].support, 1.0);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn cite(
    answer: &str,
    cited: &[(Range<usize>, Vec<usize>)],
    passages: &[Passage],
    options: &CiteOptions,
) -> Result<Vec<Citation>> {
    options.check()?;
    for (i, (range, _)) in cited.iter().enumerate() {
        if answer.get(range.clone()).is_none() {
            return Err(Error::invalid(format!(
                "sentence {i} is from {} to {}, which is no stretch of an answer of {} bytes; give ranges of bytes \
                 on character boundaries",
                range.start,
                range.end,
                answer.len()
            )));
        }
    }
    let marked = cited.iter().any(|(_, numbers)| !numbers.is_empty());
    let found: Vec<(Range<usize>, Vec<usize>)>;
    let cited = match marked || !cited.is_empty() {
        true => cited,
        false => {
            found = sentences(answer).map(|range| (range, Vec::new())).collect();
            &found
        }
    };
    let mut sources = Sources::new(passages, options.language);
    let mut citations = Vec::new();
    for (range, numbers) in cited {
        let support = sources.of(&answer[range.clone()]);
        let answer = [range.start, range.end];
        if marked {
            let mut seen = HashSet::new();
            for &number in numbers.iter().filter(|n| seen.insert(**n)) {
                let index = number.wrapping_sub(1);
                if let Some(passage) = passages.get(index) {
                    citations.push(citation(answer, passage, support.get(&index)));
                }
            }
            continue;
        }
        let best = support
            .iter()
            .min_by(|(i, a), (j, b)| b.0.total_cmp(&a.0).then(i.cmp(j)));
        if let Some((&index, found)) =
            best.filter(|(_, (support, _))| *support >= options.min_support)
        {
            citations.push(citation(answer, &passages[index], Some(found)));
        }
    }
    Ok(citations)
}

fn citation(
    answer: [usize; 2],
    passage: &Passage,
    found: Option<&(f64, Range<usize>)>,
) -> Citation {
    let (support, source) = found.cloned().unwrap_or((0.0, 0..passage.text.len()));
    Citation {
        passage: passage.id.clone(),
        document: passage.document.clone(),
        answer,
        source: [source.start, source.end],
        support,
    }
}

/// The sentences of all passages by their terms.
struct Sources {
    analyzer: Analyzer,
    memo: StemMemo,
    /// The passage of each sentence, and where it stands there.
    sentences: Vec<(usize, Range<usize>)>,
    terms: HashMap<String, Vec<u32>>,
}

impl Sources {
    fn new(passages: &[Passage], language: Language) -> Self {
        let mut sources = Self {
            analyzer: Analyzer::new(language),
            memo: StemMemo::default(),
            sentences: Vec::new(),
            terms: HashMap::new(),
        };
        for (i, passage) in passages.iter().enumerate() {
            for range in sentences(&passage.text) {
                let number = sources.sentences.len() as u32;
                let Self {
                    analyzer,
                    memo,
                    terms,
                    ..
                } = &mut sources;
                analyzer.for_each_term(&passage.text[range.clone()], memo, &mut |term| match terms
                    .get_mut(term)
                {
                    Some(list) if list.last() == Some(&number) => {}
                    Some(list) => list.push(number),
                    None => drop(terms.insert(term.to_owned(), vec![number])),
                });
                sources.sentences.push((i, range));
            }
        }
        sources
    }

    /// The best sentence of each passage that has a term of `text`, with the share of its terms.
    fn of(&mut self, text: &str) -> HashMap<usize, (f64, Range<usize>)> {
        let mut said: HashSet<String> = HashSet::new();
        self.analyzer
            .for_each_term(&without_marks(text), &mut self.memo, &mut |term| {
                said.insert(term.to_owned());
            });
        let mut shared: HashMap<u32, usize> = HashMap::new();
        for number in said
            .iter()
            .filter_map(|term| self.terms.get(term))
            .flatten()
        {
            *shared.entry(*number).or_default() += 1;
        }
        let mut best: HashMap<usize, (usize, u32)> = HashMap::new();
        for (number, count) in shared {
            let (passage, _) = self.sentences[number as usize];
            let entry = best.entry(passage).or_insert((count, number));
            if count > entry.0 || count == entry.0 && number < entry.1 {
                *entry = (count, number);
            }
        }
        let support = |(passage, (count, number)): (usize, (usize, u32))| {
            let (_, range) = &self.sentences[number as usize];
            (passage, (count as f64 / said.len() as f64, range.clone()))
        };
        best.into_iter().map(support).collect()
    }
}

/// `text` with numbers in square brackets as spaces.
fn without_marks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        out.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        let mark = |c: char| c.is_ascii_digit() || matches!(c, ' ' | ',' | ';' | '-' | '–');
        let end = inside
            .find(|c| !mark(c))
            .filter(|&end| end > 0 && inside[end..].starts_with(']'));
        rest = match end {
            Some(end) => &inside[end + 1..],
            None => inside,
        };
        out.push(' ');
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
