//! The engine for encoders of BERT's kind: a folder's weights, packed once, and batches run on
//! the CPU.
//!
//! `config` says what the network needs to know of a model, `family` how each family of models
//! says it; `layers` reads the weights, `forward` is the network, `batches` decides which texts
//! of a call share a pass, and the room's `queue` which calls share one.

mod batches;
mod config;
mod engine;
mod family;
mod fields;
mod forward;
mod layers;
mod number;
mod relative;
mod rotary;

use self::batches::{BUDGET, plan};
use self::config::Config;
use self::engine::Engine;
use super::fingerprint::Fingerprint;
use super::folder::{Folder, unsupported};
use super::model::Model;
use super::options::{EmbedderOptions, Precision, TextKind};
use super::queue::{Queue, Request};
use super::tokens::{TokenReader, Tokens};
use super::weights::Weights;
use crate::error::{Error, ErrorKind, Result};
use crate::progress::Progress;
use crate::threads;
use std::path::Path;
use std::time::Duration;

/// Texts tokenised ahead of the passes: bounds the memory that a large corpus takes.
const WINDOW: usize = 1024;

/// A BERT model of a folder.
pub(super) struct Bert {
    folder: Folder,
    config: Config,
    precision: Precision,
    engine: Box<dyn Engine>,
    reader: TokenReader,
    queue: Queue<Tokens>,
    fingerprint: u64,
}

impl Bert {
    pub(super) fn open(path: &Path, options: &EmbedderOptions) -> Result<Self> {
        let folder = Folder::open(path)?;
        let config = Config::read(&folder.transformer.join("config.json"))?;
        let longest = config.longest;
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
        let precision = engine::resolve(options.precision);
        // f32 and brain floats agree to a cosine of .9999: one may search what the other stored.
        let mut hash = Fingerprint::new(match precision {
            Precision::Int8 => "bert int8",
            _ => "bert f32",
        });
        let tokenizer = folder.transformer.join("tokenizer.json");
        let reader = TokenReader::open(
            &tokenizer,
            config.vocab_size,
            max_tokens,
            folder.lowercase,
            &mut hash,
        )?;
        let weights = Weights::open(&weights_path(&folder.transformer)?)?;
        let engine = engine::read(
            &weights,
            precision,
            &config,
            max_tokens,
            folder.pooling,
            threads::resolve(options.threads),
        )?;
        weights.finish(&mut hash)?;
        config.fingerprint(&mut hash);
        hash.word(max_tokens as u64);
        folder.fingerprint(&mut hash);
        Ok(Self {
            folder,
            config,
            precision,
            engine,
            reader,
            queue: Queue::new(
                options.max_batch.unwrap_or(BUDGET),
                Duration::from_millis(options.max_wait_ms as u64),
            ),
            fingerprint: hash.finish(),
        })
    }

    fn read_tokens(&self, prompt: &str, text: &str) -> Result<Tokens> {
        let tokens = self.reader.read(prompt, text)?;
        let kinds = self.config.type_vocab_size;
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
}

fn weights_path(folder: &Path) -> Result<std::path::PathBuf> {
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

impl Model for Bert {
    fn name(&self) -> &str {
        &self.folder.name
    }

    fn dim(&self) -> usize {
        self.config.hidden_size
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
        let run = |batch: &[&Tokens], rows: &mut [&mut [f32]]| self.engine.run(batch, rows);
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
                batches: plan(&costs, self.queue.budget(), threads),
                sequences: tokens,
                costs,
                dim: self.dim(),
            };
            let mut watch = |now: usize| progress.step(done + now, texts.len());
            self.queue.run(request, threads, &run, &mut watch, out)?;
            done += window.len();
            // Where other threads ran every batch, nothing has been told yet.
            progress.step(done, texts.len())?;
        }
        Ok(truncated)
    }
}
