//! What a score depends on besides the row: the seam between shards.

use crate::error::{Error, Result};

/// One query term in one or more shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermStatistics {
    /// The term as indexed.
    pub term: String,
    /// How often the query has it.
    pub count: u64,
    /// In how many rows it occurs.
    pub documents: u64,
}

/// What BM25 needs to know about a collection to score one query.
///
/// Shards compute theirs, [`merge`](Self::merge) adds them up, and every shard searches with the
/// sum. See [`LexicalRows::search_with`](super::LexicalRows::search_with).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardStatistics {
    /// Rows held, empty ones included.
    pub documents: u64,
    /// Terms in all rows, repeats included.
    pub total_length: u64,
    /// The distinct terms of the query, in the order of their first occurrence.
    pub terms: Vec<TermStatistics>,
}

/// What one query term adds to the score of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct TermScore {
    /// The term as indexed: a stem, in lower case.
    pub term: String,
    /// How often the query has it.
    pub count: u64,
    /// How often the row has it.
    pub frequency: u32,
    /// In how many rows it occurs.
    pub documents: u64,
    /// `count * idf`, the most that this term could add.
    pub weight: f32,
    /// What it adds. The scores of all terms, added in order in f64 and rounded to f32 at the end,
    /// are the score of the row.
    pub score: f32,
}

impl ShardStatistics {
    /// Adds the statistics of another shard for the same query.
    ///
    /// Fails with `InvalidArgument` if the terms differ: another query, or another language.
    pub fn merge(&mut self, other: &ShardStatistics) -> Result<()> {
        let same = self.terms.len() == other.terms.len()
            && self
                .terms
                .iter()
                .zip(&other.terms)
                .all(|(a, b)| a.term == b.term && a.count == b.count);
        if !same {
            return Err(Error::invalid(
                "statistics of different queries cannot be merged; use one query and one language",
            ));
        }
        self.documents = self.documents.saturating_add(other.documents);
        self.total_length = self.total_length.saturating_add(other.total_length);
        for (term, more) in self.terms.iter_mut().zip(&other.terms) {
            term.documents = term.documents.saturating_add(more.documents);
        }
        Ok(())
    }

    /// The score that no row can exceed: every term that occurs anywhere, at its full weight.
    ///
    /// Terms that occur nowhere are left out, since no row could have them. 0 if none occurs.
    pub fn upper_bound(&self) -> f32 {
        let weights = self.terms.iter().map(|t| f64::from(self.weight(t)));
        weights.fold(0.0, |sum, weight| sum + weight) as f32
    }

    /// `count * idf`; 0 for a term that occurs nowhere.
    pub(super) fn weight(&self, term: &TermStatistics) -> f32 {
        weight(term.count, self.documents, term.documents)
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self.terms.iter().find(|t| t.documents > self.documents) {
            Some(t) => Err(Error::invalid(format!(
                "the term \"{}\" is said to occur in {} of {} documents; merge the statistics of \
                 all shards",
                t.term, t.documents, self.documents
            ))),
            None => Ok(()),
        }
    }
}

/// `count * idf` of a term in `documents` of `all`; 0 for a term that occurs nowhere.
pub(super) fn weight(count: u64, all: u64, documents: u64) -> f32 {
    if documents == 0 {
        return 0.0;
    }
    let (n, df) = (all as f64, documents as f64);
    (count as f64 * ((n - df + 0.5) / (df + 0.5)).ln_1p()) as f32
}
