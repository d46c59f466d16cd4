//! BM25 over row numbers: what a collection stands on, beside its vectors.

use super::LexicalOptions;
use super::asked::Asked;
use super::inverted::{Inverted, LexicalBytes};
use super::query::Query;
use super::search::Allowed;
use super::statistics::{ShardStatistics, TermScore};
use crate::error::{Error, ErrorKind, Result};

/// An exact BM25 index over row numbers.
///
/// Row numbers need not be dense and can be used again after a removal. Searching takes `&self`
/// and may be done from many threads at once.
///
/// ```
/// use rag_core::retrieval::lexical::{LexicalOptions, LexicalRows};
/// let mut rows = LexicalRows::new(&LexicalOptions::default())?;
/// rows.insert(7, "Cats chase mice.")?;
/// rows.insert(9, "A mouse is chased by the cat.")?;
/// let hits = rows.search("chasing", 10, None)?;
/// assert_eq!(hits.iter().map(|hit| hit.0).collect::<Vec<_>>(), [7, 9]);
/// assert_eq!(hits[0].1, hits[1].1, "stop words have no length, and ties are broken by row");
/// rows.remove(7);
/// assert_eq!(rows.search("chasing", 10, None)?.len(), 1);
/// assert!(rows.search("chasing", 10, Some(&|row| row != 9))?.is_empty());
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Debug)]
pub struct LexicalRows(pub(super) Inverted<u32>);

impl LexicalRows {
    /// An empty index. Fails with `InvalidArgument` if an option is outside its range.
    pub fn new(options: &LexicalOptions) -> Result<Self> {
        Inverted::new(options).map(Self)
    }

    /// The options it was made with.
    pub fn options(&self) -> &LexicalOptions {
        self.0.options()
    }

    /// The number of rows, empty texts included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that the index takes.
    pub fn bytes(&self) -> LexicalBytes {
        self.0.bytes()
    }

    /// Whether `row` is held.
    pub fn contains(&self, row: u32) -> bool {
        self.0.contains(row)
    }

    /// Indexes `text` as `row`. A text without any term is a row of length 0.
    ///
    /// Fails with `AlreadyExists` if the row is held, with `InvalidArgument` above 2 GiB of text.
    pub fn insert(&mut self, row: u32, text: &str) -> Result<()> {
        if self.contains(row) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("row {row} is already indexed; remove it first"),
            ));
        }
        Inverted::<u32>::check_text(text)?;
        self.0.insert(row, text)
    }

    /// Removes `row`; tells whether it was held.
    pub fn remove(&mut self, row: u32) -> bool {
        self.0.remove(row)
    }

    /// The best `k` rows with any of the query's terms, among those that `allowed` lets through:
    /// `(row, score)` by score descending, then row ascending.
    ///
    /// `k` in 1..=10000. `allowed` is asked only about rows that may be among the best.
    pub fn search(
        &self,
        query: &str,
        k: usize,
        allowed: Option<&dyn Fn(u32) -> bool>,
    ) -> Result<Vec<(u32, f32)>> {
        let mut hits = Vec::new();
        self.search_into(query, k, allowed, &mut hits)?;
        Ok(hits)
    }

    /// [`search`](Self::search) into a vector that is there already: the hits are added at its
    /// end, and nothing is allocated if it has room. Answers [`upper_bound`](Self::upper_bound).
    ///
    /// ```
    /// use rag_core::retrieval::lexical::{LexicalOptions, LexicalRows};
    /// let mut rows = LexicalRows::new(&LexicalOptions::default())?;
    /// rows.insert(0, "red apples")?;
    /// rows.insert(1, "green pears")?;
    /// let mut hits = Vec::with_capacity(10);
    /// let bound = rows.search_into("green apples", 10, None, &mut hits)?;
    /// assert_eq!(bound, rows.upper_bound("green apples"));
    /// assert!(hits.iter().all(|hit| hit.1 <= bound / 2.0), "no row has both words");
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn search_into(
        &self,
        query: &str,
        k: usize,
        allowed: Option<&dyn Fn(u32) -> bool>,
        hits: &mut Vec<(u32, f32)>,
    ) -> Result<f32> {
        let allowed = allowed.map_or(Allowed::All, Allowed::If);
        self.0.search_into(query, k, allowed, hits)
    }

    /// The statistics of this index for `query`: what [`search_with`](Self::search_with) takes.
    pub fn statistics(&self, query: &str) -> ShardStatistics {
        self.0.statistics(query)
    }

    /// [`search`](Self::search) with statistics that may cover more rows than this index holds.
    ///
    /// Fails with `InvalidArgument` if a term is said to be in more documents than there are.
    ///
    /// ```
    /// use rag_core::retrieval::lexical::{LexicalOptions, LexicalRows};
    /// let options = LexicalOptions::default();
    /// let (mut one, mut two, mut both) =
    ///     (LexicalRows::new(&options)?, LexicalRows::new(&options)?, LexicalRows::new(&options)?);
    /// one.insert(0, "red apples")?;
    /// two.insert(1, "green apples, red pears")?;
    /// both.insert(0, "red apples")?;
    /// both.insert(1, "green apples, red pears")?;
    /// let mut all = one.statistics("red pears");
    /// all.merge(&two.statistics("red pears"))?;
    /// let hits = both.search("red pears", 2, None)?;
    /// assert_eq!(two.search_with(&all, 1, None)?[0], hits[0]);
    /// assert_eq!(one.search_with(&all, 1, None)?[0], hits[1]);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn search_with(
        &self,
        statistics: &ShardStatistics,
        k: usize,
        allowed: Option<&dyn Fn(u32) -> bool>,
    ) -> Result<Vec<(u32, f32)>> {
        let allowed = allowed.map_or(Allowed::All, Allowed::If);
        self.0.search_with(statistics, k, allowed)
    }

    /// The score of one row, the same bits as in a search; 0 if it has none of the terms or is
    /// not held.
    pub fn score(&self, query: &str, row: u32) -> f32 {
        self.scores_for(query, &[row])[0]
    }

    /// The scores of chosen rows, in their order, as [`score`](Self::score) gives them.
    pub fn scores_for(&self, query: &str, rows: &[u32]) -> Vec<f32> {
        let mut scores = vec![0.0; rows.len()];
        self.0.score_into(Query::Text(query), rows, &mut scores);
        scores
    }

    /// [`scores_for`](Self::scores_for) into a slice that is there already, without allocating.
    ///
    /// Fails with `InvalidArgument` if `out` is not as long as `rows`.
    pub fn score_rows(&self, query: &str, rows: &[u32], out: &mut [f32]) -> Result<()> {
        if rows.len() != out.len() {
            return Err(Error::invalid(format!(
                "{} rows have no room in {} places; give one place for each row",
                rows.len(),
                out.len()
            )));
        }
        self.0.score_into(Query::Text(query), rows, out);
        Ok(())
    }

    /// Reads `query` once for all that `body` asks about it.
    pub(crate) fn asked<R>(&self, query: &str, body: impl FnOnce(&mut Asked<'_>) -> R) -> R {
        self.0.asked(Query::Text(query), body)
    }

    /// The same with the statistics of all shards.
    pub(crate) fn asked_with<R>(
        &self,
        statistics: &ShardStatistics,
        body: impl FnOnce(&mut Asked<'_>) -> R,
    ) -> Result<R> {
        statistics.check()?;
        Ok(self.0.asked(Query::Statistics(statistics), body))
    }

    /// Gives every row another number; `new` is asked about the rows that are held.
    pub(crate) fn renumber(&mut self, new: impl Fn(u32) -> u32) {
        self.0.documents.renumber(new);
    }

    /// [`scores_for`](Self::scores_for) with the statistics of all shards.
    pub fn scores_with(&self, statistics: &ShardStatistics, rows: &[u32]) -> Vec<f32> {
        let mut scores = vec![0.0; rows.len()];
        let query = Query::Statistics(statistics);
        self.0.score_into(query, rows, &mut scores);
        scores
    }

    /// The score that no row can exceed for `query`, for scaling scores to 0..=1.
    ///
    /// The sum of the weights of the terms that occur in the index; 0 if none does.
    pub fn upper_bound(&self, query: &str) -> f32 {
        self.0.upper_bound(query)
    }

    /// What each term of `query` that `row` has adds to its score, in query order.
    ///
    /// Fails with `NotFound` if the row is not held.
    pub fn explain(&self, query: &str, row: u32) -> Result<Vec<TermScore>> {
        self.explain_with(&self.statistics(query), row)
    }

    /// [`explain`](Self::explain) with the statistics of all shards.
    pub fn explain_with(&self, statistics: &ShardStatistics, row: u32) -> Result<Vec<TermScore>> {
        self.0
            .explain(statistics, row)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("row {row} is not indexed")))
    }
}
