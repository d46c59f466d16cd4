//! One domain: a bank of curves that forget at different rates and weigh themselves.
//!
//! Each member of the bank is judged by how well it foretold the rewards (Bayesian model
//! averaging, with a floor under each weight as in Herbster and Warmuth, 1998, so that none is
//! lost for good); the likeliest one is believed. Where the quickest to forget has been better
//! than the best of the others for a while, a cumulative sum says so (Page, 1954), and the others
//! go on from its sums: after a jump the past is no help. With contexts a curve may move: the
//! coefficients of the move are learnt with the curve, by the second-order extended Kalman filter
//! (Jazwinski, 1970, section 9.3), and are shared between domains.

use super::arms::Menu;
use super::gauss::{Posterior, Prior, Sums, dot, inverse};
use super::shape::{Powers, Shape, powers};
use super::types::{BanditOptions, MAX_DIMENSIONS};

/// What each member of the bank forgets with a reward.
const FORGET: [f64; 3] = [0.0, 0.005, 0.05];
/// Members of the bank.
pub(super) const BANK: usize = FORGET.len();
/// The least log weight of a member, next to the best.
const LEAST_EVIDENCE: f64 = -7.0;
/// The cumulative sum of log likelihood ratios at which the past is given up.
const ALARM: f64 = 5.0;
/// Rewards that are forgotten together; factors are made anew when they are.
const BLOCK: u64 = 16;
/// The prior of the reward's noise: this standard deviation, worth so many rewards.
const NOISE_SD: f64 = 0.1;
const NOISE_WEIGHT: f64 = 10.0;
/// How far a context's feature of unit size moves the best arm beforehand, and what share of the
/// variance all domains have in common.
const SHIFT_SD: f64 = 0.1;
const SHIFT_SHARED: f64 = 0.5;
/// How much a feature of unit size raises or lowers the level.
const TIDE_SD: f64 = 0.08;
/// Rewards are taken as they are while their spread within domains is about this, up to
/// [`UNIT_ROOM`] times more or less; else they are scaled.
const USUAL_SPREAD: f64 = 0.15;
const UNIT_ROOM: f64 = 4.0;
const UNIT_REWARDS: f64 = 8.0;
/// A reward for each arm of one choice counts as so many observations of the curve's form, at most.
const FULL_INFORMATION: f64 = 3.0;

/// What one worker has learnt of one domain, or all together have. Parts add up.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Part {
    /// For each member of the bank.
    pub sums: Vec<Sums>,
    /// The members' log weights.
    pub evidence: Vec<f64>,
    pub alarm: f64,
    /// Rewards since the past was last given up.
    pub since: f64,
    /// Whether the past was ever given up.
    pub moved: bool,
    /// Rewards in all.
    pub seen: u64,
    /// Rewards of each arm, after the discount.
    pub count: Vec<f64>,
    /// Sums of squares of the features, and contexts.
    pub features: Vec<f64>,
    pub contexts: f64,
    /// Blocks that the others learnt since: what they forgot is still to be forgotten here.
    pub age: u64,
}

impl Part {
    pub fn new(members: usize, arms: usize, size: usize, features: usize) -> Self {
        Self {
            sums: vec![Sums::new(size); members],
            evidence: vec![0.0; members],
            count: vec![0.0; arms],
            features: vec![0.0; features],
            ..Self::default()
        }
    }

    pub fn widen(&mut self, size: usize, features: usize) {
        self.sums.iter_mut().for_each(|s| s.widen(size));
        self.features.resize(features, 0.0);
    }

    fn forget(&mut self, rates: &Rates, blocks: u64) {
        let blocks = blocks as f64;
        for (sums, rate) in self.sums.iter_mut().zip(&rates.block) {
            if *rate < 1.0 {
                sums.scale(rate.powf(blocks));
            }
        }
        if rates.discount < 1.0 {
            let by = rates.discount.powf(blocks);
            self.count.iter_mut().for_each(|c| *c *= by);
        }
    }

    /// Adds what another worker learnt.
    pub fn add(&mut self, other: &Part, rates: &Rates) {
        let mut other = other.clone();
        other.forget(rates, other.age);
        let pairs = self.sums.iter_mut().zip(&other.sums);
        pairs.for_each(|(x, y)| x.add(y, 1.0));
        let pairs = self.evidence.iter_mut().zip(&other.evidence);
        pairs.for_each(|(x, y)| *x += y);
        floor(&mut self.evidence);
        self.alarm = self.alarm.max(other.alarm);
        self.since += other.since;
        self.moved |= other.moved;
        self.seen += other.seen;
        let pairs = self.count.iter_mut().zip(&other.count);
        pairs.for_each(|(x, y)| *x += y);
        let pairs = self.features.iter_mut().zip(&other.features);
        pairs.for_each(|(x, y)| *x += y);
        self.contexts += other.contexts;
    }

    /// The past is given up: all go on from the sums of the quickest to forget.
    pub fn give_up(&mut self) {
        let Some((quickest, others)) = self.sums.split_last_mut() else {
            return;
        };
        others.iter_mut().for_each(|s| s.clone_from(quickest));
        self.evidence.fill(0.0);
        self.alarm = 0.0;
        self.since = 0.0;
        self.moved = true;
    }

    /// The likeliest member; of equals the one that forgets least.
    pub fn top(&self) -> usize {
        super::arms::best_of(self.evidence.len(), |m| self.evidence[m])
    }

    fn weigh(&mut self, likelihoods: &[f64]) {
        if likelihoods.len() < 2 {
            return;
        }
        let last = likelihoods.len() - 1;
        let best = super::arms::best_of(last, |m| self.evidence[m]);
        self.alarm = (self.alarm + likelihoods[last] - likelihoods[best]).max(0.0);
        let pairs = self.evidence.iter_mut().zip(likelihoods);
        pairs.for_each(|(e, l)| *e += l);
        floor(&mut self.evidence);
    }

    fn count_context(&mut self, context: Option<&[f64]>) {
        if let Some(x) = context {
            let pairs = self.features.iter_mut().zip(x);
            pairs.for_each(|(s, x)| *s += x * x);
            self.contexts += 1.0;
        }
    }
}

fn floor(evidence: &mut [f64]) {
    let top = evidence.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = |e: &mut f64| *e = (*e - top).max(LEAST_EVIDENCE);
    evidence.iter_mut().for_each(least);
}

/// What is forgotten when.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    /// Rewards after which there is something to forget.
    pub every: u64,
    /// What each member keeps then.
    pub block: Vec<f64>,
    pub discount: f64,
}

impl Rates {
    pub fn new(options: &BanditOptions) -> Self {
        let every = if options.discount < 1.0 { 1 } else { BLOCK };
        let members = if options.adapt { BANK } else { 1 };
        let keep = |f: &f64| ((1.0 - f) * options.discount).powf(every as f64);
        Self {
            every,
            block: FORGET[..members].iter().map(keep).collect(),
            discount: options.discount,
        }
    }
}

/// What all domains have in common.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shared {
    /// Numbers of a context; 0 before the first one.
    pub features: usize,
    /// The noise of a reward.
    pub variance: f64,
    /// Rewards are thought of as multiples of this, about this level.
    pub unit: f64,
    pub level: f64,
    /// Sums over domains of what each contributes to the three above.
    notes: Notes,
    /// What the domains say about how contexts move the best arm: precision and pull.
    shift: Vec<f64>,
    pull: Vec<f64>,
}

/// What one domain contributes to what all have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Notes {
    /// Expected squared residuals, and of how many rewards.
    rest: f64,
    count: f64,
    /// Squares about the domain's mean, and the sum of so many rewards.
    within: f64,
    total: f64,
    levels: f64,
    /// Domains with rewards.
    domains: f64,
}

impl Notes {
    fn add(&mut self, other: &Notes, sign: f64) {
        self.rest += sign * other.rest;
        self.count += sign * other.count;
        self.within += sign * other.within;
        self.total += sign * other.total;
        self.levels += sign * other.levels;
        self.domains += sign * other.domains;
    }
}

impl Shared {
    pub fn new(axes: usize, features: usize) -> Self {
        let n = axes * features;
        Self {
            features,
            variance: NOISE_SD * NOISE_SD,
            unit: 1.0,
            level: 0.5,
            notes: Notes::default(),
            shift: vec![0.0; n * n],
            pull: vec![0.0; n],
        }
    }

    fn renew(&mut self, options: &BanditOptions) {
        let n = &self.notes;
        let free = n.count - n.domains;
        let mean = if n.levels > 0.0 {
            n.total / n.levels
        } else {
            0.5
        };
        self.unit = 1.0;
        if free >= UNIT_REWARDS && n.within > 0.0 {
            let ratio = (n.within / free).sqrt() / USUAL_SPREAD;
            if !(1.0 / UNIT_ROOM..=UNIT_ROOM).contains(&ratio) && ratio.is_finite() {
                self.unit = ratio.log2().round().clamp(-60.0, 60.0).exp2();
            }
        }
        let usual = self.unit == 1.0 && (-0.5..=1.5).contains(&mean);
        self.level = if usual { 0.5 } else { mean };
        let before = NOISE_SD * NOISE_SD * self.unit * self.unit;
        self.variance = match options.noise {
            Some(sd) => sd * sd,
            None => (NOISE_WEIGHT * before + n.rest.max(0.0)) / (NOISE_WEIGHT + n.count.max(0.0)),
        };
    }

    /// All that a saved bandit needs to go on as it was.
    pub fn numbers(&self) -> Vec<f64> {
        let n = &self.notes;
        let head = [self.variance, self.unit, self.level];
        let notes = [n.rest, n.count, n.within, n.total, n.levels, n.domains];
        let all = head
            .iter()
            .chain(&notes)
            .chain(&self.shift)
            .chain(&self.pull);
        all.copied().collect()
    }

    pub fn from_numbers(axes: usize, features: usize, numbers: &[f64]) -> Option<Self> {
        let mut shared = Self::new(axes, features);
        let n = shared.pull.len();
        if numbers.len() != 9 + n * n + n || numbers.iter().any(|x| !x.is_finite()) {
            return None;
        }
        (shared.variance, shared.unit, shared.level) = (numbers[0], numbers[1], numbers[2]);
        shared.notes = Notes {
            rest: numbers[3],
            count: numbers[4],
            within: numbers[5],
            total: numbers[6],
            levels: numbers[7],
            domains: numbers[8],
        };
        let (shift, pull) = numbers[9..].split_at(n * n);
        shared.shift.copy_from_slice(shift);
        shared.pull.copy_from_slice(pull);
        (shared.variance > 0.0 && shared.unit > 0.0).then_some(shared)
    }
}

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

/// Room for learning one reward.
#[derive(Clone, Debug, Default)]
pub(super) struct Room {
    phi: Vec<f64>,
    slopes: Vec<f64>,
    along: Vec<f64>,
    moved: Vec<f64>,
    bent: Vec<f64>,
}

/// What a member expects: the reward, what the bend adds to it and to its variance.
#[derive(Clone, Copy, Debug, Default)]
struct Outlook {
    mean: f64,
    bent: f64,
    doubt: f64,
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
        for m in 0..members {
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
            likelihoods[m] = -0.5 * (error * error / total + total.ln());
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
        for m in 0..members {
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
            likelihoods[m] = -0.5 * bent * free / arms / shared.variance;
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
        let ended = self.total.seen > 0 && self.total.seen % frame.rates.every == 0;
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

/// What `belief` expects of an arm in a context, and into `room.phi` how that depends on each
/// coefficient.
#[inline]
fn outlook(
    frame: &Frame,
    features: usize,
    belief: &Posterior,
    arm: usize,
    context: Option<&[f64]>,
    room: &mut Room,
) -> Outlook {
    let (menu, shape) = (&frame.menu, &frame.shape);
    let (size, n) = (shape.size, belief.mean.len());
    room.phi.resize(n, 0.0);
    let curve = &belief.mean[..size];
    let Some(x) = context.filter(|_| features > 0) else {
        room.phi[..size].copy_from_slice(shape.at(arm));
        room.phi[size..].fill(0.0);
        return Outlook {
            mean: dot(curve, &room.phi[..size]),
            ..Outlook::default()
        };
    };
    let mut shift = [0.0; MAX_DIMENSIONS];
    for (axis, s) in shift.iter_mut().enumerate().take(shape.axes) {
        *s = dot(x, &belief.mean[size + axis * features..][..features]);
    }
    let mut at = [Powers::default(); MAX_DIMENSIONS];
    let axes = match shape.axes {
        0 => 0,
        _ => powers(menu, arm, &shift, &mut at),
    };
    let at = &at[..axes];
    shape.values(arm, at, &mut room.phi[..size]);
    let mut found = Outlook {
        mean: dot(curve, &room.phi[..size]),
        bent: 0.0,
        doubt: 0.0,
    };
    room.phi[size..].fill(0.0);
    if axes == 0 {
        let own = &mut room.phi[size + arm * features..][..features];
        own.copy_from_slice(x);
        found.mean += dot(x, &belief.mean[size + arm * features..][..features]);
        return found;
    }
    let tides = size + axes * features;
    room.phi[tides..].copy_from_slice(x);
    found.mean += dot(x, &belief.mean[tides..]);
    for axis in 0..axes {
        room.slopes.resize(size, 0.0);
        shape.slopes(axis, at, &mut room.slopes);
        let slope = dot(curve, &room.slopes);
        let first = size + axis * features;
        room.moved.clear();
        room.moved.resize(n, 0.0);
        for (k, x) in x.iter().enumerate() {
            room.phi[first + k] = -slope * x;
            let row = &belief.root[(first + k) * n..(first + k + 1) * n];
            room.moved
                .iter_mut()
                .zip(row)
                .for_each(|(m, s)| *m += x * s);
        }
        room.bent.clear();
        room.bent.resize(n, 0.0);
        for (row, slope) in belief.root.chunks_exact(n).zip(&room.slopes) {
            room.bent
                .iter_mut()
                .zip(row)
                .for_each(|(b, s)| *b += slope * s);
        }
        let spread = dot(&room.moved, &room.moved);
        let bend = shape.bend(axis, at, curve);
        found.bent += 0.5 * bend * spread - dot(&room.bent, &room.moved);
        found.doubt += 0.5 * (bend * spread) * (bend * spread);
    }
    found
}
