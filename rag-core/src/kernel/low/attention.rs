//! Multi-head attention within one sequence, in brain floats.
//!
//! Scores of a block of queries are f32, shares are brain floats; they are divided by their sum
//! at the very end, head by head (Vaswani and others, 2017).

use super::product::{Block, DEPTH, MOST_PANELS, MOST_ROWS, PANEL, Product};
use crate::kernel::aligned::Aligned;
use crate::kernel::bf16::Bf16;
use crate::kernel::generic::EXP_LOW;
use crate::kernel::lanes::Lanes;
use crate::kernel::sheet::{SLACK, Sheet};

/// Brain floats in a step of the inner dimension.
const STEP: usize = DEPTH / 2;

/// One sequence's attention: `qkv` has queries, keys and values of all heads side by side, in
/// that order; queries carry the scale of the scores.
#[derive(Debug)]
pub(crate) struct LowAttention<'a> {
    pub qkv: &'a Sheet<Bf16>,
    pub out: &'a mut Sheet<Bf16>,
    /// The sequence's first row, in both.
    pub first: usize,
    /// Its rows.
    pub length: usize,
    pub heads: usize,
    /// A query sees keys at most this far before and behind it.
    pub reach: usize,
    /// Added to the scores by distance: for each head `2 * length_max - 1` numbers, the middle
    /// one for distance 0.
    pub bias: Option<&'a [f32]>,
    pub scratch: &'a mut LowScratch,
}

/// Room for a head of a sequence. Grows to the longest sequence and stays.
#[derive(Debug, Default)]
pub(crate) struct LowScratch {
    queries: Aligned<Bf16>,
    keys: Aligned<Bf16>,
    values: Aligned<Bf16>,
    scores: Aligned<f32>,
    shares: Aligned<Bf16>,
}

impl LowAttention<'_> {
    fn check(&self) -> usize {
        let size = self.out.width();
        assert_eq!(self.qkv.width(), 3 * size, "queries, keys and values");
        assert!(self.heads > 0 && size.is_multiple_of(self.heads), "heads");
        let end = self.first.checked_add(self.length);
        let rows = self.qkv.rows().min(self.out.rows());
        assert!(end.is_some_and(|end| end <= rows), "rows");
        if let Some(bias) = self.bias {
            let each = bias.len() / self.heads;
            assert!(each % 2 == 1 && each.div_ceil(2) >= self.length, "bias");
        }
        size / self.heads
    }
}

#[repr(C, align(64))]
struct Sums([u32; MOST_ROWS * MOST_PANELS * PANEL]);

/// # Safety
/// The processor has the instruction set of `P`.
#[inline(always)]
pub(super) unsafe fn run<P: Product>(call: &mut LowAttention<'_>) {
    const { assert!(P::ROWS <= MOST_ROWS && P::ROWS <= SLACK && P::PANELS <= MOST_PANELS) };
    let head = call.check();
    let (length, stride, size) = (call.length, call.qkv.stride(), call.out.width());
    let deep = head.next_multiple_of(STEP);
    let keys_padded = length.next_multiple_of(STEP);
    let scratch = &mut *call.scratch;
    let queries = scratch.queries.at_least((length + SLACK) * deep);
    let keys = scratch.keys.at_least(keys_padded * deep);
    let values = scratch
        .values
        .at_least(keys_padded * head.next_multiple_of(PANEL));
    let scores = scratch.scores.at_least(MOST_ROWS * keys_padded);
    let shares = scratch.shares.at_least(MOST_ROWS * keys_padded);
    let qkv = &call.qkv.data()[call.first * stride..];
    let out_stride = call.out.stride();
    let out = &mut call.out.data_mut()[call.first * out_stride..];
    let mut sums = Sums([0; MOST_ROWS * MOST_PANELS * PANEL]);
    // SAFETY: the set is the caller's promise. Queries are read in place, where a sheet has
    // `SLACK` rows behind its last and a head fills whole steps, or from a copy with the same
    // slack; keys, values, scores and shares have the padded sizes that blocks read and write.
    unsafe {
        P::open();
        for h in 0..call.heads {
            pack_keys(&qkv[size + h * head..], stride, length, head, deep, keys);
            pack_values(&qkv[2 * size + h * head..], stride, length, head, values);
            let (q, q_stride) = if head == deep {
                (qkv[h * head..].as_ptr(), stride)
            } else {
                copy_rows(&qkv[h * head..], stride, length, head, deep, queries);
                (queries.as_ptr(), deep)
            };
            let bias = call.bias.map(|bias| {
                let each = bias.len() / call.heads;
                &bias[h * each..][..each]
            });
            for row in (0..length).step_by(P::ROWS) {
                let rows = P::ROWS.min(length - row);
                // The keys that some row of the block sees, in whole steps.
                let from = row.saturating_sub(call.reach) / STEP * STEP;
                let to = length.min((row + rows).saturating_add(call.reach));
                let wide = (to - from).next_multiple_of(STEP);
                for panel in (0..wide.div_ceil(PANEL)).step_by(P::PANELS) {
                    let block = Block {
                        a: q.add(row * q_stride).cast(),
                        lda: 2 * q_stride,
                        rows,
                        b: keys.as_ptr().add((from + panel * PANEL) * deep).cast(),
                        panels: P::PANELS.min(wide / PANEL - panel),
                        panel_bytes: 2 * deep * PANEL,
                        depth: 2 * deep,
                        sums: scores.as_mut_ptr().add(panel * PANEL).cast(),
                        ld: wide,
                    };
                    P::bf16(block);
                }
                let mut totals = [0.0f32; MOST_ROWS];
                for (i, total) in totals[..rows].iter_mut().enumerate() {
                    let place = row + i;
                    let low = place.saturating_sub(call.reach).max(from) - from;
                    let high = to.min(place.saturating_add(call.reach).saturating_add(1)) - from;
                    let scores = &mut scores[i * wide..][..wide];
                    if let Some(bias) = bias {
                        // The middle of the table is distance 0.
                        let bias = &bias[bias.len() / 2 + from - place..];
                        let seen = scores[low..high].iter_mut().zip(&bias[low..]);
                        seen.for_each(|(score, bias)| *score += bias);
                    }
                    let shares = &mut shares[i * wide..][..wide];
                    *total = softmax::<P::Wide>(scores, low, high, shares);
                }
                for panel in (0..head.div_ceil(PANEL)).step_by(P::PANELS) {
                    let block = Block {
                        a: shares.as_ptr().cast(),
                        lda: 2 * wide,
                        rows,
                        b: (values.as_ptr().add(panel * PANEL * keys_padded))
                            .add(from * PANEL)
                            .cast(),
                        panels: P::PANELS.min(head.div_ceil(PANEL) - panel),
                        panel_bytes: 2 * keys_padded * PANEL,
                        depth: 2 * wide,
                        sums: sums.0.as_mut_ptr(),
                        ld: MOST_PANELS * PANEL,
                    };
                    P::bf16(block);
                    let columns = (head - panel * PANEL).min(block.panels * PANEL);
                    for (i, total) in totals[..rows].iter().enumerate() {
                        let to = &mut out[(row + i) * out_stride + h * head + panel * PANEL..];
                        divide::<P::Wide>(&block, i, 1.0 / total, &mut to[..columns]);
                    }
                }
            }
        }
        P::close();
    }
}

/// Copies a head's columns to rows of whole steps, zeros behind.
fn copy_rows(from: &[Bf16], stride: usize, rows: usize, head: usize, deep: usize, to: &mut [Bf16]) {
    for (i, to) in to.chunks_exact_mut(deep).take(rows).enumerate() {
        to[..head].copy_from_slice(&from[i * stride..][..head]);
        to[head..].fill(Bf16::default());
    }
}

/// Keys as the right side of a product: panels of sixteen keys, pairs of a key's numbers.
fn pack_keys(
    from: &[Bf16],
    stride: usize,
    length: usize,
    head: usize,
    deep: usize,
    to: &mut [Bf16],
) {
    for (p, panel) in to.chunks_exact_mut(deep * PANEL).enumerate() {
        let keys = length.saturating_sub(p * PANEL).min(PANEL);
        if keys < PANEL || head < deep {
            panel.fill(Bf16::default());
        }
        let (lines, _) = panel.as_chunks_mut::<{ 2 * PANEL }>();
        for key in 0..keys {
            let key_row = &from[(p * PANEL + key) * stride..][..head];
            let (pairs, odd) = key_row.as_chunks::<2>();
            for (pair, line) in pairs.iter().zip(lines.iter_mut()) {
                [line[2 * key], line[2 * key + 1]] = *pair;
            }
            if let [last] = odd {
                lines[pairs.len()][2 * key] = *last;
            }
        }
    }
}

/// Values as the right side of a product: panels of sixteen columns, pairs of keys.
fn pack_values(from: &[Bf16], stride: usize, length: usize, head: usize, to: &mut [Bf16]) {
    let keys_padded = length.next_multiple_of(STEP);
    let zeros = [Bf16::default(); PANEL];
    for (p, panel) in to.chunks_exact_mut(keys_padded * PANEL).enumerate() {
        let columns = head.saturating_sub(p * PANEL).min(PANEL);
        for (pair, line) in panel.chunks_exact_mut(2 * PANEL).enumerate() {
            let row = |key: usize| match key < length {
                true => &from[key * stride + p * PANEL..][..columns],
                false => &zeros[..columns],
            };
            let (first, second) = (row(2 * pair), row(2 * pair + 1));
            if columns < PANEL {
                line.fill(Bf16::default());
            }
            for ((to, a), b) in line.chunks_exact_mut(2).zip(first).zip(second) {
                (to[0], to[1]) = (*a, *b);
            }
        }
    }
}

/// Shares `e^(x - largest x)` of the scores in `low..high`, zeros elsewhere; answers their sum.
///
/// # Safety
/// The processor has the instruction set of `V`; both slices have one length, a multiple of 32,
/// and `low < high <= length`.
#[inline(always)]
unsafe fn softmax<V: Lanes>(scores: &[f32], low: usize, high: usize, shares: &mut [Bf16]) -> f32 {
    shares[..low].fill(Bf16::default());
    shares[high..].fill(Bf16::default());
    let (n, p, to) = (
        high - low,
        scores[low..high].as_ptr(),
        shares[low..].as_mut_ptr(),
    );
    let (whole, rest) = (n - n % V::N, n % V::N);
    // SAFETY: reads and writes are at `i + V::N <= whole`, or the `rest < V::N` numbers behind,
    // which are written by way of an array.
    unsafe {
        let least = V::splat(f32::NEG_INFINITY);
        let mut top = V::load_part(p.add(whole), rest, least);
        for i in (0..whole).step_by(V::N) {
            top = V::load(p.add(i)).max(top);
        }
        let top = V::splat(top.largest());
        let mut sum = V::splat(0.0);
        for i in (0..whole).step_by(V::N) {
            let e = exp_below(V::load(p.add(i)).sub(top));
            e.store_bf16(to.add(i));
            sum = sum.add(e);
        }
        if rest > 0 {
            // Lanes that are no scores add next to nothing.
            let e = exp_below(V::load_part(p.add(whole), rest, least).sub(top));
            sum = sum.add(e);
            let mut tail = [Bf16::default(); 16];
            e.store_bf16(tail.as_mut_ptr());
            shares[low + whole..high].copy_from_slice(&tail[..rest]);
        }
        sum.sum()
    }
}

/// 2^f = 1 + f Q(f) for |f| <= 1/2, minimax in the relative error (3e-6), by reweighted least
/// squares (Lawson, 1961).
const EXP2: [f32; 4] = [0.693_124_2, 0.240_240_99, 0.055_906_426, 0.009_582_853];

/// e^x for x <= 0 as exact as a brain float needs it; e^-87 below -87.
///
/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
unsafe fn exp_below<V: Lanes>(x: V) -> V {
    // SAFETY: arithmetic only; the set is the caller's promise.
    unsafe {
        let x = x
            .max(V::splat(EXP_LOW))
            .mul(V::splat(std::f32::consts::LOG2_E));
        let n = x.round();
        let f = x.sub(n);
        let mut q = V::splat(EXP2[3]);
        for c in EXP2[..3].iter().rev() {
            q = q.mul_add(f, V::splat(*c));
        }
        q.mul_add(f, V::splat(1.0)).scale2(n)
    }
}

/// Writes row `i` of the block's sums times `factor`.
///
/// # Safety
/// The processor has the instruction set of `V`; `to` is no longer than the block is wide.
#[inline(always)]
unsafe fn divide<V: Lanes>(block: &Block, i: usize, factor: f32, to: &mut [Bf16]) {
    // SAFETY: the sums have whole registers; the last one's results go by way of an array.
    unsafe {
        let from = block.sums.add(i * block.ld).cast::<f32>();
        let factor = V::splat(factor);
        let whole = to.len() - to.len() % V::N;
        for j in (0..whole).step_by(V::N) {
            (V::load(from.add(j)).mul(factor)).store_bf16(to.as_mut_ptr().add(j));
        }
        if whole < to.len() {
            let mut tail = [Bf16::default(); 16];
            (V::load(from.add(whole)).mul(factor)).store_bf16(tail.as_mut_ptr());
            let rest = to.len() - whole;
            to[whole..].copy_from_slice(&tail[..rest]);
        }
    }
}
