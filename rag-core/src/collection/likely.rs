//! How likely each document has the attribute of a dial, by row: what reranking adds up.
//!
//! The one idea: a probability depends on nothing but the model, the text and the vector, so it is
//! found once for each document and kept. A column is as long as the rows that were there when
//! somebody last asked; rows only come at the end, so what is missing is added there, by all
//! threads, after a write or when a search asks first. A model that was learnt anew has another
//! number, and what no dial needs is dropped.

use super::rows::Look;
use super::state::State;
use crate::bytes::Read;
use crate::image::{Reader, Writer};
use crate::retrieval::bits::Bits;
use crate::steering::{AttributeModel, Lift, Steering};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

type Column = Arc<Vec<f32>>;

/// Columns by the number of their model.
#[derive(Debug, Default)]
pub(super) struct Likely(RwLock<BTreeMap<u64, Column>>);

impl Likely {
    pub(super) fn held(&self, model: u64) -> Option<Column> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&model).map(Arc::clone)
    }

    /// Adds what comes behind the first so many rows, if nobody did.
    fn extend(&self, model: u64, first: usize, more: &[f32]) -> Column {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let column = all.entry(model).or_default();
        if column.len() == first {
            Arc::make_mut(column).extend_from_slice(more);
        }
        Arc::clone(column)
    }

    fn columns(&mut self) -> &mut BTreeMap<u64, Column> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what no dial of the set needs.
    pub(super) fn retain(&mut self, set: &Steering) {
        let needed: Vec<u64> = set.models().map(AttributeModel::fingerprint).collect();
        self.columns().retain(|model, _| needed.contains(model));
    }

    /// Only these rows, ascending, are left, numbered anew in their order.
    pub(super) fn renumber(&mut self, alive: &Bits) {
        for column in self.columns().values_mut() {
            let kept = alive.iter().map_while(|row| column.get(row as usize));
            *column = Arc::new(kept.copied().collect());
        }
    }

    pub(super) fn clear(&mut self) {
        self.columns().clear();
    }

    pub(super) fn write(&self, to: &mut Writer<'_>) -> io::Result<()> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let models: Vec<u64> = all.keys().copied().collect();
        if models.is_empty() {
            return Ok(());
        }
        to.array(&models)?;
        all.values().try_for_each(|column| to.array(column))
    }

    /// What stands behind everything else of a part, as far as there is some that can be columns of so
    /// many rows.
    pub(super) fn read(from: &mut Reader<'_>, rows: usize) -> Self {
        let mut all = BTreeMap::new();
        let models: Vec<u64> = from.vec().unwrap_or_default();
        for model in models {
            let Ok(column) = from.vec::<f32>() else { break };
            if column.len() <= rows && column.iter().all(|p| (0.0..=1.0).contains(p)) {
                all.insert(model, Arc::new(column));
            }
        }
        Self(RwLock::new(all))
    }
}

impl State {
    /// Hands out the text and the vector of a row that is full.
    fn say(&self, row: u32, each: &mut dyn FnMut(&str, Option<&[f32]>)) {
        let vector = self.vector(row);
        self.rows.look(row, |seen: &Look<'_>| -> Read<()> {
            each(seen.text().unwrap_or_default(), vector);
            Ok(())
        });
    }

    /// The column of a model, made or made longer where that is due. Damage is noted; what was read
    /// then is not kept.
    pub(super) fn likely(&self, model: &AttributeModel) -> Column {
        let rows = self.rows.len();
        let held = self.likely.held(model.fingerprint()).unwrap_or_default();
        let first = held.len();
        if first >= rows {
            return held;
        }
        let met = || self.rows.kept().map(|kept| kept.met());
        let before = met();
        let fresh = model.of_each(rows - first, &|i, each| {
            self.say((first + i) as u32, each);
        });
        if met() == before {
            return self.likely.extend(model.fingerprint(), first, &fresh);
        }
        Arc::new(held.iter().copied().chain(fresh).collect())
    }

    /// What a model says of some rows, without a column for all.
    pub(super) fn likely_of(&self, model: &AttributeModel, rows: &[u32]) -> Vec<f32> {
        match self.likely.held(model.fingerprint()) {
            Some(column) if column.len() >= self.rows.len() => {
                rows.iter().map(|&row| column[row as usize]).collect()
            }
            _ => model.of_each(rows.len(), &|i, each| self.say(rows[i], each)),
        }
    }

    /// Makes the columns as long as they need be that are held already.
    pub(super) fn keep_likely(&self) {
        for model in self.steering.models() {
            if self.likely.held(model.fingerprint()).is_some() {
                self.likely(model);
            }
        }
    }
}

/// What dials add to the cosine of each row.
#[derive(Debug)]
pub(super) struct Lifts {
    dials: Vec<(String, f64, Column)>,
    /// What is added to no row more than.
    most: f32,
}

impl Lifts {
    /// `None` if nothing is added to any.
    pub(super) fn new(state: &State, lifts: &[Lift]) -> Option<Self> {
        let dial = |lift: &Lift| (lift.name.clone(), lift.length, state.likely(&lift.model));
        let dials: Vec<_> = lifts.iter().map(dial).collect();
        let most: f64 = dials.iter().map(|dial| dial.1.max(0.0)).sum();
        (!dials.is_empty()).then_some(Self {
            dials,
            most: (most as f32).next_up(),
        })
    }

    pub(super) fn most(&self) -> f32 {
        self.most
    }

    pub(super) fn of(&self, row: u32) -> f32 {
        let added = self.each(row).map(|(_, added)| added);
        added.sum::<f64>() as f32
    }

    /// What each dial adds, by name.
    pub(super) fn each(&self, row: u32) -> impl Iterator<Item = (&str, f64)> {
        let dials = self.dials.iter();
        dials.map(move |(name, length, column)| {
            let probability = column.get(row as usize).copied().unwrap_or(0.0);
            (name.as_str(), length * f64::from(probability))
        })
    }
}
