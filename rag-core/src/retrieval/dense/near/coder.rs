//! Vectors as codes: turned, centred, four bits a number with a step of the vector's own, and
//! eight bits for what the four leave over.

use super::super::Metric;
use super::rotation::Rotation;
use crate::kernel::codes::{BLOCK, BLOCK_BYTES, Decode, padded, prefetch};
use crate::kernel::{self, Large, Meaning};

/// The middle of the sixteen levels.
const MIDDLE: f32 = 7.5;
/// The step between levels, in standard deviations: the least squared error for a normal
/// distribution (Max, 1960).
const STEP: f32 = 0.3352;
/// The error that four bits leave, as a share of a vector's length.
const ERROR: f32 = 0.108;

/// Vectors shorter than this are walked among by both codes: the errors of few numbers do not
/// cancel out.
const SHORT: usize = 64;

/// The nearest whole number of one below 2^22, the even one of two: two additions, where the library's
/// function would be called for each number.
#[inline(always)]
fn round(x: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    (x + SHIFT) - SHIFT
}

/// How vectors become codes, fixed by the first ones.
#[derive(Clone, Debug)]
pub(super) struct Coder {
    pub metric: Metric,
    pub dim: usize,
    rotation: Rotation,
    mean: Vec<f32>,
    /// The squared length to which vectors are lifted under the inner product.
    longest: f32,
}

/// A vector that asks: as bytes for the four-bit codes, as floats for what decides.
#[derive(Clone, Debug, Default)]
pub(in crate::retrieval::dense) struct Asking {
    pub bytes: Vec<i8>,
    pub floats: Vec<f32>,
    /// The worth of a byte.
    pub step: f32,
    /// The sum of the bytes, and of the floats.
    sum: (f32, f32),
    /// The score is `weight * product - length * norm - (lift - its lift)^2 + constant`.
    weight: f32,
    length: f32,
    lift: Option<f32>,
    constant: f32,
    /// The standard deviation of the error of `rough`, over the length of the coded vector.
    slack: f32,
}

impl Asking {
    /// Becomes the same as another one, in the room that it has.
    pub fn copy_from(&mut self, other: &Self) {
        let mut room = std::mem::take(self);
        room.bytes.clone_from(&other.bytes);
        room.floats.clone_from(&other.floats);
        *self = Self {
            bytes: room.bytes,
            floats: room.floats,
            ..*other
        };
    }

    /// What a fine score has beyond a rough one.
    pub fn constant(&self) -> f32 {
        self.constant
    }

    /// The score from the sum of four-bit codes times bytes.
    #[inline(always)]
    pub fn rough(&self, sum: i32, of: &Meaning) -> f32 {
        let product = of.scale * self.step * (sum as f32 - MIDDLE * self.sum.0);
        self.score(product, of)
    }

    /// The score from the sums of both codes times floats.
    pub fn fine(&self, sums: (f32, f32), of: &Meaning) -> f32 {
        let product = of.scale * (sums.0 - MIDDLE * self.sum.1) + of.rest * sums.1;
        self.score(product, of) + self.constant
    }

    #[inline(always)]
    fn score(&self, product: f32, of: &Meaning) -> f32 {
        let score = self.weight * product - self.length * of.norm;
        match self.lift {
            Some(lift) => score - (lift - of.lift) * (lift - of.lift),
            None => score,
        }
    }
}

impl Coder {
    /// A coder for vectors like these, `dim` floats each.
    pub(super) fn new(metric: Metric, dim: usize, seed: u64, sample: &[&[f32]]) -> Self {
        let mut mean = vec![0.0f64; dim];
        let mut longest = 0.0f64;
        for vector in sample {
            let mut length = 0.0;
            for (mean, x) in mean.iter_mut().zip(*vector) {
                *mean += f64::from(*x);
                length += f64::from(*x) * f64::from(*x);
            }
            longest = longest.max(length);
        }
        let count = sample.len().max(1) as f64;
        Self {
            metric,
            dim,
            rotation: Rotation::new(dim, seed),
            mean: mean.iter().map(|m| (m / count) as f32).collect(),
            longest: (longest * 1.1) as f32,
        }
    }

    /// What the first vectors decided.
    pub(super) fn learnt(&self) -> (&[f32], f32) {
        (&self.mean, self.longest)
    }

    pub(super) fn set_learnt(&mut self, mean: Vec<f32>, longest: f32) {
        (self.mean, self.longest) = (mean, longest);
    }

    /// Whether four bits a number are too few to find the way by.
    pub(super) fn short(&self) -> bool {
        self.dim < SHORT
    }

    /// Numbers of a coded vector, padding included.
    pub(super) fn width(&self) -> usize {
        padded(self.dim)
    }

    fn turned(&self, vector: &[f32], centre: bool, to: &mut Vec<f32>) {
        to.clear();
        to.extend_from_slice(vector);
        if centre {
            for (x, mean) in to.iter_mut().zip(&self.mean) {
                *x -= mean;
            }
        }
        self.rotation.turn(to);
        to.resize(self.width(), 0.0);
    }

    /// Writes the codes of a vector and answers what they mean. `room` is scratch.
    pub(super) fn encode(
        &self,
        vector: &[f32],
        codes: &mut [u8],
        rest: &mut [i8],
        room: &mut Vec<f32>,
    ) -> Meaning {
        self.turned(vector, true, room);
        let norm: f32 = room.iter().map(|x| x * x).sum();
        let mut meaning = Meaning {
            norm,
            ..Meaning::default()
        };
        if self.metric == Metric::Dot {
            let length: f32 = vector.iter().map(|x| x * x).sum();
            meaning.lift = (self.longest - length).max(0.0).sqrt();
        }
        codes.fill(0);
        rest.fill(0);
        let deviation = (norm / self.dim as f32).sqrt();
        let inverse = 1.0 / (STEP * deviation);
        if !(norm > 0.0 && inverse.is_finite()) {
            return meaning;
        }
        let level = |x: f32| round((x * inverse + MIDDLE).clamp(0.0, 15.0));
        let (mut with, mut own) = (0.0, 0.0);
        for x in &room[..self.dim] {
            let c = level(*x) - MIDDLE;
            with += c * x;
            own += c * c;
        }
        // The scale with which the codes are nearest to the vector.
        meaning.scale = with / own;
        let left = |x: f32| x - meaning.scale * (level(x) - MIDDLE);
        let most = room[..self.dim]
            .iter()
            .fold(0.0f32, |m, x| m.max(left(*x).abs()));
        meaning.rest = most / 127.0;
        let per_rest = if meaning.rest > 0.0 {
            1.0 / meaning.rest
        } else {
            0.0
        };
        for (i, x) in room[..self.dim].iter().enumerate() {
            let (block, at) = (i / BLOCK, i % BLOCK);
            let code = level(*x) as u8;
            codes[block * BLOCK_BYTES + at % BLOCK_BYTES] |= code << (at / BLOCK_BYTES * 4);
            let left = round(left(*x) * per_rest);
            rest[i] = left.clamp(-127.0, 127.0) as i8;
        }
        meaning
    }

    /// The vector that a slot's codes stand for.
    pub(super) fn vector(&self, coded: &Coded, slot: u32) -> Vec<f32> {
        let mut vector = vec![0.0; self.dim];
        coded.decode_finely(slot, &mut vector);
        self.rotation.turn_back(&mut vector);
        for (x, mean) in vector.iter_mut().zip(&self.mean) {
            *x += mean;
        }
        vector
    }

    /// A query in the form that asks.
    pub(super) fn ask(&self, query: &[f32], asking: &mut Asking) {
        let l2 = self.metric == Metric::L2;
        let mut floats = std::mem::take(&mut asking.floats);
        self.turned(query, l2, &mut floats);
        let length: f32 = floats.iter().map(|x| x * x).sum();
        asking.constant = match l2 {
            true => -length,
            false => (kernel::active().dot)(query, &self.mean),
        };
        (asking.weight, asking.length) = if l2 { (2.0, 1.0) } else { (1.0, 0.0) };
        asking.lift = None;
        asking.slack = asking.weight * ERROR * (length / self.dim.max(1) as f32).sqrt();
        let most = floats.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        asking.step = most / 127.0;
        let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
        asking.bytes.clear();
        let byte = |x: &f32| round(x * inverse).clamp(-127.0, 127.0) as i8;
        asking.bytes.extend(floats.iter().map(byte));
        let bytes: i32 = asking.bytes.iter().map(|&b| i32::from(b)).sum();
        asking.sum = (bytes as f32, floats.iter().sum());
        asking.floats = floats;
    }

    /// A coded vector in the form that asks for its neighbours: only `rough` may be used.
    pub(super) fn ask_for(&self, coded: &Coded, slot: u32, asking: &mut Asking) {
        asking.bytes.resize(self.width(), 0);
        asking.step = coded.decode(self, slot, &mut asking.bytes);
        let meaning = coded.meaning(slot);
        let bytes: i32 = asking.bytes.iter().map(|&b| i32::from(b)).sum();
        asking.sum = (bytes as f32, 0.0);
        if self.short() {
            asking.floats.clear();
            asking.floats.resize(self.width(), 0.0);
            coded.decode_finely(slot, &mut asking.floats[..self.dim]);
            asking.sum.1 = asking.floats.iter().sum();
        }
        (asking.weight, asking.length) = (2.0, 1.0);
        asking.lift = (self.metric == Metric::Dot).then_some(meaning.lift);
        asking.constant = 0.0;
        asking.slack = 0.0;
    }
}

/// The codes of all slots.
#[derive(Clone, Debug)]
pub(in crate::retrieval::dense) struct Coded {
    width: usize,
    /// The largest of the norms, and the widest step of the rests.
    pub longest: f32,
    widest: f32,
    pub codes: Large<u8>,
    pub rest: Large<i8>,
    pub meanings: Large<Meaning>,
}

impl Coded {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            longest: 0.0,
            widest: 0.0,
            codes: Large::default(),
            rest: Large::default(),
            meanings: Large::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.meanings.len()
    }

    /// The largest squared length.
    pub(super) fn longest(&self) -> f32 {
        self.longest
    }

    /// All codes at once; their lengths fit.
    pub(super) fn set(&mut self, codes: &[u8], rest: &[i8], meanings: Vec<Meaning>, longest: f32) {
        self.codes.grow(codes.len(), 0);
        self.codes.copy_from_slice(codes);
        self.rest.grow(rest.len(), 0);
        self.rest.copy_from_slice(rest);
        self.meanings = meanings.into_iter().collect();
        self.complete(longest);
    }

    /// After codes and meanings were read; the largest of the norms is told.
    pub(super) fn complete(&mut self, longest: f32) {
        self.longest = longest;
        self.look_for_widest();
    }

    pub(super) fn look_for_widest(&mut self) {
        self.widest = self.meanings.iter().fold(0.0, |most, m| most.max(m.rest));
    }

    fn grow(&mut self, len: usize) {
        if len > self.len() {
            self.codes.grow(len * self.width / 2, 0);
            self.rest.grow(len * self.width, 0);
            self.meanings.grow(len, Meaning::default());
        }
    }

    pub(super) fn put(&mut self, coder: &Coder, slot: u32, vector: &[f32], room: &mut Vec<f32>) {
        self.grow(slot as usize + 1);
        let (slot, half) = (slot as usize, self.width / 2);
        self.meanings[slot] = coder.encode(
            vector,
            &mut self.codes[slot * half..][..half],
            &mut self.rest[slot * self.width..][..self.width],
            room,
        );
        self.longest = self.longest.max(self.meanings[slot].norm);
        self.widest = self.widest.max(self.meanings[slot].rest);
    }

    /// Puts what is at `from` in codes of the same width.
    pub(super) fn put_coded(&mut self, slot: u32, of: &Coded, from: u32) {
        self.grow(slot as usize + 1);
        let (at, half) = (slot as usize, self.width / 2);
        self.meanings[at] = *of.meaning(from);
        self.codes[at * half..][..half].copy_from_slice(of.code(from));
        self.rest[at * self.width..][..self.width].copy_from_slice(of.rest(from));
        self.longest = self.longest.max(self.meanings[at].norm);
        self.widest = self.widest.max(self.meanings[at].rest);
    }

    /// The standard deviation that the error of a rough score has at most.
    pub(super) fn slack(&self, asking: &Asking) -> f32 {
        asking.slack * self.longest.sqrt()
    }

    /// The standard deviations that the errors of a fine and of a rough score have at most, for a
    /// query of this length.
    pub(super) fn errors(&self, length: f32, coder: &Coder) -> (f32, f32) {
        let weight = if coder.metric == Metric::L2 { 2.0 } else { 1.0 };
        // Numbers that are rounded to the widest step.
        let fine = weight * length * self.widest / 12f32.sqrt();
        let rough = weight * ERROR * length / (coder.dim.max(1) as f32).sqrt();
        (fine, rough * self.longest.sqrt())
    }

    /// Asks for what a rough score needs.
    #[inline(always)]
    pub(super) fn ahead(&self, slot: u32) {
        prefetch(self.code(slot));
        prefetch(std::slice::from_ref(self.meaning(slot)));
    }

    #[inline(always)]
    pub(super) fn meaning(&self, slot: u32) -> &Meaning {
        &self.meanings[slot as usize]
    }

    #[inline(always)]
    pub(super) fn code(&self, slot: u32) -> &[u8] {
        let half = self.width / 2;
        &self.codes[slot as usize * half..][..half]
    }

    #[inline(always)]
    pub(super) fn rest(&self, slot: u32) -> &[i8] {
        &self.rest[slot as usize * self.width..][..self.width]
    }

    /// Writes a slot's vector as bytes and answers what one is worth.
    pub(super) fn decode(&self, coder: &Coder, slot: u32, to: &mut [i8]) -> f32 {
        let meaning = self.meaning(slot);
        // Four deviations and a bit: what lies beyond is cut, which hardly ever happens.
        let step = (meaning.norm / coder.dim as f32).sqrt() * (4.0 / 127.0);
        if step <= 0.0 {
            to.fill(0);
            return 0.0;
        }
        let by = Decode {
            code: meaning.scale / step,
            rest: meaning.rest / step,
            constant: -MIDDLE * meaning.scale / step,
        };
        (kernel::active().codes.decode)(self.code(slot), self.rest(slot), by, to);
        to[coder.dim..].fill(0);
        step
    }

    /// Writes the first numbers of a slot's turned vector.
    pub(super) fn decode_finely(&self, slot: u32, to: &mut [f32]) {
        let meaning = self.meaning(slot);
        let (codes, rest) = (self.code(slot), self.rest(slot));
        for (i, to) in to.iter_mut().enumerate() {
            let (block, at) = (i / BLOCK, i % BLOCK);
            let both = codes[block * BLOCK_BYTES + at % BLOCK_BYTES];
            let code = both >> (at / BLOCK_BYTES * 4) & 15;
            *to = meaning.scale * (f32::from(code) - MIDDLE) + meaning.rest * f32::from(rest[i]);
        }
    }

    /// The score by both codes; without what is the same for all of them.
    pub(super) fn finely(&self, asking: &Asking, slot: u32) -> f32 {
        self.fine(asking, slot) - asking.constant
    }

    pub(super) fn fine(&self, asking: &Asking, slot: u32) -> f32 {
        let refine = kernel::active().codes.refine;
        let sums = refine(&asking.floats, self.code(slot), self.rest(slot));
        asking.fine(sums, self.meaning(slot))
    }

    pub(super) fn bytes(&self) -> usize {
        self.codes.len() + self.rest.len() + size_of_val(&self.meanings[..])
    }
}
