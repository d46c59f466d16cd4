//! Choices that wait for their reward, and the log of those that got one.
//!
//! Both are rings: choices are numbered one after the other, so a number is a place. What was
//! believed at a choice is kept beside it in a box, from which its propensity is worked out if
//! somebody asks; boxes that are done with are used again, so that in the long run choosing and
//! rewarding allocate nothing.

use super::types::MAX_OUTSTANDING;
use std::collections::{BTreeMap, VecDeque};

/// Bytes of beliefs that are kept; past this, propensities are worked out at once.
const MAX_BELIEFS: usize = 64 << 20;

/// How probable a choice was.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Odds {
    Known(f64),
    /// A snapshot of the belief.
    Asked(Box<[f32]>),
}

/// A choice.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Made {
    pub domain: u32,
    pub arm: u32,
    pub has_context: bool,
    pub odds: Odds,
}

/// A rewarded choice.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Logged {
    pub id: u64,
    pub made: Made,
    pub reward: f64,
}

/// Boxes for beliefs.
#[derive(Clone, Debug, Default)]
pub(super) struct Boxes {
    free: Vec<Box<[f32]>>,
    out: usize,
}

impl Boxes {
    /// A box of `size` numbers, or none if too many are kept.
    pub fn take(&mut self, size: usize) -> Option<Box<[f32]>> {
        if (self.out + 1) * size * 4 > MAX_BELIEFS {
            return None;
        }
        self.out += 1;
        Some(self.free.pop().unwrap_or_else(|| vec![0.0; size].into()))
    }

    pub fn give_back(&mut self, odds: Odds) {
        if let Odds::Asked(belief) = odds {
            self.out = self.out.saturating_sub(1);
            if self.free.len() < 64 {
                self.free.push(belief);
            }
        }
    }

    /// Counts a box that came from elsewhere.
    pub fn adopt(&mut self, odds: &Odds) {
        self.out += usize::from(matches!(odds, Odds::Asked(_)));
    }
}

/// Choices in the order in which they were made, and their contexts.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    /// The number of the first in the ring.
    first: u64,
    ring: VecDeque<Option<Made>>,
    /// As many numbers for each place as a context has.
    contexts: VecDeque<f64>,
    features: usize,
    count: usize,
    /// Choices whose ids are of an earlier seed.
    elsewhere: BTreeMap<u64, (Made, Vec<f64>)>,
}

impl Waiting {
    pub fn len(&self) -> usize {
        self.count + self.elsewhere.len()
    }

    /// Contexts come to have so many numbers.
    pub fn widen(&mut self, features: usize) {
        self.features = features;
        self.contexts = vec![0.0; features * self.ring.len()].into();
    }

    /// Adds the choice of number `first + len`; numbers that were passed over stay empty.
    pub fn push(&mut self, made: Made, context: Option<&[f64]>, boxes: &mut Boxes) {
        self.ring.push_back(Some(made));
        self.count += 1;
        match context {
            Some(x) => self.contexts.extend(x),
            None => self
                .contexts
                .extend(std::iter::repeat_n(0.0, self.features)),
        }
        while self.ring.len() > MAX_OUTSTANDING {
            if let Some(made) = self.pop() {
                self.count -= 1;
                boxes.give_back(made.odds);
            }
        }
    }

    fn pop(&mut self) -> Option<Made> {
        self.first += 1;
        self.contexts.drain(..self.features);
        self.ring.pop_front().flatten()
    }

    /// The choice of a number, if it waits.
    pub fn get(&self, number: u64) -> Option<&Made> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.ring.get(at)?.as_ref()
    }

    /// The context of a choice that waits.
    pub fn context(&self, number: u64) -> Option<Vec<f64>> {
        self.get(number)?;
        let from = (number - self.first) as usize * self.features;
        let context = self.contexts.range(from..from + self.features);
        Some(context.copied().collect())
    }

    pub fn context_elsewhere(&self, id: u64) -> Option<Vec<f64>> {
        self.elsewhere.get(&id).map(|(_, context)| context.clone())
    }

    pub fn get_elsewhere(&self, id: u64) -> Option<&Made> {
        self.elsewhere.get(&id).map(|(made, _)| made)
    }

    /// Takes a choice out; its context goes into `context`.
    pub fn take(&mut self, number: u64, context: &mut Vec<f64>) -> Option<Made> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let made = self.ring.get_mut(at)?.take()?;
        self.count -= 1;
        context.clear();
        let from = at * self.features;
        context.extend(self.contexts.range(from..from + self.features));
        while matches!(self.ring.front(), Some(None)) {
            self.pop();
        }
        Some(made)
    }

    pub fn take_elsewhere(&mut self, id: u64, context: &mut Vec<f64>) -> Option<Made> {
        let (made, x) = self.elsewhere.remove(&id)?;
        *context = x;
        context.resize(self.features, 0.0);
        Some(made)
    }

    /// Adds a choice of another seed's numbering.
    pub fn push_elsewhere(&mut self, id: u64, made: Made, context: Vec<f64>) -> bool {
        self.elsewhere.insert(id, (made, context)).is_none()
    }

    /// Goes on with number 0: those that wait keep their ids.
    pub fn renumber(&mut self, tag: u64, boxes: &mut Boxes) {
        let all: Vec<_> = self.all(tag).map(|(id, m, x)| (id, m.clone(), x)).collect();
        let features = self.features;
        *self = Self::default();
        self.features = features;
        let surplus = all.len().saturating_sub(MAX_OUTSTANDING);
        for (i, (id, made, context)) in all.into_iter().enumerate() {
            match i < surplus {
                true => boxes.give_back(made.odds),
                false => {
                    self.elsewhere.insert(id, (made, context));
                }
            }
        }
    }

    /// Every choice that waits, with its id and context, those of earlier seeds first.
    pub fn all(&self, tag: u64) -> impl Iterator<Item = (u64, &Made, Vec<f64>)> {
        let old = self
            .elsewhere
            .iter()
            .map(|(id, (m, x))| (*id, m, x.clone()));
        let new = self.ring.iter().enumerate().filter_map(move |(at, made)| {
            let from = at * self.features;
            let context = self.contexts.range(from..from + self.features);
            let id = tag | (self.first + at as u64);
            made.as_ref().map(|m| (id, m, context.copied().collect()))
        });
        old.chain(new)
    }

    /// Puts a saved choice of this numbering back; they come in ascending order.
    pub fn put_back(&mut self, number: u64, made: Made, context: &[f64]) -> bool {
        if self.ring.is_empty() {
            self.first = number;
        }
        let next = self.first + self.ring.len() as u64;
        if number < next || number - self.first >= MAX_OUTSTANDING as u64 {
            return false;
        }
        let fits = self.skip_to(number);
        if fits {
            self.ring.push_back(Some(made));
            self.contexts.extend(context);
            self.count += 1;
        }
        fits
    }

    /// Leaves numbers below `next` empty; `false` if those that wait would be too old then.
    pub fn skip_to(&mut self, next: u64) -> bool {
        if self.ring.is_empty() {
            self.first = next;
        }
        if next < self.first || next - self.first > MAX_OUTSTANDING as u64 {
            return false;
        }
        while self.first + (self.ring.len() as u64) < next {
            self.ring.push_back(None);
            self.contexts
                .extend(std::iter::repeat_n(0.0, self.features));
        }
        true
    }
}

/// The newest rewarded choices, and their contexts.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    ring: VecDeque<Logged>,
    contexts: VecDeque<f64>,
    features: usize,
}

impl Log {
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    pub fn widen(&mut self, features: usize) {
        self.features = features;
        self.contexts = vec![0.0; features * self.ring.len()].into();
    }

    pub fn push(&mut self, logged: Logged, context: &[f64], most: usize, boxes: &mut Boxes) {
        self.ring.push_back(logged);
        self.contexts.extend(context);
        while self.ring.len() > most {
            if let Some(old) = self.ring.pop_front() {
                boxes.give_back(old.made.odds);
            }
            self.contexts.drain(..self.features);
        }
    }

    /// The entries with their contexts, oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = (&Logged, Option<Vec<f64>>)> {
        self.ring.iter().enumerate().map(|(at, logged)| {
            let from = at * self.features;
            let context = || {
                let x = self.contexts.range(from..from + self.features);
                x.copied().collect()
            };
            (logged, logged.made.has_context.then(context))
        })
    }

    pub fn find(&self, id: u64) -> Option<&Made> {
        let found = self.ring.iter().rev().find(|logged| logged.id == id);
        found.map(|logged| &logged.made)
    }

    pub fn replace(&mut self, entries: Vec<(Logged, Option<Vec<f64>>)>) {
        self.ring.clear();
        self.contexts.clear();
        for (logged, context) in entries {
            self.ring.push_back(logged);
            match context {
                Some(x) => self.contexts.extend(x),
                None => self
                    .contexts
                    .extend(std::iter::repeat_n(0.0, self.features)),
            }
        }
    }
}
