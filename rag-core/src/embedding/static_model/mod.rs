//! The built-in model: a table of vectors for word pieces and pairs of them, summed over a text.
//!
//! There is no network to run: the table was fitted so that the normalised sum comes close to
//! what all-MiniLM-L6-v2 says of the same text (`model/fit.py`, where the method and its sources
//! are written down; figures and limits in `model/README.md`). How much a piece matters is the
//! length of its vector, so frequent words weigh little. Pairs of neighbouring pieces correct the
//! sum where two pieces mean something else together.
//!
//! Sums are whole numbers until the last step: a text gives the same bits on every machine,
//! whatever the instruction set. The room's `wordpiece` cuts the text, `blob` reads the file.

mod blob;
mod sum;

use std::ops::ControlFlow;
use std::sync::OnceLock;

use crate::error::{Error, Result};
use blob::Blob;
use sum::Sum;

static FILE: &[u8] = include_bytes!("../../../model/static.bin");

/// A fitted table of word vectors; see the module.
///
/// ```
/// use rag_core::embedding::static_model::StaticModel;
///
/// let model = StaticModel::built_in();
/// let mut cat = vec![0.0; model.dim()];
/// let mut kitten = cat.clone();
/// let mut invoice = cat.clone();
/// model.encode_into("a cat on the sofa", &mut cat)?;
/// model.encode_into("the kitten sleeps on a couch", &mut kitten)?;
/// model.encode_into("please pay the invoice", &mut invoice)?;
/// let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
/// assert!(dot(&cat, &kitten) > dot(&cat, &invoice) + 0.2);
/// # Ok::<(), rag_core::Error>(())
/// ```
pub struct StaticModel {
    blob: Blob<'static>,
    /// Open addressing, a power of two long: key and row of a pair; row 0 is an empty slot.
    pairs: Vec<(u32, u32)>,
}

impl StaticModel {
    /// The model that every build carries; read once, at the first call.
    pub fn built_in() -> &'static StaticModel {
        static MODEL: OnceLock<StaticModel> = OnceLock::new();
        MODEL.get_or_init(|| {
            Self::read(FILE).expect("the file is compiled in and a test reads it at every change")
        })
    }

    fn read(file: &'static [u8]) -> Result<StaticModel> {
        let blob = Blob::parse(file)?;
        let first = blob.multipliers.len() - 1 - blob.pairs.len();
        let mut pairs = vec![(0, 0); (blob.pairs.len() * 2 + 1).next_power_of_two()];
        for (at, &key) in blob.pairs.iter().enumerate() {
            let mut slot = slot_of(key, pairs.len());
            while pairs[slot].1 != 0 {
                slot = (slot + 1) & (pairs.len() - 1);
            }
            pairs[slot] = (key, (first + at) as u32);
        }
        Ok(StaticModel { blob, pairs })
    }

    /// The length of the vectors.
    pub fn dim(&self) -> usize {
        self.blob.dim
    }

    /// Tells this model from every other one: vectors of two models must not be compared.
    pub fn fingerprint(&self) -> u64 {
        self.blob.fingerprint
    }

    /// How many pieces a text is cut into.
    pub fn count_tokens(&self, text: &str) -> usize {
        let mut count = 0;
        self.cut(text, |_| count += 1);
        count
    }

    /// Writes the unit vector of a text, whatever its length. A text without a single piece, such
    /// as `""` or spaces, gets a fixed vector: what the fitted model says of the empty text.
    ///
    /// Refuses an `out` that is not [`StaticModel::dim`] long. Does not allocate.
    pub fn encode_into(&self, text: &str, out: &mut [f32]) -> Result<()> {
        if out.len() != self.dim() {
            return Err(Error::dimension("the static model", self.dim(), out.len()));
        }
        let mut sum = Sum::new(self.dim());
        let mut left = None;
        self.cut(text, |row| {
            self.add(&mut sum, row);
            if let Some(pair) = left.and_then(|left| self.pair(left, row)) {
                self.add(&mut sum, pair);
            }
            left = Some(row);
        });
        if !sum.unit_into(out) {
            let mut empty = Sum::new(self.dim());
            self.add(&mut empty, self.blob.multipliers.len() as u32 - 1);
            empty.unit_into(out);
        }
        Ok(())
    }

    /// Calls `each` with the row of every piece of the text.
    fn cut(&self, text: &str, mut each: impl FnMut(u32)) {
        let _ = self.blob.vocabulary.cut(text, &mut |row| {
            each(row);
            ControlFlow::Continue(())
        });
    }

    /// The row of a pair of neighbours, where there is one.
    fn pair(&self, left: u32, right: u32) -> Option<u32> {
        let key = left << 16 | right;
        let mut slot = slot_of(key, self.pairs.len());
        loop {
            let (held, row) = self.pairs[slot];
            if row == 0 {
                return None;
            }
            if held == key {
                return Some(row);
            }
            slot = (slot + 1) & (self.pairs.len() - 1);
        }
    }

    fn add(&self, sum: &mut Sum, row: u32) {
        let row = row as usize;
        let stride = self.dim() / 2;
        let codes = &self.blob.codes[row * stride..][..stride];
        sum.add(codes, self.blob.multipliers[row]);
    }
}

/// Fibonacci hashing (Knuth 1973) into a table whose length is a power of two.
fn slot_of(key: u32, slots: usize) -> usize {
    (u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & (slots - 1)
}

#[cfg(test)]
mod tests;
