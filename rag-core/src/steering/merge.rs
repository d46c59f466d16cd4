//! Taking in what another worker was told, and forgetting a user.

use super::feedback::{Event, MAX_EVENTS};
use super::set::{Dial, MAX_DIALS, Steering, full};
use crate::error::Result;

impl Steering {
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
