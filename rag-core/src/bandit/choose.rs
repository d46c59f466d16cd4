//! How an arm is chosen, and how probable that was.

use super::arms::best_of;
use super::belief::{Belief, Normals, largest, scores};
use super::domain::Frame;
use super::waiting::{Made, Odds};
use super::{Bandit, COUNTER, Choice, Policy};
use crate::error::{Error, ErrorKind, Result};

/// How much a Thompson draw is spread, in the beginning and in the long run, and how many rewards
/// it takes to come down.
const SPREAD_AT_FIRST: f64 = 1.6;
const SPREAD_LATER: f64 = 0.3;
/// In the beginning, where contexts differ and so try values by themselves (Bastani, Bayati and
/// Khosravi, 2021).
const SPREAD_IN_CONTEXT: f64 = 0.8;
const SPREAD_REWARDS: f64 = 20.0;

impl Bandit {
    pub(super) fn choose_at(&mut self, at: usize, context: Option<&[f64]>) -> Choice {
        let Self { frame, scratch, .. } = self;
        let domain = &self.domains[at];
        let (menu, shape, options) = (&frame.menu, &frame.shape, &frame.options);
        let features = self.shared.features;
        let belief = domain.belief();
        let safe = options.safety.map(|bound| (bound, domain.prior_arm));
        let (arm, odds) = match options.policy {
            Policy::Thompson => {
                let scale = options.exploration.unwrap_or_else(|| {
                    let early = (-domain.total.since / SPREAD_REWARDS).exp();
                    let first = match context {
                        None => SPREAD_AT_FIRST,
                        Some(_) => SPREAD_IN_CONTEXT,
                    };
                    SPREAD_LATER + (first - SPREAD_LATER) * early
                });
                scratch.look(shape, belief, features, context, scale);
                let arm = scratch.draw((menu, shape), &mut self.rng, safe);
                let odds = match self.boxes.take(Belief::snapshot_size(shape)) {
                    Some(mut room) => {
                        scratch.belief.snapshot(&mut room);
                        Odds::Asked(room)
                    }
                    None => {
                        let mut room = vec![0.0; Belief::snapshot_size(shape)];
                        scratch.belief.snapshot(&mut room);
                        Odds::Known(odds(frame, &self.normals, &room, arm, safe))
                    }
                };
                (arm, odds)
            }
            Policy::Ucb => {
                let scale = options.exploration.unwrap_or(1.0);
                let room = &mut self.room;
                let mut bounds = Vec::with_capacity(menu.count);
                let mut means = Vec::with_capacity(menu.count);
                for k in 0..menu.count {
                    let (mean, sd) = domain.estimate(frame, features, room, k, context);
                    bounds.push(mean + scale * sd);
                    means.push(mean);
                }
                (best_safe(&bounds, &means, safe), Odds::Known(1.0))
            }
            Policy::EpsilonGreedy => {
                let share = options.exploration.unwrap_or(0.1);
                scratch.look(shape, belief, features, context, 1.0);
                let Belief { mean, offset, .. } = &scratch.belief;
                scores(menu, shape, mean, offset, &mut scratch.means);
                let means = &scratch.means;
                let best = largest(means);
                let allowed = |k: usize| match safe {
                    None => true,
                    Some((bound, prior)) => {
                        k == prior || f64::from(means[k]) >= f64::from(means[prior]) - bound
                    }
                };
                let count = (0..menu.count).filter(|k| allowed(*k)).count();
                let any = share / count as f64;
                let arm = if self.rng.uniform() < share {
                    let which = self.rng.below(count);
                    let nth = (0..menu.count).filter(|k| allowed(*k)).nth(which);
                    nth.unwrap_or(best)
                } else {
                    best
                };
                let odds = if arm == best { 1.0 - share + any } else { any };
                (arm, Odds::Known(odds))
            }
            Policy::Fixed => (domain.prior_arm, Odds::Known(1.0)),
        };
        let id = self.tag | self.next;
        self.next = (self.next + 1) & COUNTER;
        let made = Made {
            domain: at as u32,
            arm: arm as u32,
            has_context: context.is_some(),
            odds,
        };
        self.waiting.push(made, context, &mut self.boxes);
        Choice {
            id,
            arm,
            value: self.frame.menu.number(arm),
        }
    }

    /// The probability with which the choice `id` was made, in (0, 1]: of a choice that waits or
    /// is in the log, else `NotFound`.
    ///
    /// Exact for `ucb`, `epsilon_greedy` and `fixed`. For `thompson` estimated: of `n` draws from
    /// what was believed then `h` prefer this arm, and `(h + 1/2) / (n + 1)` is returned, so that
    /// no propensity is 0. For a range it is the probability of the grid point, not a density.
    pub fn propensity(&self, id: u64) -> Result<f64> {
        let made = self.find(id).ok().or_else(|| self.log.find(id));
        let made = made.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("choice {id} neither waits nor is in the log of this bandit"),
            )
        })?;
        Ok(self.odds(made))
    }

    pub(super) fn odds(&self, made: &Made) -> f64 {
        match &made.odds {
            Odds::Known(odds) => *odds,
            Odds::Asked(belief) => {
                let prior = self.domains[made.domain as usize].prior_arm;
                let safe = self.frame.options.safety.map(|bound| (bound, prior));
                odds(&self.frame, &self.normals, belief, made.arm as usize, safe)
            }
        }
    }
}

/// The share of draws from a belief that prefer `arm`.
fn odds(
    frame: &Frame,
    normals: &Normals,
    snapshot: &[f32],
    arm: usize,
    safe: Option<(f64, usize)>,
) -> f64 {
    let wins = Belief::wins((&frame.menu, &frame.shape), snapshot, arm, normals, safe);
    (wins as f64 + 0.5) / (normals.count as f64 + 1.0)
}

fn best_safe(bounds: &[f64], means: &[f64], safe: Option<(f64, usize)>) -> usize {
    best_of(bounds.len(), |k| match safe {
        Some((bound, prior)) if k != prior && means[k] < means[prior] - bound => f64::NEG_INFINITY,
        _ => bounds[k],
    })
}
