//! What several answers to one question have in common, what only one of them says, and where they contradict.
//!
//! The one idea: sentences of all texts go into one clustering, and a cluster is a theme; who has a sentence in it says
//! it. Nothing depends on the order of the texts: sentences that are equal are one, and all are taken in the order of
//! their words. Read `compare` here, then `cluster`, `themes` and `measures`.

mod cluster;
mod given;
mod measures;
mod sentences;
#[cfg(test)]
mod tests;
mod themes;

pub use given::{Compared, MAX_TEXTS, compare_json};
pub use measures::{Measures, distinct_n};

use crate::error::{Error, Result};
use crate::generation::Vectors;
use crate::text::{Conflict, Language, Statement, code_points};
use sentences::{Likeness, Sentence, Sentences};
use serde::Serialize;

crate::options! {
    /// How texts are compared.
    ComparisonOptions {
        /// The mean cosine of two groups of sentences from which on they are one theme; 0.25 without vectors and 0.6
        /// with them if none.
        threshold: Option<f64> = None, in -1.0..=1.0;
        /// Terms that name a theme.
        terms: usize = 3, in 1..=20;
        /// The share of words that two sentences need in common before they are looked at for a contradiction.
        min_overlap: f64 = 0.5, in 0.0..=1.0;
        /// The cosine that they need besides.
        min_likeness: f64 = 0.3, in -1.0..=1.0;
        /// Most contradictions that are told, the nearest sentences first.
        max_contradictions: usize = 100, in 0..=10_000;
        /// Most sentences of all texts together: time and memory grow by their square.
        max_sentences: usize = 1000, in 1..=4000;
        /// Whose words they are.
        language: Language = Language::English;
    }
}

/// A sentence of one of the texts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// Which text, from 0.
    pub text: usize,
    /// Where the sentence begins in it.
    pub start: usize,
    /// Where it ends there.
    pub end: usize,
    /// The sentence in one line, without citations.
    pub sentence: String,
}

/// Sentences that say about the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Theme {
    /// Its distinguishing words, the most telling first.
    pub terms: Vec<String>,
    /// Which texts have a sentence in it, ascending.
    pub texts: Vec<usize>,
    /// The sentences, by text and place.
    pub sentences: Vec<Said>,
    /// The mean cosine of its sentences with each other; 1 if there is one.
    pub cohesion: f64,
}

/// Two sentences of two texts that cannot both be true, as far as words say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contradiction {
    /// What sets them against each other: `negation`, `opposites` or `numbers`.
    #[serde(serialize_with = "by_name")]
    pub kind: Conflict,
    /// The sentence of the text with the smaller number.
    pub first: Said,
    /// That of the other.
    pub second: Said,
    /// Their cosine.
    pub likeness: f64,
}

fn by_name<S: serde::Serializer>(kind: &Conflict, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_str(kind.name())
}

/// How far two texts say the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// The one.
    pub first: usize,
    /// The other, with a larger number.
    pub second: usize,
    /// In 0 to 1.
    pub value: f64,
}

/// What [`compare`] found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// How far the texts agree, in 0 to 1: the mean over all pairs.
    pub agreement: f64,
    /// The agreement of each pair.
    pub pairs: Vec<Agreement>,
    /// Themes of all texts, those with most sentences first.
    pub common: Vec<Theme>,
    /// Themes of several texts, but not of all.
    pub shared: Vec<Theme>,
    /// Themes of one text.
    pub unique: Vec<Theme>,
    /// Contradictions, the nearest sentences first.
    pub contradictions: Vec<Contradiction>,
    /// How many contradictions there are, those that are not told included.
    pub contradiction_count: usize,
    /// What each text is like by itself.
    pub texts: Vec<Measures>,
    /// Whether sentences were compared by vectors; if not, by their words.
    pub by_vectors: bool,
}

impl Comparison {
    /// As JSON, the form in which it reaches other languages.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The same with offsets in code points instead of bytes, for languages that count those. `texts` are those that
    /// were compared.
    ///
    /// `InvalidArgument` for other texts.
    pub fn in_code_points(&self, texts: &[Compared<'_>]) -> Result<Self> {
        let mut found = self.clone();
        let themes = [&mut found.common, &mut found.shared, &mut found.unique];
        let themes = themes.into_iter().flatten();
        let contradictions = found.contradictions.iter_mut();
        let all = themes
            .flat_map(|theme| &mut theme.sentences)
            .chain(contradictions.flat_map(|c| [&mut c.first, &mut c.second]));
        let mut by_text: Vec<Vec<&mut Said>> = texts.iter().map(|_| Vec::new()).collect();
        for said in all {
            let Some(of) = by_text.get_mut(said.text) else {
                return Err(Error::invalid(format!(
                    "there is no text {}; give the texts that were compared",
                    said.text
                )));
            };
            of.push(said);
        }
        for (text, said) in texts.iter().zip(by_text) {
            let mut ends: Vec<usize> = said.iter().flat_map(|s| [s.start, s.end]).collect();
            ends.sort_unstable();
            ends.dedup();
            let counted = code_points(&text.text, &ends)?;
            for said in said {
                for end in [&mut said.start, &mut said.end] {
                    if let Ok(at) = ends.binary_search(end) {
                        *end = counted[at];
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Compares texts: answers to one question, or sets of evidence ([`Compared`]).
///
/// Sentences are what [`sentences`](crate::text::sentences()) finds, citations such as `[1]` taken out. With `vectors`,
/// which is asked once for all that differ, they are compared by their cosine; without, by that of their stemmed terms
/// weighed by TF-IDF, so that only sentences with words in common are alike.
///
/// Themes are clusters by average linkage (Sokal and Michener, 1958): two groups become one while the mean cosine of
/// their sentences is at least `threshold`. A theme is named by class-based TF-IDF (Grootendorst, 2022): a term weighs
/// `tf ln(1 + A / f)`, with `tf` how often the theme has it, `f` how often all have and `A` the mean number of
/// words of a theme; of equals the longer word comes first.
///
/// A text agrees with a sentence if it has the same one, or if it has one in its theme and none that contradicts it. Two
/// texts agree by the share of each one's sentences that the other agrees with, the mean of both. A contradiction is a
/// [`Conflict`] of two sentences with `min_overlap` and `min_likeness`; a text that says both contradicts itself and not
/// the other. It is told by words alone: take it for a place to look at.
///
/// `InvalidArgument` for fewer than two texts or more than [`MAX_TEXTS`], a text without words, more than
/// `max_sentences`, and for vectors that are not one a sentence or not finite.
///
/// ```
/// use rag_core::comparison::{ComparisonOptions, Compared, compare};
/// use rag_core::text::Conflict;
/// let one = Compared::new("The bridge opened in 1932. It is painted grey.");
/// let other = Compared::new("The bridge opened in 1923. Trams cross it every day.");
/// let found = compare(&[one, other], None, &ComparisonOptions::default())?;
/// assert_eq!((found.common.len(), found.unique.len()), (1, 2));
/// assert_eq!(found.contradictions[0].kind, Conflict::Numbers);
/// assert_eq!(found.agreement, 0.0);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn compare(
    texts: &[Compared<'_>],
    vectors: Option<&Vectors>,
    options: &ComparisonOptions,
) -> Result<Comparison> {
    options.check()?;
    if !(2..=MAX_TEXTS).contains(&texts.len()) {
        return Err(Error::invalid(format!(
            "there are {} texts to compare; give 2 to {MAX_TEXTS}",
            texts.len()
        )));
    }
    let all = Sentences::of(texts, options)?;
    let likeness = match vectors {
        Some(vectors) => Likeness::by_vectors(&all, vectors)?,
        None => Likeness::by_terms(&all),
    };
    let default = if vectors.is_some() { 0.6 } else { 0.25 };
    let clusters = cluster::average_linkage(
        &likeness,
        &all.weights(),
        options.threshold.unwrap_or(default),
    );
    let against = Against::of(&all, &likeness, &clusters, options);
    let pairs = against.agreements(&all, &clusters);
    let mean = pairs.iter().map(|pair| pair.value).sum::<f64>() / pairs.len() as f64;
    let mut found = Comparison {
        agreement: mean,
        pairs,
        common: Vec::new(),
        shared: Vec::new(),
        unique: Vec::new(),
        contradiction_count: against.told.len(),
        contradictions: against.contradictions(&all, options.max_contradictions),
        texts: measures::of(texts, &all, &likeness)?,
        by_vectors: vectors.is_some(),
    };
    for theme in themes::of(&all, &likeness, &clusters, options.terms) {
        match theme.texts.len() {
            1 => found.unique.push(theme),
            n if n == texts.len() => found.common.push(theme),
            _ => found.shared.push(theme),
        }
    }
    Ok(found)
}

/// What stands against what.
struct Against {
    /// Numbers of different sentences, whether they are in conflict, row by row.
    conflicts: Vec<bool>,
    count: usize,
    /// Places of sentences that contradict each other, the nearest first.
    told: Vec<(f64, Conflict, usize, usize)>,
}

impl Against {
    fn of(
        all: &Sentences,
        likeness: &Likeness,
        clusters: &[usize],
        options: &ComparisonOptions,
    ) -> Self {
        let different = &all.different;
        let statements: Vec<Statement> =
            different.iter().map(|s| Statement::new(&s.text)).collect();
        let count = different.len();
        let mut against = Self {
            conflicts: vec![false; count * count],
            count,
            told: Vec::new(),
        };
        for a in 0..count {
            for b in a + 1..count {
                // Most pairs end here.
                let near = likeness.of(a, b) >= options.min_likeness || clusters[a] == clusters[b];
                if !near || statements[a].overlap(&statements[b]) < options.min_overlap {
                    continue;
                }
                if let Some(kind) = statements[a].conflict(&statements[b]) {
                    against.conflicts[a * count + b] = true;
                    against.conflicts[b * count + a] = true;
                    against.tell(kind, a, b, likeness, all);
                }
            }
        }
        // By what the sentences say, so that it does not depend on the order of texts.
        against.told.sort_by(|x, y| {
            let words = |p: &usize| &different[all.places[*p].different].text;
            let key = |t: &(f64, Conflict, usize, usize)| {
                let (a, b) = (words(&t.2), words(&t.3));
                (a.min(b).clone(), a.max(b).clone())
            };
            y.0.total_cmp(&x.0)
                .then_with(|| key(x).cmp(&key(y)))
                .then((x.2, x.3).cmp(&(y.2, y.3)))
        });
        against
    }

    /// Notes every pair of places of two sentences in conflict.
    fn tell(&mut self, kind: Conflict, a: usize, b: usize, likeness: &Likeness, all: &Sentences) {
        let (a, b) = (&all.different[a], &all.different[b]);
        for &i in &a.places {
            for &j in &b.places {
                let (x, y) = (all.places[i].text, all.places[j].text);
                if x != y && !a.texts[y] && !b.texts[x] {
                    let (i, j) = if x < y { (i, j) } else { (j, i) };
                    let near = likeness.of(all.places[i].different, all.places[j].different);
                    self.told.push((near, kind, i, j));
                }
            }
        }
    }

    fn contradictions(&self, all: &Sentences, most: usize) -> Vec<Contradiction> {
        let told = self.told.iter().take(most);
        let told = told.map(|&(likeness, kind, i, j)| Contradiction {
            kind,
            first: all.said(i),
            second: all.said(j),
            likeness,
        });
        told.collect()
    }

    fn agreements(&self, all: &Sentences, clusters: &[usize]) -> Vec<Agreement> {
        let texts = all.ends.len();
        // For each text, the different sentences that it has.
        let mut of: Vec<Vec<usize>> = vec![Vec::new(); texts];
        for (i, sentence) in all.different.iter().enumerate() {
            for (text, _) in sentence.texts.iter().enumerate().filter(|(_, has)| **has) {
                of[text].push(i);
            }
        }
        let agrees = |sentence: &Sentence, i: usize, text: usize| {
            sentence.texts[text]
                || of[text].iter().any(|j| clusters[*j] == clusters[i])
                    && !of[text].iter().any(|j| self.conflicts[i * self.count + j])
        };
        let share = |from: usize, to: usize| {
            let (mut said, mut agreed) = (0usize, 0usize);
            for &i in &of[from] {
                let sentence = &all.different[i];
                let times = sentence.places.iter();
                let times = times.filter(|p| all.places[**p].text == from).count();
                said += times;
                agreed += if agrees(sentence, i, to) { times } else { 0 };
            }
            agreed as f64 / said as f64
        };
        let mut pairs = Vec::with_capacity(texts * (texts - 1) / 2);
        for first in 0..texts {
            for second in first + 1..texts {
                pairs.push(Agreement {
                    first,
                    second,
                    value: (share(first, second) + share(second, first)) / 2.0,
                });
            }
        }
        pairs
    }
}
