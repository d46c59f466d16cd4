//! The handle that callers hold.

use super::built_in::BuiltIn;
use super::device::Place;
use super::encoder::Encoder;
use super::model::Model;
use super::options::{EmbedderOptions, EncodeOptions, Precision};
use crate::error::{Error, ErrorKind, Result};
use crate::kernel;
use crate::matrix::Matrix;
use crate::progress::Progress;
use crate::threads;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Turns texts into vectors. A clone is the same model, not a copy of its weights.
///
/// Calls from many threads share passes: texts that arrive while the engine is busy are computed
/// together, whoever brought them. One [`Embedder`] for a whole server is the fast way.
///
/// A text's vector depends on the text alone, to the bit: not on the texts beside it, their
/// order, or the number of threads. Where candle computes (the feature of that name), the last
/// bits may differ.
///
/// ```no_run
/// use rag_core::Progress;
/// use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions};
/// let embedder = Embedder::open("all-MiniLM-L6-v2", &EmbedderOptions::default())?;
/// let rows = embedder.encode(&["a cat", "a dog"], &EncodeOptions::default(), Progress::none())?;
/// assert_eq!((rows.len(), rows.dim()), (2, embedder.dim()));
/// // What does not fit is cut: ask how many texts that was.
/// let long = ["word ".repeat(1000)];
/// let encoded = embedder.encode_counted(&long, &EncodeOptions::default(), Progress::none())?;
/// assert_eq!((encoded.rows.len(), encoded.truncated), (1, 1));
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Embedder {
    model: Arc<dyn Model>,
    threads: Option<usize>,
}

/// What [`Embedder::encode_counted`] answers.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// One vector for each text, in order.
    pub rows: Matrix,
    /// Texts of which only the first [`Embedder::max_tokens`] tokens were read.
    pub truncated: usize,
}

impl Embedder {
    /// Opens a model folder: `config.json` of a known family (BERT, RoBERTa, XLM-RoBERTa,
    /// CamemBERT, MPNet, DistilBERT, ModernBERT, NomicBERT), `tokenizer.json`,
    /// `model.safetensors` (f32, f16 or bf16), and the sentence-transformers settings where they
    /// are there: stages, pooling (mean, cls, max, last token), longest text, prompts.
    ///
    /// With the feature `candle` also T5's encoder, DeBERTa, BERT with ALiBi, Qwen, Llama and
    /// Mistral, and any of them on the `device` of the options.
    ///
    /// `NotFound` names a missing file, `Corrupt` a damaged one; `Unsupported` is a model that
    /// this release does not run, `InvalidArgument` files that do not belong together.
    pub fn open(path: impl AsRef<Path>, options: &EmbedderOptions) -> Result<Self> {
        options.check()?;
        let model = Encoder::open(path.as_ref(), options)?;
        Ok(Self {
            model: Arc::new(model),
            threads: options.threads,
        })
    }

    /// The static model that every build carries: no file, no download. See `docs/embedding.md`.
    ///
    /// It computes in f32 from an 8-bit table and reads texts of any length; a `max_tokens` cuts
    /// them for its own reasons, so `Unsupported` answers one.
    ///
    /// ```
    /// use rag_core::Progress;
    /// use rag_core::embedding::{Embedder, EmbedderOptions, EncodeOptions};
    /// let embedder = Embedder::built_in(&EmbedderOptions::default())?;
    /// let texts = ["a small cat", "the kitten", "tax law"];
    /// let rows = embedder.encode(&texts, &EncodeOptions::default(), Progress::none())?;
    /// let near = rag_core::kernel::dot(rows.row(0), rows.row(1))?;
    /// let far = rag_core::kernel::dot(rows.row(0), rows.row(2))?;
    /// assert!(near > far);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn built_in(options: &EmbedderOptions) -> Result<Self> {
        options.check()?;
        let place = Place::parse(&options.device)?;
        if place != Place::Cpu {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the built-in model is looked up in a table on the CPU, where nothing is \
                     gained by the device \"{place}\"; leave device out"
                ),
            ));
        }
        if let other @ (Precision::Bf16 | Precision::Int8) = options.precision {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the built-in model computes in f32 and not in \"{}\"; leave precision out",
                    other.name()
                ),
            ));
        }
        if let Some(limit) = options.max_tokens {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the built-in model reads whole texts and cannot stop at {limit} tokens; \
                     leave max_tokens out, or split the texts"
                ),
            ));
        }
        Ok(Self {
            model: Arc::new(BuiltIn),
            threads: options.threads,
        })
    }

    /// One vector of [`Embedder::dim`] floats for each text, in order.
    ///
    /// Texts longer than [`Embedder::max_tokens`] are cut there; [`Embedder::encode_counted`] says
    /// how many were. An empty text has a vector like any other; of zeros, where the tokenizer
    /// makes no token of it. `progress` is told texts done and texts in all; stopping it is
    /// `Interrupted`.
    ///
    /// Beside the result a call takes bounded memory, however many texts there are.
    pub fn encode(
        &self,
        texts: &[impl AsRef<str>],
        options: &EncodeOptions,
        progress: Progress<'_>,
    ) -> Result<Matrix> {
        Ok(self.encode_counted(texts, options, progress)?.rows)
    }

    /// [`Embedder::encode`], with the number of texts that were cut.
    pub fn encode_counted(
        &self,
        texts: &[impl AsRef<str>],
        options: &EncodeOptions,
        mut progress: Progress<'_>,
    ) -> Result<Encoded> {
        options.check()?;
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let dim = self.dim();
        let mut out = Matrix::zeros(texts.len(), dim);
        let threads = threads::resolve(self.threads);
        let truncated =
            (self.model).encode(&texts, options.kind, threads, &mut progress, out.data_mut())?;
        let unit = options.normalize || self.model.normalizes();
        for (i, row) in out.data_mut().chunks_exact_mut(dim).enumerate() {
            if row.iter().any(|x| !x.is_finite()) {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "text {i}: the model's numbers overflow in f32; are its weights damaged?"
                    ),
                ));
            }
            // Zeros have no direction and stay zeros, whatever is asked for.
            if unit && row.iter().any(|x| *x != 0.0) {
                kernel::normalize(row).map_err(|e| e.context(format!("text {i}")))?;
            }
        }
        Ok(Encoded {
            rows: out,
            truncated,
        })
    }

    /// Floats in a vector.
    pub fn dim(&self) -> usize {
        self.model.dim()
    }

    /// Tokens of a text that are read, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.model.max_tokens()
    }

    /// The arithmetic in use, never `Auto`.
    pub fn precision(&self) -> Precision {
        self.model.precision()
    }

    /// The model's name: its folder's.
    pub fn name(&self) -> &str {
        self.model.name()
    }

    /// A hash of everything that decides the vectors: weights, tokenizer, settings, longest text
    /// and precision, where f32 and brain floats count as one: each may search what the other has
    /// stored. The folder's name and place do not matter.
    pub fn fingerprint(&self) -> u64 {
        self.model.fingerprint()
    }

    /// Tokens that a text has, special ones included: more than [`Embedder::max_tokens`] means
    /// that [`Embedder::encode`] cuts it. Prompts are not counted.
    pub fn count_tokens(&self, text: &str) -> Result<usize> {
        self.model.count_tokens(text)
    }
}

impl fmt::Debug for Embedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder")
            .field("name", &self.name())
            .field("dim", &self.dim())
            .field("fingerprint", &format_args!("{:016x}", self.fingerprint()))
            .finish()
    }
}
