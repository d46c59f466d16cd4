//! [`Steering`]: a named set of dials, and the users whose ratings move queries too.

use super::calibrate::{CalibrateOptions, Neighbourhood};
use super::direction::add_scaled;
use super::feedback::{Event, History, MAX_EVENTS};
use super::user::{Shift, shift};
use super::vector::{
    LearnOptions, SteeringVector, check_name, check_strength, length_one, unit_query,
};
use crate::Rows;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::kernel::linalg::{dot, symmetric_eigen};
use crate::rng::Rng;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The most dials in one set.
pub const MAX_DIALS: usize = 256;

/// The largest strength of a dial, either way.
pub const MAX_STRENGTH: f64 = 100.0;

/// Who moved the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// A dial of the set.
    Dial,
    /// A user's ratings.
    User,
}

/// What one dial or user added to the query.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// A dial or a user.
    pub kind: PartKind,
    /// Its name.
    pub name: String,
    /// What was added to [`Steered::base`].
    pub vector: Vec<f32>,
}

/// A steered query and how it came about: `vector = (base + sum of parts) / norm`.
#[derive(Clone, Debug, PartialEq)]
pub struct Steered {
    /// The query to search with.
    pub vector: Vec<f32>,
    /// The query before steering: at length 1, or as it was given if nothing moved it.
    pub base: Vec<f32>,
    /// Dials by name, then the user; those that add nothing are left out.
    pub parts: Vec<Part>,
    /// The length before normalisation, the factor common to all parts.
    pub norm: f64,
}

impl Steered {
    /// The split of the inner product with `document`: the query's share, then that of each part.
    /// The shares add up to `vector . document`, to the rounding of float32.
    pub fn split(&self, document: &[f32]) -> Result<Vec<f64>> {
        if document.len() != self.base.len() {
            return Err(Error::dimension(
                "this query",
                self.base.len(),
                document.len(),
            ));
        }
        let share = |v: &[f32]| {
            let sum: f64 = v
                .iter()
                .zip(document)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum();
            sum / self.norm
        };
        let parts = self.parts.iter().map(|p| share(&p.vector));
        Ok(std::iter::once(share(&self.base)).chain(parts).collect())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dial {
    pub(super) vector: SteeringVector,
    /// How often feedback has changed it.
    pub(super) generation: u64,
}

/// A named set of dials with the ratings of users.
///
/// Names of dials are listed and applied in alphabetical order. All vectors have one dimension,
/// that of the first. An unknown user changes nothing: every user is unknown at first.
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
    pub(super) histories: BTreeMap<Option<String>, History>,
    pub(super) model: Option<String>,
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
            histories: self.histories.clone(),
            model: self.model.clone(),
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
            histories: BTreeMap::new(),
            model: None,
            clock,
            worker: None,
            sequence: 0,
        }
    }

    /// Counts ratings under `worker` instead of a number drawn from the system's randomness, so
    /// that saved bytes can be repeated. Sets that will be merged need different numbers.
    pub fn set_worker(&mut self, worker: u64) {
        self.worker = Some(worker);
    }

    /// The dimension of the vectors; `None` while there is neither a dial nor a rating.
    pub fn dim(&self) -> Option<usize> {
        let dial = self.dials.values().next().map(|d| d.vector.dim());
        let event = || self.histories.values().find_map(|h| h.events().first());
        dial.or_else(|| event().map(|e| e.residual.len()))
    }

    /// The fingerprint of the embedding model that made the vectors, if it was set.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Names the embedding model by its fingerprint. Fails with `ModelMismatch` if the set was
    /// made by another.
    pub fn set_model(&mut self, fingerprint: &str) -> Result<()> {
        check_name("the fingerprint", fingerprint)?;
        match &self.model {
            Some(model) if model != fingerprint => Err(Error::new(
                ErrorKind::ModelMismatch,
                format!(
                    "these dials were learnt with the model {model}, got {fingerprint}; learn them \
                     again or use that model"
                ),
            )),
            _ => {
                self.model = Some(fingerprint.to_owned());
                Ok(())
            }
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

    /// The users of whom there are ratings, in alphabetical order.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.histories.keys().filter_map(|u| u.as_deref())
    }

    /// The number of ratings held.
    pub fn events(&self) -> usize {
        self.histories.values().map(|h| h.events().len()).sum()
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

    /// Takes a dial out. `NotFound` if there is none of that name.
    pub fn remove(&mut self, name: &str) -> Result<SteeringVector> {
        let dial = self.dials.remove(name).ok_or_else(|| self.unknown(name))?;
        self.dials_changed();
        Ok(dial.vector)
    }

    /// Measures the scale of every dial on `documents` (`(n, dim)`, at least 3), as
    /// [`SteeringVector::calibrated`] does, with the similarities computed once for all.
    pub fn calibrate(&mut self, documents: Rows<'_>, options: &CalibrateOptions) -> Result<()> {
        self.check_dim(documents.dim())?;
        let neighbourhood = Neighbourhood::new(documents, options)?;
        for dial in self.dials.values_mut() {
            dial.vector = dial.vector.calibrated_in(&neighbourhood);
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
        let (values, vectors) = symmetric_eigen(&gram, k);
        if values[k - 1] <= 1e-6 {
            return Err(dependent());
        }
        let mut turned = Vec::with_capacity(k);
        for (i, dial) in self.dials.values().enumerate() {
            let mut sum = vec![0.0; dial.vector.dim()];
            for (j, row) in rows.iter().enumerate() {
                let weight: f64 = (0..k)
                    .map(|e| vectors[e * k + i] * vectors[e * k + j] / values[e].sqrt())
                    .sum();
                add_scaled(&mut sum, weight, row);
            }
            turned.push(dial.vector.turned(&sum, None)?);
        }
        for (dial, vector) in self.dials.values_mut().zip(turned) {
            dial.vector = vector;
        }
        self.dials_changed();
        Ok(())
    }

    /// The unit query moved by `dials` (name and strength in -100..=100, each name once) and by
    /// what is known of `user`, at length 1. If nothing moves it, `query` comes back bit for bit.
    pub fn apply(
        &self,
        query: &[f32],
        dials: &[(&str, f64)],
        user: Option<&str>,
    ) -> Result<Vec<f32>> {
        self.apply_explained(query, dials, user).map(|s| s.vector)
    }

    /// [`apply`](Self::apply), with what every dial and the user added.
    pub fn apply_explained(
        &self,
        query: &[f32],
        dials: &[(&str, f64)],
        user: Option<&str>,
    ) -> Result<Steered> {
        self.check_dim(query.len())?;
        Rows::single(query)?.check_finite()?;
        let mut moves = self.moves(dials)?;
        if let Some(Shift(vector)) = user.and_then(|user| self.shift_of(user)) {
            let name = user.unwrap_or_default().to_owned();
            moves.push((PartKind::User, name, vector.clone()));
        }
        if moves.is_empty() {
            return Ok(Steered {
                vector: query.to_vec(),
                base: query.to_vec(),
                parts: Vec::new(),
                norm: 1.0,
            });
        }
        let narrow = |v: &[f64]| v.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let mut sum = unit_query(query)?;
        let base = narrow(&sum);
        let mut parts = Vec::with_capacity(moves.len());
        for (kind, name, vector) in moves {
            add_scaled(&mut sum, 1.0, &vector);
            let vector = narrow(&vector);
            parts.push(Part { kind, name, vector });
        }
        let (vector, norm) = length_one(sum)?;
        Ok(Steered {
            vector,
            base,
            parts,
            norm,
        })
    }

    /// Tells how well `item` answered `query` as it was steered by `dials`: `rating` in 0..=1,
    /// `at` in unix seconds (`None` = now).
    ///
    /// The rating moves `user`'s queries from now on; without a user it only serves
    /// [`retrain`](Self::retrain). Kept are [`MAX_EVENTS_PER_USER`](super::MAX_EVENTS_PER_USER)
    /// ratings a user and [`MAX_EVENTS`] in all; the oldest go first.
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
        if !(0.0..=1.0).contains(&rating) {
            return Err(Error::invalid(format!(
                "a rating must be in 0..=1, got {rating}"
            )));
        }
        let at = at.unwrap_or_else(|| self.clock.now());
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
        let residual = rest.iter().map(|&v| v as f32).collect();
        let mut used: Vec<(String, f64)> = dials
            .iter()
            .filter(|(_, strength)| *strength != 0.0)
            .map(|&(name, strength)| (name.to_owned(), strength))
            .collect();
        used.sort_by(|a, b| a.0.cmp(&b.0));
        let worker = *self.worker.get_or_insert_with(Rng::seed_from_system);
        let event = Event::new((worker, self.sequence), at, rating, used, residual);
        self.sequence += 1;
        self.record(user.map(str::to_owned), event);
        self.drop_oldest();
        Ok(())
    }

    /// Drops every rating of `user`: nothing of them is left. Tells whether there was any.
    ///
    /// Other workers' copies must forget too, or a merge brings the ratings back.
    pub fn forget(&mut self, user: &str) -> bool {
        self.histories.remove(&Some(user.to_owned())).is_some()
    }

    /// Takes in the dials and ratings of `other`. The order of merging does not matter, and
    /// merging the same set again changes nothing.
    ///
    /// Of two dials of one name the one that feedback has changed more often stays, then the one
    /// of the larger effect. Fails with `DimensionMismatch` or `ModelMismatch` on sets that do not
    /// belong together, and with `InvalidArgument` if there would be more than [`MAX_DIALS`].
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if let Some(dim) = other.dim() {
            self.check_dim(dim)?;
        }
        let new = other.dials.keys().filter(|n| !self.dials.contains_key(*n));
        if self.dials.len() + new.count() > MAX_DIALS {
            return Err(full());
        }
        if let Some(model) = &other.model {
            self.set_model(model)?;
        }
        for (name, dial) in &other.dials {
            match self.dials.get_mut(name) {
                Some(mine) if rank(mine) < rank(dial) => *mine = dial.clone(),
                Some(_) => {}
                None => {
                    self.dials.insert(name.clone(), dial.clone());
                }
            }
        }
        for (user, history) in &other.histories {
            for event in history.events() {
                self.record(user.clone(), event.clone());
            }
        }
        self.drop_oldest();
        self.dials_changed();
        Ok(())
    }

    pub(super) fn record(&mut self, user: Option<String>, event: Event) {
        self.histories.entry(user).or_default().insert(event);
    }

    pub(super) fn drop_oldest(&mut self) {
        for _ in MAX_EVENTS..self.events() {
            let oldest = self
                .histories
                .iter()
                .filter_map(|(user, h)| h.events().first().map(|e| (e, user)))
                .min_by(|a, b| a.0.order(b.0));
            let Some((_, user)) = oldest else { return };
            let user = user.clone();
            if let Some(history) = self.histories.get_mut(&user) {
                history.drop_oldest();
            }
            self.histories.retain(|_, h| !h.events().is_empty());
        }
    }

    pub(super) fn dials_changed(&mut self) {
        for history in self.histories.values_mut() {
            history.shift = OnceLock::new();
        }
    }

    fn shift_of(&self, user: &str) -> Option<&Shift> {
        let history = self.histories.get(&Some(user.to_owned()))?;
        let made = || shift(history.events(), self.dials());
        history.shift.get_or_init(made).as_ref()
    }

    fn moves(&self, dials: &[(&str, f64)]) -> Result<Vec<(PartKind, String, Vec<f64>)>> {
        let mut asked = dials.to_vec();
        asked.sort_by(|a, b| a.0.cmp(b.0));
        if let Some(pair) = asked.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::invalid(format!(
                "the dial \"{}\" is given twice; add the strengths up",
                pair[0].0
            )));
        }
        let mut moves = Vec::with_capacity(asked.len());
        for (name, strength) in asked {
            let dial = self.get(name)?;
            check_strength("the strength of a dial", strength)?;
            let mut vector = dial.wide();
            vector
                .iter_mut()
                .for_each(|v| *v *= strength * dial.scale());
            if vector.iter().any(|v| *v != 0.0) {
                moves.push((PartKind::Dial, name.to_owned(), vector));
            }
        }
        Ok(moves)
    }

    fn check_dim(&self, got: usize) -> Result<()> {
        match self.dim() {
            Some(dim) if dim != got => Err(Error::dimension("this steering set", dim, got)),
            _ => Ok(()),
        }
    }

    fn check_new(&self, name: &str) -> Result<()> {
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

/// What decides between two dials of one name: an order that is total on what a dial holds.
fn rank(dial: &Dial) -> (u64, u64, u64, Vec<u32>) {
    let ordered = |v: f64| {
        let bits = v.to_bits();
        // The bits of floats in the order of their values, as `total_cmp` has them.
        bits ^ (((bits as i64) >> 63) as u64 | (1 << 63))
    };
    (
        dial.generation,
        dial.vector.effect().map_or(0, |e| ordered(e.value)),
        ordered(dial.vector.scale()),
        dial.vector.vector().iter().map(|v| v.to_bits()).collect(),
    )
}

fn full() -> Error {
    Error::invalid(format!(
        "a steering set holds at most {MAX_DIALS} dials; remove some first"
    ))
}

fn dependent() -> Error {
    Error::invalid(
        "the dials are linearly dependent, so they cannot be made orthogonal; remove those that \
         say the same",
    )
}
