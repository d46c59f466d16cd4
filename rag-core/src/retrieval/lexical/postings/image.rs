//! The lists of all terms in an image.
//!
//! Five arrays: a head of four numbers for each list (how many of its documents are alive, the slot of
//! its newest posting, how many postings and units its tail has, how many blocks or [`NO_BLOCKS`]); the
//! units of all tails; what is known of the tails of lists with blocks; what is known of the blocks; and
//! their words. The words are used where they lie.

use super::{BLOCK, Block, Body, Front, Held, INLINE, Many, Postings, packed};
use crate::bytes::Read;
use crate::image::{Reader, Work, Writer};
use crate::kernel::Large;
use std::io;
use std::sync::Arc;

/// What stands in an image where a list has no room of its own.
const NO_BLOCKS: u32 = u32::MAX;
/// Numbers of which lists are made in one go.
const AT_ONCE: usize = 1 << 17;
const UNFIT: &str = "postings that do not fit together";

impl Front {
    /// As numbers.
    fn numbers(&self) -> [u32; 3] {
        let [a, b, c, d] = self.lengths.map(u32::from);
        [a << 16 | b, c << 16 | d, self.most]
    }

    /// What [`Front::numbers`] answered.
    fn of([first, second, most]: [u32; 3]) -> Self {
        let lengths = [first >> 16, first, second >> 16, second].map(|length| length as u16);
        Self { lengths, most }
    }
}

impl Postings {
    /// Writes the lists of all terms.
    pub(in super::super) fn write_all(all: &[Self], to: &mut Writer<'_>) -> io::Result<()> {
        let heads = all.iter().flat_map(|list| {
            let (count, used, blocks) = match &list.body {
                Body::Few { count, used, .. } => (*count, usize::from(*used), NO_BLOCKS),
                Body::Many(many) => (many.tail_count, many.tail.len(), many.blocks.len() as u32),
            };
            let tail = u32::from(count) << 16 | used as u32;
            [list.alive, list.last, tail, blocks]
        });
        to.array(&heads.collect::<Vec<u32>>())?;
        let many = || {
            all.iter().filter_map(|list| match &list.body {
                Body::Few { .. } => None,
                Body::Many(many) => Some(many),
            })
        };
        let tails = all.iter().map(|list| match &list.body {
            Body::Few { used, units, .. } => &units[..usize::from(*used)],
            Body::Many(many) => &many.tail,
        });
        to.pieces(tails)?;
        let fronts = many().flat_map(|many| many.tail_front.numbers());
        to.array(&fronts.collect::<Vec<u32>>())?;
        let blocks = many().flat_map(|many| &many.blocks);
        let blocks = blocks.flat_map(|block| {
            let [a, b, most] = block.front.numbers();
            let bits = u32::from(block.gap_bits) << 8 | u32::from(block.frequency_bits);
            [block.last, a, b, most, bits]
        });
        to.array(&blocks.collect::<Vec<u32>>())?;
        to.pieces(many().flat_map(|many| [many.held.words(), &many.words[..]]))
    }

    /// Reads what [`Postings::write_all`] wrote of documents whose slots are below `slots`.
    pub(in super::super) fn read_all(from: &mut Reader<'_>, slots: u64) -> Read<Vec<Self>> {
        let (heads, heads_sum) = from.array::<u32>()?.unchecked()?;
        let (units, units_sum) = from.array::<u16>()?.unchecked()?;
        let (fronts, fronts_sum) = from.array::<u32>()?.unchecked()?;
        let (blocks, blocks_sum) = from.array::<u32>()?.unchecked()?;
        let words = Arc::new(Large::read(&from.array()?)?);
        let mut rest = Parts {
            units,
            fronts: fronts.as_chunks().0,
            blocks: blocks.as_chunks().0,
            words: &words,
            at: 0,
        };
        let mut heads_left = heads.as_chunks::<4>().0;
        let mut parts = Vec::new();
        while !heads_left.is_empty() {
            let (count, part) = rest.cut(heads_left).ok_or(UNFIT)?;
            let (of_part, left) = heads_left.split_at(count);
            parts.push((of_part, part, Vec::with_capacity(count)));
            heads_left = left;
        }
        if !rest.units.is_empty() || !rest.blocks.is_empty() || rest.at != words.len() {
            return Err(UNFIT);
        }
        let mut work = Work::default();
        for (heads, part, lists) in &mut parts {
            work.job(|| {
                for head in *heads {
                    lists.push(part.list(head, slots).ok_or(UNFIT)?);
                }
                Ok(())
            });
        }
        words.check(&mut work, |_| Ok(()));
        work.check(heads, Some(heads_sum), |_| Ok(()));
        work.check(units, Some(units_sum), |_| Ok(()));
        work.check(fronts, Some(fronts_sum), |_| Ok(()));
        work.check(blocks, Some(blocks_sum), |_| Ok(()));
        work.run()?;
        let mut all = Vec::with_capacity(heads.len() / 4);
        parts
            .into_iter()
            .for_each(|(_, _, lists)| all.extend(lists));
        Ok(all)
    }

    /// Whether the slots of all postings ascend, are below `slots` and end where the list and its
    /// blocks say, and the tail has as many as it says, fewer than a block.
    fn is_sound(&self, tail: usize, slots: u64) -> bool {
        let mut gaps = [0; BLOCK];
        let mut end = 0u64;
        for block in 0..self.blocks().len() {
            let Some((sealed, words)) = self.sealed(block) else {
                return false;
            };
            packed::unpack(words, sealed.gap_bits, &mut gaps);
            let zeros = gaps.iter().filter(|&&gap| gap == 0).count();
            // Only the very first posting may be no further than where counting begins.
            let first = usize::from(block == 0 && gaps[0] == 0);
            end += gaps.iter().map(|&gap| u64::from(gap)).sum::<u64>();
            if zeros > first || end != u64::from(sealed.last) {
                return false;
            }
        }
        let mut units = self.tail();
        let (mut count, mut next) = (0, end + u64::from(!self.blocks().is_empty()));
        while let Some((slot, _)) = units.next() {
            if u64::from(slot) < next {
                return false;
            }
            (count, end, next) = (count + 1, u64::from(slot), u64::from(slot) + 1);
        }
        let some = count + self.blocks().len() > 0;
        // A list that was emptied may still know where it ended.
        count == tail && tail < BLOCK && (!some || end == u64::from(self.last) && end < slots)
    }
}

/// What lists are made of, as far as it was not taken.
struct Parts<'a> {
    units: &'a [u16],
    fronts: &'a [[u32; 3]],
    blocks: &'a [[u32; 5]],
    words: &'a Arc<Large<u32>>,
    /// Where the words begin that come next.
    at: usize,
}

/// Words of a block with such bits.
fn words_of(bits: u32) -> usize {
    packed::words((bits >> 8) as u8) + packed::words(bits as u8)
}

impl<'a> Parts<'a> {
    /// Takes off what some of the first lists are made of; answers how many.
    fn cut(&mut self, heads: &[[u32; 4]]) -> Option<(usize, Self)> {
        let mut lists = 0;
        let [mut units, mut fronts, mut blocks, mut words] = [0usize; 4];
        for &[_, _, tail, sealed] in heads {
            if units + words > AT_ONCE {
                break;
            }
            units += (tail & 0xffff) as usize;
            if sealed != NO_BLOCKS {
                fronts += 1;
                let more = self.blocks.get(blocks..)?.get(..sealed as usize)?;
                blocks += more.len();
                words += more.iter().map(|block| words_of(block[4])).sum::<usize>();
            }
            lists += 1;
        }
        let mut part = Self { ..*self };
        (part.units, self.units) = self.units.split_at_checked(units)?;
        (part.fronts, self.fronts) = self.fronts.split_at_checked(fronts)?;
        (part.blocks, self.blocks) = self.blocks.split_at_checked(blocks)?;
        self.at += words;
        (self.at <= self.words.len()).then_some((lists, part))
    }

    /// The next list; `None` if it cannot be one.
    fn list(&mut self, &[alive, last, tail, blocks]: &[u32; 4], slots: u64) -> Option<Postings> {
        let (count, used) = ((tail >> 16) as u8, (tail & 0xffff) as usize);
        let (tail, rest) = self.units.split_at_checked(used)?;
        self.units = rest;
        let mut list = Postings {
            alive,
            last,
            body: Body::Few {
                count,
                used: used as u8,
                units: [0; INLINE],
            },
        };
        match &mut list.body {
            Body::Few { units, .. } if blocks == NO_BLOCKS => {
                units.get_mut(..used)?.copy_from_slice(tail);
            }
            body => *body = Body::Many(Box::new(self.many(tail, count, blocks as usize)?)),
        }
        list.is_sound(usize::from(count), slots).then_some(list)
    }

    fn many(&mut self, tail: &[u16], count: u8, blocks: usize) -> Option<Many> {
        let (front, rest) = self.fronts.split_first()?;
        self.fronts = rest;
        let (heads, rest) = self.blocks.split_at_checked(blocks)?;
        self.blocks = rest;
        let mut sealed = Vec::with_capacity(blocks);
        let mut size = 0usize;
        for &[last, a, b, most, bits] in heads {
            let block = Block {
                last,
                at: u32::try_from(size).ok()?,
                front: Front::of([a, b, most]),
                gap_bits: (bits >> 8) as u8,
                frequency_bits: bits as u8,
            };
            if bits >> 16 != 0 || block.gap_bits > 32 || block.frequency_bits > 31 {
                return None;
            }
            size += words_of(bits);
            sealed.push(block);
        }
        let held = Held::of(self.words, self.at, size)?;
        self.at += size;
        Some(Many {
            blocks: sealed,
            held,
            words: Vec::new(),
            tail: tail.to_vec(),
            tail_count: count,
            tail_front: Front::of(*front),
        })
    }
}
