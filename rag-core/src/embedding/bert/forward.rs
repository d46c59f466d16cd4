//! The way from token ids to pooled vectors, for a batch of sequences laid end to end.
//!
//! Nothing is padded: linear layers see one tall matrix of all tokens, attention runs sequence by
//! sequence. Every number depends on its own sequence alone, because a product's rows do.

use super::config::Config;
use super::layers::{Layer, Tables};
use super::number::{Attention, Number};
use crate::embedding::folder::Pooling;
use crate::embedding::tokens::Tokens;
use crate::kernel::{Kernels, Sheet, Then};

/// What one thread needs for a batch; grows to the largest batch and stays.
pub(super) struct Arena<T: Number> {
    /// The residual stream, always in f32.
    hidden: Sheet<f32>,
    /// The same, as the next linear layer wants it.
    input: Sheet<T>,
    qkv: Sheet<T>,
    context: Sheet<T>,
    wide: Sheet<T>,
    scratch: T::Scratch,
}

impl<T: Number> Default for Arena<T> {
    fn default() -> Self {
        Self {
            hidden: Sheet::default(),
            input: Sheet::default(),
            qkv: Sheet::default(),
            context: Sheet::default(),
            wide: Sheet::default(),
            scratch: T::Scratch::default(),
        }
    }
}

/// A model ready to run.
pub(super) struct Network<T: Number> {
    pub(super) config: Config,
    pub(super) tables: Tables<T>,
    pub(super) layers: Vec<Layer<T>>,
    pub(super) pooling: Pooling,
    pub(super) row: &'static Kernels,
}

impl<T: Number> Network<T> {
    /// Writes the pooled vector of each sequence to the row of `out` with its number.
    pub(super) fn run(&self, batch: &[&Tokens], arena: &mut Arena<T>, out: &mut [&mut [f32]]) {
        let size = self.config.hidden_size;
        let tokens = batch.iter().map(|t| t.ids.len()).sum::<usize>();
        let Arena {
            hidden,
            input,
            qkv,
            context,
            wide,
            scratch,
        } = arena;
        hidden.shape(tokens, size);
        input.shape(tokens, size);
        qkv.shape(tokens, 3 * size);
        context.shape(tokens, size);
        wide.shape(tokens, self.config.intermediate_size);
        self.embed(batch, hidden);
        T::norm(self.row, hidden, self.tables.norm.replacing(input));
        for layer in &self.layers {
            T::linear(&layer.qkv, input, Then::Store(qkv), scratch);
            let mut first = 0;
            for sequence in batch {
                let call = Attention {
                    qkv,
                    out: context,
                    first,
                    length: sequence.ids.len(),
                    heads: self.config.num_attention_heads,
                    reach: usize::MAX,
                    bias: None,
                };
                T::attend(self.row, call, scratch);
                first += sequence.ids.len();
            }
            let normed = Some(layer.attention_norm.replacing(input));
            T::linear(
                &layer.after_attention,
                context,
                Then::Add(hidden, normed),
                scratch,
            );
            T::linear(&layer.widen, input, Then::Gelu(wide), scratch);
            let normed = Some(layer.output_norm.replacing(input));
            T::linear(&layer.narrow, wide, Then::Add(hidden, normed), scratch);
        }
        let mut first = 0;
        for (sequence, out) in batch.iter().zip(out) {
            self.pool(hidden, first, sequence.ids.len(), out);
            first += sequence.ids.len();
        }
    }

    fn embed(&self, batch: &[&Tokens], hidden: &mut Sheet<f32>) {
        let size = self.config.hidden_size;
        let mut next = 0;
        for sequence in batch {
            let tokens = sequence.ids.iter().zip(&sequence.types);
            for (position, (id, kind)) in tokens.enumerate() {
                let word = &self.tables.words[*id as usize * size..][..size];
                let kind = &self.tables.types[*kind as usize * size..][..size];
                let place = &self.tables.positions[position * size..][..size];
                let row = hidden.row_mut(next).iter_mut();
                for (x, ((w, k), p)) in row.zip(word.iter().zip(kind).zip(place)) {
                    *x = w.to_f32() + k.to_f32() + p.to_f32();
                }
                next += 1;
            }
        }
    }

    /// Pools `length` rows from `first` on.
    fn pool(&self, hidden: &Sheet<f32>, first: usize, length: usize, out: &mut [f32]) {
        let rows = (first..first + length).map(|i| hidden.row(i));
        match self.pooling {
            Pooling::Cls => out.copy_from_slice(hidden.row(first)),
            Pooling::LastToken => out.copy_from_slice(hidden.row(first + length - 1)),
            Pooling::Mean => {
                let scale = 1.0 / length as f32;
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
