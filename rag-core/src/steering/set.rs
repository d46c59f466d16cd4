//! [`Steering`]: a named set of dials, and the users whose ratings move queries too.

use super::attribute::AttributeModel;
use super::calibrate::{CalibrateOptions, Neighbourhood};
use super::compact::Compact;
use super::direction::add_scaled;
use super::feedback::{Event, Feedback, History, Told};
use super::joint::without_overlap;
use super::user::{Crowd, Shift, Span, User};
use super::vector::{LearnOptions, SteeringVector, check_name, unit_query};
use crate::Rows;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::linalg::dot;
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The most dials in one set.
pub const MAX_DIALS: usize = 256;

/// The largest strength of a dial, either way.
pub const MAX_STRENGTH: f64 = 100.0;

/// What a model answers for each of some documents.
pub type Likely<'a> = &'a dyn Fn(&AttributeModel) -> Vec<f32>;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dial {
    pub(super) vector: SteeringVector,
    /// How often feedback has changed it.
    pub(super) generation: u64,
    /// What tells how likely a text has the attribute, if it was learnt from texts.
    pub(super) attribute: Option<AttributeModel>,
}

/// A named set of dials with the ratings of users.
///
/// Names of dials are listed and applied in alphabetical order. All vectors have one dimension,
/// that of the first. An unknown user changes nothing, since every user is unknown at first, unless
/// [`retrain`](Self::retrain) has found what all users share.
///
/// ```
/// use rag_core::steering::{Steering, SteeringVector};
/// let mut steering = Steering::new();
/// steering.insert(SteeringVector::from_parts("trust", &[0.0, 1.0], 0.5, None)?)?;
/// let steered = steering.apply(&[1.0, 0.0], &[("trust", 1.0)], None)?;
/// assert!((steered[1] / steered[0] - 0.5).abs() < 1e-6);
/// // An unknown user is no error, an unknown dial is, and it names those there are.
/// assert_eq!(steering.apply(&[1.0, 0.0], &[], Some("nobody"))?, [1.0, 0.0]);
/// let error = steering.apply(&[1.0, 0.0], &[("thrust", 1.0)], None).unwrap_err();
/// assert_eq!(error.to_string(), "no dial is called \"thrust\"; there are trust");
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Steering {
    pub(super) dials: BTreeMap<String, Dial>,
    pub(super) users: BTreeMap<Arc<str>, User>,
    pub(super) history: History,
    pub(super) crowd: Option<Crowd>,
    pub(super) model: Option<String>,
    /// Made of the dials when it is asked for.
    span: OnceLock<Span>,
    clock: Arc<dyn Clock>,
    /// Drawn at the first rating: two copies of one file must not count with the same number.
    worker: Option<u64>,
    sequence: u64,
}

impl Default for Steering {
    fn default() -> Self {
        Self::new()
    }
}

/// A copy is a worker of its own: what it is told can be merged back.
impl Clone for Steering {
    fn clone(&self) -> Self {
        Self {
            dials: self.dials.clone(),
            users: self.users.clone(),
            history: self.history.clone(),
            crowd: self.crowd.clone(),
            model: self.model.clone(),
            span: self.span.clone(),
            clock: Arc::clone(&self.clock),
            worker: None,
            sequence: 0,
        }
    }
}

impl Steering {
    /// An empty set on the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty set that takes the time of ratings from `clock`.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self {
            dials: BTreeMap::new(),
            users: BTreeMap::new(),
            history: History::default(),
            crowd: None,
            model: None,
            span: OnceLock::new(),
            clock,
            worker: None,
            sequence: 0,
        }
    }

    /// Counts ratings under `worker` instead of a number drawn from the system's randomness, so
    /// that saved bytes can be repeated. Sets that will be merged need different numbers; a set that
    /// was saved or copied in between may go on with its old one.
    pub fn set_worker(&mut self, worker: u64) {
        if self.worker == Some(worker) {
            return;
        }
        // Behind what this worker has counted: a number that stands twice is one rating. What others
        // have counted is no matter, so that a log that is replayed gives every number again.
        let counted = self
            .history
            .iter()
            .filter(|e| e.worker == worker)
            .map(|e| e.sequence);
        self.sequence = counted.max().map_or(0, |last| last.saturating_add(1));
        self.worker = Some(worker);
    }

    /// The dimension of the vectors; `None` while there is neither a dial nor a rating.
    pub fn dim(&self) -> Option<usize> {
        let dial = self.dials.values().next().map(|d| d.vector.dim());
        let user = || self.users.values().find_map(|user| user.0.first());
        let event = || self.history.iter().next().map(|e| e.residual.dim());
        dial.or_else(|| user().map(|(_, sums)| sums.toward.dim()))
            .or_else(event)
    }

    /// The fingerprint of the embedding model that made the vectors, if it was set.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Names the embedding model by its fingerprint. Fails with `ModelMismatch` if the set was
    /// made by another.
    pub fn set_model(&mut self, fingerprint: &str) -> Result<()> {
        self.check_model(fingerprint)?;
        self.model = Some(fingerprint.to_owned());
        Ok(())
    }

    /// Fails as [`set_model`](Self::set_model) would, and changes nothing.
    pub fn check_model(&self, fingerprint: &str) -> Result<()> {
        check_name("the fingerprint", fingerprint)?;
        match &self.model {
            Some(model) if model != fingerprint => Err(Error::new(
                ErrorKind::ModelMismatch,
                format!(
                    "these dials were learnt with the model {model}, got {fingerprint}; learn them \
                     again or use that model"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The names of the dials, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.dials.keys().map(String::as_str)
    }

    /// The dials, by name.
    pub fn dials(&self) -> impl Iterator<Item = &SteeringVector> {
        self.dials.values().map(|d| &d.vector)
    }

    /// The number of dials.
    pub fn len(&self) -> usize {
        self.dials.len()
    }

    /// Whether there is no dial.
    pub fn is_empty(&self) -> bool {
        self.dials.is_empty()
    }

    /// The users who have rated something, in alphabetical order.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.users.keys().map(|user| &**user)
    }

    pub(crate) fn user_count(&self) -> usize {
        self.users.len()
    }

    /// Whether anything is known of `user`.
    pub fn knows(&self, user: &str) -> bool {
        self.users.contains_key(user) || self.history.has(user)
    }

    /// The number of ratings in the history, which is bounded.
    pub fn events(&self) -> usize {
        self.history.len()
    }

    /// The dial called `name`; `NotFound` names those there are.
    pub fn get(&self, name: &str) -> Result<&SteeringVector> {
        match self.dials.get(name) {
            Some(dial) => Ok(&dial.vector),
            None => Err(self.unknown(name)),
        }
    }

    /// Adds a dial under its name. `AlreadyExists` if the name is taken.
    pub fn insert(&mut self, vector: SteeringVector) -> Result<()> {
        self.check_new(vector.name())?;
        self.check_dim(vector.dim())?;
        let dial = Dial {
            vector,
            generation: 0,
            attribute: None,
        };
        self.dials.insert(dial.vector.name().to_owned(), dial);
        self.dials_changed();
        Ok(())
    }

    /// Learns a dial, calibrated on the vectors that it is learnt from, and adds it. `name` wins
    /// over [`LearnOptions::name`].
    pub fn learn(
        &mut self,
        name: &str,
        positive: Rows<'_>,
        negative: Rows<'_>,
        options: &LearnOptions,
    ) -> Result<&SteeringVector> {
        self.check_new(name)?;
        self.check_dim(positive.dim())?;
        let options = options.clone().name(name.to_owned());
        self.insert(SteeringVector::learn(positive, negative, &options)?)?;
        self.get(name)
    }

    /// The attribute models of the dials that have one.
    pub(crate) fn models(&self) -> impl Iterator<Item = &AttributeModel> {
        self.dials
            .values()
            .filter_map(|dial| dial.attribute.as_ref())
    }

    /// Learns the attribute model of the dial called `name` from texts with their vectors, as
    /// [`AttributeModel::learn`] does.
    pub fn learn_attribute(
        &mut self,
        name: &str,
        positive: (&[&str], Rows<'_>),
        negative: (&[&str], Rows<'_>),
        options: &LearnOptions,
    ) -> Result<()> {
        self.get(name)?;
        self.check_dim(positive.1.dim())?;
        let model = AttributeModel::learn(positive, negative, options)?;
        self.set_attribute(name, Some(model))
    }

    /// The attribute model of the dial called `name`, if it has one; `NotFound` without such a dial.
    pub fn attribute(&self, name: &str) -> Result<Option<&AttributeModel>> {
        match self.dials.get(name) {
            Some(dial) => Ok(dial.attribute.as_ref()),
            None => Err(self.unknown(name)),
        }
    }

    /// Gives the dial called `name` an attribute model, or takes its own away. `NotFound` without such
    /// a dial, `DimensionMismatch` if the model is for vectors of another dimension.
    pub fn set_attribute(&mut self, name: &str, model: Option<AttributeModel>) -> Result<()> {
        if let Some(model) = &model {
            self.check_dim(model.dim())?;
        }
        let Some(dial) = self.dials.get_mut(name) else {
            return Err(self.unknown(name));
        };
        dial.attribute = model;
        Ok(())
    }

    /// Takes a dial out. `NotFound` if there is none of that name.
    pub fn remove(&mut self, name: &str) -> Result<SteeringVector> {
        let dial = self.dials.remove(name).ok_or_else(|| self.unknown(name))?;
        self.dials_changed();
        Ok(dial.vector)
    }

    /// Measures the scale of every dial on `documents` (`(n, dim)`, at least 3), as
    /// [`SteeringVector::calibrated`] does, with the similarities computed once for all.
    ///
    /// Attribute models keep their scale: for them the texts of the documents are needed, see
    /// [`calibrate_with`](Self::calibrate_with).
    pub fn calibrate(&mut self, documents: Rows<'_>, options: &CalibrateOptions) -> Result<()> {
        self.calibrate_all(documents, options, None)
    }

    /// [`calibrate`](Self::calibrate) of the attribute models too: `probabilities` says what a model
    /// answers for each of the documents.
    pub fn calibrate_with(
        &mut self,
        documents: Rows<'_>,
        probabilities: Likely<'_>,
        options: &CalibrateOptions,
    ) -> Result<()> {
        self.calibrate_all(documents, options, Some(probabilities))
    }

    fn calibrate_all(
        &mut self,
        documents: Rows<'_>,
        options: &CalibrateOptions,
        probabilities: Option<Likely<'_>>,
    ) -> Result<()> {
        self.check_dim(documents.dim())?;
        let neighbourhood = Neighbourhood::new(documents, options)?;
        let mut models = Vec::new();
        if let Some(probabilities) = probabilities {
            for (name, dial) in &self.dials {
                let Some(model) = &dial.attribute else {
                    continue;
                };
                let of = probabilities(model);
                if of.len() != documents.len() || !of.iter().all(|p| (0.0..=1.0).contains(p)) {
                    return Err(Error::invalid(format!(
                        "a probability in 0..=1 is needed for each of the {} documents",
                        documents.len()
                    )));
                }
                models.push((name.clone(), model.calibrated_in(&neighbourhood, &of)));
            }
        }
        for dial in self.dials.values_mut() {
            dial.vector = dial.vector.calibrated_in(&neighbourhood);
        }
        for (name, model) in models {
            if let Some(dial) = self.dials.get_mut(&name) {
                dial.attribute = Some(model);
            }
        }
        self.dials_changed();
        Ok(())
    }

    /// Turns all dials as little as possible so that none moves another: symmetric
    /// orthogonalisation, `(V V')^(-1/2) V` (Loewdin, 1950). Lengths become 1, scales stay, and
    /// effects are gone: they belonged to the old directions.
    ///
    /// Fails with `InvalidArgument` if the dials are linearly dependent; nothing changes then.
    pub fn orthogonalize(&mut self) -> Result<()> {
        let k = self.dials.len();
        if k < 2 {
            return Ok(());
        }
        let mut rows = Vec::with_capacity(k);
        for vector in self.dials() {
            let mut row = vector.wide();
            if !super::direction::normalise(&mut row) {
                return Err(dependent());
            }
            rows.push(row);
        }
        let gram: Vec<f64> = rows
            .iter()
            .flat_map(|a| rows.iter().map(|b| dot(a, b)))
            .collect();
        let rows = without_overlap(&rows, &gram, 0.0).ok_or_else(dependent)?;
        let turned = self
            .dials()
            .zip(&rows)
            .map(|(dial, row)| dial.turned(row, None));
        let turned: Vec<SteeringVector> = turned.collect::<Result<_>>()?;
        for (dial, vector) in self.dials.values_mut().zip(turned) {
            dial.vector = vector;
        }
        self.dials_changed();
        Ok(())
    }

    /// Tells how well `item` answered `query` as it was steered by `dials`: `rating` in 0..=1,
    /// `at` in unix seconds (`None` = now).
    ///
    /// The rating moves `user`'s queries from now on; without a user it only serves
    /// [`retrain`](Self::retrain). A user takes two bytes a dimension, for each worker that was told
    /// of them. The history holds [`MAX_EVENTS_PER_USER`](super::MAX_EVENTS_PER_USER) ratings a user
    /// and [`MAX_EVENTS`](super::MAX_EVENTS) in all; the oldest go first.
    ///
    /// ```
    /// use rag_core::steering::Steering;
    /// let mut steering = Steering::new();
    /// steering.feedback(&[1.0, 0.0], &[0.8, 0.6], 1.0, Some("ann"), &[], Some(0.0))?;
    /// // What was liked draws the next query; other users' queries stay.
    /// assert!(steering.apply(&[1.0, 0.0], &[], Some("ann"))?[1] > 0.0);
    /// assert_eq!(steering.apply(&[1.0, 0.0], &[], Some("bob"))?, [1.0, 0.0]);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn feedback(
        &mut self,
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

    /// [`feedback`](Self::feedback) with all that can be said of a rating.
    pub fn rate(&mut self, feedback: &Feedback<'_>) -> Result<()> {
        let at = feedback.at.unwrap_or_else(|| self.clock.now());
        let residual = self.check_feedback(feedback, at)?;
        let mut used: Vec<(String, f64)> = feedback
            .dials
            .iter()
            .filter(|(_, strength)| *strength != 0.0)
            .map(|&(name, strength)| (name.to_owned(), strength))
            .collect();
        used.sort_by(|a, b| a.0.cmp(&b.0));
        let worker = *self.worker.get_or_insert_with(Rng::seed_from_system);
        let known = feedback.user.map(|user| self.users.get_key_value(user));
        let user = known.map(|known| match known {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(feedback.user.unwrap_or_default()),
        });
        let mut event = Event::new(Told {
            user: user.clone(),
            at,
            rating: feedback.rating,
            position: feedback.place(),
            id: (worker, self.sequence),
            dials: used,
            residual,
        });
        if let Some(user) = user {
            let user = self.users.entry(user).or_default();
            let rating = (feedback.rating, feedback.place());
            event.rated = Some(user.take(worker, &event.residual, rating.0, rating.1));
        }
        self.sequence = self.sequence.saturating_add(1);
        self.history.insert(event);
        Ok(())
    }

    /// Everything that [`feedback`](Self::feedback) can refuse, without a change: for callers that
    /// log first. Answers what the item adds to the steered query.
    pub(crate) fn check_feedback(&self, feedback: &Feedback<'_>, at: f64) -> Result<Compact> {
        let Feedback {
            query,
            item,
            rating,
            user,
            dials,
            ..
        } = *feedback;
        if !(0.0..=1.0).contains(&rating) {
            return Err(Error::invalid(format!(
                "a rating must be in 0..=1, got {rating}"
            )));
        }
        if feedback.position == Some(0) {
            return Err(Error::invalid(
                "the position of a rated item counts from 1, got 0; leave it out if it is unknown",
            ));
        }
        if !at.is_finite() {
            return Err(Error::invalid(format!(
                "the time of a rating must be finite unix seconds, got {at}"
            )));
        }
        if let Some(user) = user {
            check_name("user", user)?;
        }
        if item.len() != query.len() {
            return Err(Error::dimension("the query", query.len(), item.len()));
        }
        Rows::single(item)?.check_finite()?;
        let steered = unit_query(&self.apply(query, dials, None)?)?;
        let mut rest = unit_query(item).map_err(|_| {
            Error::invalid("an item of length 0 says nothing; give the vector of a text")
        })?;
        let along = dot(&rest, &steered);
        add_scaled(&mut rest, -along, &steered);
        Compact::new(&rest).ok_or_else(|| Error::invalid("the item is too long for float32"))
    }

    pub(super) fn dials_changed(&mut self) {
        self.span = OnceLock::new();
    }

    pub(super) fn span(&self) -> &Span {
        let dials = || self.dials().map(|dial| (dial.wide(), dial.length()));
        self.span.get_or_init(|| Span::new(dials()))
    }

    /// What moves the queries of `user`: their own ratings, and what all users share.
    pub(super) fn shift_of(&self, user: &str) -> Option<Shift> {
        self.span().shift(self.users.get(user), self.crowd.as_ref())
    }

    pub(super) fn check_dim(&self, got: usize) -> Result<()> {
        match self.dim() {
            Some(dim) if dim != got => Err(Error::dimension("this steering set", dim, got)),
            _ => Ok(()),
        }
    }

    pub(super) fn check_new(&self, name: &str) -> Result<()> {
        check_name("the name of a dial", name)?;
        if name.is_empty() {
            return Err(Error::invalid(
                "a dial needs a name; learn the vector with one",
            ));
        }
        if self.dials.contains_key(name) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("a dial called \"{name}\" exists; remove it first"),
            ));
        }
        if self.dials.len() >= MAX_DIALS {
            return Err(full());
        }
        Ok(())
    }

    fn unknown(&self, name: &str) -> Error {
        let known: Vec<&str> = self.names().collect();
        let known = match known.len() {
            0 => "none; learn one first".to_owned(),
            _ => known.join(", "),
        };
        Error::new(
            ErrorKind::NotFound,
            format!("no dial is called \"{name}\"; there are {known}"),
        )
    }
}

pub(super) fn full() -> Error {
    Error::invalid(format!(
        "a steering set holds at most {MAX_DIALS} dials; remove some first"
    ))
}

pub(super) fn dependent() -> Error {
    Error::invalid(
        "the dials are linearly dependent, so they cannot be made orthogonal; remove those that \
         say the same",
    )
}
