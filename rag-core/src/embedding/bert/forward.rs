//! The way from token ids to pooled vectors, for a batch of sequences laid end to end.
//!
//! Nothing is padded: linear layers see one tall matrix of all tokens, attention runs sequence by
//! sequence. Every number depends on its own sequence alone, because a product's rows do.

use super::config::Config;
use super::layers::{Layer, Tables};
use crate::embedding::folder::Pooling;
use crate::embedding::tokens::Tokens;
use crate::kernel::{Aligned, Epilogue, Gemm, Kernels, pack, pack_transposed, packed_len};

/// Rows of attention scores at a time: a block stays in the first-level cache for most texts.
const QUERY_ROWS: usize = 48;

/// What one thread needs for a batch; grows to the largest batch and stays.
#[derive(Default)]
pub(super) struct Arena {
    hidden: Aligned,
    qkv: Aligned,
    context: Aligned,
    wide: Aligned,
    keys: Aligned,
    values: Aligned,
    scores: Aligned,
}

/// A model ready to run.
pub(super) struct Network {
    pub(super) config: Config,
    pub(super) tables: Tables,
    pub(super) layers: Vec<Layer>,
    pub(super) pooling: Pooling,
    pub(super) row: &'static Kernels,
}

impl Network {
    /// Writes the pooled vector of each sequence to the row of `out` with its number.
    pub(super) fn run(&self, batch: &[&Tokens], arena: &mut Arena, out: &mut [&mut [f32]]) {
        let size = self.config.hidden_size;
        let tokens = batch.iter().map(|t| t.ids.len()).sum::<usize>();
        let hidden = arena.hidden.at_least(tokens * size);
        let qkv = arena.qkv.at_least(tokens * 3 * size);
        let context = arena.context.at_least(tokens * size);
        let wide = arena.wide.at_least(tokens * self.config.intermediate_size);
        self.embed(batch, hidden);
        for layer in &self.layers {
            layer.qkv.apply(hidden, tokens, qkv, Epilogue::Store);
            let mut from = 0;
            for sequence in batch {
                let length = sequence.ids.len();
                self.attend(
                    &qkv[from * 3 * size..(from + length) * 3 * size],
                    length,
                    [&mut arena.keys, &mut arena.values, &mut arena.scores],
                    &mut context[from * size..(from + length) * size],
                );
                from += length;
            }
            (layer.after_attention).apply(context, tokens, hidden, Epilogue::Add);
            layer.attention_norm.apply(hidden);
            layer.widen.apply(hidden, tokens, wide, Epilogue::Gelu);
            layer.narrow.apply(wide, tokens, hidden, Epilogue::Add);
            layer.output_norm.apply(hidden);
        }
        let mut rest = &hidden[..];
        for (sequence, out) in batch.iter().zip(out) {
            let (own, others) = rest.split_at(sequence.ids.len() * size);
            self.pool(own, out);
            rest = others;
        }
    }

    fn embed(&self, batch: &[&Tokens], hidden: &mut [f32]) {
        let size = self.config.hidden_size;
        let mut rows = hidden.chunks_exact_mut(size);
        for sequence in batch {
            let tokens = sequence.ids.iter().zip(&sequence.types);
            for (position, ((id, kind), row)) in tokens.zip(&mut rows).enumerate() {
                let word = &self.tables.words[*id as usize * size..][..size];
                let kind = &self.tables.types[*kind as usize * size..][..size];
                let place = &self.tables.positions[position * size..][..size];
                for (x, ((w, k), p)) in row.iter_mut().zip(word.iter().zip(kind).zip(place)) {
                    *x = w + k + p;
                }
            }
        }
        self.tables.norm.apply(hidden);
    }

    /// Multi-head attention within one sequence: `qkv` has three vectors a token.
    fn attend(&self, qkv: &[f32], length: usize, arena: [&mut Aligned; 3], out: &mut [f32]) {
        let size = self.config.hidden_size;
        let head = self.config.head_size();
        let panel = self.row.panel;
        let [keys, values, scores] = arena;
        let keys = keys.at_least(packed_len(head, length, panel));
        let values = values.at_least(packed_len(length, head, panel));
        let scores = scores.at_least(QUERY_ROWS.min(length) * length);
        for at in (0..size).step_by(head) {
            pack_transposed(&qkv[size + at..], 3 * size, head, length, panel, keys);
            pack(&qkv[2 * size + at..], 3 * size, length, head, panel, values);
            for from in (0..length).step_by(QUERY_ROWS) {
                let m = QUERY_ROWS.min(length - from);
                (self.row.gemm)(&mut Gemm {
                    a: &qkv[from * 3 * size + at..],
                    lda: 3 * size,
                    m,
                    b: keys,
                    k: head,
                    n: length,
                    bias: None,
                    out: scores,
                    ldc: length,
                    epilogue: Epilogue::Store,
                });
                let mut sums = [0.0; QUERY_ROWS];
                for (row, sum) in scores.chunks_exact_mut(length).zip(&mut sums[..m]) {
                    *sum = (self.row.exp_sum)(row);
                }
                (self.row.gemm)(&mut Gemm {
                    a: scores,
                    lda: length,
                    m,
                    b: values,
                    k: length,
                    n: head,
                    bias: None,
                    out: &mut out[from * size + at..],
                    ldc: size,
                    epilogue: Epilogue::Store,
                });
                for (i, sum) in sums[..m].iter().enumerate() {
                    let inverse = 1.0 / sum;
                    let row = &mut out[(from + i) * size + at..][..head];
                    row.iter_mut().for_each(|x| *x *= inverse);
                }
            }
        }
    }

    fn pool(&self, hidden: &[f32], out: &mut [f32]) {
        let size = self.config.hidden_size;
        let rows = hidden.chunks_exact(size);
        match self.pooling {
            Pooling::Cls => out.copy_from_slice(&hidden[..size]),
            Pooling::LastToken => out.copy_from_slice(&hidden[hidden.len() - size..]),
            Pooling::Mean => {
                let scale = 1.0 / rows.len() as f32;
                out.fill(0.0);
                for row in rows {
                    out.iter_mut().zip(row).for_each(|(o, x)| *o += x);
                }
                out.iter_mut().for_each(|x| *x *= scale);
            }
            Pooling::Max => {
                out.fill(f32::NEG_INFINITY);
                for row in rows {
                    out.iter_mut().zip(row).for_each(|(o, x)| *o = o.max(*x));
                }
            }
        }
    }
}
