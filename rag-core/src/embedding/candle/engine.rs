//! From tokens to pooled vectors: batches of like length, one pass after the other.

use super::pass::Pass;
use super::{Network, guarded, refusal};
use crate::embedding::device::Place;
use crate::embedding::encoder::Engine;
use crate::embedding::folder::Pooling;
use crate::embedding::tokens::Tokens;
use crate::error::{Error, ErrorKind, Result};
use candle_core::Device;

/// Tokens of a pass, padding included. A GPU is busy from some thousands on; the CPU's caches
/// hold fewer.
const ON_GPU: usize = 16_384;
const ON_CPU: usize = 1024;

pub(super) struct Running {
    network: Box<dyn Network>,
    place: Place,
    device: Device,
    hidden: usize,
    pooling: Pooling,
    process: u32,
}

impl Running {
    pub(super) fn new(
        network: Box<dyn Network>,
        place: Place,
        device: Device,
        hidden: usize,
        pooling: Pooling,
    ) -> Self {
        Self {
            network,
            place,
            device,
            hidden,
            pooling,
            process: std::process::id(),
        }
    }

    /// The last hidden states of texts in one pass, text by text.
    fn states(&self, batch: &[&Tokens]) -> Result<Vec<f32>> {
        guarded(|| {
            let pass = Pass::new(batch, &self.device)?;
            self.network.hidden(&pass)?.flatten_all()?.to_vec1::<f32>()
        })
        .map_err(|why| refusal(self.place, "compute these texts", &why))
    }
}

impl Engine for Running {
    fn run(&self, batch: &[&Tokens], out: &mut [&mut [f32]]) -> Result<()> {
        // Neither a GPU's driver nor the threads of candle outlive a fork.
        if self.process != std::process::id() {
            return Err(Error::new(
                ErrorKind::Forked,
                "this embedder was opened before a fork and its device cannot be used in the \
                 child; open it there",
            ));
        }
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_by_key(|i| (std::cmp::Reverse(batch[*i].ids.len()), *i));
        let mut rest = &order[..];
        while let Some(first) = rest.first() {
            let longest = batch[*first].ids.len();
            if longest == 0 {
                rest.iter().for_each(|i| out[*i].fill(0.0));
                break;
            }
            let fit = (self.budget() / longest).max(1);
            let full = rest.iter().take(fit);
            let count = full.take_while(|i| !batch[**i].ids.is_empty()).count();
            let (now, later) = rest.split_at(count);
            rest = later;
            let texts: Vec<&Tokens> = now.iter().map(|i| batch[*i]).collect();
            let states = self.states(&texts)?;
            for (place, i) in now.iter().enumerate() {
                let rows = &states[place * longest * self.hidden..];
                let rows = &rows[..batch[*i].ids.len() * self.hidden];
                self.pooling.pool(rows.chunks_exact(self.hidden), out[*i]);
            }
        }
        Ok(())
    }

    fn budget(&self) -> usize {
        match self.device.is_cpu() {
            true => ON_CPU,
            false => ON_GPU,
        }
    }

    /// The device has its own way of being busy everywhere.
    fn passes(&self, _threads: usize) -> usize {
        1
    }
}
