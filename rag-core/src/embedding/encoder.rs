//! A model folder in use: texts to tokens, tokens to batches, batches through a network.
//!
//! The network is behind [`Engine`]: our own on the CPU (`bert`), or candle's arithmetic for other
//! devices and architectures (`candle`). A [`Plan`] is what either says of a config.json before
//! any weight is read. All else (settings, prompts, cuts, the queue, fingerprints) is here, once.

use super::batches::plan;
use super::bert;
use super::candle;
use super::dense::Dense;
use super::device::Place;
use super::fields::Fields;
use super::fingerprint::Fingerprint;
use super::folder::{Folder, Pooling, unsupported};
use super::foreign;
use super::model::Model;
use super::options::{EmbedderOptions, Precision, TextKind};
use super::queue::{Queue, Request};
use super::tokens::{TokenReader, Tokens};
use super::weights::Weights;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::threads;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Texts tokenised ahead of the passes: bounds the memory that a large corpus takes.
const WINDOW: usize = 1024;

/// The sizes of a network that the way to it depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Floats in a token's last vector.
    pub(super) hidden: usize,
    /// Rows of the embedding table.
    pub(super) vocabulary: usize,
    /// Kinds of token that have a vector of their own; 0: kinds are not looked at.
    pub(super) kinds: usize,
    /// Tokens of the longest text.
    pub(super) longest: usize,
}

/// How a network is to be read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// Never `Auto`.
    pub(super) precision: Precision,
    /// Tokens of the longest text that it will see.
    pub(super) longest: usize,
    pub(super) pooling: Pooling,
    /// For the reading alone.
    pub(super) threads: usize,
}

/// A network that config.json describes, before its weights are read.
pub(super) trait Plan {
    fn sizes(&self) -> Sizes;
    /// What `precision` means here, never `Auto`.
    fn resolve(&self, precision: Precision) -> Result<Precision>;
    /// The word that begins the fingerprint: one for each way to compute.
    fn name(&self) -> &'static str;
    /// Adds what decides the vectors and cannot be seen from the weights.
    fn fingerprint(&self, hash: &mut Fingerprint);
    fn read(&self, weights: &Weights, reading: Reading) -> Result<Box<dyn Engine>>;
}

/// A network, whatever it computes with.
pub(super) trait Engine: Send + Sync {
    /// Writes the pooled vector of each sequence to the row of `out` with its number; zeros for
    /// one without tokens.
    fn run(&self, batch: &[&Tokens], out: &mut [&mut [f32]]) -> Result<()>;
    /// Tokens that a pass is fastest with.
    fn budget(&self) -> usize;
    /// Passes to run at once for a call that may use so many threads.
    fn passes(&self, threads: usize) -> usize;
}

/// A model folder, opened.
pub(super) struct Encoder {
    folder: Folder,
    sizes: Sizes,
    precision: Precision,
    engine: Box<dyn Engine>,
    dense: Vec<Dense>,
    reader: TokenReader,
    queue: Queue<Tokens>,
    fingerprint: u64,
}

impl Encoder {
    pub(super) fn open(path: &Path, options: &EmbedderOptions) -> Result<Self> {
        let place = Place::parse(&options.device)?;
        let folder = Folder::open(path)?;
        let config = folder.transformer.join("config.json");
        let plan = planned(&Fields::read(&config)?, place)?;
        let sizes = plan.sizes();
        let longest = sizes.longest;
        let max_tokens = match options.max_tokens {
            Some(wanted) if wanted > longest => {
                return Err(Error::invalid(format!(
                    "max_tokens must be at most {longest}, the positions of this model, \
                     got {wanted}"
                )));
            }
            Some(wanted) => wanted,
            None => folder.max_tokens.unwrap_or(longest).min(longest),
        };
        let precision = plan.resolve(options.precision)?;
        // f32 and brain floats agree to a cosine of .9999: one may search what the other stored.
        let arithmetic = match precision {
            Precision::Int8 => "int8",
            _ => "f32",
        };
        let mut hash = Fingerprint::new(&format!("{} {arithmetic}", plan.name()));
        let reader = TokenReader::open(
            &folder.transformer.join("tokenizer.json"),
            sizes.vocabulary,
            max_tokens,
            folder.lowercase,
            &mut hash,
        )?;
        let weights = Weights::open(&weights_path(&folder.transformer)?)?;
        let reading = Reading {
            precision,
            longest: max_tokens,
            pooling: folder.pooling,
            threads: threads::resolve(options.threads),
        };
        let engine = plan.read(&weights, reading)?;
        weights.finish(&mut hash)?;
        plan.fingerprint(&mut hash);
        hash.word(max_tokens as u64);
        folder.fingerprint(&mut hash);
        let dense = Dense::read_all(&folder.dense, sizes.hidden, &mut hash)?;
        Ok(Self {
            queue: Queue::new(
                options.max_batch.unwrap_or(engine.budget()),
                Duration::from_millis(options.max_wait_ms as u64),
            ),
            folder,
            sizes,
            precision,
            engine,
            dense,
            reader,
            fingerprint: hash.finish(),
        })
    }

    fn read_tokens(&self, prompt: &str, text: &str) -> Result<Tokens> {
        let tokens = self.reader.read(prompt, text)?;
        let kinds = self.sizes.kinds;
        if kinds > 0
            && let Some(kind) = tokens.types.iter().find(|kind| **kind as usize >= kinds)
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the tokenizer gives a token of kind {kind}, the model knows {kinds} kinds; \
                     are they of the same model?"
                ),
            ));
        }
        Ok(tokens)
    }

    fn run(&self, batch: &[&Tokens], rows: &mut [&mut [f32]]) -> Result<()> {
        if self.dense.is_empty() {
            return self.engine.run(batch, rows);
        }
        let mut pooled = vec![0.0; batch.len() * self.sizes.hidden];
        let mut own: Vec<&mut [f32]> = pooled.chunks_exact_mut(self.sizes.hidden).collect();
        self.engine.run(batch, &mut own)?;
        for ((tokens, own), row) in batch.iter().zip(own).zip(rows) {
            match tokens.ids.is_empty() {
                true => row.fill(0.0),
                false => Dense::through(&self.dense, own, row),
            }
        }
        Ok(())
    }
}

/// Our own engine where it may and can run the model, else candle.
fn planned(fields: &Fields<'_>, place: Place) -> Result<Box<dyn Plan>> {
    let foreign = foreign::is(fields)?;
    let family = fields.text("model_type", "")?;
    if !foreign && !bert::knows(family) {
        return Err(foreign::refusal(fields, family));
    }
    match place == Place::Cpu && !foreign {
        true => bert::plan(fields),
        false => candle::plan(fields, place),
    }
}

fn weights_path(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("model.safetensors");
    for other in ["model.safetensors.index.json", "pytorch_model.bin"] {
        let other = folder.join(other);
        if !path.exists() && other.exists() {
            return Err(unsupported(
                &other,
                "weights in one model.safetensors are read; convert them".into(),
            ));
        }
    }
    Ok(path)
}

impl Model for Encoder {
    fn name(&self) -> &str {
        &self.folder.name
    }

    fn dim(&self) -> usize {
        self.dense.last().map_or(self.sizes.hidden, Dense::outputs)
    }

    fn max_tokens(&self) -> usize {
        self.reader.max_tokens()
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn normalizes(&self) -> bool {
        self.folder.normalizes
    }

    fn count_tokens(&self, text: &str) -> Result<usize> {
        self.reader.count(text)
    }

    fn encode(
        &self,
        texts: &[&str],
        kind: TextKind,
        threads: usize,
        progress: &mut Progress<'_>,
        out: &mut [f32],
    ) -> Result<usize> {
        let prompt = self.folder.prompt(kind);
        let run = |batch: &[&Tokens], rows: &mut [&mut [f32]]| self.run(batch, rows);
        let passes = self.engine.passes(threads);
        let (mut done, mut truncated) = (0, 0);
        for (window, out) in texts
            .chunks(WINDOW)
            .zip(out.chunks_mut(WINDOW * self.dim()))
        {
            let tokens = threads::map(threads, window.len(), &|i| {
                self.read_tokens(prompt, window[i])
            })
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
            truncated += tokens.iter().filter(|t| t.truncated).count();
            let costs: Vec<usize> = tokens.iter().map(|t| t.ids.len()).collect();
            let request = Request {
                batches: plan(&costs, self.queue.budget(), passes),
                sequences: tokens,
                costs,
                dim: self.dim(),
            };
            let mut watch = |now: usize| progress.step(done + now, texts.len());
            self.queue.run(request, passes, &run, &mut watch, out)?;
            done += window.len();
            // Where other threads ran every batch, nothing has been told yet.
            progress.step(done, texts.len())?;
        }
        Ok(truncated)
    }
}
