//! Networks in candle's arithmetic: for GPUs, and for architectures that our own engine does not
//! know.
//!
//! A family is a file: [`encoder`] runs everything that our own engine does, from the same
//! description; `jina`, `t5`, `deberta` and `decoder` are the others. Each reads its settings
//! ([`Family`]) and its tensors (`source`, checked against the settings) and maps a padded batch
//! to hidden states ([`Network`]); `engine` makes batches and pools. The networks are written
//! over candle's tensors and not taken from its collection of models: those see padding as text
//! (T5, Jina), keep state between calls (decoders), size tables by unchecked settings, or are not
//! there (MPNet).

mod attention;
mod deberta;
mod decoder;
mod encoder;
mod engine;
mod jina;
mod layers;
mod open;
mod pass;
mod source;
mod t5;

use self::engine::Running;
use self::pass::Pass;
use self::source::Source;
use super::bert::config::Config;
use super::device::Place;
use super::encoder::{Engine, Plan, Reading, Sizes};
use super::fields::Fields;
use super::fingerprint::Fingerprint;
use super::options::Precision;
use super::weights::Weights;
use crate::error::{Error, ErrorKind, Result};
use candle_core::{DType, Device, Tensor};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a config.json says of a network of one family.
trait Family: Send + Sync {
    fn sizes(&self) -> Sizes;
    /// The word that begins the fingerprint.
    fn name(&self) -> &'static str;
    /// Adds what decides the vectors and cannot be seen from the weights.
    fn fingerprint(&self, hash: &mut Fingerprint);
    fn read(&self, source: &Source<'_>) -> Result<Box<dyn Network>>;
}

/// A network with its weights in place.
trait Network: Send + Sync {
    /// The last hidden states of a batch: a row of f32 for each place, text by text, `longest`
    /// places a text. What stands in rows behind a text's end is not looked at.
    fn hidden(&self, pass: &Pass<'_>) -> candle_core::Result<Tensor>;
}

struct Planned {
    family: Box<dyn Family>,
    place: Place,
    device: Device,
}

/// The network that a config.json describes, on that device.
pub(super) fn plan(fields: &Fields<'_>, place: Place) -> Result<Box<dyn Plan>> {
    let family: Box<dyn Family> = match fields.text("model_type", "")? {
        "t5" | "mt5" => Box::new(t5::T5::describe(fields)?),
        "deberta-v2" => Box::new(deberta::Deberta::describe(fields)?),
        "qwen2" | "qwen3" | "llama" | "mistral" => Box::new(decoder::Decoder::describe(fields)?),
        "bert" if super::foreign::is(fields)? => Box::new(jina::Jina::describe(fields)?),
        _ => Box::new(Config::read(fields)?),
    };
    Ok(Box::new(Planned {
        family,
        place,
        device: open::device(place)?,
    }))
}

impl Plan for Planned {
    fn sizes(&self) -> Sizes {
        self.family.sizes()
    }

    fn resolve(&self, precision: Precision) -> Result<Precision> {
        open::precision(precision, self.place, &self.device)
    }

    fn name(&self) -> &'static str {
        self.family.name()
    }

    fn fingerprint(&self, hash: &mut Fingerprint) {
        self.family.fingerprint(hash);
    }

    fn read(&self, weights: &Weights, reading: Reading) -> Result<Box<dyn Engine>> {
        let dtype = match reading.precision {
            Precision::Bf16 => DType::BF16,
            _ => DType::F32,
        };
        let source = Source::new(weights, &self.device, dtype);
        let read = guarded(|| Ok(self.family.read(&source)))
            .map_err(|why| refusal(self.place, "read the model", &why))?;
        Ok(Box::new(Running::new(
            read?,
            self.place,
            self.device.clone(),
            self.family.sizes().hidden,
            reading.pooling,
        )))
    }
}

/// Runs foreign code whose panics must not reach the caller.
fn guarded<T>(body: impl FnOnce() -> candle_core::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(payload) => {
            let said = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let said = said.or_else(|| payload.downcast_ref::<String>().cloned());
            Err(said.unwrap_or_else(|| "it gave up without a word".into()))
        }
    }
}

/// The first line of what candle says: traces may follow.
fn refusal(place: Place, doing: &str, why: &str) -> Error {
    let why = why.lines().next().unwrap_or_default();
    Error::new(
        ErrorKind::Unsupported,
        format!("candle cannot {doing} on the device \"{place}\": {why}"),
    )
}
