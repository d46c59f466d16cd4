//! The network in one of its precisions, with room for every thread that runs it.

use super::config::{Config, Positions};
use super::forward::{Arena, Network};
use super::layers::{self, Packing};
use super::number::Number;
use super::rotary::Rotary;
use crate::embedding::batches::BUDGET;
use crate::embedding::encoder::{Engine, Reading};
use crate::embedding::folder::Pooling;
use crate::embedding::options::Precision;
use crate::embedding::tokens::Tokens;
use crate::embedding::weights::Weights;
use crate::error::Result;
use crate::kernel::{self, Bf16, LowKind};
use std::sync::Mutex;

/// The arithmetic that `precision` means on this processor: `Auto` is the fastest one that keeps
/// the cosine to f32 at .9999 or above, which is brain floats where they have an instruction.
pub(super) fn resolve(precision: Precision) -> Precision {
    match precision {
        Precision::Auto if kernel::active().low.multiplies_bf16 => Precision::Bf16,
        Precision::Auto => Precision::F32,
        chosen => chosen,
    }
}

/// Reads a network.
pub(super) fn read(
    tensors: &Weights,
    config: &Config,
    reading: Reading,
) -> Result<Box<dyn Engine>> {
    let Reading {
        precision,
        longest,
        pooling,
        threads,
    } = reading;
    let row = kernel::active();
    let kind = match precision {
        Precision::Int8 => LowKind::Int8,
        _ => LowKind::Bf16,
    };
    let packing = Packing { row, kind, threads };
    match precision {
        Precision::Auto | Precision::F32 => {
            build::<f32>(tensors, packing, config, longest, pooling)
        }
        Precision::Bf16 | Precision::Int8 => {
            build::<Bf16>(tensors, packing, config, longest, pooling)
        }
    }
}

fn build<T: Number>(
    tensors: &Weights,
    packing: Packing,
    config: &Config,
    longest: usize,
    pooling: Pooling,
) -> Result<Box<dyn Engine>> {
    let (tables, layers) = layers::read::<T>(tensors, packing, config, longest)?;
    let rotary = match config.positions {
        Positions::Table { .. } => None,
        Positions::Rotary { theta, local_theta } => {
            Some([theta, local_theta].map(|theta| Rotary::new(theta, config.head_size())))
        }
    };
    Ok(Box::new(Running {
        network: Network {
            config: config.clone(),
            tables,
            layers,
            rotary,
            pooling,
            row: packing.row,
        },
        arenas: Mutex::default(),
    }))
}

struct Running<T: Number> {
    network: Network<T>,
    arenas: Mutex<Vec<Arena<T>>>,
}

impl<T: Number> Engine for Running<T> {
    /// Never waits for an arena: a forked child may find the lock held by a thread that it does
    /// not have.
    fn run(&self, batch: &[&Tokens], out: &mut [&mut [f32]]) -> Result<()> {
        let spare = self.arenas.try_lock().ok().and_then(|mut a| a.pop());
        let mut arena = spare.unwrap_or_default();
        self.network.run(batch, &mut arena, out);
        if let Ok(mut arenas) = self.arenas.try_lock() {
            arenas.push(arena);
        }
        Ok(())
    }

    fn budget(&self) -> usize {
        BUDGET
    }

    fn passes(&self, threads: usize) -> usize {
        threads
    }
}
