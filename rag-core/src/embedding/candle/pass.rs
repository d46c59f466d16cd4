//! A batch as the networks see it: texts padded to the longest, and what tells text from padding.

use crate::embedding::tokens::Tokens;
use candle_core::{DType, Device, Result, Tensor};

/// Added to scores that must not count. Finite, since a row of which nothing counts would else be
/// made of NaN, and a weight of 0 does not stop those.
pub(super) const NEVER: f32 = -1e30;

/// Texts that are computed together, none of them empty.
pub(super) struct Pass<'a> {
    pub(super) batch: &'a [&'a Tokens],
    /// Tokens of the longest text: places a text.
    pub(super) longest: usize,
    pub(super) device: &'a Device,
    /// (texts, 1, 1, longest): 0 for text, [`NEVER`] for padding; none where nothing is padded.
    pub(super) padding: Option<Tensor>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(batch: &'a [&'a Tokens], device: &'a Device) -> Result<Self> {
        let lengths = || batch.iter().map(|t| t.ids.len());
        let longest = lengths().max().unwrap_or(0);
        let padding = match lengths().all(|n| n == longest) {
            true => None,
            false => {
                let row = |n| (0..longest).map(move |i| if i < n { 0.0 } else { NEVER });
                let floats: Vec<f32> = lengths().flat_map(row).collect();
                Some(Tensor::from_vec(
                    floats,
                    (batch.len(), 1, 1, longest),
                    device,
                )?)
            }
        };
        Ok(Self {
            batch,
            longest,
            device,
            padding,
        })
    }

    /// A number for each place, text by text; 0 behind a text's end.
    pub(super) fn numbers<I>(&self, of: impl Fn(&'a Tokens) -> I) -> Result<Tensor>
    where
        I: IntoIterator<Item = u32>,
    {
        let mut all = vec![0u32; self.batch.len() * self.longest];
        for (row, tokens) in all.chunks_exact_mut(self.longest).zip(self.batch) {
            for (to, number) in row.iter_mut().zip(of(tokens)) {
                *to = number;
            }
        }
        let count = all.len();
        Tensor::from_vec(all, count, self.device)
    }

    pub(super) fn ids(&self) -> Result<Tensor> {
        self.numbers(|tokens| tokens.ids.iter().copied())
    }

    /// (count, longest): how far each place lies behind each of `count` queries from `from` on.
    pub(super) fn distances(&self, from: usize, count: usize) -> Result<Tensor> {
        let places = |from: usize, count: usize| {
            let end = (from + count) as f32;
            Tensor::arange(from as f32, end, self.device)
        };
        let queries = places(from, count)?.unsqueeze(1)?;
        places(0, self.longest)?
            .unsqueeze(0)?
            .broadcast_sub(&queries)
    }

    /// [`NEVER`] where `hidden` is not 0, else 0.
    pub(super) fn never(&self, hidden: &Tensor) -> Result<Tensor> {
        hidden.to_dtype(DType::F32)? * f64::from(NEVER)
    }

    /// Row `(i - j) + longest - 1` of a table of distances, for the keys `j` of each of `count`
    /// queries `i`: as numbers to look up.
    pub(super) fn by_distance(
        &self,
        from: usize,
        count: usize,
        of: impl Fn(isize) -> u32,
    ) -> Result<Tensor> {
        let keys = self.longest as isize;
        let queries = from as isize..(from + count) as isize;
        let numbers: Vec<u32> = queries
            .flat_map(|i| (0..keys).map(move |j| j - i))
            .map(of)
            .collect();
        Tensor::from_vec(numbers, count * self.longest, self.device)
    }
}
