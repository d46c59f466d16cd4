//! Dials and users of a collection: learnt from its texts, calibrated on its documents, and kept
//! in its log with everything else.

use super::Collection;
use super::codec::{Change, Feedback as Logged};
use crate::embedding::{Embedder, EncodeOptions};
use crate::error::{Error, Result};
use crate::matrix::{Matrix, Rows};
use crate::progress::Progress;
use crate::rng::Rng;
use crate::steering::{
    ApplyOptions, Attribute, AttributeModel, CalibrateOptions, CurvePoint, Feedback, LearnMethod,
    LearnOptions, RetrainOptions, RetrainReport, Steering, SteeringVector, Taste, TasteAt,
    distilled, no_model,
};
use std::sync::Arc;

/// Documents that calibration looks at; of more, a seeded sample.
const CALIBRATION_SAMPLE: usize = 5000;
/// Fewer documents than this say nothing about how much similarity a dial costs.
const CALIBRATION_MINIMUM: usize = 20;
/// Documents to whose probabilities a dial is fitted; of more, a seeded sample.
const DISTILLED: usize = 5000;
/// Fewer documents with texts than this are no help.
const DISTILLATION_MINIMUM: usize = 200;

/// What a dial is learnt from.
#[derive(Clone, Copy, Debug)]
pub enum Examples<'a> {
    /// Texts, which are embedded first.
    Texts(&'a [&'a str]),
    /// Vectors, one row each.
    Vectors(Rows<'a>),
}

/// Learns a steering vector from texts or vectors; texts need an embedder.
///
/// ```
/// use rag_core::collection::{Examples, learn_steering_vector};
/// use rag_core::embedding::{Embedder, EmbedderOptions};
/// use rag_core::steering::LearnOptions;
/// let embedder = Embedder::built_in(&EmbedderOptions::default()).unwrap();
/// let polite = ["could you please help me", "thank you so much for this", "would you kindly wait"];
/// let blunt = ["help me now", "this is late", "wait"];
/// let dial = learn_steering_vector(
///     Some(&embedder), Examples::Texts(&polite), Examples::Texts(&blunt), &LearnOptions::default(),
/// ).unwrap();
/// assert_eq!(dial.dim(), embedder.dim());
/// ```
pub fn learn_steering_vector(
    embedder: Option<&Embedder>,
    positive: Examples<'_>,
    negative: Examples<'_>,
    options: &LearnOptions,
) -> Result<SteeringVector> {
    let positive = vectors_of(embedder, positive).map_err(|e| e.context("positive examples"))?;
    let negative = vectors_of(embedder, negative).map_err(|e| e.context("negative examples"))?;
    SteeringVector::learn(positive.rows(), negative.rows(), options)
}

/// Learns an attribute model from texts, embedded first: what a dial needs to rerank.
///
/// ```
/// use rag_core::collection::learn_attribute_model;
/// use rag_core::embedding::{Embedder, EmbedderOptions};
/// use rag_core::steering::LearnOptions;
/// let embedder = Embedder::built_in(&EmbedderOptions::default()).unwrap();
/// let polite = ["could you please help me", "thank you so much for this", "would you kindly wait"];
/// let blunt = ["help me now", "this is late", "wait"];
/// let model =
///     learn_attribute_model(&embedder, &polite, &blunt, &LearnOptions::default()).unwrap();
/// // A text without a vector is told by its words and letters alone.
/// assert!(model.probability("could you kindly open it, please", None).unwrap() > 0.5);
/// ```
pub fn learn_attribute_model(
    embedder: &Embedder,
    positive: &[&str],
    negative: &[&str],
    options: &LearnOptions,
) -> Result<AttributeModel> {
    let place = |what: &'static str| move |e: Error| e.context(format_args!("{what} examples"));
    let vectors = |texts| vectors_of(Some(embedder), Examples::Texts(texts));
    let liked = vectors(positive).map_err(place("positive"))?;
    let disliked = vectors(negative).map_err(place("negative"))?;
    let (positive, negative) = ((positive, liked.rows()), (negative, disliked.rows()));
    AttributeModel::learn(positive, negative, options)
}

fn vectors_of(embedder: Option<&Embedder>, examples: Examples<'_>) -> Result<Matrix> {
    match examples {
        Examples::Vectors(rows) => Matrix::from_vec(rows.data().to_vec(), rows.dim()),
        Examples::Texts(texts) => {
            let embedder = embedder.ok_or_else(|| {
                Error::invalid("texts need an embedder to become vectors; give one, or vectors")
            })?;
            embedder.encode(texts, &EncodeOptions::default(), Progress::none())
        }
    }
}

/// A collection's dials and users. Changes are logged and durable like documents.
#[derive(Clone, Copy, Debug)]
pub struct CollectionSteering<'a> {
    collection: &'a Collection,
}

impl Collection {
    /// The collection's dials and users.
    pub fn steering(&self) -> CollectionSteering<'_> {
        CollectionSteering { collection: self }
    }

    /// Measures the dials again when the number of vectors has doubled or halved since.
    pub(super) fn recalibrate_if_changed_much(&self, writer: &mut super::Writer) -> Result<()> {
        let (vectors, at, has_dials) = {
            let state = self.read()?;
            let vectors = state.dense.as_ref().map_or(0, |d| d.len());
            let has_dials = !state.steering.is_empty();
            (vectors, state.calibrated_on, has_dials)
        };
        let changed = vectors >= 2 * at.max(1) || 2 * vectors <= at;
        if !has_dials || !changed || vectors < CALIBRATION_MINIMUM {
            return Ok(());
        }
        let mut set = self.read()?.steering.dials_only();
        let calibrated_on = self.calibrate_dials(&mut set)?;
        let set = set.to_bytes();
        self.commit(writer, &Change::Dials { set, calibrated_on })
    }

    /// Calibrates every dial on the documents here, if there are enough, and says on how many.
    fn calibrate_dials(&self, set: &mut Steering) -> Result<usize> {
        let (rows, sample) = self.calibration_sample()?;
        if sample.len() < CALIBRATION_MINIMUM {
            return Ok(0);
        }
        let state = self.read()?;
        let likely = |model: &AttributeModel| state.likely_of(model, &rows);
        let calibrate = || set.calibrate_with(sample.rows(), &likely, &CalibrateOptions::default());
        state.soundly(calibrate)??;
        Ok(state.dense.as_ref().map_or(0, |d| d.len()))
    }

    /// Texts and unit vectors of documents that have both, at most [`DISTILLED`], the same for the
    /// same documents and seed; `None` if there are too few to tell anything.
    fn sampled_texts(&self, dim: usize, seed: u64) -> Result<Option<(Vec<String>, Matrix)>> {
        let state = self.read()?;
        let Some(dense) = state.dense.as_ref().filter(|dense| dense.dim() == dim) else {
            return Ok(None);
        };
        let mut rows: Vec<u32> = state.alive().iter().collect();
        rows.retain(|&row| dense.contains(row) && state.rows.has_text(row));
        if rows.len() < DISTILLATION_MINIMUM {
            return Ok(None);
        }
        if rows.len() > DISTILLED {
            Rng::fork(seed, 3).shuffle(&mut rows);
            rows.truncate(DISTILLED);
            rows.sort_unstable();
        }
        let (mut texts, mut vectors) = (Vec::with_capacity(rows.len()), Matrix::zeros(0, dim));
        for row in rows {
            let stored = state.rows.stored(row)?;
            let text = stored.as_ref().and_then(|stored| stored.text.as_deref());
            texts.push(text.unwrap_or_default().to_owned());
            let vector = state.soundly(|| state.vector(row))?;
            vectors.push(vector.unwrap_or(&[]))?;
        }
        Ok(Some((texts, vectors)))
    }

    fn snapshot(&self) -> Result<Arc<Steering>> {
        Ok(Arc::clone(&self.read()?.steering))
    }

    /// Rows and vectors of the documents, at most [`CALIBRATION_SAMPLE`], the same for the same
    /// documents. The rows stay theirs as long as nobody writes.
    fn calibration_sample(&self) -> Result<(Vec<u32>, Matrix)> {
        let state = self.read()?;
        let mut rows: Vec<u32> = state.alive().iter().collect();
        rows.retain(|&row| {
            state
                .dense
                .as_ref()
                .is_some_and(|dense| dense.contains(row))
        });
        if rows.len() > CALIBRATION_SAMPLE {
            Rng::new(0).shuffle(&mut rows);
            rows.truncate(CALIBRATION_SAMPLE);
            rows.sort_unstable();
        }
        let mut sample = Matrix::zeros(0, state.dim.unwrap_or(1));
        for &row in &rows {
            let vector = state.soundly(|| state.vector(row))?;
            sample.push(vector.unwrap_or(&[]))?;
        }
        Ok((rows, sample))
    }
}

impl CollectionSteering<'_> {
    /// Learns a dial, calibrates it on the collection's own documents (when there are at least
    /// twenty) and keeps it under `name`. `AlreadyExists` if there is one of that name.
    ///
    /// From texts on both sides an attribute model is learnt too, by which the dial can rerank
    /// ([`SteerMode::Rerank`](super::SteerMode::Rerank)). If there are two hundred documents here with text
    /// and vector, and the method is [`LearnMethod::Auto`], the dial is fitted to what that model says of
    /// them as well, which tells more than the examples alone.
    pub fn learn(
        &self,
        name: &str,
        positive: Examples<'_>,
        negative: Examples<'_>,
        options: &LearnOptions,
    ) -> Result<SteeringVector> {
        let texts =
            matches!(positive, Examples::Texts(_)) || matches!(negative, Examples::Texts(_));
        let embedder = match texts {
            true => Some(self.collection.embedder()?),
            false => None,
        };
        let options = options.clone().name(name.to_owned());
        let place = |what: &'static str| move |e: Error| e.context(format_args!("{what} examples"));
        let vectors = |examples| vectors_of(embedder.as_ref(), examples);
        let liked = vectors(positive).map_err(place("positive"))?;
        let disliked = vectors(negative).map_err(place("negative"))?;
        let dial = SteeringVector::learn(liked.rows(), disliked.rows(), &options)?;
        let (Examples::Texts(positive), Examples::Texts(negative)) = (positive, negative) else {
            return self.add(dial, None);
        };
        let (positive, negative) = ((positive, liked.rows()), (negative, disliked.rows()));
        let documents = match options.method {
            LearnMethod::Auto => self.collection.sampled_texts(dial.dim(), options.seed)?,
            _ => None,
        };
        let (dial, model) = match documents {
            Some((texts, vectors)) => {
                let documents = (texts.as_slice(), vectors.rows());
                distilled(&dial, positive, negative, documents, &options)?
            }
            None => {
                let model = AttributeModel::learn(positive, negative, &options)?;
                (dial, model)
            }
        };
        self.add(dial, Some(model))
    }

    /// Keeps a dial that was learnt elsewhere, calibrated on the documents here. `AlreadyExists`
    /// if there is one of that name.
    pub fn insert(&self, dial: SteeringVector) -> Result<SteeringVector> {
        self.add(dial, None)
    }

    fn add(&self, dial: SteeringVector, model: Option<AttributeModel>) -> Result<SteeringVector> {
        self.check_dim(Some(dial.dim()))?;
        let name = dial.name().to_owned();
        self.keep(|set| {
            set.insert(dial)?;
            set.set_attribute(&name, model)
        })?;
        self.get(&name)
    }

    fn check_dim(&self, got: Option<usize>) -> Result<()> {
        match (self.collection.dim()?, got) {
            (Some(dim), Some(got)) if dim != got => {
                Err(Error::dimension("this collection", dim, got))
            }
            _ => Ok(()),
        }
    }

    /// Changes the dials, calibrates them on the documents here and logs them.
    fn keep(&self, change: impl FnOnce(&mut Steering) -> Result<()>) -> Result<()> {
        let mut writer = self.collection.check_writable_and_lock()?;
        let mut set = self.collection.read()?.steering.dials_only();
        change(&mut set)?;
        let calibrated_on = self.collection.calibrate_dials(&mut set)?;
        let set = set.to_bytes();
        let change = Change::Dials { set, calibrated_on };
        self.collection.commit_small(&mut writer, &change)
    }

    /// Learns several dials together (see [`Steering::learn_joint`]), calibrates them on the documents
    /// here (when there are at least twenty) and keeps them all, or none. Of each attribute: its name,
    /// what has it, and what lacks it or `None` for what has the others.
    pub fn learn_joint(
        &self,
        attributes: &[(&str, Examples<'_>, Option<Examples<'_>>)],
        options: &LearnOptions,
    ) -> Result<Vec<SteeringVector>> {
        let sets = || {
            attributes
                .iter()
                .flat_map(|(_, p, n)| std::iter::once(p).chain(n))
        };
        let embedder = match sets().any(|set| matches!(set, Examples::Texts(_))) {
            true => Some(self.collection.embedder()?),
            false => None,
        };
        let mut known = Vec::with_capacity(attributes.len());
        for (name, positive, negative) in attributes {
            let place = |e: Error| e.context(format_args!("the attribute \"{name}\""));
            let vectors = |set: &Examples<'_>| vectors_of(embedder.as_ref(), *set).map_err(place);
            let negative = negative.as_ref().map(vectors).transpose()?;
            known.push((*name, vectors(positive)?, negative));
        }
        let attributes: Vec<Attribute<'_>> = known
            .iter()
            .map(|(name, positive, negative)| Attribute {
                name,
                positive: positive.rows(),
                negative: negative.as_ref().map(Matrix::rows),
            })
            .collect();
        let mut learnt = Steering::new();
        learnt.learn_joint(&attributes, options)?;
        self.check_dim(learnt.dim())?;
        self.keep(|set| learnt.dials().try_for_each(|dial| set.insert(dial.clone())))?;
        let dials = attributes.iter().map(|a| self.get(a.name));
        dials.collect()
    }

    /// Gain and loss of a dial on the documents here; see [`SteeringVector::curve`].
    pub fn curve(
        &self,
        name: &str,
        strengths: &[f64],
        options: &CalibrateOptions,
    ) -> Result<Vec<CurvePoint>> {
        let dial = self.get(name)?;
        let (_, sample) = self.collection.calibration_sample()?;
        dial.curve(sample.rows(), strengths, options)
    }

    /// How far each dial turns the others on the documents here; see [`Steering::cross_talk`].
    pub fn cross_talk(&self, options: &CalibrateOptions) -> Result<Vec<f64>> {
        let set = self.collection.read()?.steering.dials_only();
        let (_, sample) = self.collection.calibration_sample()?;
        set.cross_talk(sample.rows(), options)
    }

    /// The names of the dials, ascending.
    pub fn names(&self) -> Result<Vec<String>> {
        let state = self.collection.read()?;
        Ok(state.steering.names().map(str::to_owned).collect())
    }

    /// The dial of that name.
    pub fn get(&self, name: &str) -> Result<SteeringVector> {
        self.collection.read()?.steering.get(name).cloned()
    }

    /// The attribute model of the dial of that name, if it has one.
    pub fn attribute(&self, name: &str) -> Result<Option<AttributeModel>> {
        let state = self.collection.read()?;
        Ok(state.steering.attribute(name)?.cloned())
    }

    /// Gives the dial of that name an attribute model, calibrated on the documents here, or takes its
    /// own away.
    pub fn set_attribute(&self, name: &str, model: Option<AttributeModel>) -> Result<()> {
        self.keep(|set| set.set_attribute(name, model))
    }

    /// How likely each document has the attribute of the dial of that name: what reranking by it adds
    /// up, in 0..=1. `NotFound` for an unknown id, `InvalidArgument` for a dial without an attribute
    /// model.
    pub fn probabilities(&self, name: &str, ids: &[impl AsRef<str>]) -> Result<Vec<f32>> {
        let state = self.collection.read()?;
        let Some(model) = state.steering.attribute(name)? else {
            return Err(no_model(name));
        };
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids.iter().map(AsRef::as_ref) {
            let row = state.find(id)?.ok_or_else(|| {
                let message = format!("no document has the id \"{id}\"");
                Error::new(crate::ErrorKind::NotFound, message)
            })?;
            rows.push(row);
        }
        state.soundly(|| state.likely_of(model, &rows))
    }

    /// Removes a dial.
    pub fn remove(&self, name: &str) -> Result<()> {
        let mut writer = self.collection.check_writable_and_lock()?;
        let (mut set, calibrated_on) = {
            let state = self.collection.read()?;
            (state.steering.dials_only(), state.calibrated_on)
        };
        set.remove(name)?;
        let set = set.to_bytes();
        let change = Change::Dials { set, calibrated_on };
        self.collection.commit_small(&mut writer, &change)
    }

    /// Moves a query vector as a search would.
    pub fn apply(
        &self,
        query: &[f32],
        dials: &[(&str, f64)],
        user: Option<&str>,
        options: &ApplyOptions,
    ) -> Result<Vec<f32>> {
        let state = self.collection.read()?;
        state.steering.apply_with(query, dials, user, options)
    }

    /// Learns from one rating in [0, 1] of an item that a query found. `at` is in Unix seconds;
    /// without it the present time counts.
    pub fn feedback(
        &self,
        query: &[f32],
        item: &[f32],
        rating: f64,
        user: Option<&str>,
        dials: &[(&str, f64)],
        at: Option<f64>,
    ) -> Result<()> {
        self.rate(&Feedback {
            user,
            dials,
            at,
            ..Feedback::new(query, item, rating)
        })
    }

    /// [`feedback`](Self::feedback) with all that can be said of a rating. Durable before it returns,
    /// together with what it changes of the user.
    pub fn rate(&self, feedback: &Feedback<'_>) -> Result<()> {
        let mut writer = self.collection.check_writable_and_lock()?;
        let at = feedback
            .at
            .unwrap_or_else(|| self.collection.shared.clock.now());
        self.collection
            .read()?
            .steering
            .check_feedback(feedback, at)?;
        let dials = feedback.dials.iter();
        let logged = Logged {
            query: feedback.query.to_vec(),
            item: feedback.item.to_vec(),
            rating: feedback.rating,
            user: feedback.user.map(str::to_owned),
            dials: dials.map(|(n, s)| ((*n).to_owned(), *s)).collect(),
            at,
            worker: self.collection.shared.worker,
            // As it is kept: further down than anybody looks, one place is like another.
            position: feedback.position.map(|place| place.min(u32::MAX as usize)),
        };
        self.collection
            .commit_small(&mut writer, &Change::Feedback(logged))
    }

    /// How many ratings of `user` were taken in: another number means another taste.
    pub(crate) fn ratings(&self, user: &str) -> Result<u64> {
        Ok(self.collection.read()?.steering.ratings(user))
    }

    /// What is known of a user; see [`Steering::taste`].
    pub fn taste(&self, user: &str) -> Result<Taste> {
        Ok(self.collection.read()?.steering.taste(user))
    }

    /// How a user got where they are; see [`Steering::drift`].
    pub fn drift(&self, user: &str) -> Result<Vec<TasteAt>> {
        Ok(self.collection.read()?.steering.drift(user))
    }

    /// Learns users and dials again from the filtered history; see [`Steering::retrain`].
    pub fn retrain(&self, options: &RetrainOptions) -> Result<RetrainReport> {
        self.change(|set| set.retrain(options))
    }

    /// Removes everything that is known of a user; tells whether there was anything. Durable before
    /// it returns; the bytes go when the store is next written anew, see [`Collection::compact`].
    pub fn forget(&self, user: &str) -> Result<bool> {
        let mut writer = self.collection.check_writable_and_lock()?;
        if !self.collection.read()?.steering.knows(user) {
            return Ok(false);
        }
        let change = Change::Forget(user.to_owned());
        self.collection.commit_small(&mut writer, &change)?;
        Ok(true)
    }

    /// Takes in what another set has learnt.
    pub fn merge(&self, other: &Steering) -> Result<()> {
        self.change(|set| set.merge(other))
    }

    /// Takes a set in the place of everything that was learnt here, to the bit: what makes all shards of one
    /// collection steer alike ([`ShardRequest`](super::ShardRequest)).
    ///
    /// `DimensionMismatch` or `ModelMismatch` if the set is of other vectors than those here.
    pub fn replace(&self, other: &Steering) -> Result<()> {
        self.check_dim(other.dim())?;
        if let (Some(model), Some((_, held))) = (other.model(), &self.collection.read()?.embedder)
            && model != held
        {
            return Err(Error::new(
                crate::ErrorKind::ModelMismatch,
                format!(
                    "these dials were learnt with the model {model}, the vectors here are of {held}; \
                     learn them again with that model"
                ),
            ));
        }
        let worker = self.collection.shared.worker;
        self.change(|set| {
            *set = other.clone();
            set.set_worker(worker);
            Ok(())
        })
    }

    /// A copy of the set as it is now, to save or to merge elsewhere.
    pub fn to_steering(&self) -> Result<Steering> {
        Ok(Steering::clone(&*self.collection.snapshot()?))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Steering) -> Result<T>) -> Result<T> {
        let mut writer = self.collection.check_writable_and_lock()?;
        let mut set = Steering::clone(&*self.collection.snapshot()?);
        let result = change(&mut set)?;
        let dials = Change::Steering {
            set: set.without_users().to_bytes(),
            calibrated_on: self.collection.read()?.calibrated_on,
        };
        let users = set.batches().map(|batch| Change::Users(batch.to_bytes()));
        let changes: Vec<Change> = std::iter::once(dials).chain(users).collect();
        self.collection.commit_together(&mut writer, &changes)?;
        Ok(result)
    }
}
