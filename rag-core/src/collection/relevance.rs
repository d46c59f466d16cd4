//! What a score is worth: a probability of relevance, learnt from judged queries.
//!
//! Scores can be compared across the queries of one [`Scale`]: the same indexes, made one in the
//! same way. The curve belongs to one scale and is kept with it; other searches carry none.

use super::Collection;
use super::codec::Change;
use super::query::{DEFAULT_BM25_WEIGHT, Fusion, Mode, Query, SearchOptions};
use crate::calibration::{Calibration, CalibrationOptions};
use crate::error::{Error, Result};
use crate::evaluation::Qrels;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// What decides how large scores are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// Hybrid, a weighted sum; the share of BM25.
    Convex(f32),
    /// Hybrid, reciprocal ranks.
    Ranks,
    /// Cosines.
    Dense,
    /// BM25.
    Lexical,
}

impl Scale {
    /// Options that do not change the score of such a search have no part in it.
    pub(crate) fn of(mode: Mode, options: &SearchOptions) -> Self {
        match (mode, options.fusion) {
            (Mode::Lexical, _) => Self::Lexical,
            (Mode::Dense, _) => Self::Dense,
            (Mode::Hybrid, Fusion::Rrf) => Self::Ranks,
            (Mode::Hybrid, Fusion::Convex) => {
                Self::Convex(options.bm25_weight.unwrap_or(DEFAULT_BM25_WEIGHT))
            }
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Convex(weight) => write!(f, "hybrid searches with a bm25_weight of {weight}"),
            Self::Ranks => f.write_str("hybrid searches with fusion \"rrf\""),
            Self::Dense => f.write_str("dense searches"),
            Self::Lexical => f.write_str("lexical searches"),
        }
    }
}

/// A curve with the searches that it is for.
#[derive(Clone, Debug)]
pub(crate) struct Calibrated {
    pub(crate) scale: Scale,
    pub(crate) curve: Calibration,
}

impl Calibrated {
    /// What makes it out of none.
    pub(crate) fn change(&self) -> Change {
        Change::Calibration(Some((self.scale, self.curve.to_bytes())))
    }
}

impl Collection {
    /// Learns from judged queries how likely a hit of a given score is to be relevant, and keeps
    /// the curve with the collection, logged and durable like documents. From then on searches of
    /// the same mode, fusion and `bm25_weight` tell [`Hit::relevance`] and take
    /// [`SearchOptions::min_relevance`], one threshold for all queries.
    ///
    /// Each query, under its id, is searched as it stands; every hit is a pair of its score and
    /// whether its grade in `qrels` is above 0. A hit that nobody judged counts as not relevant, as
    /// it does in [`evaluate`]: where few of the hits were judged, the probabilities come out too
    /// low. The curve is that of [`Calibration::fit`] (a sigmoid: Platt, 1999; or steps: Ayer and
    /// others, 1955). A later calibration takes the place of this one. Documents that come and go
    /// leave it as it is: calibrate again when the collection has become another.
    ///
    /// Hybrid and dense scores also tell questions that nothing here answers; ranks do not, because
    /// some document is always the first.
    ///
    /// `InvalidArgument` if there are no queries, an id comes twice or is in one of `queries` and
    /// `qrels` only, queries differ in mode, fusion or `bm25_weight`, have `diversity` (what it
    /// leaves out has nothing to do with its score) or `min_relevance`, or if among all hits none is
    /// or all are relevant; `ReadOnly`, `Closed`, and the errors of [`Collection::search_many`].
    ///
    /// ```
    /// use rag_core::calibration::CalibrationOptions;
    /// use rag_core::collection::{Batch, Collection, Query};
    /// use rag_core::evaluation::Qrels;
    /// let collection = Collection::in_memory(None, None)?;
    /// collection.add(Batch::new(["tides", "yeast", "loans"]).texts([
    ///     "The moon pulls the sea and makes the tides.",
    ///     "Yeast eats sugar and makes the dough rise.",
    ///     "The bank lends money at a yearly interest rate.",
    /// ]))?;
    /// let queries = [
    ///     ("q1", Query::text("why does the sea rise and fall?")),
    ///     ("q2", Query::text("what makes dough rise?")),
    ///     ("q3", Query::text("what does the bank lend?")),
    /// ];
    /// let qrels = Qrels::new()
    ///     .with("q1", [("tides", 1.0)])?
    ///     .with("q2", [("yeast", 1.0)])?
    ///     .with("q3", [("loans", 1.0)])?;
    /// collection.calibrate(&queries, &qrels, &CalibrationOptions::default())?;
    /// // One threshold for all questions: good hits stay, and what nothing answers finds nothing.
    /// let ask = |text: &str| {
    ///     let mut query = Query::text(text);
    ///     query.options.min_relevance = Some(0.5);
    ///     collection.search(&query)
    /// };
    /// let hits = ask("how does yeast make the dough rise?")?;
    /// assert!(hits.len() == 1 && hits[0].relevance >= Some(0.5));
    /// assert!(ask("who won the football match?")?.is_empty());
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    ///
    /// [`Hit::relevance`]: super::Hit::relevance
    /// [`evaluate`]: crate::evaluation::evaluate
    pub fn calibrate<S: AsRef<str>>(
        &self,
        queries: &[(S, Query)],
        qrels: &Qrels<'_>,
        options: &CalibrationOptions,
    ) -> Result<Calibration> {
        self.check_writable()?;
        options.check()?;
        let scale = common_scale(queries)?;
        check_ids(queries, qrels)?;
        let asked: Vec<Query> = queries.iter().map(|(_, query)| query.clone()).collect();
        let (mut scores, mut relevant) = (Vec::new(), Vec::new());
        for ((id, _), hits) in queries.iter().zip(self.search_many(&asked)?) {
            let judged = qrels.judgements(id.as_ref()).unwrap_or_default().iter();
            let grades: HashMap<&str, f64> = judged.map(|(d, grade)| (&**d, *grade)).collect();
            for hit in hits {
                let grade = grades.get(hit.id.as_str());
                relevant.push(f64::from(u8::from(grade.is_some_and(|grade| *grade > 0.0))));
                scores.push(f64::from(hit.score));
            }
        }
        let curve = Calibration::fit(&scores, &relevant, None, options).map_err(|e| {
            let found = format_args!("{} hits of {} queries", scores.len(), queries.len());
            e.context(found)
        })?;
        let calibrated = Calibrated { scale, curve };
        let mut writer = self.check_writable_and_lock()?;
        self.commit_small(&mut writer, &calibrated.change())?;
        Ok(calibrated.curve)
    }

    /// The curve that [`Collection::calibrate`] has made last, if any.
    pub fn calibration(&self) -> Result<Option<Calibration>> {
        let state = self.read()?;
        Ok(state.calibrated.as_ref().map(|held| held.curve.clone()))
    }

    /// Forgets the calibration; tells whether there was one.
    pub fn clear_calibration(&self) -> Result<bool> {
        let mut writer = self.check_writable_and_lock()?;
        let held = self.read()?.calibrated.is_some();
        if held {
            self.commit_small(&mut writer, &Change::Calibration(None))?;
        }
        Ok(held)
    }
}

/// Refuses ids of queries and judgements that do not match one to one.
fn check_ids<S: AsRef<str>>(queries: &[(S, Query)], qrels: &Qrels<'_>) -> Result<()> {
    let mut ids = HashSet::with_capacity(queries.len());
    for (id, _) in queries {
        let id = id.as_ref();
        if !ids.insert(id) {
            return Err(Error::invalid(format!(
                "the query id \"{id}\" comes twice; give each query an id of its own"
            )));
        }
        if !qrels.contains(id) {
            return Err(Error::invalid(format!(
                "query \"{id}\" was not judged; judge its documents or leave it out"
            )));
        }
    }
    match qrels.queries().find(|id| !ids.contains(id)) {
        None => Ok(()),
        Some(id) => Err(Error::invalid(format!(
            "the judgements have query \"{id}\", which is not among the queries; give both the \
             same ids"
        ))),
    }
}

/// What the scores of all the queries are made by.
fn common_scale<S: AsRef<str>>(queries: &[(S, Query)]) -> Result<Scale> {
    let mut common: Option<(&str, Scale)> = None;
    for (id, query) in queries {
        let id = id.as_ref();
        let named = |e: Error| e.context(format_args!("query \"{id}\""));
        query.options.check().map_err(named)?;
        let scale = Scale::of(query.effective_mode().map_err(named)?, &query.options);
        if query.options.diversity > 0.0 || query.options.min_relevance.is_some() {
            return Err(named(Error::invalid(
                "a calibration needs all hits of a ranking; leave diversity and min_relevance out",
            )));
        }
        match common {
            None => common = Some((id, scale)),
            Some((_, first)) if first == scale => {}
            Some((other, first)) => {
                return Err(Error::invalid(format!(
                    "one calibration is for one kind of search: query \"{other}\" is for {first}, \
                     query \"{id}\" for {scale}; give all queries the same mode, fusion and \
                     bm25_weight"
                )));
            }
        }
    }
    common.map(|(_, scale)| scale).ok_or_else(|| {
        Error::invalid(
            "a calibration needs judged queries, got none; give some with their judgements",
        )
    })
}
