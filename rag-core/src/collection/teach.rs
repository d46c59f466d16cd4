//! Dials and users of a collection: learnt from its texts, calibrated on its documents, and kept
//! in its log with everything else.

use super::Collection;
use super::codec::{Change, Feedback};
use crate::embedding::{Embedder, EncodeOptions};
use crate::error::{Error, Result};
use crate::matrix::{Matrix, Rows};
use crate::progress::Progress;
use crate::rng::Rng;
use crate::steering::{
    AttributeModel, CalibrateOptions, LearnOptions, RetrainOptions, RetrainReport, Steering,
    SteeringVector, no_model,
};
use std::sync::Arc;

/// Documents that calibration looks at; of more, a seeded sample.
const CALIBRATION_SAMPLE: usize = 5000;
/// Fewer documents than this say nothing about how much similarity a dial costs.
const CALIBRATION_MINIMUM: usize = 20;

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
/// let text = "could you kindly open it, please";
/// let vector = embedder.encode_one(text).unwrap();
/// assert!(model.probability(text, Some(&vector)).unwrap() > 0.5);
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
        let mut set = Steering::clone(&*self.snapshot()?);
        let calibrated_on = self.calibrate_dials(&mut set)?;
        let set = set.to_bytes();
        self.commit(writer, &Change::Steering { set, calibrated_on })
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
    /// ([`SteerMode::Rerank`](super::SteerMode::Rerank)).
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
        let model = match (positive, negative) {
            (Examples::Texts(positive), Examples::Texts(negative)) => {
                let (positive, negative) = ((positive, liked.rows()), (negative, disliked.rows()));
                Some(AttributeModel::learn(positive, negative, &options)?)
            }
            _ => None,
        };
        self.keep(dial, model)
    }

    /// Keeps a dial that was learnt elsewhere, calibrated on the documents here. `AlreadyExists`
    /// if there is one of that name.
    pub fn insert(&self, dial: SteeringVector) -> Result<SteeringVector> {
        self.keep(dial, None)
    }

    fn keep(&self, dial: SteeringVector, model: Option<AttributeModel>) -> Result<SteeringVector> {
        let held = self.collection.dim()?;
        if let Some(dim) = held.filter(|&d| d != dial.dim()) {
            return Err(Error::dimension("this collection", dim, dial.dim()));
        }
        let name = dial.name().to_owned();
        let mut writer = self.collection.check_writable_and_lock()?;
        let mut set = Steering::clone(&*self.collection.snapshot()?);
        set.insert(dial)?;
        set.set_attribute(&name, model)?;
        let calibrated_on = self.collection.calibrate_dials(&mut set)?;
        let dial = set.get(&name)?.clone();
        let set = set.to_bytes();
        self.collection
            .commit_small(&mut writer, &Change::Steering { set, calibrated_on })?;
        Ok(dial)
    }

    /// The names of the dials, ascending.
    pub fn names(&self) -> Result<Vec<String>> {
        let set = self.collection.snapshot()?;
        Ok(set.names().map(str::to_owned).collect())
    }

    /// The dial of that name.
    pub fn get(&self, name: &str) -> Result<SteeringVector> {
        self.collection.snapshot()?.get(name).cloned()
    }

    /// The attribute model of the dial of that name, if it has one.
    pub fn attribute(&self, name: &str) -> Result<Option<AttributeModel>> {
        let set = self.collection.snapshot()?;
        Ok(set.attribute(name)?.cloned())
    }

    /// Gives the dial of that name an attribute model, calibrated on the documents here, or takes its
    /// own away.
    pub fn set_attribute(&self, name: &str, model: Option<AttributeModel>) -> Result<()> {
        let mut writer = self.collection.check_writable_and_lock()?;
        let mut set = Steering::clone(&*self.collection.snapshot()?);
        set.set_attribute(name, model)?;
        let calibrated_on = self.collection.calibrate_dials(&mut set)?;
        let set = set.to_bytes();
        let change = Change::Steering { set, calibrated_on };
        self.collection.commit_small(&mut writer, &change)
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
        self.change(|set| set.remove(name).map(drop))
    }

    /// Moves a query vector as a search would.
    pub fn apply(
        &self,
        query: &[f32],
        dials: &[(&str, f64)],
        user: Option<&str>,
    ) -> Result<Vec<f32>> {
        self.collection.snapshot()?.apply(query, dials, user)
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
        let mut writer = self.collection.check_writable_and_lock()?;
        let at = at.unwrap_or_else(|| self.collection.shared.clock.now());
        self.collection
            .snapshot()?
            .check_feedback(query, item, rating, user, dials, at)?;
        let feedback = Feedback {
            query: query.to_vec(),
            item: item.to_vec(),
            rating,
            user: user.map(str::to_owned),
            dials: dials.iter().map(|(n, s)| ((*n).to_owned(), *s)).collect(),
            at,
            worker: self.collection.shared.worker,
        };
        self.collection
            .commit_small(&mut writer, &Change::Feedback(feedback))
    }

    /// Learns users and dials again from the filtered history; see [`Steering::retrain`].
    pub fn retrain(&self, options: &RetrainOptions) -> Result<RetrainReport> {
        self.change(|set| set.retrain(options))
    }

    /// Removes everything that is known of a user; tells whether there was anything.
    pub fn forget(&self, user: &str) -> Result<bool> {
        self.change(|set| Ok(set.forget(user)))
    }

    /// Takes in what another set has learnt.
    pub fn merge(&self, other: &Steering) -> Result<()> {
        self.change(|set| set.merge(other))
    }

    /// A copy of the set as it is now, to save or to merge elsewhere.
    pub fn to_steering(&self) -> Result<Steering> {
        Ok(Steering::clone(&*self.collection.snapshot()?))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Steering) -> Result<T>) -> Result<T> {
        let mut writer = self.collection.check_writable_and_lock()?;
        let mut set = Steering::clone(&*self.collection.snapshot()?);
        let result = change(&mut set)?;
        let change = Change::Steering {
            set: set.to_bytes(),
            calibrated_on: self.collection.read()?.calibrated_on,
        };
        self.collection.commit_small(&mut writer, &change)?;
        Ok(result)
    }
}
