//! Linking: which slots a slot leads to, when it comes and when others go.
//!
//! Everything here only looks and answers; `upkeep` decides what is asked and sets the links.

use super::coder::{Coded, Coder};
use super::graph::{DEGREE, Keep, Links, NONE, Walk};
use super::scratch::Pool;
use crate::kernel;
use crate::kernel::Meaning;

/// Candidates among which a new slot's links are chosen.
pub(super) const CANDIDATES: usize = 72;
/// A link is left out where a shorter one leads nearly there: nearer by this factor, in squared
/// distances (Vamana; Subramanya et al., 2019).
const NEARER: f32 = 1.1;
/// New links of a full row up to which each is weighed against the row instead of all anew.
const ONE_BY_ONE: usize = 4;
/// Candidates whose codes are asked for ahead of those that are read.
const AHEAD: usize = 4;

/// Room for choosing among candidates.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Squared distance and slot, nearest first.
    pub near: Vec<(f32, u32)>,
    bytes: Vec<i8>,
    floats: Vec<f32>,
    /// What a byte of each is worth, and what its codes mean.
    worth: Vec<(f32, Meaning)>,
    /// Candidates that no chosen one leads to, and their products with the last chosen.
    left: Vec<u32>,
    sums: Vec<i32>,
    /// What was chosen.
    pub kept: Vec<u32>,
}

/// The vectors, the links, and who may be linked to.
pub(super) struct Linker<'a, K> {
    pub coder: &'a Coder,
    pub coded: &'a Coded,
    pub links: &'a Links,
    pub alive: &'a K,
}

impl<K: Keep> Linker<'_, K> {
    /// Chooses the links of a slot among `choice.near`, which need not be sorted or without doubles.
    pub(super) fn choose(&self, slot: u32, choice: &mut Choice) {
        let Choice {
            near,
            bytes,
            floats,
            worth,
            left,
            sums,
            kept,
        } = choice;
        near.retain(|n| n.1 != slot);
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        near.dedup_by_key(|n| n.1);
        let width = self.coder.width();
        let dim = self.coder.dim;
        let short = self.coder.short();
        floats.resize(if short { near.len() * dim } else { 0 }, 0.0);
        bytes.resize(near.len() * width, 0);
        worth.clear();
        for (i, n) in near.iter().enumerate() {
            if let Some(ahead) = near.get(i + AHEAD) {
                kernel::codes::prefetch(self.coded.code(ahead.1));
                kernel::codes::prefetch(self.coded.rest(ahead.1));
            }
            let to = &mut bytes[i * width..][..width];
            let step = self.coded.decode(self.coder, n.1, to);
            worth.push((step, *self.coded.meaning(n.1)));
            if short {
                self.coded.decode_finely(n.1, &mut floats[i * dim..][..dim]);
            }
        }
        left.clear();
        left.extend(0..near.len() as u32);
        kept.clear();
        sums.resize(near.len(), 0);
        let product = kernel::active().codes.bytes;
        while let Some((&i, _)) = left.split_first() {
            let one = &near[i as usize];
            kept.push(one.1);
            left.remove(0);
            if kept.len() == DEGREE || left.is_empty() {
                break;
            }
            let sums = &mut sums[..left.len()];
            if !short {
                product(&bytes[i as usize * width..][..width], bytes, left, sums);
            }
            let (step, a) = worth[i as usize];
            let mut sums = sums.iter();
            left.retain(|&j| {
                let (j, sum) = (j as usize, sums.next().copied().unwrap_or_default());
                let (other, b) = worth[j];
                let lift = (a.lift - b.lift) * (a.lift - b.lift);
                let apart = match short {
                    false => a.norm + b.norm - 2.0 * step * other * sum as f32,
                    true => {
                        let at = |i: usize| &floats[i * dim..][..dim];
                        (kernel::active().l2_squared)(at(i as usize), at(j))
                    }
                };
                NEARER * (apart + lift) > near[j].0
            });
        }
    }

    /// The squared distances from a slot to others, into `choice.near`.
    pub(super) fn measure(&self, slot: u32, others: &[u32], walk: &mut Walk, choice: &mut Choice) {
        self.coder.ask_for(self.coded, slot, &mut walk.asking);
        let norm = self.coded.meaning(slot).norm;
        let mut sums = [0; 4 * DEGREE];
        choice.near.clear();
        for others in others.chunks(sums.len()) {
            for &other in others {
                self.coded.ahead(other);
            }
            let sums = &mut sums[..others.len()];
            (kernel::active().codes.dots)(&walk.asking.bytes, &self.coded.codes, others, sums);
            for (&other, &sum) in others.iter().zip(&*sums) {
                let score = match self.coder.short() {
                    false => walk.asking.rough(sum, self.coded.meaning(other)),
                    true => self.coded.finely(&walk.asking, other),
                };
                choice.near.push(((norm - score).max(0.0), other));
            }
        }
    }

    /// The links of a new slot that comes together with others: to what is linked already, and to
    /// those, or what comes together and is like nothing here would stay apart.
    pub(super) fn place(
        &self,
        entries: &[u32],
        slot: u32,
        together: &[u32],
        pool: &Pool,
    ) -> Vec<u32> {
        pool.with(|walk, choice| {
            self.coder.ask_for(self.coded, slot, &mut walk.asking);
            walk.short = self.coder.short();
            walk.run(self.coded, self.links, entries, CANDIDATES, self.alive);
            let norm = self.coded.meaning(slot).norm;
            self.measure(slot, together, walk, choice);
            let near = walk
                .pool
                .iter()
                .map(|&(score, s)| ((norm - score).max(0.0), s));
            choice.near.extend(near);
            choice.near.retain(|near| near.1 != slot);
            nearest(&mut choice.near);
            self.choose(slot, choice);
            choice.kept.clone()
        })
    }

    /// The links of a slot, which has these `links`, to which others were led: it leads back to them.
    pub(super) fn answer(
        &self,
        slot: u32,
        links: &[u32],
        new: &[(u32, u32)],
        pool: &Pool,
    ) -> Vec<u32> {
        let mut all = links.to_vec();
        let mut over = Vec::new();
        for &(_, from) in new {
            if all.contains(&from) {
                continue;
            }
            match all.len() < DEGREE {
                true => all.push(from),
                false => over.push(from),
            }
        }
        if over.is_empty() {
            return all;
        }
        pool.with(|walk, choice| {
            if over.len() > ONE_BY_ONE {
                all.extend(over);
                self.measure(slot, &all, walk, choice);
                choice.near.retain(|n| self.alive.keep(n.1));
                self.choose(slot, choice);
                return choice.kept.clone();
            }
            for one in over {
                self.squeeze(slot, &mut all, one, walk, choice);
            }
            all
        })
    }

    /// Makes room for one more link in a full row, by the rule of [`Linker::choose`] between it and
    /// each of the others: these were weighed against each other when they came.
    fn squeeze(
        &self,
        slot: u32,
        all: &mut Vec<u32>,
        one: u32,
        walk: &mut Walk,
        choice: &mut Choice,
    ) {
        if all.len() < DEGREE {
            all.push(one);
            return;
        }
        all.push(one);
        self.measure(slot, all, walk, choice);
        let mut far = [0.0; DEGREE + 1];
        for (far, near) in far.iter_mut().zip(&choice.near) {
            *far = near.0;
        }
        all.pop();
        self.measure(one, all, walk, choice);
        let own = far[DEGREE];
        let apart = choice.near.iter().map(|near| near.0);
        if far
            .iter()
            .zip(apart)
            .any(|(&far, apart)| far <= own && NEARER * apart <= own)
        {
            return;
        }
        let mut places = far.iter().zip(&choice.near);
        all.retain(|&link| {
            let led = |(&far, near): (&f32, &(f32, u32))| NEARER * near.0 <= far;
            self.alive.keep(link) && !places.next().is_some_and(led)
        });
        if all.len() < DEGREE {
            all.push(one);
            return;
        }
        let farthest = (0..DEGREE).max_by(|&a, &b| far[a].total_cmp(&far[b]));
        if let Some(at) = farthest.filter(|&at| far[at] > own) {
            all[at] = one;
        }
    }

    /// The links that lead a slot around those of its neighbours that are dead, if it has such.
    pub(super) fn mend(&self, slot: u32, pool: &Pool) -> Option<Vec<u32>> {
        let old = self.links.of(slot);
        if old.iter().all(|&link| self.alive.keep(link)) {
            return None;
        }
        if !self.alive.keep(slot) {
            // Nothing may lead to a slot that is used again.
            let living = old.iter().filter(|&&link| self.alive.keep(link));
            return Some(living.copied().collect());
        }
        let mut all: Vec<u32> = Vec::with_capacity(4 * DEGREE);
        for &link in old {
            if !self.alive.keep(link) {
                all.extend(self.links.of(link).iter().filter(|&&l| self.alive.keep(l)));
            }
        }
        let own: Vec<u32> = old
            .iter()
            .copied()
            .filter(|&l| self.alive.keep(l))
            .collect();
        all.sort_unstable();
        all.dedup();
        all.retain(|l| *l != slot && *l != NONE && !own.contains(l));
        Some(pool.with(|walk, choice| {
            // Of those behind the dead the nearest; its own links all stay in the choice, or the
            // long ones, by which walks cross the graph, would be crowded out sweep by sweep.
            self.measure(slot, &all, walk, choice);
            let mut near = std::mem::take(&mut choice.near);
            nearest(&mut near);
            self.measure(slot, &own, walk, choice);
            choice.near.append(&mut near);
            self.choose(slot, choice);
            choice.kept.clone()
        }))
    }
}

/// Leaves the nearest candidates.
fn nearest(near: &mut Vec<(f32, u32)>) {
    if near.len() > CANDIDATES {
        let nearer = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        near.select_nth_unstable_by(CANDIDATES, nearer);
        near.truncate(CANDIDATES);
    }
}
