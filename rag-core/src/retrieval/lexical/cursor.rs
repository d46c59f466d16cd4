//! A walk through the postings of one query term, block by block, reading no more than needed.
//!
//! Next: `search`.

use super::documents::{DEAD, length};
use super::packed::BLOCK;
use super::postings::Postings;
use super::saturation::Saturation;

/// Bounds are raised by this, so that the rounding of a share never passes its bound.
const SLACK: f64 = 1.000_001;

/// What scoring needs to know besides the postings.
#[derive(Clone, Copy)]
pub(super) struct Scoring<'a> {
    pub(super) saturation: Saturation,
    pub(super) lengths: &'a [u32],
    pub(super) base: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Read {
    Nothing,
    Slots,
    /// Slots, and what each posting adds to a score.
    Shares,
}

#[derive(Debug)]
pub(super) struct Cursor {
    /// The term.
    pub(super) number: u32,
    weight: f32,
    /// How many of its documents are likely to be in one window.
    pub(super) likely: f32,
    block: usize,
    /// The slot of the last posting of the block; meaningless at the end.
    last: u32,
    ended: bool,
    read: Read,
    count: usize,
    /// The first posting of the block that was not passed.
    at: usize,
    /// What a posting of the block adds at most.
    bound: f64,
    /// What a posting in the window adds at most, and the last slot for which this holds.
    pub(super) window: (f64, u32),
    slots: [u32; BLOCK],
    shares: [f32; BLOCK],
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            number: 0,
            weight: 0.0,
            likely: 0.0,
            block: 0,
            last: 0,
            ended: true,
            read: Read::Nothing,
            count: 0,
            at: 0,
            bound: 0.0,
            window: (0.0, 0),
            slots: [0; BLOCK],
            shares: [0.0; BLOCK],
        }
    }
}

impl Cursor {
    /// Stands before the first posting of a term.
    pub(super) fn start(
        &mut self,
        number: u32,
        weight: f32,
        postings: &Postings,
        scoring: Scoring<'_>,
    ) {
        (self.number, self.weight) = (number, weight);
        self.ended = false;
        self.enter(0, postings, scoring);
    }

    fn enter(&mut self, block: usize, postings: &Postings, scoring: Scoring<'_>) {
        (self.block, self.at, self.read) = (block, 0, Read::Nothing);
        let blocks = postings.blocks();
        if let Some(sealed) = blocks.get(block) {
            self.last = sealed.last;
            self.bound = self.most(sealed.front.bound(scoring.saturation));
            return;
        }
        if block > blocks.len() || postings.count() == blocks.len() * BLOCK {
            (self.ended, self.bound) = (true, 0.0);
            return;
        }
        self.last = postings.last();
        match postings.tail_front() {
            Some(front) => self.bound = self.most(front.bound(scoring.saturation)),
            None => {
                self.shares(postings, scoring);
                let shares = &self.shares[..self.count];
                let most = shares.iter().fold(0.0f32, |most, &share| most.max(share));
                self.bound = f64::from(most);
            }
        }
    }

    fn most(&self, share: f32) -> f64 {
        f64::from(self.weight) * f64::from(share) * SLACK
    }

    /// No posting that was not passed has a lower slot; `None` at the end.
    pub(super) fn low(&self, postings: &Postings) -> Option<u32> {
        if self.ended {
            return None;
        }
        if self.read != Read::Nothing {
            return self.slots[..self.count].get(self.at).copied();
        }
        Some(match self.block {
            0 => 0,
            block => postings.blocks()[block - 1].last + 1,
        })
    }

    /// Passes every posting below `slot`.
    pub(super) fn pass(&mut self, slot: u32, postings: &Postings, scoring: Scoring<'_>) {
        if self.ended {
            return;
        }
        if self.last < slot {
            let blocks = postings.blocks();
            let rest = blocks.get(self.block + 1..).unwrap_or_default();
            let mut step = 1;
            while step <= rest.len() && rest[step - 1].last < slot {
                step *= 2;
            }
            let known = step / 2;
            let near = &rest[known..step.min(rest.len())];
            let skipped = known + near.partition_point(|block| block.last < slot);
            self.enter(self.block + 1 + skipped, postings, scoring);
            if !self.ended && self.last < slot {
                self.enter(self.block + 1, postings, scoring);
            }
        }
        if self.read != Read::Nothing && !self.ended {
            let rest = &self.slots[self.at..self.count];
            if rest.first().is_some_and(|&first| first < slot) {
                self.at += rest.partition_point(|&held| held < slot);
            }
        }
    }

    /// Finds what a posting from here to before `end` adds at most.
    pub(super) fn look(&mut self, end: u32, postings: &Postings, scoring: Scoring<'_>) {
        let Some(low) = self.low(postings) else {
            self.window = (0.0, u32::MAX);
            return;
        };
        if low >= end {
            self.window = (0.0, low - 1);
            return;
        }
        self.window = (self.bound, self.last);
        let blocks = postings.blocks();
        let mut block = self.block;
        while self.window.1 < end - 1 {
            block += 1;
            let (front, last) = match blocks.get(block) {
                Some(sealed) => (&sealed.front, sealed.last),
                None => {
                    let Some(front) = postings.tail_front().filter(|_| block == blocks.len())
                    else {
                        self.window.1 = u32::MAX;
                        return;
                    };
                    (front, u32::MAX)
                }
            };
            let bound = self.most(front.bound(scoring.saturation));
            self.window = (self.window.0.max(bound), last);
        }
    }

    /// Calls `each` with the slot and the share of every posting from here to before `end`; a
    /// removed document has a share of 0.
    #[inline]
    pub(super) fn shares_before(
        &mut self,
        end: u32,
        postings: &Postings,
        scoring: Scoring<'_>,
        mut each: impl FnMut(u32, f32),
    ) {
        while !self.ended {
            if self.low(postings).is_some_and(|low| low >= end) {
                return;
            }
            self.shares(postings, scoring);
            let from = self.at;
            self.at = match self.last < end {
                true => self.count,
                false => from + self.slots[from..self.count].partition_point(|&slot| slot < end),
            };
            let found = self.slots[from..self.at].iter();
            for (&slot, &share) in found.zip(&self.shares[from..self.at]) {
                each(slot, share);
            }
            if self.at < self.count {
                return;
            }
            self.enter(self.block + 1, postings, scoring);
        }
    }

    /// The most that a posting at `slot` adds, without reading the block; `slot` never goes back.
    pub(super) fn bound_at(&mut self, slot: u32, postings: &Postings, scoring: Scoring<'_>) -> f64 {
        if self.last < slot {
            self.pass(slot, postings, scoring);
        }
        match self.ended {
            true => 0.0,
            false => self.bound,
        }
    }

    /// What the term adds to the score of a living document; 0 if it is not there. `slot` never
    /// goes back.
    pub(super) fn share_at(&mut self, slot: u32, postings: &Postings, scoring: Scoring<'_>) -> f32 {
        if self.ended {
            return 0.0;
        }
        if self.last < slot {
            self.pass(slot, postings, scoring);
            if self.ended {
                return 0.0;
            }
        }
        if self.read == Read::Nothing {
            if postings.slots(self.block, &mut self.slots) {
                (self.count, self.read) = (BLOCK, Read::Slots);
            } else {
                self.shares(postings, scoring);
            }
        }
        let rest = &self.slots[self.at..self.count];
        self.at += rest.partition_point(|&held| held < slot);
        if self.slots[..self.count].get(self.at) != Some(&slot) {
            return 0.0;
        }
        if self.read == Read::Shares {
            return self.shares[self.at];
        }
        let Some(length) = length(scoring.lengths, scoring.base, slot) else {
            return 0.0;
        };
        let frequency = postings.frequency(self.block, self.at).unwrap_or(1);
        scoring.saturation.score(self.weight, frequency, length)
    }

    /// Reads the block and scores it.
    fn shares(&mut self, postings: &Postings, scoring: Scoring<'_>) {
        let mut frequencies = [1; BLOCK];
        match self.read {
            Read::Shares => return,
            Read::Slots => postings.frequencies(self.block, &mut frequencies),
            Read::Nothing => {
                self.count = postings.read(self.block, &mut self.slots, &mut frequencies);
            }
        }
        self.read = Read::Shares;
        let mut lengths = [DEAD; BLOCK];
        for (place, &slot) in lengths.iter_mut().zip(&self.slots[..self.count]) {
            let at = slot.wrapping_sub(scoring.base) as usize;
            *place = scoring.lengths.get(at).copied().unwrap_or(DEAD);
        }
        let found = self.shares.iter_mut().zip(&frequencies).zip(&lengths);
        for ((share, &frequency), &length) in found {
            let dead = length == DEAD;
            let score = scoring
                .saturation
                .score(self.weight, frequency, length & (DEAD >> 1));
            *share = if dead { 0.0 } else { score };
        }
    }
}
