//! Attention over padded texts, some queries at a time, so that scores take bounded memory.

use super::pass::Pass;
use candle_core::{D, DType, Result, Tensor};
use candle_nn::ops::softmax_last_dim;
use std::cell::OnceCell;

/// Scores that are held at once.
const MOST_SCORES: usize = 1 << 26;

/// Something that goes with scores: for `count` queries from `from` on, of a shape that broadcasts
/// to (texts, heads, count, longest).
pub(super) trait Addend {
    fn part(&self, from: usize, count: usize) -> Result<Tensor>;
}

impl<F: Fn(usize, usize) -> Result<Tensor>> Addend for F {
    fn part(&self, from: usize, count: usize) -> Result<Tensor> {
        self(from, count)
    }
}

/// An addend that layers share: made once, where all queries are taken at once.
pub(super) struct Shared<F> {
    make: F,
    queries: usize,
    whole: OnceCell<Tensor>,
}

impl<F: Fn(usize, usize) -> Result<Tensor>> Shared<F> {
    pub(super) fn new(pass: &Pass<'_>, make: F) -> Self {
        Self {
            make,
            queries: pass.longest,
            whole: OnceCell::new(),
        }
    }
}

impl<F: Fn(usize, usize) -> Result<Tensor>> Addend for Shared<F> {
    fn part(&self, from: usize, count: usize) -> Result<Tensor> {
        if count < self.queries {
            return (self.make)(from, count);
        }
        if let Some(whole) = self.whole.get() {
            return Ok(whole.clone());
        }
        let whole = (self.make)(from, count)?;
        Ok(self.whole.get_or_init(|| whole).clone())
    }
}

/// Rows of `heads` parts as (texts, heads, longest, size).
pub(super) fn split(pass: &Pass<'_>, rows: &Tensor, heads: usize) -> Result<Tensor> {
    let size = rows.dim(1)? / heads;
    rows.reshape((pass.batch.len(), pass.longest, heads, size))?
        .transpose(1, 2)?
        .contiguous()
}

/// Queries, keys and values of all heads, as [`split`] makes them.
pub(super) struct Heads {
    pub(super) queries: Tensor,
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
    pub(super) scale: f64,
}

/// What the values come to under the softmax of the scaled scores and all addends: rows again.
/// Products are taken in `dtype`, the softmax in f32.
pub(super) fn attend(
    pass: &Pass<'_>,
    heads: &Heads,
    dtype: DType,
    addends: &[&dyn Addend],
) -> Result<Tensor> {
    let (texts, count, longest, size) = heads.queries.dims4()?;
    let queries = (&heads.queries * heads.scale)?.to_dtype(dtype)?;
    let keys = heads.keys.to_dtype(dtype)?.transpose(2, 3)?.contiguous()?;
    let values = heads.values.to_dtype(dtype)?;
    let block = (MOST_SCORES / (texts * count * longest)).clamp(1, longest);
    let mut parts = Vec::new();
    for from in (0..longest).step_by(block) {
        let now = block.min(longest - from);
        let some = queries.narrow(2, from, now)?.contiguous()?;
        let mut scores = some.matmul(&keys)?.to_dtype(DType::F32)?;
        for addend in addends {
            scores = scores.broadcast_add(&addend.part(from, now)?)?;
        }
        if let Some(padding) = &pass.padding {
            scores = scores.broadcast_add(padding)?;
        }
        let shares = softmax_last_dim(&scores)?.to_dtype(dtype)?;
        parts.push(shares.matmul(&values)?.to_dtype(DType::F32)?);
    }
    let all = match &parts[..] {
        [all] => all.clone(),
        parts => Tensor::cat(parts, 2)?,
    };
    let width = count * size;
    all.transpose(1, 2)?.contiguous()?.reshape(((), width))
}

/// Turns the queries or keys of rotary positions, cosines and sines as (longest, size / 2).
pub(super) fn turn(heads: &Tensor, (cos, sin): &(Tensor, Tensor)) -> Result<Tensor> {
    candle_nn::rotary_emb::rope(heads, cos, sin)
}

/// The cosines and sines of a base for heads of that size. The angle is a product in f32, as
/// where models of this kind are trained.
pub(super) fn angles(pass: &Pass<'_>, theta: f64, size: usize) -> Result<(Tensor, Tensor)> {
    let power = |i: usize| (1.0 / theta.powf((2 * i) as f64 / size as f64)) as f32;
    let frequencies: Vec<f32> = (0..size / 2).map(power).collect();
    let angles = (0..pass.longest).flat_map(|i| frequencies.iter().map(move |f| i as f32 * f));
    let angles: Vec<f32> = angles.collect();
    let table = |of: fn(f32) -> f32| {
        let floats: Vec<f32> = angles.iter().copied().map(of).collect();
        Tensor::from_vec(floats, (pass.longest, size / 2), pass.device)
    };
    Ok((table(f32::cos)?, table(f32::sin)?))
}

/// Scores by distance: for each head a number for each distance, as `relative` reads them.
pub(super) fn by_distance(
    pass: &Pass<'_>,
    table: &Tensor,
    heads: usize,
    from: usize,
    count: usize,
) -> Result<Tensor> {
    let middle = pass.longest as isize - 1;
    let rows = pass.by_distance(from, count, |distance| (distance + middle) as u32)?;
    table
        .index_select(&rows, D::Minus1)?
        .reshape((1, heads, count, pass.longest))
}
