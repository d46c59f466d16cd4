//! The way from token ids to pooled vectors, for a batch of sequences laid end to end.
//!
//! Nothing is padded: linear layers see one tall matrix of all tokens, attention runs sequence by
//! sequence. Every number depends on its own sequence alone, because a product's rows do.

use super::config::Config;
use super::layers::{Layer, Tables};
use super::number::{Attention, Number};
use super::rotary::{Angles, Rotary};
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
    /// Of the layers that see everything, and of those that see a window.
    angles: [Angles; 2],
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
            angles: Default::default(),
        }
    }
}

/// A model ready to run.
pub(super) struct Network<T: Number> {
    pub(super) config: Config,
    pub(super) tables: Tables<T>,
    pub(super) layers: Vec<Layer<T>>,
    /// As for [`Arena`]'s angles.
    pub(super) rotary: Option<[Rotary; 2]>,
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
            angles,
        } = arena;
        hidden.shape(tokens, size);
        input.shape(tokens, size);
        qkv.shape(tokens, 3 * size);
        context.shape(tokens, size);
        wide.shape(tokens, self.config.intermediate_size);
        self.embed(batch, hidden);
        T::norm(self.row, hidden, self.tables.norm.to(input));
        for layer in &self.layers {
            T::linear(&layer.qkv, input, Then::Store(qkv), scratch);
            let local = usize::from(layer.reach != usize::MAX);
            let mut first = 0;
            for sequence in batch.iter().filter(|s| !s.ids.is_empty()) {
                if let Some(rotary) = &self.rotary {
                    rotary[local].turn(qkv, first, sequence.ids.len(), &mut angles[local]);
                }
                let call = Attention {
                    qkv,
                    out: context,
                    first,
                    length: sequence.ids.len(),
                    heads: self.config.num_attention_heads,
                    reach: layer.reach,
                    bias: self.tables.relative.as_deref(),
                };
                T::attend(self.row, call, scratch);
                first += sequence.ids.len();
            }
            let normed = Some(layer.attention_norm.to(input));
            T::linear(
                &layer.after_attention,
                context,
                Then::Add(hidden, normed),
                scratch,
            );
            let f = self.config.activation;
            match &layer.gate {
                None => T::linear(&layer.widen, input, Then::Apply(wide, f), scratch),
                Some(gate) => {
                    T::linear(&layer.widen, input, Then::Store(wide), scratch);
                    T::linear(gate, input, Then::Gate(wide, f), scratch);
                }
            }
            let normed = Some(layer.output_norm.to(input));
            T::linear(&layer.narrow, wide, Then::Add(hidden, normed), scratch);
        }
        let mut first = 0;
        for (sequence, out) in batch.iter().zip(out) {
            let rows = first..first + sequence.ids.len();
            self.pooling.pool(rows.map(|i| hidden.row(i)), out);
            first += sequence.ids.len();
        }
    }

    fn embed(&self, batch: &[&Tokens], hidden: &mut Sheet<f32>) {
        let size = self.config.hidden_size;
        let tables = &self.tables;
        let mut next = 0;
        for sequence in batch {
            let mut places = self.config.positions.count();
            for (id, kind) in sequence.ids.iter().zip(&sequence.types) {
                let row = hidden.row_mut(next);
                let word = &tables.words[*id as usize * size..][..size];
                for (x, y) in row.iter_mut().zip(word) {
                    *x = y.to_f32();
                }
                let place = places.next(*id);
                for (table, at) in [(&tables.types, *kind as usize), (&tables.positions, place)] {
                    if !table.is_empty() {
                        let addends = &table[at * size..][..size];
                        for (x, y) in row.iter_mut().zip(addends) {
                            *x += y.to_f32();
                        }
                    }
                }
                next += 1;
            }
        }
    }
}
