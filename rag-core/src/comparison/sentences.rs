//! The sentences of all texts, and how like each other they are.

use super::{Compared, ComparisonOptions, Said};
use crate::error::{Error, Result};
use crate::evaluation::answer_sentences;
use crate::generation::{Vectors, without_citations};
use crate::text::{Analyzer, StemMemo, words};
use std::collections::{BTreeMap, HashMap};

/// A sentence that one text has, or several.
#[derive(Debug)]
pub(super) struct Sentence {
    /// In one line, without citations.
    pub(super) text: String,
    /// Its stemmed terms, each with the word that it was, in order.
    pub(super) terms: Vec<(String, String)>,
    /// Indices into the places.
    pub(super) places: Vec<usize>,
    /// Which texts have it.
    pub(super) texts: Vec<bool>,
}

/// Where a sentence stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) text: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Which of the different sentences it is.
    pub(super) different: usize,
}

#[derive(Debug)]
pub(super) struct Sentences {
    /// By their words: the order of texts does not matter here.
    pub(super) different: Vec<Sentence>,
    /// By text and place.
    pub(super) places: Vec<Place>,
    /// Behind the last place of each text.
    pub(super) ends: Vec<usize>,
}

impl Sentences {
    pub(super) fn of(texts: &[Compared<'_>], options: &ComparisonOptions) -> Result<Self> {
        let mut places = Vec::new();
        let mut ends = Vec::with_capacity(texts.len());
        let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (i, text) in texts.iter().enumerate() {
            let before = places.len();
            for range in answer_sentences(&text.text) {
                let plain = plain(&text.text[range.clone()]);
                if words(&plain).next().is_none() {
                    continue;
                }
                if places.len() == options.max_sentences {
                    return Err(Error::invalid(format!(
                        "the texts have more than {} sentences; compare shorter texts, or raise max_sentences",
                        options.max_sentences
                    )));
                }
                found.entry(plain).or_default().push(places.len());
                places.push(Place {
                    text: i,
                    start: range.start,
                    end: range.end,
                    different: 0,
                });
            }
            if places.len() == before {
                return Err(Error::invalid(format!(
                    "text {i} has no words, so there is nothing to compare; leave it out"
                )));
            }
            ends.push(places.len());
        }
        let analyzer = Analyzer::new(options.language);
        let mut memo = StemMemo::default();
        let mut different = Vec::with_capacity(found.len());
        for (i, (text, at)) in found.into_iter().enumerate() {
            let mut of = vec![false; texts.len()];
            for &place in &at {
                places[place].different = i;
                of[places[place].text] = true;
            }
            let mut terms = Vec::new();
            for word in words(&text) {
                analyzer.for_each_term(word.text, &mut memo, &mut |term| {
                    // A run of characters has many terms, each of which is its own word.
                    let word = if word.unspaced { term } else { word.text };
                    terms.push((term.to_owned(), word.to_lowercase()));
                });
            }
            different.push(Sentence {
                text,
                terms,
                places: at,
                texts: of,
            });
        }
        Ok(Self {
            different,
            places,
            ends,
        })
    }

    /// How often each different sentence is there.
    pub(super) fn weights(&self) -> Vec<f64> {
        self.different
            .iter()
            .map(|s| s.places.len() as f64)
            .collect()
    }

    pub(super) fn said(&self, place: usize) -> Said {
        let at = self.places[place];
        Said {
            text: at.text,
            start: at.start,
            end: at.end,
            sentence: self.different[at.different].text.clone(),
        }
    }

    /// The different sentences of a text, in its order, repeats included.
    pub(super) fn of_text(&self, text: usize) -> impl Iterator<Item = usize> {
        let begin = match text {
            0 => 0,
            text => self.ends[text - 1],
        };
        self.places[begin..self.ends[text]]
            .iter()
            .map(|p| p.different)
    }
}

/// A sentence in one line, without its citations.
pub(super) fn plain(text: &str) -> String {
    let text = without_citations(text);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cosines of all pairs of different sentences.
#[derive(Debug)]
pub(super) struct Likeness {
    cosines: Vec<f32>,
    count: usize,
}

impl Likeness {
    pub(super) fn by_vectors(all: &Sentences, vectors: &Vectors) -> Result<Self> {
        let texts: Vec<&str> = all.different.iter().map(|s| s.text.as_str()).collect();
        let rows = vectors(&texts)?;
        if rows.len() != texts.len() {
            return Err(Error::invalid(format!(
                "the function for vectors must give one row a text, got {} rows for {} texts",
                rows.len(),
                texts.len()
            )));
        }
        let rows = rows.rows();
        rows.check_finite()
            .map_err(|e| e.context("the vectors of the sentences"))?;
        let units: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| unit(row.iter().map(|x| f64::from(*x)).collect()))
            .collect();
        Ok(Self::of_pairs(units.len(), |a, b| {
            units[a].iter().zip(&units[b]).map(|(x, y)| x * y).sum()
        }))
    }

    /// TF-IDF with `ln(1 + N / n)`, every different sentence a document.
    pub(super) fn by_terms(all: &Sentences) -> Self {
        let count = all.different.len();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut seen: Vec<f64> = Vec::new();
        let mut rows: Vec<BTreeMap<usize, f64>> = Vec::with_capacity(count);
        for sentence in &all.different {
            let mut row = BTreeMap::new();
            for (term, _) in &sentence.terms {
                let next = numbers.len();
                let number = *numbers.entry(term).or_insert(next);
                *row.entry(number).or_insert(0.0) += 1.0;
            }
            seen.resize(numbers.len(), 0.0);
            row.keys().for_each(|number| seen[*number] += 1.0);
            rows.push(row);
        }
        let units: Vec<Vec<(usize, f64)>> = rows
            .iter()
            .map(|row| {
                let weighed = row
                    .iter()
                    .map(|(n, tf)| tf * (count as f64 / seen[*n]).ln_1p());
                let weighed = unit(weighed.collect());
                row.keys().copied().zip(weighed).collect()
            })
            .collect();
        Self::of_pairs(count, |a, b| product(&units[a], &units[b]))
    }

    fn of_pairs(count: usize, cosine: impl Fn(usize, usize) -> f64) -> Self {
        let mut cosines = vec![1.0; count * count];
        for a in 0..count {
            for b in a + 1..count {
                let near = cosine(a, b).clamp(-1.0, 1.0) as f32;
                cosines[a * count + b] = near;
                cosines[b * count + a] = near;
            }
        }
        Self { cosines, count }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn of(&self, a: usize, b: usize) -> f64 {
        f64::from(self.cosines[a * self.count + b])
    }
}

/// The vector with length 1; one of zeros stays, and is like nothing.
fn unit(mut vector: Vec<f64>) -> Vec<f64> {
    let largest = vector.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    if largest > 0.0 {
        vector.iter_mut().for_each(|x| *x /= largest);
        let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
    }
    vector
}

/// The product of two sparse vectors, their places ascending.
fn product(a: &[(usize, f64)], b: &[(usize, f64)]) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        if x.0 == y.0 {
            sum += x.1 * y.1;
        }
        i += usize::from(x.0 <= y.0);
        j += usize::from(y.0 <= x.0);
    }
    sum
}
