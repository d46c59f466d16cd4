//! Passages packed into what a prompt has room for.
//!
//! Best first, each passage is merged with what it touches and kept if all that is kept then still fits.
//! What says the same as something kept is dropped, what does not fit is cut at the end of a sentence or
//! left out for smaller ones. Next: `alike`, which tells what says the same.

use super::alike::Alike;
use super::found::{Found, Offsets};
use super::types::Passage;
use crate::error::{Error, Result};
use crate::text::{TokenCounter, sentences};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Passages that may be packed at once.
pub const MAX_FOUND: usize = 10_000;
/// White space between two passages that are merged is at most so long.
pub const MAX_GAP: usize = 256;

crate::option_enum! {
    /// In which order packed passages stand.
    PackOrder {
        /// Best first.
        Rank = "rank",
        /// As they are read: documents by their best passage, passages as in their document.
        Document = "document",
        /// Best at both ends, since models overlook the middle (Liu and others, 2023): 1, 3, 5, ..., 4, 2.
        Edges = "edges",
    }
}

crate::options! {
    /// How passages are packed.
    PackOptions {
        /// In which order they stand.
        order: PackOrder = PackOrder::Rank;
        /// From which likeness a passage says the same as one that is kept: shared runs of three words among
        /// all of both (Jaccard; Broder, 1997). 1 drops only equal words.
        near_duplicate: f64 = 0.8, in 0.01..=1.0;
        /// From which cosine it says the same, where both have vectors.
        near_vector: f64 = 0.98, in 0.0..=1.0;
        /// Fewest tokens that are left of a passage when it is cut.
        min_tokens: usize = 32, in 1..=1_000_000;
        /// Tokens that a prompt adds to each passage: its fence.
        overhead: usize = 0, in 0..=100_000;
        /// What the offsets of passages count.
        offsets: Offsets = Offsets::Bytes;
    }
}

/// Text of a document between two offsets; `None` if it is not known.
pub type Between<'a> = dyn Fn(&str, Range<usize>) -> Option<String> + 'a;

/// Packs passages into `budget_tokens`, as `counter` counts them.
///
/// Best score first, equal ones as given: a passage that says the same as one that is kept is dropped, unless
/// they overlap in their document; a passage that overlaps or touches kept ones of its document, or that only
/// white space parts from them (of at most [`MAX_GAP`], as `between` tells it), becomes one with them if all
/// that is kept then fits, and is left out if not; one that stands alone and does not fit is cut to as many of
/// its first sentences as fit, if those have `min_tokens`, and left out if not. What comes later may still fit.
///
/// The tokens of all passages and `overhead` for each never exceed the budget. A merged passage's text is that
/// of its document between `start` and `end`; it has the first one's id and metadata and the best one's score
/// and relevance. Where texts contradict each other, as after a change of the document, nothing is merged.
/// A kept passage costs one count of what it becomes, so time grows with the number of passages times the
/// budget at most.
///
/// `InvalidArgument` for more than [`MAX_FOUND`] passages, offsets that do not belong to their texts, and
/// numbers that are not finite; `DimensionMismatch` for vectors of several lengths.
///
/// ```
/// use rag_core::answer::{Found, PackOptions, pack};
/// use rag_core::text::estimate_tokens;
/// let document = "Yeast eats sugar. The dough rises. Bake it hot.";
/// let passage = |id: &str, start: usize, end: usize, score: f32| Found {
///     id: id.into(), document: "bread".into(), start, end, text: document[start..end].into(), score,
///     ..Found::default()
/// };
/// let found = [passage("c", 35, 47, 0.9), passage("a", 0, 17, 0.8), passage("b", 18, 34, 0.7)];
/// let between = |_: &str, range: std::ops::Range<usize>| Some(document[range].to_owned());
/// let packed = pack(&found, 100, &estimate_tokens, Some(&between), &PackOptions::default())?;
/// // All three touch, so one passage is left of them.
/// assert_eq!((&*packed[0].text, packed[0].id.as_str(), packed.len()), (document, "a", 1));
/// assert_eq!(packed[0].merged, ["a", "b", "c"]);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub fn pack(
    found: &[Found],
    budget_tokens: usize,
    counter: &dyn TokenCounter,
    between: Option<&Between<'_>>,
    options: &PackOptions,
) -> Result<Vec<Passage>> {
    options.check()?;
    if found.len() > MAX_FOUND {
        return Err(Error::invalid(format!(
            "there are {} passages to pack, at most {MAX_FOUND} are accepted; give the best of them",
            found.len()
        )));
    }
    let mut dim = None;
    for (i, passage) in found.iter().enumerate() {
        passage.check(i, options.offsets, &mut dim)?;
    }
    let mut by_score: Vec<usize> = (0..found.len()).collect();
    by_score.sort_by(|&a, &b| found[b].score.total_cmp(&found[a].score));
    let mut packer = Packer {
        found,
        budget: budget_tokens,
        counter,
        between,
        options,
        alike: Alike::new(options.near_duplicate, options.near_vector),
        kept: Vec::new(),
        documents: HashMap::new(),
        spent: 0,
    };
    for i in by_score {
        packer.offer(i);
    }
    Ok(packer.finish())
}

/// One or more passages of a document as one stretch of it.
struct Stretch {
    start: usize,
    end: usize,
    text: Arc<str>,
    tokens: usize,
    /// Numbers of the passages in it, the best one first.
    members: Vec<usize>,
}

struct Packer<'a> {
    found: &'a [Found],
    budget: usize,
    counter: &'a dyn TokenCounter,
    between: Option<&'a Between<'a>>,
    options: &'a PackOptions,
    alike: Alike<'a>,
    /// What is kept, best first; those that went into others are empty.
    kept: Vec<Option<Stretch>>,
    /// The numbers of what is kept of each document, in its order.
    documents: HashMap<&'a str, Vec<usize>>,
    /// Tokens of all that is kept, with what a prompt adds.
    spent: usize,
}

impl<'a> Packer<'a> {
    fn offer(&mut self, i: usize) {
        let passage = &self.found[i];
        if passage.text.trim().is_empty() {
            return;
        }
        let shape = self.alike.shape(&passage.text, passage.vector.as_deref());
        let overlaps = |other: usize| {
            let other = &self.found[other];
            other.document == passage.document
                && other.start < passage.end
                && passage.start < other.end
        };
        if self.alike.says_the_same(&shape, overlaps) {
            return;
        }
        let (touched, merged) = self.merge(i);
        let tokens = self.counter.count(&merged.text);
        let freed: usize = touched.iter().map(|&k| self.cost(k)).sum();
        let cost = tokens.saturating_add(self.options.overhead);
        if (self.spent - freed).saturating_add(cost) <= self.budget {
            self.alike.keep(i, shape);
            self.keep(Stretch { tokens, ..merged }, &touched);
        } else if touched.is_empty()
            && let Some(cut) = self.cut(merged)
        {
            let shape = self.alike.shape(&cut.text, passage.vector.as_deref());
            self.alike.keep(i, shape);
            self.keep(cut, &[]);
        }
    }

    fn cost(&self, kept: usize) -> usize {
        let stretch = self.kept[kept].as_ref();
        stretch.map_or(0, |s| s.tokens + self.options.overhead)
    }

    /// The passage as one with all that it touches of what is kept, and the numbers of that.
    fn merge(&self, i: usize) -> (Vec<usize>, Stretch) {
        let passage = &self.found[i];
        let mut merged = Stretch {
            start: passage.start,
            end: passage.end,
            text: passage.text.clone(),
            tokens: 0,
            members: Vec::new(),
        };
        let mut touched = Vec::new();
        for &k in self
            .documents
            .get(passage.document.as_str())
            .into_iter()
            .flatten()
        {
            let Some(stretch) = &self.kept[k] else {
                continue;
            };
            if let Some((start, end, text)) = self.join(&passage.document, &merged, stretch) {
                merged = Stretch {
                    start,
                    end,
                    text,
                    ..merged
                };
                touched.push(k);
            }
        }
        // The best of all was kept first.
        touched.sort_unstable();
        let members = touched
            .iter()
            .filter_map(|&k| self.kept[k].as_ref())
            .flat_map(|s| &s.members);
        merged.members = members.copied().collect();
        merged.members.push(i);
        (touched, merged)
    }

    /// Two stretches of a document as one, if they touch and agree.
    fn join(&self, document: &str, a: &Stretch, b: &Stretch) -> Option<(usize, usize, Arc<str>)> {
        let (first, second) = if a.start <= b.start { (a, b) } else { (b, a) };
        if second.start > first.end {
            let gap = first.end..second.start;
            if gap.len() > MAX_GAP {
                return None;
            }
            let text = self.between?(document, gap.clone())?;
            if self.options.offsets.len(&text) != gap.len()
                || !text.chars().all(char::is_whitespace)
            {
                return None;
            }
            let text = [&first.text, text.as_str(), &second.text].concat();
            return Some((first.start, second.end, text.into()));
        }
        let (offsets, shared) = (
            self.options.offsets,
            first.end.min(second.end) - second.start,
        );
        let at = offsets.byte(&first.text, second.start - first.start)?;
        let end = offsets.byte(&second.text, shared)?;
        if !first.text[at..].starts_with(&second.text[..end]) {
            return None;
        }
        if second.end <= first.end {
            return Some((first.start, first.end, first.text.clone()));
        }
        let text = [&*first.text, &second.text[end..]].concat();
        Some((first.start, second.end, text.into()))
    }

    /// As many sentences of a stretch as fit, if those are enough.
    fn cut(&self, stretch: Stretch) -> Option<Stretch> {
        let room = self.budget - self.spent;
        let room = room.checked_sub(self.options.overhead)?;
        if room < self.options.min_tokens {
            return None;
        }
        let ends: Vec<usize> = sentences(&stretch.text).map(|range| range.end).collect();
        let fitting = ends.partition_point(|&end| self.counter.count(&stretch.text[..end]) <= room);
        let text = &stretch.text[..ends[fitting.checked_sub(1)?]];
        // A counter for which more text may be fewer tokens has misled the search.
        let tokens = self.counter.count(text);
        if tokens > room || tokens < self.options.min_tokens {
            return None;
        }
        let end = stretch.start + self.options.offsets.len(text);
        Some(Stretch {
            end,
            tokens,
            text: text.into(),
            ..stretch
        })
    }

    fn keep(&mut self, stretch: Stretch, touched: &[usize]) {
        let document: &'a str = &self.found[stretch.members[0]].document;
        for &k in touched {
            self.spent -= self.cost(k);
            self.kept[k] = None;
        }
        self.spent += stretch.tokens + self.options.overhead;
        // What was merged takes the place of the best that is in it.
        let at = touched.first().copied().unwrap_or(self.kept.len());
        let row = self.documents.entry(document).or_default();
        row.retain(|k| !touched.contains(k));
        let start = stretch.start;
        let kept = &self.kept;
        let place = row.partition_point(|&k| kept[k].as_ref().is_some_and(|s| s.start < start));
        row.insert(place, at);
        match self.kept.get_mut(at) {
            Some(place) => *place = Some(stretch),
            None => self.kept.push(Some(stretch)),
        }
    }

    fn finish(self) -> Vec<Passage> {
        let found = self.found;
        let mut best: Vec<Stretch> = self.kept.into_iter().flatten().collect();
        match self.options.order {
            PackOrder::Rank => {}
            PackOrder::Document => {
                let mut first: HashMap<&str, usize> = HashMap::new();
                for (rank, stretch) in best.iter().enumerate() {
                    first
                        .entry(&found[stretch.members[0]].document)
                        .or_insert(rank);
                }
                best.sort_by_key(|s| (first[found[s.members[0]].document.as_str()], s.start));
            }
            PackOrder::Edges => {
                let (mut front, mut back) = (Vec::new(), Vec::new());
                for (rank, stretch) in best.into_iter().enumerate() {
                    if rank % 2 == 0 { &mut front } else { &mut back }.push(stretch);
                }
                front.extend(back.into_iter().rev());
                best = front;
            }
        }
        best.into_iter()
            .map(|stretch| passage(found, stretch))
            .collect()
    }
}

fn passage(found: &[Found], stretch: Stretch) -> Passage {
    let mut members = stretch.members;
    let best = &found[members[0]];
    let relevance = members
        .iter()
        .filter_map(|&m| found[m].relevance)
        .reduce(f32::max);
    members.sort_by_key(|&m| (found[m].start, found[m].end, m));
    let first = &found[members[0]];
    let mut merged: Vec<String> = Vec::with_capacity(members.len());
    for member in members {
        if !merged.contains(&found[member].id) {
            merged.push(found[member].id.clone());
        }
    }
    Passage {
        id: first.id.clone(),
        document: first.document.clone(),
        start: stretch.start,
        end: stretch.end,
        text: stretch.text,
        metadata: first.metadata.clone(),
        score: best.score,
        relevance,
        tokens: stretch.tokens,
        merged,
    }
}

#[cfg(test)]
mod tests;
