//! One domain: what is believed by each member of its bank, and what it tells the others.
//!
//! The likeliest member is believed (`part`). With contexts a curve may move: the coefficients of
//! the move are learnt with the curve, as if it were straight where it is looked at (`outlook`),
//! and are shared between domains (`shared`).

use super::arms::Menu;
use super::gauss::{Posterior, Prior, Sums, dot, inverse};
use super::outlook::{Outlook, Room, outlook};
use super::part::{BANK, Part, Rates};
use super::shape::Shape;
use super::shared::{Notes, Shared};
use super::types::BanditOptions;

/// The cumulative sum of log likelihood ratios at which the past is given up.
const ALARM: f64 = 5.0;
/// How far a context's feature of unit size moves the best arm beforehand, and what share of the
/// variance all domains have in common.
const SHIFT_SD: f64 = 0.1;
const SHIFT_SHARED: f64 = 0.5;
/// How much a feature of unit size raises or lowers the level.
const TIDE_SD: f64 = 0.08;
/// A reward for each arm of one choice counts as so many observations of the curve's form, at most.
const FULL_INFORMATION: f64 = 3.0;

/// What does not change: the arms, the basis over them, how much is forgotten.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub menu: Menu,
    pub shape: Shape,
    pub options: BanditOptions,
    pub rates: Rates,
}

impl Frame {
    /// Coefficients in all when contexts have so many features: the curve, for each line the moves
    /// of the best arm and for all the tides; for names, how each depends on each feature.
    pub fn size(&self, features: usize) -> usize {
        let copies = match self.shape.axes {
            0 => self.shape.size,
            axes => axes + 1,
        };
        self.shape.size + copies * features
    }
}

/// A domain's name, guess, sums and beliefs.
#[derive(Clone, Debug)]
pub(super) struct Domain {
    pub name: String,
    pub guess: Option<Vec<f64>>,
    /// The arm nearest to the guess.
    pub prior_arm: usize,
    /// What all workers learnt together.
    pub total: Part,
    /// What this bandit's own worker learnt, where there are others; else that is all.
    pub mine: Option<Part>,
    /// One belief for each member of the bank.
    pub beliefs: Vec<Posterior>,
    prior: Prior,
    /// The curve's part of it, and for which unit, level and past it was made.
    curve: Curve,
    notes: Notes,
    shift: Vec<f64>,
    pull: Vec<f64>,
}

/// What is thought of a curve beforehand, and for which unit, level and past.
#[derive(Clone, Debug, Default)]
struct Curve {
    key: Option<(u64, u64, bool)>,
    prior: Prior,
}

impl Domain {
    pub fn new(name: &str, guess: Option<Vec<f64>>, frame: &Frame, shared: &mut Shared) -> Self {
        let members = frame.rates.block.len();
        let size = frame.size(shared.features);
        let n = frame.shape.axes * shared.features;
        let mut domain = Self {
            name: name.to_owned(),
            prior_arm: frame.menu.prior_arm(guess.as_deref()),
            guess,
            total: Part::new(members, frame.menu.count, size, shared.features),
            mine: None,
            beliefs: Vec::new(),
            prior: Prior::default(),
            curve: Curve::default(),
            notes: Notes::default(),
            shift: vec![0.0; n * n],
            pull: vec![0.0; n],
        };
        domain.solve(frame, shared);
        domain
    }

    pub fn set_guess(&mut self, guess: Option<Vec<f64>>, frame: &Frame, shared: &Shared) {
        self.prior_arm = frame.menu.prior_arm(guess.as_deref());
        self.guess = guess;
        self.curve.key = None;
        self.solve(frame, shared);
    }

    /// Contexts came to have features: what they do is to be learnt from here on.
    pub fn widen(&mut self, frame: &Frame, shared: &Shared) {
        let size = frame.size(shared.features);
        self.total.widen(size, shared.features);
        if let Some(mine) = &mut self.mine {
            mine.widen(size, shared.features);
        }
        let n = frame.shape.axes * shared.features;
        self.shift = vec![0.0; n * n];
        self.pull = vec![0.0; n];
        self.curve.key = None;
        self.solve(frame, shared);
    }

    /// The likeliest member's belief.
    pub fn belief(&self) -> &Posterior {
        &self.beliefs[self.total.top()]
    }

    /// Learns what an arm earned; answers whether the past was given up, which then goes for the
    /// other workers' as well, and whether a block of rewards ended.
    pub fn learn(
        &mut self,
        frame: &Frame,
        shared: &mut Shared,
        room: &mut Room,
        (arm, context, reward): (usize, Option<&[f64]>, f64),
    ) -> (bool, bool) {
        let ended = self.begin(frame);
        let mut likelihoods = [0.0; BANK];
        let members = self.beliefs.len();
        for (m, likelihood) in likelihoods.iter_mut().enumerate().take(members) {
            let belief = &mut self.beliefs[m];
            let outlook = match (m, context) {
                (1.., None) => Outlook {
                    mean: dot(&belief.mean, &room.phi),
                    ..Outlook::default()
                },
                _ => outlook(frame, shared.features, belief, arm, context, room),
            };
            let noise = shared.variance + outlook.doubt;
            room.along.resize(room.phi.len(), 0.0);
            let linear = belief.predict(&room.phi, &mut room.along);
            let error = reward - outlook.mean - outlook.bent;
            let total = noise + dot(&room.along, &room.along);
            *likelihood = -0.5 * (error * error / total + total.ln());
            belief.learn(&room.along, error, noise, total);
            // As if the curve were straight where it was looked at.
            let straight = match context {
                Some(_) => linear + error,
                None => reward,
            };
            let weight = shared.variance / noise;
            self.total.sums[m].record(&room.phi, straight, weight);
            if let Some(mine) = &mut self.mine {
                mine.sums[m].record(&room.phi, straight, weight);
            }
        }
        let gave_up = self.note(arm, context, &likelihoods[..members]);
        self.end(frame, shared, gave_up, ended);
        (gave_up, ended)
    }

    /// Learns what every arm would have earned. The query's own level says nothing about the
    /// form, and neighbours earn alike, so that all of it counts as few observations.
    pub fn learn_all(
        &mut self,
        frame: &Frame,
        shared: &mut Shared,
        room: &mut Room,
        (arm, context, rewards): (usize, Option<&[f64]>, &[f64]),
    ) -> (bool, bool) {
        let ended = self.begin(frame);
        let arms = rewards.len() as f64;
        let free = match frame.shape.axes {
            0 => arms - 1.0,
            _ => (arms - 1.0).min(FULL_INFORMATION),
        };
        let average = rewards.iter().sum::<f64>() / arms;
        let mut likelihoods = [0.0; BANK];
        let members = self.beliefs.len();
        for (m, likelihood) in likelihoods.iter_mut().enumerate().take(members) {
            let belief = &self.beliefs[m];
            let mut rows = Vec::with_capacity(rewards.len());
            let mut errors = Vec::with_capacity(rewards.len());
            for (k, reward) in rewards.iter().enumerate() {
                let outlook = outlook(frame, shared.features, belief, k, context, room);
                room.along.resize(room.phi.len(), 0.0);
                let linear = belief.predict(&room.phi, &mut room.along);
                let error = reward - outlook.mean - outlook.bent;
                errors.push(error);
                let straight = if context.is_some() {
                    linear + error
                } else {
                    *reward
                };
                rows.push((room.phi.clone(), straight));
            }
            // Members are told apart by the form as well: one query's level lies far from all of them,
            // and would be taken for a change.
            let offset = errors.iter().sum::<f64>() / arms;
            let bent: f64 = errors.iter().map(|e| (e - offset) * (e - offset)).sum();
            *likelihood = -0.5 * bent * free / arms / shared.variance;
            let size = room.phi.len();
            let mut middle = vec![0.0; size];
            for (phi, _) in &rows {
                middle.iter_mut().zip(phi).for_each(|(x, p)| *x += p / arms);
            }
            let level = match context {
                Some(_) => rows.iter().map(|(_, y)| y).sum::<f64>() / arms,
                None => average,
            };
            let mut sums = Sums::new(size);
            for (phi, y) in &mut rows {
                phi.iter_mut().zip(&middle).for_each(|(p, x)| *p -= x);
                sums.record_difference(phi, *y - level, free / arms);
            }
            sums.record(&middle, level, 1.0);
            self.total.sums[m].add(&sums, 1.0);
            if let Some(mine) = &mut self.mine {
                mine.sums[m].add(&sums, 1.0);
            }
        }
        let gave_up = self.note(arm, context, &likelihoods[..members]);
        self.refresh(frame, shared);
        (gave_up, ended)
    }

    fn begin(&mut self, frame: &Frame) -> bool {
        let ended = self.total.seen > 0 && self.total.seen.is_multiple_of(frame.rates.every);
        if ended {
            self.total.forget(&frame.rates, 1);
            if let Some(mine) = &mut self.mine {
                mine.forget(&frame.rates, 1);
            }
        }
        ended
    }

    fn note(&mut self, arm: usize, context: Option<&[f64]>, likelihoods: &[f64]) -> bool {
        for part in [Some(&mut self.total), self.mine.as_mut()]
            .into_iter()
            .flatten()
        {
            part.seen += 1;
            part.since += 1.0;
            part.count[arm] += 1.0;
            part.count_context(context);
            part.weigh(likelihoods);
        }
        let gave_up = self.total.alarm > ALARM;
        if gave_up {
            self.total.give_up();
            self.mine.iter_mut().for_each(Part::give_up);
        }
        gave_up
    }

    fn end(&mut self, frame: &Frame, shared: &mut Shared, gave_up: bool, ended: bool) {
        if gave_up || ended || matches!(self.total.seen, 1 | 2 | 4 | 8) {
            self.refresh(frame, shared);
        }
    }

    /// Brings the noise, what contexts do and all beliefs up to date with the sums.
    pub fn refresh(&mut self, frame: &Frame, shared: &mut Shared) {
        let sums = &self.total.sums[self.total.top()];
        let mut notes = Notes::default();
        if sums.count > 0.0 {
            notes.rest = sums.rest(self.belief());
            notes.count = sums.count;
            (notes.total, notes.levels) = (sums.total, sums.levels);
            let level = sums.total * sums.total / sums.levels.max(1e-300);
            notes.within = (sums.squares - level).max(0.0);
            notes.domains = 1.0;
        }
        shared.notes.add(&self.notes, -1.0);
        shared.notes.add(&notes, 1.0);
        self.notes = notes;
        shared.renew(&frame.options);
        if frame.shape.axes > 0 && shared.features > 0 {
            self.say_shift(frame, shared);
        }
        self.solve(frame, shared);
    }

    /// The variance beforehand of how a feature moves the best arm, for each line and feature.
    fn shift_variances(&self, axes: usize) -> Vec<f64> {
        let n = self.total.contexts;
        let one = |s: &f64| {
            let size = if n > 0.0 && *s > 0.0 { s / n } else { 1.0 };
            SHIFT_SD * SHIFT_SD / size
        };
        let once: Vec<f64> = self.total.features.iter().map(one).collect();
        once.repeat(axes)
    }

    /// Tells the others what this domain knows about how contexts move the best arm.
    fn say_shift(&mut self, frame: &Frame, shared: &mut Shared) {
        self.make_curve(frame, shared);
        let (size, axes, features) = (frame.shape.size, frame.shape.axes, shared.features);
        let n = axes * features;
        let sums = &self.total.sums[self.total.top()];
        let all = sums.size();
        let variances = self.shift_variances(axes);
        let own = &self.curve.prior;
        let mut precision: Vec<f64> = sums.gram.iter().map(|g| g / shared.variance).collect();
        let mut pull: Vec<f64> = sums.moment.iter().map(|m| m / shared.variance).collect();
        for i in 0..size {
            pull[i] += own.pull[i];
            for j in 0..size {
                precision[i * all + j] += own.precision[i * size + j];
            }
        }
        let tide = 1.0 / (TIDE_SD * shared.unit).powi(2);
        for i in size..all {
            let weak = variances.get(i - size).map_or(tide, |v| 1e-4 / v);
            precision[i * all + i] += weak;
        }
        let covariance = inverse(&precision, all);
        let mean: Vec<f64> = covariance
            .chunks_exact(all)
            .map(|row| dot(row, &pull))
            .collect();
        let mut said = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                said[i * n + j] = covariance[(size + i) * all + size + j];
            }
            said[i * n + i] += (1.0 - SHIFT_SHARED) * variances[i];
        }
        let shift = inverse(&said, n);
        let mean = &mean[size..size + n];
        let pull: Vec<f64> = shift.chunks_exact(n).map(|row| dot(row, mean)).collect();
        for (all, old, new) in [
            (&mut shared.shift, &self.shift, &shift),
            (&mut shared.pull, &self.pull, &pull),
        ] {
            let triples = all.iter_mut().zip(old).zip(new);
            triples.for_each(|((all, old), new)| *all += new - old);
        }
        (self.shift, self.pull) = (shift, pull);
    }

    /// Makes the curve's prior, if it is for another scale or past; answers whether it was.
    fn make_curve(&mut self, frame: &Frame, shared: &Shared) -> bool {
        let key = (
            shared.unit.to_bits(),
            shared.level.to_bits(),
            self.total.moved,
        );
        if self.curve.key == Some(key) {
            return false;
        }
        let guess = self.guess.as_deref();
        let (mut mean, mut covariance) = frame.shape.prior(&frame.menu, guess, self.total.moved);
        mean.iter_mut().for_each(|m| *m *= shared.unit);
        let square = shared.unit * shared.unit;
        covariance.iter_mut().for_each(|c| *c *= square);
        let levels = if frame.shape.axes == 0 { mean.len() } else { 1 };
        mean[..levels].iter_mut().for_each(|m| *m += shared.level);
        self.curve = Curve {
            key: Some(key),
            prior: Prior::new(&mean, &covariance),
        };
        true
    }

    /// What is thought beforehand: the curve, how contexts move its top (by what the other domains
    /// say), and how they raise it. The three do not depend on each other.
    fn make_prior(&mut self, frame: &Frame, shared: &Shared) {
        let changed = self.make_curve(frame, shared);
        let (size, axes, features) = (frame.shape.size, frame.shape.axes, shared.features);
        if features == 0 {
            if changed {
                self.prior.clone_from(&self.curve.prior);
            }
            return;
        }
        let all = frame.size(features);
        let mut prior = Prior {
            precision: vec![0.0; all * all],
            pull: vec![0.0; all],
        };
        prior.put(0, &self.curve.prior);
        let n = axes * features;
        if n > 0 {
            let variances = self.shift_variances(axes);
            let less = |(a, b): (&f64, &f64)| a - b;
            let mut said: Vec<f64> = shared.shift.iter().zip(&self.shift).map(less).collect();
            let pull: Vec<f64> = shared.pull.iter().zip(&self.pull).map(less).collect();
            for i in 0..n {
                said[i * n + i] += 1.0 / (SHIFT_SHARED * variances[i]);
            }
            let mut common = inverse(&said, n);
            let mean: Vec<f64> = common.chunks_exact(n).map(|row| dot(row, &pull)).collect();
            for i in 0..n {
                common[i * n + i] += (1.0 - SHIFT_SHARED) * variances[i];
            }
            prior.put(size, &Prior::new(&mean, &common));
        }
        let sizes = self.shift_variances(1);
        for i in size + n..all {
            let size = sizes[(i - size - n) % features] / (SHIFT_SD * SHIFT_SD);
            prior.precision[i * (all + 1)] = 1.0 / ((TIDE_SD * shared.unit).powi(2) * size);
        }
        self.prior = prior;
    }

    /// Makes the beliefs from prior and sums, as if nobody had said anything yet.
    pub fn restart(&mut self, frame: &Frame, shared: &Shared) {
        self.curve.key = None;
        self.solve(frame, shared);
    }

    /// Makes the beliefs from prior and sums.
    fn solve(&mut self, frame: &Frame, shared: &Shared) {
        self.make_prior(frame, shared);
        let solve = |sums| Posterior::solve(&self.prior, sums, shared.variance);
        self.beliefs = self.total.sums.iter().map(solve).collect();
    }

    /// Forgets what it told the others, before all tell anew.
    pub fn unsay(&mut self) {
        self.notes = Notes::default();
        self.shift.fill(0.0);
        self.pull.fill(0.0);
    }

    /// What is told to the others, for a saved bandit.
    pub fn said(&self) -> Vec<f64> {
        let n = &self.notes;
        let notes = [n.rest, n.count, n.within, n.total, n.levels, n.domains];
        notes
            .iter()
            .chain(&self.shift)
            .chain(&self.pull)
            .copied()
            .collect()
    }

    /// Takes up what [`Domain::said`] and the beliefs were.
    pub fn resume(
        &mut self,
        frame: &Frame,
        shared: &Shared,
        said: &[f64],
        beliefs: Vec<Posterior>,
    ) -> bool {
        let n = self.shift.len();
        let sound = said.len() == 6 + n + self.pull.len() && said.iter().all(|x| x.is_finite());
        if !sound {
            return false;
        }
        self.notes = Notes {
            rest: said[0],
            count: said[1],
            within: said[2],
            total: said[3],
            levels: said[4],
            domains: said[5],
        };
        self.shift.copy_from_slice(&said[6..6 + n]);
        self.pull.copy_from_slice(&said[6 + n..]);
        self.curve.key = None;
        self.make_prior(frame, shared);
        self.beliefs = beliefs;
        true
    }

    /// Expected reward and its standard deviation.
    pub fn estimate(
        &self,
        frame: &Frame,
        features: usize,
        room: &mut Room,
        arm: usize,
        context: Option<&[f64]>,
    ) -> (f64, f64) {
        let belief = self.belief();
        let outlook = outlook(frame, features, belief, arm, context, room);
        room.along.resize(room.phi.len(), 0.0);
        belief.predict(&room.phi, &mut room.along);
        (outlook.mean, dot(&room.along, &room.along).sqrt())
    }
}
