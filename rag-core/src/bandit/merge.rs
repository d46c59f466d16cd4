//! Taking in what other workers have learnt, and cloning.

use super::domain::Domain;
use super::history::{self, History};
use super::part::Part;
use super::shared::Shared;
use super::waiting::Logged;
use super::{Bandit, COUNTER, MAX_DOMAINS, too_many_domains};
use crate::error::{Error, Result};

impl Bandit {
    /// Takes in what `other` has learnt. Order does not matter, and twice is once: rewards that
    /// both know, because one was loaded, cloned or merged from the other, count once.
    ///
    /// Give workers different seeds ([`Bandit::reseed`] after loading or cloning): two that made the
    /// same choices and earned the same from the first on cannot be told from one.
    /// The arms must be the same, and so must be the priors of domains that both have and the
    /// length of contexts. Choices that wait stay with the bandit that made them. Logs are united
    /// in the order of the ids' counters, the newest `log_size` kept. What fades, fades with the
    /// rewards that come after it in the worker and, after the merge, here.
    pub fn merge(&mut self, other: &Bandit) -> Result<()> {
        self.check_merge(other)?;
        self.widen(self.shared.features.max(other.shared.features));
        for theirs in &other.domains {
            let at = self.enter(&theirs.name)?;
            if self.domains[at].guess.is_none() && theirs.guess.is_some() {
                let guess = theirs.guess.clone();
                self.domains[at].set_guess(guess, &self.frame, &self.shared);
            }
        }
        let (mut ours, own) = self.histories();
        let (theirs, _) = other.histories();
        let theirs: Vec<History> = theirs.into_iter().map(|h| self.widened(h)).collect();
        let own = history::merge(&mut ours, &theirs, own, &self.frame.rates);
        self.take_histories(ours, own);
        self.unite_logs(other);
        self.refit();
        Ok(())
    }

    fn check_merge(&self, other: &Bandit) -> Result<()> {
        if self.arms != other.arms {
            return Err(Error::invalid(
                "the two bandits have different arms; only the same arms can be merged",
            ));
        }
        if self.frame.rates.block.len() != other.frame.rates.block.len() {
            return Err(Error::invalid(
                "one bandit adapts and the other does not; merge bandits with the same options",
            ));
        }
        let (ours, theirs) = (self.shared.features, other.shared.features);
        if ours > 0 && theirs > 0 && ours != theirs {
            return Err(Error::invalid(format!(
                "contexts have {ours} numbers here and {theirs} there; merge bandits with the same contexts"
            )));
        }
        let mut fresh = 0;
        for theirs in &other.domains {
            let Some(at) = self.index.get(&theirs.name) else {
                fresh += 1;
                continue;
            };
            let (ours, theirs_guess) = (&self.domains[*at as usize].guess, &theirs.guess);
            if let (Some(ours), Some(others)) = (ours, theirs_guess)
                && ours != others
            {
                return Err(Error::invalid(format!(
                    "\"{}\" has the prior {} here and another there; merge bandits with the same priors",
                    theirs.name,
                    ours.iter()
                        .map(f64::to_string)
                        .collect::<Vec<_>>()
                        .join(", ")
                )));
            }
        }
        if self.domains.len() + fresh > MAX_DOMAINS {
            return Err(too_many_domains());
        }
        Ok(())
    }

    /// A history whose sums have room for what contexts do here.
    fn widened(&self, mut history: History) -> History {
        let features = self.shared.features;
        let size = self.frame.size(features);
        for part in history
            .parts
            .values_mut()
            .filter(|p| p.features.len() != features)
        {
            part.widen(size, features);
        }
        history
    }

    /// All histories in the order of their digests, and which one is this bandit's own.
    pub(super) fn histories(&self) -> (Vec<History>, Option<usize>) {
        let mut all = self.others.clone();
        if self.marks.length == 0 {
            return (all, None);
        }
        let parts = self.domains.iter().filter_map(|d| {
            let part = d.mine.as_ref().unwrap_or(&d.total);
            (part.seen > 0).then(|| (d.name.clone(), part.clone()))
        });
        all.push(History {
            marks: self.marks.clone(),
            parts: parts.collect(),
        });
        history::sort(&mut all);
        let own = all.iter().position(|h| h.marks == self.marks);
        (all, own)
    }

    /// Makes these the histories. The domains' sums are added up anew; beliefs are not.
    pub(super) fn take_histories(&mut self, mut all: Vec<History>, own: Option<usize>) {
        let empty = self.empty_part();
        for domain in &mut self.domains {
            let mut total = empty.clone();
            for part in all.iter().filter_map(|h| h.parts.get(&domain.name)) {
                total.add(part, &self.frame.rates);
            }
            domain.total = total;
            domain.mine = None;
        }
        let own = own.map(|i| all.remove(i));
        self.others = all;
        let mut parts = match own {
            Some(History { marks, parts }) => {
                self.marks = marks;
                parts
            }
            None => {
                self.marks = history::Marks::default();
                std::collections::BTreeMap::new()
            }
        };
        if !self.others.is_empty() {
            for domain in &mut self.domains {
                let mine = parts.remove(&domain.name);
                domain.mine = Some(mine.unwrap_or_else(|| empty.clone()));
            }
        }
    }

    /// Makes all beliefs from the sums alone, in an order that does not depend on how they came.
    pub(super) fn refit(&mut self) {
        const ROUNDS: usize = 3;
        self.shared = Shared::new(self.frame.shape.axes, self.shared.features);
        let mut order: Vec<usize> = (0..self.domains.len()).collect();
        order.sort_by(|a, b| self.domains[*a].name.cmp(&self.domains[*b].name));
        for at in &order {
            let domain = &mut self.domains[*at];
            domain.unsay();
            domain.restart(&self.frame, &self.shared);
        }
        for _ in 0..ROUNDS {
            for at in &order {
                self.domains[*at].refresh(&self.frame, &mut self.shared);
            }
        }
    }

    fn unite_logs(&mut self, other: &Bandit) {
        let mut log: Vec<(Logged, Option<Vec<f64>>)> = Vec::new();
        for (logged, context) in self.log.all() {
            log.push((logged.clone(), context));
        }
        for (logged, context) in other.log.all() {
            let mut logged = logged.clone();
            let name = &other.domains[logged.made.domain as usize].name;
            logged.made.domain = self.index[name];
            log.push((logged, context));
        }
        log.sort_by(|(a, _), (b, _)| {
            let key = |l: &Logged| (l.id & COUNTER, l.id, l.made.arm);
            let name = |l: &Logged| &self.domains[l.made.domain as usize].name;
            key(a)
                .cmp(&key(b))
                .then_with(|| name(a).cmp(name(b)))
                .then_with(|| a.reward.total_cmp(&b.reward))
        });
        log.dedup_by(|(a, _), (b, _)| {
            let same = |l: &Logged| (l.id, l.made.domain, l.made.arm, l.reward.to_bits());
            same(a) == same(b)
        });
        let surplus = log.len().saturating_sub(self.frame.options.log_size);
        self.log.replace(log.split_off(surplus));
        self.count_boxes();
    }

    /// Counts the boxes that are out anew.
    pub(super) fn count_boxes(&mut self) {
        self.boxes = Default::default();
        for (logged, _) in self.log.all() {
            self.boxes.adopt(&logged.made.odds);
        }
        for (_, made, _) in self.waiting.all(self.tag) {
            self.boxes.adopt(&made.odds);
        }
    }
}

impl Clone for Bandit {
    /// The same beliefs and waiting choices. The clone learns on its own: merged back, what the
    /// two had in common counts once.
    fn clone(&self) -> Self {
        let (others, _) = self.histories();
        let shares = !others.is_empty();
        let empty: Part = self.empty_part();
        let mine = |d: &Domain| {
            let mut domain = d.clone();
            domain.mine = shares.then(|| empty.clone());
            domain
        };
        let mut clone = Self {
            arms: self.arms.clone(),
            frame: self.frame.clone(),
            seed: self.seed,
            normals: self.normals.clone(),
            rng: self.rng.clone(),
            tag: self.tag,
            next: self.next,
            shared: self.shared.clone(),
            domains: self.domains.iter().map(mine).collect(),
            index: self.index.clone(),
            others,
            marks: history::Marks::default(),
            waiting: self.waiting.clone(),
            log: self.log.clone(),
            boxes: Default::default(),
            scratch: Default::default(),
            room: Default::default(),
        };
        clone.count_boxes();
        clone
    }
}
