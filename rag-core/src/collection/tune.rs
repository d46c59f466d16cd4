//! Searches whose share of BM25 a bandit chooses, and what their hits were worth, told to it.
//!
//! A bandit is lent for the moment in which it chooses or learns ([`Tuner`]), never while something is
//! embedded or searched. Where it is judged which documents are relevant, more can be told than what
//! the hits were worth: what those of every other arm would have been (`sweep`).

use super::fuse::{diversify, pool_size};
use super::search::{Plan, named, plans};
use super::state::State;
use super::{Collection, Fusion, Hit, Mode, Query, SearchOptions, check_identity, sweep};
use crate::bandit::{Arms, Bandit, Choice};
use crate::domain::{Detection, DomainDetector};
use crate::embedding::Embedder;
use crate::error::{Error, Result};
use crate::evaluation::{Judge, Qrels};
use crate::retrieval::bits::Bits;
use crate::threads;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The domain of a question where none is named or detected.
pub const GENERAL: &str = "general";

/// Somebody who holds a bandit and lends it for a moment.
///
/// `body` is called once and takes microseconds. A [`Mutex`] of a bandit is one.
pub trait Tuner: Sync {
    /// Calls `body` with the bandit, alone.
    fn lend(&self, body: &mut dyn FnMut(&mut Bandit) -> Result<()>) -> Result<()>;

    /// Calls `body` with the bandit as it is.
    fn look(&self, body: &mut dyn FnMut(&Bandit) -> Result<()>) -> Result<()> {
        self.lend(&mut |bandit| body(bandit))
    }

    /// Chooses in each of these domains.
    fn choose(&self, domains: &[&str]) -> Result<Vec<Choice>> {
        let mut choices = Vec::with_capacity(domains.len());
        self.lend(&mut |bandit| {
            choices.clear();
            for domain in domains {
                choices.push(bandit.choose(domain, None)?);
            }
            Ok(())
        })?;
        Ok(choices)
    }

    /// Tells what a choice earned.
    fn reward(&self, id: u64, reward: f64) -> Result<()> {
        self.lend(&mut |bandit| bandit.reward(id, reward))
    }

    /// Tells what every arm of a choice would have earned.
    fn reward_all(&self, id: u64, rewards: &[f64]) -> Result<()> {
        self.lend(&mut |bandit| bandit.reward_all(id, rewards))
    }
}

impl Tuner for Mutex<Bandit> {
    fn lend(&self, body: &mut dyn FnMut(&mut Bandit) -> Result<()>) -> Result<()> {
        // A bandit changes as a whole or not at all.
        body(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Which domain a question belongs to.
#[derive(Clone, Copy, Debug)]
pub enum DomainOf<'a> {
    /// [`GENERAL`].
    General,
    /// The one of this name.
    Named(&'a str),
    /// The one that is detected by the question's vector, or [`GENERAL`].
    Detected(&'a DomainDetector),
}

/// What an arm sets; what it does not set is the query's own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Setting {
    /// [`SearchOptions::bm25_weight`].
    pub bm25_weight: Option<f32>,
    /// [`SearchOptions::k`].
    pub k: Option<usize>,
    /// [`SearchOptions::diversity`].
    pub diversity: Option<f32>,
}

impl Setting {
    fn applied(&self, options: &SearchOptions) -> SearchOptions {
        let mut options = options.clone();
        options.bm25_weight = self.bm25_weight.or(options.bm25_weight);
        options.k = self.k.unwrap_or(options.k);
        options.diversity = self.diversity.unwrap_or(options.diversity);
        options
    }
}

/// The hits of a tuned search, with what was chosen for it.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// The documents found, best first.
    pub hits: Vec<Hit>,
    /// What the bandit chose; its id is what a late reward can refer to.
    pub choice: Choice,
    /// What that set.
    pub setting: Setting,
    /// The domain in which it was chosen.
    pub domain: String,
    /// What the detector found, if one was asked.
    pub detection: Option<Detection>,
    /// The question as it was asked, with its vector.
    question: Query,
    /// The collection that answered.
    collection: u64,
}

impl Collection {
    /// Answers questions with a share of BM25 that a bandit chooses in the domain of each.
    ///
    /// The bandit's arms are shares in 0 to 1; those of a grid may set `weight` (the share), `k` and
    /// `diversity`, by these names. Pay what the hits were worth with [`Collection::reward`] or
    /// [`Collection::reward_relevant`], at any time and in any order, or never.
    ///
    /// `InvalidArgument` for arms that set nothing of a search, a question that sets itself what the
    /// arms set, one that is not asked of both sides with convex fusion, and a detector where a
    /// question has no vector; `ModelMismatch` and `DimensionMismatch` for a detector that learnt from
    /// other vectors than these; and the errors of [`Collection::search_many`].
    ///
    /// ```
    /// use rag_core::bandit::{Arms, Bandit, BanditOptions};
    /// use rag_core::collection::{Batch, Collection, DomainOf, Query};
    /// use std::sync::Mutex;
    /// let collection = Collection::in_memory(None, None)?;
    /// collection.add(Batch::new(["tides", "yeast"]).texts([
    ///     "The moon pulls the sea and makes the tides.",
    ///     "Yeast eats sugar and makes the dough rise.",
    /// ]))?;
    /// let options = BanditOptions::default().seed(Some(1));
    /// let bandit = Mutex::new(Bandit::new(Arms::Range(0.0, 1.0), &options)?);
    /// let asked = [Query::text("why does bread rise?").k(1)];
    /// let tuned = collection.search_tuned(&asked, &bandit, DomainOf::Named("baking"))?;
    /// assert_eq!((tuned[0].hits[0].id.as_str(), tuned[0].domain.as_str()), ("yeast", "baking"));
    /// collection.reward(&tuned[0], &bandit, 1.0)?;
    /// // A second time is refused.
    /// assert!(collection.reward(&tuned[0], &bandit, 1.0).is_err());
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn search_tuned(
        &self,
        queries: &[Query],
        tuner: &dyn Tuner,
        domain: DomainOf<'_>,
    ) -> Result<Vec<Tuned>> {
        let one = queries.len() == 1;
        let mut settings = Vec::new();
        tuner.look(&mut |bandit| {
            settings = self::settings(bandit)?;
            Ok(())
        })?;
        let mut plans = plans(queries)?;
        for (i, plan) in plans.iter().enumerate() {
            check(plan, &settings[0]).map_err(|e| named(one, i, e))?;
        }
        let embedder = self.embed(&mut plans)?;
        let mut detections = vec![None; queries.len()];
        if let DomainOf::Detected(detector) = domain {
            self.check_detector(detector, embedder.as_ref())?;
            for (i, plan) in plans.iter().enumerate() {
                let found = detect(detector, plan).map_err(|e| named(one, i, e))?;
                detections[i] = Some(found);
            }
        }
        let domains: Vec<String> = detections
            .iter()
            .map(|found: &Option<Detection>| match (found, domain) {
                (Some(found), _) => found.domain.clone().unwrap_or_else(|| GENERAL.to_owned()),
                (None, DomainOf::Named(name)) => name.to_owned(),
                _ => GENERAL.to_owned(),
            })
            .collect();
        let names: Vec<&str> = domains.iter().map(String::as_str).collect();
        let choices = tuner.choose(&names)?;
        let mut asked = Vec::with_capacity(queries.len());
        for ((query, plan), choice) in queries.iter().zip(&plans).zip(&choices) {
            let setting = settings.get(choice.arm).copied().unwrap_or_default();
            asked.push(Query {
                vector: plan.vector.clone(),
                options: setting.applied(&query.options),
                ..query.clone()
            });
        }
        let found = self.answer(self::plans(&asked)?, embedder.as_ref())?;
        let all = asked.into_iter().zip(found).enumerate();
        let tuned = all.map(|(i, (asked, hits))| Tuned {
            hits,
            setting: settings.get(choices[i].arm).copied().unwrap_or_default(),
            choice: choices[i],
            domain: domains[i].clone(),
            detection: detections[i].take(),
            question: Query {
                options: queries[i].options.clone(),
                ..asked
            },
            collection: self.shared.worker,
        });
        Ok(tuned.collect())
    }

    /// Tells the bandit what the hits of a tuned search were worth: about 0 to 1.
    ///
    /// `InvalidArgument` for hits of another collection, hits that were paid for before and a reward
    /// out of range; `NotFound` for a bandit that did not choose for them.
    pub fn reward(&self, tuned: &Tuned, tuner: &dyn Tuner, reward: f64) -> Result<()> {
        self.check_own(tuned)?;
        tuner.reward(tuned.choice.id, reward)
    }

    /// Tells the bandit how relevant documents are to the question of a tuned search: what every arm
    /// would have earned. Answers that, by arm.
    ///
    /// An arm earns the nDCG of its hits, cut off at the `k` that was asked for (Järvelin and
    /// Kekäläinen, 2002; linear gains). The question is ranked for every arm as a search with it would
    /// be, by the documents that are here now, for the time of a few searches: the score is linear in
    /// the share of BM25, so that between two of them most rankings are known. `min_relevance` is not
    /// looked at. So a bandit learns from one question what scalar rewards tell it in many.
    ///
    /// `relevant` holds ids with grades; those that are not here still count for the best order. The
    /// errors are those of [`Collection::reward`], and `InvalidArgument` if no grade is above 0, an id
    /// comes twice or a grade is out of range.
    pub fn reward_relevant(
        &self,
        tuned: &Tuned,
        tuner: &dyn Tuner,
        relevant: &[(&str, f64)],
    ) -> Result<Vec<f64>> {
        self.check_own(tuned)?;
        let mut settings = Vec::new();
        tuner.look(&mut |bandit| {
            settings = self::settings(bandit)?;
            Ok(())
        })?;
        let rewards = self.worth(&tuned.question, &settings, relevant)?;
        tuner.reward_all(tuned.choice.id, &rewards)?;
        Ok(rewards)
    }

    /// The nDCG of a question's hits at each setting.
    pub(super) fn worth(
        &self,
        question: &Query,
        settings: &[Setting],
        relevant: &[(&str, f64)],
    ) -> Result<Vec<f64>> {
        let options = &question.options;
        let judged = Qrels::new().with("the question", relevant.iter().copied())?;
        let grades = judged.judgements("the question").unwrap_or_default();
        let judge = Judge::new(grades.iter().map(|(_, grade)| *grade), options.k)?;
        let mut plan = Plan::new(question)?;
        let state = self.read()?;
        let found = state.soundly(|| {
            let mut rows: HashMap<u32, f64> = HashMap::with_capacity(grades.len());
            for (id, grade) in grades {
                if let Some(row) = state.find(id)? {
                    rows.insert(row, *grade);
                }
            }
            plan.lift(&state)?;
            let among = question
                .filter
                .as_ref()
                .map(|filter| state.matching(filter));
            let rankings = rankings(&plan, &state, among.as_ref(), settings)?;
            let worth = rankings.iter().map(|ranking| {
                let seen: Vec<Option<f64>> =
                    ranking.iter().map(|row| rows.get(row).copied()).collect();
                judge.ndcg(&seen)
            });
            Ok::<_, Error>(worth.collect())
        });
        found?
    }

    fn check_own(&self, tuned: &Tuned) -> Result<()> {
        self.check_open()?;
        match tuned.collection == self.shared.worker {
            true => Ok(()),
            false => Err(Error::invalid(
                "these hits were found by another collection; tell the one that found them",
            )),
        }
    }

    /// Refuses a detector that learnt from vectors of another model than those here.
    fn check_detector(&self, detector: &DomainDetector, embedder: Option<&Embedder>) -> Result<()> {
        let state = self.read()?;
        check_identity(&state, embedder, None)?;
        let held = state.embedder.as_ref();
        let held = held.and_then(|(_, held)| u64::from_str_radix(held, 16).ok());
        detector.check_model(embedder.map(Embedder::fingerprint).or(held))
    }
}

fn detect(detector: &DomainDetector, plan: &Plan<'_>) -> Result<Detection> {
    match &plan.vector {
        Some(vector) => detector.detect(vector),
        None => Err(Error::invalid(
            "the question has no vector to detect its domain by; name the domain instead",
        )),
    }
}

/// Refuses a question whose options leave nothing to choose, or that chooses itself.
fn check(plan: &Plan<'_>, setting: &Setting) -> Result<()> {
    let options = &plan.query.options;
    if plan.mode != Mode::Hybrid || options.fusion != Fusion::Convex {
        return Err(Error::invalid(
            "tuning is of hybrid searches with convex fusion, whose share of BM25 it chooses; ask \
             with a text, mode \"hybrid\" and fusion \"convex\"",
        ));
    }
    match (setting.bm25_weight, options.bm25_weight) {
        (Some(_), Some(weight)) => Err(Error::invalid(format!(
            "the bandit chooses bm25_weight, and the question asks for {weight}; leave it out"
        ))),
        _ => Ok(()),
    }
}

/// What each arm of a bandit sets.
fn settings(bandit: &Bandit) -> Result<Vec<Setting>> {
    let names = match bandit.arms() {
        Arms::Values(_) | Arms::Range(..) => vec!["weight"],
        Arms::Grid(_) => bandit.dimensions(),
        Arms::Names(_) => {
            return Err(Error::invalid(
                "the bandit's arms are names, which set nothing of a search; its arms must be shares \
                 of BM25, or a grid of weight, k and diversity",
            ));
        }
    };
    let settings = (0..bandit.values().len()).map(|arm| {
        let mut setting = Setting::default();
        for (name, value) in names.iter().zip(bandit.arm_values(arm)?) {
            set(&mut setting, name, value)?;
        }
        Ok(setting)
    });
    settings.collect()
}

/// Lets an arm's value of this name set what it names.
fn set(setting: &mut Setting, name: &str, value: f64) -> Result<()> {
    let refuse = |wanted: &str| {
        Err(Error::invalid(format!(
            "the bandit's arms set {name} of a search, which must be {wanted}, got {value}"
        )))
    };
    match name {
        "weight" if (0.0..=1.0).contains(&value) => setting.bm25_weight = Some(value as f32),
        "weight" => return refuse("in 0..=1"),
        "diversity" if (0.0..=1.0).contains(&value) => setting.diversity = Some(value as f32),
        "diversity" => return refuse("in 0..=1"),
        "k" if (1.0..=10_000.0).contains(&value) && value.fract() == 0.0 => {
            setting.k = Some(value as usize);
        }
        "k" => return refuse("a whole number in 1..=10000"),
        _ => {
            return Err(Error::invalid(format!(
                "the bandit's arms have \"{name}\", which no search has; there are weight, k and \
                 diversity"
            )));
        }
    }
    Ok(())
}

/// The hits of one question at each setting, as rows.
fn rankings(
    plan: &Plan<'_>,
    state: &State,
    among: Option<&Bits>,
    settings: &[Setting],
) -> Result<Vec<Vec<u32>>> {
    let options: Vec<SearchOptions> = settings
        .iter()
        .map(|setting| setting.applied(&plan.query.options))
        .collect();
    let depth = options.iter().map(|o| pool_size(o.k, o.diversity)).max();
    plan.searching(state, among, threads::available(), |search, asked, _| {
        let share = |o: &SearchOptions| o.bm25_weight.unwrap_or(search.blend.weight);
        let mut shares: Vec<f32> = options.iter().map(share).collect();
        shares.sort_unstable_by(f32::total_cmp);
        shares.dedup();
        let ranked = sweep::rankings(&search, asked, &shares, depth.unwrap_or(1));
        let rows = options.iter().map(|o| {
            let at = shares.partition_point(|known| *known < share(o));
            let ranked = &ranked[at];
            let most = (1.0 - shares[at]) / 2.0 * search.most();
            let pool = &ranked[..pool_size(o.k, o.diversity).min(ranked.len())];
            let chosen = diversify(state, pool, &|score| score - most, (o.k, o.diversity));
            chosen.into_iter().map(|found| found.row).collect()
        });
        rows.collect()
    })
}
