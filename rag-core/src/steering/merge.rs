//! Taking in what another worker was told, and forgetting a user.

use super::feedback::Event;
use super::set::{Dial, MAX_DIALS, Steering, full};
use super::user::Crowd;
use crate::error::Result;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

/// The bytes of users that are written at once.
const BATCH: usize = 8 << 20;

/// Whose sums of a user and a worker are the further ones, seen from here.
type Further = HashMap<(Arc<str>, u64), Ordering>;

impl Steering {
    /// Drops all that is known of `user`: nothing of them is left, in what all users share neither.
    /// Tells whether there was anything.
    ///
    /// Other workers' copies must forget too, or a merge brings it back.
    pub fn forget(&mut self, user: &str) -> bool {
        let known = self.users.remove(user).is_some();
        let rated = self.history.forget(user);
        if known && self.crowd.is_some() {
            self.crowd = Crowd::of(self.users.values());
        }
        known || rated
    }

    /// Takes in the dials, users and ratings of `other`. The order of merging does not matter, and
    /// merging the same set again changes nothing: of what one worker was told of a user the longer
    /// account stays, and what several workers were told adds up.
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
        let further = self.merge_users(other);
        for event in other.history.iter() {
            let whose = |user: &Arc<str>| further.get(&(Arc::clone(user), event.worker));
            let whose = event.user.as_ref().and_then(whose).copied();
            if let Some(mine) = self.history.insert(event.clone()) {
                take_over(mine, event, whose);
            }
        }
        if self.crowd.is_some() || other.crowd.is_some() {
            self.crowd = Crowd::of(self.users.values());
        }
        self.dials_changed();
        Ok(())
    }

    fn merge_users(&mut self, other: &Self) -> Further {
        let mut further = Further::new();
        for (name, user) in &other.users {
            let mine = self.users.entry(Arc::clone(name)).or_default();
            for (worker, sums) in &user.0 {
                let held = mine.of(*worker);
                let order = sums.order(held);
                if order == Ordering::Greater {
                    held.clone_from(sums);
                }
                further.insert((Arc::clone(name), *worker), order);
            }
        }
        further
    }
}

/// What a collection writes of a set in parts.
impl Steering {
    /// The dials and the model alone.
    pub(crate) fn dials_only(&self) -> Self {
        let mut part = Self::new();
        part.dials = self.dials.clone();
        part.model = self.model.clone();
        part
    }

    /// All but the sums of users.
    pub(crate) fn without_users(&self) -> Self {
        let mut part = self.dials_only();
        part.history = self.history.clone();
        part.crowd = self.crowd.clone();
        part
    }

    /// The sums of users, some at a time: each set is of some megabytes.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Self> {
        let each = 64 + 2 * self.dim().unwrap_or(0);
        let mut users = self.users.iter().peekable();
        std::iter::from_fn(move || {
            users.peek()?;
            let mut part = Self::new();
            let some = users.by_ref().take((BATCH / each).max(1));
            part.users = some.map(|(n, u)| (Arc::clone(n), u.clone())).collect();
            Some(part)
        })
    }

    /// Has the dials of `other` in the place of its own.
    pub(crate) fn take_dials(&mut self, other: Self) -> Result<()> {
        if let Some(dim) = other.dim() {
            self.check_dim(dim)?;
        }
        (self.dials, self.model) = (other.dials, other.model);
        self.dials_changed();
        Ok(())
    }

    /// Has the users of `other` in the place of its own of the same names.
    pub(crate) fn take_users(&mut self, other: Self) -> Result<()> {
        if let Some(dim) = other.dim() {
            self.check_dim(dim)?;
        }
        self.users.extend(other.users);
        Ok(())
    }
}

/// Whether a rating counts is what the sums say that stay; where nothing tells, a filter that has
/// dropped it anywhere has dropped it.
fn take_over(mine: &mut Event, theirs: &Event, whose: Option<Ordering>) {
    match whose {
        Some(Ordering::Greater) => (mine.kept, mine.rated) = (theirs.kept, theirs.rated),
        Some(Ordering::Less) => {}
        _ => mine.kept &= theirs.kept,
    }
}

/// What decides between two dials of one name: an order that is total on what a dial holds.
fn rank(dial: &Dial) -> (u64, u64, u64, Vec<u32>, Option<(u64, u64)>) {
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
        dial.attribute
            .as_ref()
            .map(|model| (model.fingerprint(), model.scale().to_bits())),
    )
}
