//! The two numbers that activations are kept in: f32, and brain floats.
//!
//! The network is written once over [`Number`]; with brain floats the linear layers are products
//! of brain floats or of bytes, as the model was opened.

use crate::error::Result;
use crate::kernel::{
    Activation, Aligned, Bf16, Epilogue, Gemm, Kernels, LowAttention, LowGemm, LowKind, LowNorm,
    LowScratch, NormTo, PackedB, PackedLow, Sheet, Then, pack, pack_transposed, packed_len,
};

/// Rows of f32 scores at a time: a block stays in the first-level cache for most texts.
const QUERY_ROWS: usize = 48;

/// What one sequence's attention works on; see [`LowAttention`].
pub(super) struct Attention<'a, T: Activation> {
    pub(super) qkv: &'a Sheet<T>,
    pub(super) out: &'a mut Sheet<T>,
    pub(super) first: usize,
    pub(super) length: usize,
    pub(super) heads: usize,
    pub(super) reach: usize,
    pub(super) bias: Option<&'a [f32]>,
}

/// A number that the network can run in.
pub(super) trait Number: Activation {
    /// A linear layer's weights and bias.
    type Linear: Send + Sync;
    /// What a thread needs besides the activations.
    type Scratch: Default + Send;

    /// Packs `weights`, a row of `k` for each number of `bias`; `sizes` is how large inputs are,
    /// as [`PackedLow::with`] wants it.
    fn pack(
        row: &'static Kernels,
        kind: LowKind,
        weights: &[f32],
        bias: &[f32],
        k: usize,
        sizes: Option<&[f32]>,
    ) -> Result<Self::Linear>;
    /// Applies the layer to the rows of `a`.
    fn linear(
        layer: &Self::Linear,
        a: &Sheet<Self>,
        then: Then<'_, Self>,
        scratch: &mut Self::Scratch,
    );
    /// Normalises every row.
    fn norm(row: &'static Kernels, rows: &mut Sheet<f32>, norm: NormTo<'_, Self>);
    /// Multi-head attention within one sequence.
    fn attend(row: &'static Kernels, call: Attention<'_, Self>, scratch: &mut Self::Scratch);
}

/// Room for small numbers.
#[derive(Default)]
pub(super) struct SmallScratch {
    bytes: Aligned<u8>,
    attention: LowScratch,
}

impl Number for Bf16 {
    type Linear = PackedLow;
    type Scratch = SmallScratch;

    fn pack(
        row: &'static Kernels,
        kind: LowKind,
        weights: &[f32],
        bias: &[f32],
        k: usize,
        sizes: Option<&[f32]>,
    ) -> Result<PackedLow> {
        PackedLow::with(row, kind, weights, bias, k, sizes)
    }

    fn linear(b: &PackedLow, a: &Sheet<Self>, then: Then<'_, Self>, scratch: &mut SmallScratch) {
        b.apply(LowGemm {
            a,
            b,
            then,
            bytes: &mut scratch.bytes,
        });
    }

    fn norm(row: &'static Kernels, rows: &mut Sheet<f32>, norm: NormTo<'_, Self>) {
        (row.low.norm)(&mut LowNorm { rows, norm });
    }

    fn attend(row: &'static Kernels, call: Attention<'_, Self>, scratch: &mut SmallScratch) {
        (row.low.attention)(&mut LowAttention {
            qkv: call.qkv,
            out: call.out,
            first: call.first,
            length: call.length,
            heads: call.heads,
            reach: call.reach,
            bias: call.bias,
            scratch: &mut scratch.attention,
        });
    }
}

/// Room for a head of a sequence in f32.
#[derive(Default)]
pub(super) struct FullScratch {
    keys: Aligned,
    values: Aligned,
    scores: Aligned,
}

/// A linear layer in f32.
pub(super) struct FullLinear {
    weights: PackedB,
    bias: Vec<f32>,
    row: &'static Kernels,
}

impl Number for f32 {
    type Linear = FullLinear;
    type Scratch = FullScratch;

    fn pack(
        row: &'static Kernels,
        _kind: LowKind,
        weights: &[f32],
        bias: &[f32],
        k: usize,
        _sizes: Option<&[f32]>,
    ) -> Result<FullLinear> {
        Ok(FullLinear {
            weights: PackedB::with(row, weights, k, bias.len(), true)?,
            bias: bias.to_vec(),
            row,
        })
    }

    fn linear(b: &FullLinear, a: &Sheet<f32>, then: Then<'_, f32>, _: &mut FullScratch) {
        let (out, epilogue, norm) = match then {
            Then::Store(out) => (out, Epilogue::Store, None),
            Then::Apply(out, f) => (out, Epilogue::Apply(f), None),
            Then::Gate(out, f) => (out, Epilogue::Gate(f), None),
            Then::Add(out, norm) => (out, Epilogue::Add, norm),
        };
        let stride = out.stride();
        b.weights.multiply_strided(
            a.data(),
            a.stride(),
            a.rows(),
            Some(&b.bias),
            out.data_mut(),
            stride,
            epilogue,
        );
        if let Some(norm) = norm {
            Self::norm(b.row, out, norm);
        }
    }

    fn norm(row: &'static Kernels, rows: &mut Sheet<f32>, norm: NormTo<'_, f32>) {
        norm.check(rows);
        for i in 0..rows.rows() {
            let to = norm.to.row_mut(i);
            to.copy_from_slice(rows.row(i));
            (row.layer_norm)(to, norm.gain, norm.shift, norm.eps);
            if norm.replace {
                rows.row_mut(i).copy_from_slice(to);
            }
        }
    }

    fn attend(row: &'static Kernels, call: Attention<'_, f32>, scratch: &mut FullScratch) {
        let (size, length) = (call.out.width(), call.length);
        let head = size / call.heads;
        let (stride, out_stride) = (call.qkv.stride(), call.out.stride());
        let qkv = &call.qkv.data()[call.first * stride..];
        let out = &mut call.out.data_mut()[call.first * out_stride..];
        let panel = row.panel;
        for h in 0..call.heads {
            let at = h * head;
            let keys = scratch.keys.at_least(packed_len(head, length, panel));
            pack_transposed(&qkv[size + at..], stride, head, length, panel, keys);
            let bias = call.bias.map(|bias| {
                let each = bias.len() / call.heads;
                &bias[h * each..][..each]
            });
            let mut packed = 0..0;
            for query in (0..length).step_by(QUERY_ROWS) {
                let m = QUERY_ROWS.min(length - query);
                // The keys that some query of the block sees; a panel's first is the first.
                let from = query.saturating_sub(call.reach) / panel * panel;
                let to = length.min((query + m).saturating_add(call.reach));
                let wide = to - from;
                let values = scratch.values.at_least(packed_len(wide, head, panel));
                if packed != (from..to) {
                    let rows = &qkv[from * stride + 2 * size + at..];
                    pack(rows, stride, wide, head, panel, values);
                    packed = from..to;
                }
                let scores = scratch.scores.at_least(m * wide);
                (row.gemm)(&mut Gemm {
                    a: &qkv[query * stride + at..],
                    lda: stride,
                    m,
                    b: &keys[from * head..][..packed_len(head, wide, panel)],
                    k: head,
                    n: wide,
                    bias: None,
                    out: scores,
                    ldc: wide,
                    epilogue: Epilogue::Store,
                });
                let mut sums = [0.0; QUERY_ROWS];
                for (i, scores) in scores.chunks_exact_mut(wide).enumerate() {
                    let place = query + i;
                    let low = place.saturating_sub(call.reach).max(from) - from;
                    let high = to.min(place.saturating_add(call.reach).saturating_add(1)) - from;
                    if let Some(bias) = bias {
                        // The middle of the table is distance 0.
                        let bias = &bias[bias.len() / 2 + from - place + low..];
                        let seen = scores[low..high].iter_mut().zip(bias);
                        seen.for_each(|(score, bias)| *score += bias);
                    }
                    sums[i] = (row.exp_sum)(&mut scores[low..high]);
                    scores[..low].fill(0.0);
                    scores[high..].fill(0.0);
                }
                (row.gemm)(&mut Gemm {
                    a: scores,
                    lda: wide,
                    m,
                    b: values,
                    k: wide,
                    n: head,
                    bias: None,
                    out: &mut out[query * out_stride + at..],
                    ldc: out_stride,
                    epilogue: Epilogue::Store,
                });
                for (i, sum) in sums[..m].iter().enumerate() {
                    let inverse = 1.0 / sum;
                    let row = &mut out[(query + i) * out_stride + at..][..head];
                    row.iter_mut().for_each(|x| *x *= inverse);
                }
            }
        }
    }
}
