//! Picks arguments, and keeps what was given until it is let go.

use super::callbacks;
use super::furnish::furnish;
use super::samples::{JSON, TEXTS};
use super::{NOUNS, OK, Pointer};
use crate::choices::Choices;
use crate::scratch::Scratch;
use std::ffi::c_void;
use std::os::unix::ffi::OsStrExt;
use std::ptr::null_mut;

/// The largest count that is picked: every array holds at least its square.
pub(super) const MOST: usize = 8;
const ITEMS: usize = MOST * MOST;
/// Items for which there is room in an output.
const ROOM: usize = 1024;
/// Outputs of one call, which must not overlap.
const OUTPUTS: usize = 4;
/// The largest item of the header, in words.
const WORDS: usize = 16;
/// Stands in a place until a call writes to it.
const UNTOUCHED: Pointer = std::ptr::without_provenance_mut(0x5EED_0000_5EED_0000);
/// Counts that no array in memory has.
const IMPOSSIBLE: [usize; 4] = [
    1 << 63,
    usize::MAX,
    usize::MAX - 1,
    (1 << 63) + (1 << 61) + 1,
];

/// `rag_log_entry`.
#[repr(C)]
struct LogEntry {
    domain: Pointer,
    context: Pointer,
    context_count: usize,
    arm: f64,
    reward: f64,
    propensity: f64,
}

/// Handles of one type.
#[derive(Default)]
struct Pool {
    alive: Vec<Pointer>,
    freed: Vec<Pointer>,
}

pub(super) struct Driver<'a> {
    choices: Choices<'a>,
    pools: Vec<Pool>,
    paths: Vec<Vec<u8>>,
    output: Vec<u64>,
    outputs: usize,
    /// What the arguments of the present call point to.
    lent: Vec<Box<[u64]>>,
    bad_handle: bool,
    /// The pool and handle that the present call frees, if it is alive.
    going: Option<(usize, Pointer)>,
    frees: bool,
}

impl<'a> Driver<'a> {
    pub(super) fn new(data: &'a [u8], scratch: &Scratch) -> Self {
        let path = |name: &str| [scratch.join(name).as_os_str().as_bytes(), b"\0"].concat();
        let mut paths: Vec<Vec<u8>> = ["1", "2", "3", "no/such/folder"].map(path).to_vec();
        paths.extend([path(&"long".repeat(100)), b"/proc/\xFF\0".to_vec()]);
        Self {
            choices: Choices::new(data),
            pools: NOUNS.iter().map(|_| Pool::default()).collect(),
            paths,
            output: vec![0; OUTPUTS * ROOM * WORDS],
            outputs: 0,
            lent: Vec::new(),
            bad_handle: false,
            going: None,
            frees: false,
        }
    }

    /// Objects to begin with, so that the first calls find something to work on.
    pub(super) fn begin(&mut self) {
        let mut answers = 0;
        for _ in 0..8 {
            answers = answers << 8 | self.choices.byte() as u64;
        }
        callbacks::answer_by(answers);
        let (options, collection) = (null_mut::<c_void>(), null_mut::<c_void>());
        let (mut options, mut collection) = (options, collection);
        // SAFETY: places for one handle each, texts that end at a NUL, NULL where that is allowed.
        unsafe {
            super::rag_options_new((&raw mut options).cast(), null_mut());
            super::rag_options_set_u64(options, c"dim".as_ptr() as Pointer, 2, null_mut());
            let out = (&raw mut collection).cast();
            super::rag_collection_open(null_mut(), null_mut(), options, out, null_mut());
        }
        self.remember("rag_options", options);
        self.remember("rag_collection", collection);
        let mask = self.choices.byte();
        furnish(self, mask);
    }

    /// Keeps what an honest call gave.
    pub(super) fn remember(&mut self, noun: &str, handle: Pointer) {
        assert!(!handle.is_null(), "{noun}");
        self.pools[number(noun)].alive.push(handle);
    }

    /// The first that is alive.
    pub(super) fn first(&self, noun: &str) -> Pointer {
        self.pools[number(noun)].alive[0]
    }

    /// Lets everything go.
    pub(super) fn end(&mut self) {
        for ((name, free), pool) in NOUNS.iter().zip(&mut self.pools) {
            for handle in pool.alive.drain(..) {
                // SAFETY: the handle was given by the library and is of this type.
                assert_eq!(unsafe { free(handle) }, OK, "{name} that is alive");
            }
        }
    }

    /// Which call comes next; none where the input ends.
    pub(super) fn entry(&mut self) -> Option<usize> {
        (!self.choices.is_empty()).then(|| self.choices.byte() << 8 | self.choices.byte())
    }

    pub(super) fn begin_call(&mut self) {
        self.lent.clear();
        self.bad_handle = false;
        self.going = None;
        self.frees = false;
    }

    pub(super) fn gave_bad_handle(&self) -> bool {
        self.bad_handle
    }

    /// Whether the call was anything but freeing what is alive.
    pub(super) fn may_fail(&self) -> bool {
        !self.frees
    }

    pub(super) fn keep_error(&mut self, error: Pointer) {
        self.put(number("rag_error"), error);
    }

    fn put(&mut self, noun: usize, handle: Pointer) {
        let pool = &mut self.pools[noun];
        if pool.alive.len() >= MOST {
            let old = pool.alive.remove(0);
            let (name, free) = NOUNS[noun];
            // SAFETY: the handle was given by the library and is of this type.
            assert_eq!(unsafe { free(old) }, OK, "{name} that is alive");
            pool.freed.push(old);
        }
        pool.alive.push(handle);
    }

    // Handles.

    pub(super) fn handle(&mut self, noun: usize) -> Pointer {
        let alive = self.pools[noun].alive.len();
        if alive == 0 || self.choices.once_in(16) {
            let bad = self.bad(noun);
            self.bad_handle |= !bad.is_null();
            return bad;
        }
        let at = self.choices.below(alive);
        self.pools[noun].alive[at]
    }

    /// NULL, freed, of another type, or made up.
    fn bad(&mut self, noun: usize) -> Pointer {
        let other = self.choices.below(self.pools.len());
        match self.choices.below(4) {
            0 => null_mut(),
            1 => self.pools[noun].freed.last().copied().unwrap_or_default(),
            2 if other != noun => self.pools[other].alive.first().copied().unwrap_or_default(),
            _ => {
                // Never one that is alive: the low bits of those are small.
                let low = u64::from(self.choices.u32()) | 0x0F00_0000;
                let mark = if self.choices.once_in(2) {
                    0xA5 << 56
                } else {
                    0
                };
                std::ptr::without_provenance_mut((mark | low) as usize)
            }
        }
    }

    pub(super) fn let_go(&mut self, noun: usize) -> Pointer {
        let alive = self.pools[noun].alive.len();
        if alive == 0 || self.choices.once_in(3) {
            let bad = self.bad(noun);
            self.bad_handle |= !bad.is_null();
            return bad;
        }
        let at = self.choices.below(alive);
        let handle = self.pools[noun].alive.remove(at);
        (self.going, self.frees) = (Some((noun, handle)), true);
        handle
    }

    pub(super) fn is_let_go(&mut self, status: i32) {
        if let Some((noun, handle)) = self.going.take() {
            assert_eq!(status, OK, "{} that is alive", NOUNS[noun].0);
            self.pools[noun].freed.push(handle);
        }
    }

    pub(super) fn handles(&mut self, noun: usize) -> Pointer {
        let mut picked = Vec::new();
        for _ in 0..MOST {
            picked.push(self.handle(noun).addr() as u64);
        }
        // Fewer may be looked at than there are.
        self.bad_handle = false;
        self.lend_or_null(picked)
    }

    /// Places for handles that are given.
    pub(super) fn places(&mut self, count: usize) -> Pointer {
        let places = vec![UNTOUCHED.addr() as u64; count];
        self.lend_or_null(places)
    }

    /// Keeps what was written there, which may only be where the call succeeded.
    pub(super) fn keep(&mut self, noun: usize, places: Pointer, status: i32) {
        let lent = self
            .lent
            .iter()
            .find(|lent| lent.as_ptr().addr() == places.addr());
        let Some(lent) = lent.cloned() else { return };
        for bits in lent {
            let handle: Pointer = std::ptr::with_exposed_provenance_mut(bits as usize);
            if handle != UNTOUCHED {
                assert_eq!(status, OK, "a failed call wrote to its output");
                if !handle.is_null() {
                    self.put(noun, handle);
                }
            }
        }
    }

    // What is lent.

    fn lend(&mut self, words: Vec<u64>) -> Pointer {
        self.lent.push(words.into_boxed_slice());
        self.lent.last_mut().expect("just lent").as_mut_ptr().cast()
    }

    fn lend_or_null(&mut self, words: Vec<u64>) -> Pointer {
        match self.choices.once_in(24) {
            true => null_mut(),
            false => self.lend(words),
        }
    }

    /// Bytes with enough zeros behind them that any short length is honest.
    fn lend_bytes(&mut self, bytes: &[u8]) -> Pointer {
        let mut words = vec![0u64; bytes.len() / 8 + 3];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks(8)) {
            let mut eight = [0; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(eight);
        }
        self.lend(words)
    }

    pub(super) fn text(&mut self) -> Pointer {
        match self.choices.below(24) {
            0 => null_mut(),
            1 => self.own_text(24),
            _ => {
                let text = *self.choices.pick(&TEXTS);
                self.lend_bytes(text)
            }
        }
    }

    fn own_text(&mut self, most: usize) -> Pointer {
        let n = self.choices.below(most);
        let bytes = self.choices.bytes(n);
        self.lend_bytes(bytes)
    }

    pub(super) fn path(&mut self) -> Pointer {
        match self.choices.below(8) {
            0 | 1 => null_mut(),
            _ => {
                let path = self.choices.pick(&self.paths).clone();
                self.lend_bytes(&path)
            }
        }
    }

    pub(super) fn json(&mut self) -> Pointer {
        match self.choices.below(8) {
            0 => null_mut(),
            1 => self.own_text(64),
            _ => {
                let json = *self.choices.pick(&JSON);
                self.lend_bytes(json)
            }
        }
    }

    fn many(&mut self, one: fn(&mut Self) -> Pointer) -> Pointer {
        let mut picked = Vec::new();
        for _ in 0..MOST {
            picked.push(one(self).addr() as u64);
        }
        self.lend_or_null(picked)
    }

    pub(super) fn texts(&mut self) -> Pointer {
        self.many(Self::text)
    }

    pub(super) fn jsons(&mut self) -> Pointer {
        match self.choices.once_in(2) {
            true => null_mut(),
            false => self.many(Self::json),
        }
    }

    pub(super) fn length(&mut self) -> usize {
        match self.choices.below(16) {
            0..=7 => usize::MAX,
            8 => *self.choices.pick(&IMPOSSIBLE),
            _ => self.choices.below(16),
        }
    }

    pub(super) fn lengths(&mut self) -> Pointer {
        if self.choices.once_in(2) {
            return null_mut();
        }
        let lengths = (0..MOST).map(|_| self.length() as u64).collect();
        self.lend(lengths)
    }

    pub(super) fn offsets(&mut self) -> Pointer {
        let mut offsets = vec![0u64];
        while offsets.len() < MOST {
            let last = offsets[offsets.len() - 1];
            offsets.push(match self.choices.below(16) {
                0 => self.choices.below(16) as u64,
                1 => *self.choices.pick(&IMPOSSIBLE) as u64,
                step => last.saturating_add(step as u64 % 2),
            });
        }
        self.lend_or_null(offsets)
    }

    // Numbers.

    pub(super) fn flag(&mut self) -> bool {
        !self.choices.byte().is_multiple_of(8)
    }

    pub(super) fn count(&mut self) -> usize {
        match self.choices.below(32) {
            0 => *self.choices.pick(&IMPOSSIBLE),
            1..=4 => self.choices.below(MOST + 1),
            small => small % 3,
        }
    }

    pub(super) fn capacity(&mut self) -> usize {
        match self.choices.below(3) {
            0 => self.choices.below(4),
            _ => ROOM,
        }
    }

    pub(super) fn k(&mut self) -> usize {
        match self.choices.below(16) {
            0 => 0,
            1 => 1_000_000_000,
            2 => usize::MAX,
            k => k - 2,
        }
    }

    pub(super) fn key(&mut self) -> u64 {
        match self.choices.below(16) {
            0 => u64::MAX,
            1 => 1 << 40,
            2 => 10_000,
            3 => u64::from(self.choices.u32()),
            key => key as u64 % 6,
        }
    }

    pub(super) fn number(&mut self) -> f64 {
        match self.choices.below(24) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::from(f32::from_bits(self.choices.u32())),
            3 => 1e300,
            4 => -1e-300,
            n => [0.0, 1.0, 0.5, -1.0, 0.25, 0.7, 100.0][n % 7],
        }
    }

    /// Mostly fine, so that the calls have work to do.
    fn number_in_array(&mut self, seed: u64, at: usize) -> f64 {
        match seed % 16 {
            0 if at == 3 => self.number(),
            1 => (at % 2) as f64,
            _ => {
                let mixed = (seed + 1).wrapping_mul(0x9E37_79B9 + 2 * at as u64) >> 7;
                (mixed % 1000) as f64 / 500.0 - 1.0
            }
        }
    }

    pub(super) fn doubles(&mut self) -> Pointer {
        let seed = self.choices.byte() as u64;
        let numbers = (0..ITEMS).map(|at| self.number_in_array(seed, at).to_bits());
        let numbers = numbers.collect();
        self.lend_or_null(numbers)
    }

    pub(super) fn floats(&mut self) -> Pointer {
        let seed = self.choices.byte() as u64;
        let mut floats = Vec::new();
        for at in 0..ITEMS + 2 {
            floats.push((self.number_in_array(seed, at) as f32).to_bits());
        }
        let pairs = floats.as_chunks::<2>().0;
        let words = pairs
            .iter()
            .map(|[low, high]| u64::from(*high) << 32 | u64::from(*low));
        let floats = self.lend_or_null(words.collect());
        match !floats.is_null() && self.choices.once_in(32) {
            // Not where a float may stand.
            true => floats.wrapping_byte_add(1),
            false => floats,
        }
    }

    pub(super) fn keys(&mut self) -> Pointer {
        let seed = self.choices.byte() as u64;
        let keys = (0..ITEMS as u64).map(|at| match seed % 8 {
            0 => at % 3,
            1 => u64::MAX - at,
            _ => at + seed / 8 % 4,
        });
        let keys = keys.collect();
        self.lend_or_null(keys)
    }

    pub(super) fn flags(&mut self) -> Pointer {
        let seed = self.choices.byte();
        let flags: Vec<u8> = (0..ITEMS).map(|at| (seed >> (at % 8) & 1) as u8).collect();
        match self.choices.once_in(3) {
            true => null_mut(),
            false => self.lend_bytes(&flags),
        }
    }

    pub(super) fn bytes(&mut self) -> Pointer {
        self.own_text(64)
    }

    pub(super) fn rankings(&mut self) -> Pointer {
        self.many(Self::keys)
    }

    pub(super) fn log(&mut self) -> Pointer {
        let mut words = Vec::new();
        for _ in 0..MOST {
            let context = if self.choices.once_in(2) {
                self.doubles()
            } else {
                null_mut()
            };
            let entry = LogEntry {
                domain: self.text(),
                context,
                context_count: if context.is_null() {
                    0
                } else {
                    self.choices.below(MOST)
                },
                arm: self.number(),
                reward: self.number(),
                propensity: 0.1 + 0.1 * self.choices.below(10) as f64,
            };
            words.extend([entry.domain.addr() as u64, entry.context.addr() as u64]);
            words.push(entry.context_count as u64);
            words.extend([entry.arm, entry.reward, entry.propensity].map(f64::to_bits));
        }
        const {
            assert!(
                size_of::<LogEntry>() == 48,
                "six words, as the header has it"
            )
        };
        self.lend_or_null(words)
    }

    /// Knobs as the header has them: name, kind, the ends, choices and how many.
    pub(super) fn knobs(&mut self) -> Pointer {
        let mut words = Vec::new();
        for _ in 0..MOST {
            words.extend([self.text().addr() as u64, self.text().addr() as u64]);
            words.extend([self.number(), self.number()].map(f64::to_bits));
            let choices = if self.choices.once_in(2) {
                self.texts()
            } else {
                null_mut()
            };
            words.push(choices.addr() as u64);
            let count = match choices.is_null() {
                true => 0,
                false => self.choices.below(MOST),
            };
            words.push(count as u64);
        }
        self.lend_or_null(words)
    }

    /// Dimensions of a grid: name, values and how many, the ends.
    pub(super) fn dimensions(&mut self) -> Pointer {
        let mut words = Vec::new();
        for _ in 0..MOST {
            words.push(self.text().addr() as u64);
            words.extend(self.lent_doubles());
            words.extend([self.number(), self.number()].map(f64::to_bits));
        }
        self.lend_or_null(words)
    }

    /// Queries of a bandit: domain, context and how long that is.
    pub(super) fn bandit_queries(&mut self) -> Pointer {
        let mut words = Vec::new();
        for _ in 0..MOST {
            words.push(self.text().addr() as u64);
            words.extend(self.lent_doubles());
        }
        self.lend_or_null(words)
    }

    /// Where some numbers are and how many of them are meant, or nothing.
    fn lent_doubles(&mut self) -> [u64; 2] {
        if self.choices.once_in(2) {
            return [0, 0];
        }
        let at = self.doubles();
        let count = match at.is_null() {
            true => 0,
            false => self.choices.below(MOST),
        };
        [at.addr() as u64, count as u64]
    }

    pub(super) fn output(&mut self) -> Pointer {
        match self.choices.once_in(24) {
            true => null_mut(),
            false => {
                self.outputs += 1;
                let at = self.outputs % OUTPUTS * ROOM * WORDS;
                self.output[at..].as_mut_ptr().cast()
            }
        }
    }

    // Callbacks.

    pub(super) fn progress(&mut self) -> Pointer {
        self.callback(callbacks::on_progress as *const c_void)
    }

    pub(super) fn token_counter(&mut self) -> Pointer {
        self.callback(callbacks::on_count as *const c_void)
    }

    pub(super) fn policy(&mut self) -> Pointer {
        self.callback(callbacks::on_policy as *const c_void)
    }

    pub(super) fn evaluator(&mut self) -> Pointer {
        self.callback(callbacks::on_evaluate as *const c_void)
    }

    pub(super) fn writer(&mut self) -> Pointer {
        self.callback(callbacks::on_generate as *const c_void)
    }

    pub(super) fn listener(&mut self) -> Pointer {
        self.callback(callbacks::on_hear as *const c_void)
    }

    fn callback(&mut self, function: *const c_void) -> Pointer {
        match self.choices.once_in(4) {
            true => null_mut(),
            false => function.cast_mut(),
        }
    }
}

fn number(noun: &str) -> usize {
    let found = NOUNS.iter().position(|(name, _)| *name == noun);
    found.expect("the header has it")
}
