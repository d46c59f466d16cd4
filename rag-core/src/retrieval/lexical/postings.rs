//! The documents of one term: slots ascending, with how often each has the term.
//!
//! The newest postings, up to 127, are a string of 16-bit units; every 128 become a bit-packed
//! block.
//! A block remembers, for classes of frequencies, the shortest document: what one posting can add
//! to a score is then bounded whatever the mean length has become since (Ding and Suel 2011 keep
//! the bound itself, which every change of the statistics would falsify). `image` is the form in an
//! image. Next: `cursor`.

mod image;

use super::packed::{self, BLOCK};
use super::saturation::Saturation;
use crate::kernel::Large;
use std::sync::Arc;

/// No document of the class is in the block.
const ABSENT: u16 = u16::MAX;
/// Units that lie in the term itself: enough for a handful of postings, as most terms have.
const INLINE: usize = 6;
/// Distances from this one on take three units.
const FAR: u32 = 0x7fff;
/// The most units of one posting.
const MOST: usize = 5;

/// The least lengths of documents in which a term occurs once, twice, 3 or 4 times, and more
/// often; `most` is the greatest frequency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Front {
    lengths: [u16; 4],
    most: u32,
}

impl Front {
    const EMPTY: Self = Self {
        lengths: [ABSENT; 4],
        most: 0,
    };

    fn add(&mut self, frequency: u32, length: u32) {
        let class = match frequency {
            0 | 1 => 0,
            2 => 1,
            3 | 4 => 2,
            _ => 3,
        };
        let least = &mut self.lengths[class];
        *least = (*least).min(length.min(u32::from(ABSENT) - 1) as u16);
        self.most = self.most.max(frequency);
    }

    /// What no posting of the block exceeds, before rounding and before the weight.
    pub(super) fn bound(&self, saturation: Saturation) -> f32 {
        let frequencies = [1, 2, 4, self.most];
        let mut bound = 0.0f32;
        for (&length, frequency) in self.lengths.iter().zip(frequencies) {
            let share = saturation.score(1.0, frequency, u32::from(length));
            bound = bound.max(if length == ABSENT { 0.0 } else { share });
        }
        bound
    }
}

/// A sealed block of 128 postings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The slot of its last posting.
    pub(super) last: u32,
    /// Where its words begin.
    at: u32,
    pub(super) front: Front,
    gap_bits: u8,
    frequency_bits: u8,
}

#[derive(Debug)]
pub(super) struct Postings {
    /// How many of the documents are alive: the document frequency.
    pub(super) alive: u32,
    /// The slot of the newest posting.
    last: u32,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Few {
        count: u8,
        used: u8,
        units: [u16; INLINE],
    },
    Many(Box<Many>),
}

#[derive(Debug)]
struct Many {
    blocks: Vec<Block>,
    /// Words of the first blocks, and of the others.
    held: Held,
    words: Vec<u32>,
    tail: Vec<u16>,
    tail_count: u8,
    tail_front: Front,
}

/// Words that lie in an image, beside those of other lists.
#[derive(Debug, Default)]
struct Held {
    all: Option<Arc<Large<u32>>>,
    start: usize,
    len: usize,
}

impl Held {
    /// So many from `start` on; `None` if there are not as many.
    fn of(all: &Arc<Large<u32>>, start: usize, len: usize) -> Option<Self> {
        all.get(start..)?.get(..len)?;
        let all = (len > 0).then(|| Arc::clone(all));
        Some(Self { all, start, len })
    }

    fn words(&self) -> &[u32] {
        match &self.all {
            Some(all) => &all[self.start..][..self.len],
            None => &[],
        }
    }
}

impl Default for Postings {
    fn default() -> Self {
        Self {
            alive: 0,
            last: 0,
            body: Body::Few {
                count: 0,
                used: 0,
                units: [0; INLINE],
            },
        }
    }
}

impl Postings {
    /// The number of postings, those of removed documents among them.
    pub(super) fn count(&self) -> usize {
        match &self.body {
            Body::Few { count, .. } => usize::from(*count),
            Body::Many(many) => many.blocks.len() * BLOCK + usize::from(many.tail_count),
        }
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.body {
            Body::Few { .. } => 0,
            Body::Many(many) => {
                size_of::<Many>()
                    + many.blocks.capacity() * size_of::<Block>()
                    + (many.held.len + many.words.capacity()) * 4
                    + many.tail.capacity() * 2
            }
        }
    }

    /// Adds a posting behind all others. `length_of` answers `None` for a removed document.
    pub(super) fn append(
        &mut self,
        slot: u32,
        frequency: u32,
        length_of: impl Fn(u32) -> Option<u32>,
    ) {
        let mut code = [0; MOST];
        let size = encode_units(slot - self.last, frequency, &mut code);
        self.last = slot;
        if let Body::Few { count, used, units } = &mut self.body {
            let at = usize::from(*used);
            if at + size <= INLINE {
                units[at..at + size].copy_from_slice(&code[..size]);
                *used += size as u8;
                *count += 1;
                return;
            }
            let mut many = Many {
                blocks: Vec::new(),
                held: Held::default(),
                words: Vec::new(),
                tail: Vec::with_capacity(2 * INLINE),
                tail_count: *count,
                tail_front: Front::EMPTY,
            };
            many.tail.extend_from_slice(&units[..at]);
            let mut reader = Units::new(&many.tail, 0);
            while let Some((slot, frequency)) = reader.next() {
                if let Some(length) = length_of(slot) {
                    many.tail_front.add(frequency, length);
                }
            }
            self.body = Body::Many(Box::new(many));
        }
        let Body::Many(many) = &mut self.body else {
            return;
        };
        if many.tail.len() + size > many.tail.capacity() {
            many.tail.reserve_exact(size.max(many.tail.len() / 4));
        }
        many.tail.extend_from_slice(&code[..size]);
        many.tail_count += 1;
        if let Some(length) = length_of(slot) {
            many.tail_front.add(frequency, length);
        }
        if usize::from(many.tail_count) == BLOCK {
            many.seal(slot);
        }
    }

    /// A list of living documents, slots ascending, with their frequencies.
    pub(super) fn of(all: &[(u32, u32)], length_of: impl Fn(u32) -> Option<u32>) -> Self {
        let mut new = Self::default();
        for &(slot, frequency) in all {
            new.append(slot, frequency, &length_of);
        }
        new.alive = all.len() as u32;
        if let Body::Many(many) = &mut new.body {
            many.blocks.shrink_to_fit();
            many.words.shrink_to_fit();
        }
        new
    }

    /// Forgets the postings, but not how many documents have the term.
    pub(super) fn clear(&mut self) {
        *self = Self {
            alive: self.alive,
            ..Self::default()
        };
    }

    /// The slot of the newest posting.
    pub(super) fn last(&self) -> u32 {
        self.last
    }

    /// Every posting, in order of slots.
    pub(super) fn for_each(&self, mut each: impl FnMut(u32, u32)) {
        let (mut slots, mut frequencies) = ([0; BLOCK], [0; BLOCK]);
        for block in 0..=self.blocks().len() {
            let count = self.read(block, &mut slots, &mut frequencies);
            for (&slot, &frequency) in slots[..count].iter().zip(&frequencies) {
                each(slot, frequency);
            }
        }
    }

    /// Forgets the postings of removed documents.
    pub(super) fn sweep(&mut self, length_of: impl Fn(u32) -> Option<u32>) {
        let mut kept = Self {
            alive: self.alive,
            ..Self::default()
        };
        self.for_each(|slot, frequency| {
            if length_of(slot).is_some() {
                kept.append(slot, frequency, &length_of);
            }
        });
        *self = kept;
    }

    /// The sealed blocks; the tail counts as one block more.
    pub(super) fn blocks(&self) -> &[Block] {
        match &self.body {
            Body::Few { .. } => &[],
            Body::Many(many) => &many.blocks,
        }
    }

    /// What the tail can add at most, if that is known without reading it.
    pub(super) fn tail_front(&self) -> Option<&Front> {
        match &self.body {
            Body::Few { .. } => None,
            Body::Many(many) => Some(&many.tail_front),
        }
    }

    fn before(&self, block: usize) -> u32 {
        block.checked_sub(1).map_or(0, |i| self.blocks()[i].last)
    }

    fn tail(&self) -> Units<'_> {
        match &self.body {
            Body::Few { used, units, .. } => Units::new(&units[..usize::from(*used)], 0),
            Body::Many(many) => Units::new(&many.tail, self.before(many.blocks.len())),
        }
    }

    fn sealed(&self, block: usize) -> Option<(&Block, &[u32])> {
        let Body::Many(many) = &self.body else {
            return None;
        };
        let found = many.blocks.get(block)?;
        let at = found.at as usize;
        Some((
            found,
            match at < many.held.len {
                true => &many.held.words()[at..],
                false => &many.words[at - many.held.len..],
            },
        ))
    }

    /// Reads the postings of a block and tells how many there are.
    pub(super) fn read(
        &self,
        block: usize,
        slots: &mut [u32; BLOCK],
        frequencies: &mut [u32; BLOCK],
    ) -> usize {
        if self.slots(block, slots) {
            self.frequencies(block, frequencies);
            return BLOCK;
        }
        let mut tail = self.tail();
        let mut count = 0;
        for (slot, frequency) in slots.iter_mut().zip(frequencies) {
            let Some(posting) = tail.next() else { break };
            (*slot, *frequency) = posting;
            count += 1;
        }
        count
    }

    /// Reads the slots of a sealed block; `false` if there is none.
    pub(super) fn slots(&self, block: usize, out: &mut [u32; BLOCK]) -> bool {
        let Some((sealed, words)) = self.sealed(block) else {
            return false;
        };
        packed::unpack(words, sealed.gap_bits, out);
        let mut slot = self.before(block);
        for gap in out {
            slot = slot.wrapping_add(*gap);
            *gap = slot;
        }
        true
    }

    /// Reads the frequencies of a sealed block.
    pub(super) fn frequencies(&self, block: usize, out: &mut [u32; BLOCK]) {
        let Some((sealed, words)) = self.sealed(block) else {
            return;
        };
        let words = &words[packed::words(sealed.gap_bits)..];
        packed::unpack(words, sealed.frequency_bits, out);
        out.iter_mut().for_each(|frequency| *frequency += 1);
    }

    /// The frequency of one posting of a sealed block.
    pub(super) fn frequency(&self, block: usize, i: usize) -> Option<u32> {
        let (sealed, words) = self.sealed(block)?;
        let words = &words[packed::words(sealed.gap_bits)..];
        Some(packed::get(words, sealed.frequency_bits, i) + 1)
    }
}

impl Many {
    /// Makes a block of the tail, which holds exactly one.
    fn seal(&mut self, last: u32) {
        let (mut gaps, mut more) = ([0; BLOCK], [0; BLOCK]);
        let mut before = self.blocks.last().map_or(0, |block| block.last);
        let mut tail = Units::new(&self.tail, before);
        for (gap, more) in gaps.iter_mut().zip(&mut more) {
            let (slot, frequency) = tail.next().unwrap_or((before, 1));
            *gap = slot - before;
            *more = frequency - 1;
            before = slot;
        }
        let block = Block {
            last,
            at: (self.held.len + self.words.len()) as u32,
            front: self.tail_front,
            gap_bits: packed::width(&gaps),
            frequency_bits: packed::width(&more),
        };
        let size = packed::words(block.gap_bits) + packed::words(block.frequency_bits);
        // Growing by an eighth wastes a sixteenth on average and still costs a constant a word.
        if self.words.len() + size > self.words.capacity() {
            self.words.reserve_exact(size.max(self.words.len() / 8));
        }
        if self.blocks.len() == self.blocks.capacity() {
            self.blocks.reserve_exact(1 + self.blocks.len() / 8);
        }
        packed::pack(&gaps, block.gap_bits, &mut self.words);
        packed::pack(&more, block.frequency_bits, &mut self.words);
        self.blocks.push(block);
        self.tail.clear();
        self.tail_count = 0;
        self.tail_front = Front::EMPTY;
    }
}

/// A distance and a frequency as units: one if the distance is short and the frequency 1, as for
/// most postings.
fn encode_units(distance: u32, frequency: u32, out: &mut [u16; MOST]) -> usize {
    let often = u16::from(frequency != 1);
    let mut size = 1;
    if distance < FAR {
        out[0] = (distance as u16) << 1 | often;
    } else {
        (out[0], out[1], out[2]) = (
            (FAR as u16) << 1 | often,
            distance as u16,
            (distance >> 16) as u16,
        );
        size = 3;
    }
    if often == 1 {
        (out[size], out[size + 1]) = (frequency as u16, (frequency >> 16) as u16);
        size += 2;
    }
    size
}

/// Reads what [`encode_units`] wrote.
struct Units<'a> {
    units: &'a [u16],
    at: u32,
}

impl<'a> Units<'a> {
    fn new(units: &'a [u16], before: u32) -> Self {
        Self { units, at: before }
    }

    #[inline]
    fn wide(&mut self) -> Option<u32> {
        let (&[low, high], rest) = self.units.split_first_chunk()?;
        self.units = rest;
        Some(u32::from(low) | u32::from(high) << 16)
    }

    #[inline]
    fn next(&mut self) -> Option<(u32, u32)> {
        let (&unit, rest) = self.units.split_first()?;
        self.units = rest;
        let mut distance = u32::from(unit >> 1);
        if distance == FAR {
            distance = self.wide()?;
        }
        let frequency = match unit & 1 {
            0 => 1,
            _ => self.wide()?,
        };
        self.at = self.at.wrapping_add(distance);
        Some((self.at, frequency))
    }
}

/// The most bytes of one number.
pub(super) const VARINT: usize = 10;

/// Seven bits a byte, low ones first; the high bit says that more follow.
pub(super) fn put(mut value: u64, out: &mut [u8]) -> usize {
    let mut size = 0;
    while value >= 0x80 {
        out[size] = value as u8 | 0x80;
        value >>= 7;
        size += 1;
    }
    out[size] = value as u8;
    size + 1
}

/// A distance and a frequency: one number if the frequency is 1, else two.
pub(super) fn encode(distance: u64, frequency: u32, out: &mut [u8]) -> usize {
    if frequency == 1 {
        return put(distance << 1, out);
    }
    let size = put(distance << 1 | 1, out);
    size + put(u64::from(frequency), &mut out[size..])
}

/// Reads what [`encode`] wrote.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], before: u32) -> Self {
        Self { bytes, at: before }
    }

    #[inline]
    fn number(&mut self) -> Option<u64> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        let mut value = u64::from(first & 0x7f);
        let (mut more, mut shift) = (first & 0x80, 7);
        while more != 0 {
            let (&byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            value |= u64::from(byte & 0x7f) << shift;
            (more, shift) = (byte & 0x80, shift + 7);
        }
        Some(value)
    }

    /// The next place and its frequency.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(u32, u32)> {
        let code = self.number()?;
        let frequency = match code & 1 {
            0 => 1,
            _ => self.number()? as u32,
        };
        self.at = self.at.wrapping_add((code >> 1) as u32);
        Some((self.at, frequency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postings_come_back_and_bounds_hold() {
        let mut rng = crate::rng::Rng::new(1);
        for count in [0usize, 1, 5, 6, 7, 127, 128, 129, 700] {
            let (mut postings, mut want, mut slot) = (Postings::default(), Vec::new(), 0u32);
            let length = |slot: u32| (!slot.is_multiple_of(5)).then_some(slot % 90 + 1);
            for i in 0..count {
                slot += match i % 50 {
                    49 => 1 << 20,
                    _ => 1 + rng.below(70) as u32,
                };
                let frequency = match i % 9 {
                    8 => 70_000 + i as u32,
                    few => 1 + few as u32 / 4,
                };
                postings.append(slot, frequency, length);
                want.push((slot, frequency));
            }
            let mut got = Vec::new();
            postings.for_each(|slot, frequency| got.push((slot, frequency)));
            assert_eq!((postings.count(), &got), (count, &want));
            let options = super::super::LexicalOptions::default();
            for total in [1000, 1_000_000] {
                let saturation = Saturation::new(&options, 500, total);
                for (block, chunk) in want.chunks(BLOCK).enumerate() {
                    let front = match postings.blocks().get(block) {
                        Some(sealed) => Some(&sealed.front),
                        None => postings.tail_front(),
                    };
                    let Some(front) = front else { continue };
                    let shares = chunk.iter().filter_map(|&(slot, frequency)| {
                        Some(saturation.score(1.0, frequency, length(slot)?))
                    });
                    let most = shares.fold(0.0, f32::max);
                    assert!(most <= front.bound(saturation) * 1.000_001);
                }
            }
            for (block, chunk) in want.chunks_exact(BLOCK).enumerate() {
                assert_eq!(postings.frequency(block, 77), Some(chunk[77].1));
            }
            postings.sweep(length);
            want.retain(|&(slot, _)| length(slot).is_some());
            let mut got = Vec::new();
            postings.for_each(|slot, frequency| got.push((slot, frequency)));
            assert_eq!(got, want);
        }
    }
}
