//! What was found and what is relevant: ids of queries with ids of documents, borrowed or owned.

use crate::error::{Error, Result};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The largest grade, and the largest below zero: `2^1000` still is a float64.
pub const MAX_GRADE: f64 = 1000.0;

/// Documents with their grades.
pub(super) type Judgements<'a> = Vec<(Cow<'a, str>, f64)>;

/// Lists by query id, in the order in which they came.
#[derive(Clone, Debug)]
struct Table<'a, T> {
    rows: Vec<(Cow<'a, str>, T)>,
    places: HashMap<Cow<'a, str>, usize>,
}

impl<T> Default for Table<'_, T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<'a, T> Table<'a, T> {
    fn check_new(&self, query: &str, holder: &str) -> Result<()> {
        match self.places.contains_key(query) {
            false => Ok(()),
            true => Err(Error::invalid(format!(
                "{holder} has query \"{query}\" already; give all of its documents at once"
            ))),
        }
    }

    fn push(&mut self, query: Cow<'a, str>, row: T) {
        self.places.insert(query.clone(), self.rows.len());
        self.rows.push((query, row));
    }

    fn get(&self, query: &str) -> Option<&T> {
        self.places.get(query).map(|&at| &self.rows[at].1)
    }
}

/// What is relevant to each query: documents with grades, by query id.
///
/// A grade above 0 is relevant, the more the higher; 0 and below were judged and are not relevant.
#[derive(Clone, Debug, Default)]
pub struct Qrels<'a>(Table<'a, Judgements<'a>>);

impl<'a> Qrels<'a> {
    /// No judgements.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the judgements of one query. `InvalidArgument` if the query is there already, a
    /// document comes twice, or a grade is not a number of at most [`MAX_GRADE`] in size.
    pub fn with<D: Into<Cow<'a, str>>>(
        mut self,
        query: impl Into<Cow<'a, str>>,
        judgements: impl IntoIterator<Item = (D, f64)>,
    ) -> Result<Self> {
        self.add(query, judgements)?;
        Ok(self)
    }

    /// As [`Qrels::with`], in place.
    pub fn add<D: Into<Cow<'a, str>>>(
        &mut self,
        query: impl Into<Cow<'a, str>>,
        judgements: impl IntoIterator<Item = (D, f64)>,
    ) -> Result<()> {
        let query = query.into();
        self.0.check_new(&query, "the judgements")?;
        let judgements = judgements.into_iter().map(|(d, grade)| (d.into(), grade));
        let judgements: Judgements<'a> = judgements.collect();
        let mut seen = HashSet::with_capacity(judgements.len());
        for (document, grade) in &judgements {
            if !seen.insert(document) {
                return Err(Error::invalid(format!(
                    "query \"{query}\" judges document \"{document}\" twice; one grade each"
                )));
            }
            check_grade(*grade).map_err(|e| {
                e.context(format_args!("query \"{query}\", document \"{document}\""))
            })?;
        }
        self.0.push(query, judgements);
        Ok(())
    }

    /// The judged queries, in the order in which they came.
    pub fn queries(&self) -> impl Iterator<Item = &str> {
        self.0.rows.iter().map(|(query, _)| &**query)
    }

    /// The judged documents of a query with their grades, in the order in which they came.
    pub fn judgements(&self, query: &str) -> Option<&[(Cow<'a, str>, f64)]> {
        self.0.get(query).map(Vec::as_slice)
    }

    /// Whether the query is judged at all.
    pub fn contains(&self, query: &str) -> bool {
        self.0.places.contains_key(query)
    }

    /// Judged queries.
    pub fn len(&self) -> usize {
        self.0.rows.len()
    }

    /// Whether nothing is judged.
    pub fn is_empty(&self) -> bool {
        self.0.rows.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Judgements<'a>)> {
        self.0.rows.iter().map(|(query, row)| (&**query, row))
    }
}

/// Fails unless the grade is a number that every gain can be computed of.
pub(super) fn check_grade(grade: f64) -> Result<()> {
    match grade.abs() <= MAX_GRADE {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "a grade must be in {}..={MAX_GRADE}, got {grade}",
            -MAX_GRADE
        ))),
    }
}

#[derive(Clone, Debug)]
struct Ranking<'a> {
    documents: Vec<Cow<'a, str>>,
    scores: Option<Vec<f64>>,
}

/// What was found for each query: documents, best first, by query id.
///
/// ```
/// use rag_core::evaluation::Run;
/// let run = Run::new().with_scores("q1", [("a", 0.5), ("b", 0.9), ("c", 0.5)])?;
/// assert_eq!(run.ranking("q1").unwrap(), ["b", "a", "c"], "equal scores keep their order");
/// assert!(Run::new().with("q1", ["a", "b", "a"]).is_err(), "a document has one rank");
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Run<'a>(Table<'a, Ranking<'a>>);

impl<'a> Run<'a> {
    /// Nothing found for any query.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what one query found, best first. `InvalidArgument` if the query is there already or
    /// a document comes twice.
    pub fn with<D: Into<Cow<'a, str>>>(
        mut self,
        query: impl Into<Cow<'a, str>>,
        documents: impl IntoIterator<Item = D>,
    ) -> Result<Self> {
        self.add(query, documents)?;
        Ok(self)
    }

    /// As [`Run::with`], in place.
    pub fn add<D: Into<Cow<'a, str>>>(
        &mut self,
        query: impl Into<Cow<'a, str>>,
        documents: impl IntoIterator<Item = D>,
    ) -> Result<()> {
        let documents = documents.into_iter().map(Into::into).collect();
        self.put(query.into(), documents, None)
    }

    /// Adds what one query found with scores, in any order: larger ones come first, equal ones
    /// keep their order. `InvalidArgument` also if a score is NaN.
    pub fn with_scores<D: Into<Cow<'a, str>>>(
        mut self,
        query: impl Into<Cow<'a, str>>,
        found: impl IntoIterator<Item = (D, f64)>,
    ) -> Result<Self> {
        self.add_scores(query, found)?;
        Ok(self)
    }

    /// As [`Run::with_scores`], in place.
    pub fn add_scores<D: Into<Cow<'a, str>>>(
        &mut self,
        query: impl Into<Cow<'a, str>>,
        found: impl IntoIterator<Item = (D, f64)>,
    ) -> Result<()> {
        let query = query.into();
        let found = found.into_iter().map(|(d, score)| (d.into(), score));
        let mut found: Vec<(Cow<'a, str>, f64)> = found.collect();
        if let Some((document, _)) = found.iter().find(|(_, score)| score.is_nan()) {
            return Err(Error::invalid(format!(
                "query \"{query}\", document \"{document}\": a score must be a number, got NaN"
            )));
        }
        // No NaN is left, and 0 and -0 are to tie, which `total_cmp` would not let them.
        found.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(std::cmp::Ordering::Equal));
        let (documents, scores) = found.into_iter().unzip();
        self.put(query, documents, Some(scores))
    }

    fn put(
        &mut self,
        query: Cow<'a, str>,
        documents: Vec<Cow<'a, str>>,
        scores: Option<Vec<f64>>,
    ) -> Result<()> {
        self.0.check_new(&query, "the run")?;
        let mut ranks = HashMap::with_capacity(documents.len());
        for (at, document) in documents.iter().enumerate() {
            if let Some(before) = ranks.insert(document, at + 1) {
                return Err(Error::invalid(format!(
                    "query \"{query}\" found document \"{document}\" twice, at ranks {before} and \
                     {}; keep the better one",
                    at + 1
                )));
            }
        }
        self.0.push(query, Ranking { documents, scores });
        Ok(())
    }

    /// The queries, in the order in which they came.
    pub fn queries(&self) -> impl Iterator<Item = &str> {
        self.0.rows.iter().map(|(query, _)| &**query)
    }

    /// The documents found for a query, best first.
    pub fn ranking(&self, query: &str) -> Option<&[Cow<'a, str>]> {
        self.0.get(query).map(|r| r.documents.as_slice())
    }

    /// The scores of [`Run::ranking`], where they were given.
    pub fn scores(&self, query: &str) -> Option<&[f64]> {
        self.0.get(query).and_then(|r| r.scores.as_deref())
    }

    /// Queries.
    pub fn len(&self) -> usize {
        self.0.rows.len()
    }

    /// Whether there is no query.
    pub fn is_empty(&self) -> bool {
        self.0.rows.is_empty()
    }
}
