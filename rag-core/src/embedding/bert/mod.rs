//! The engine for encoders of BERT's kind on the CPU: a folder's weights, packed once, and
//! batches laid end to end.
//!
//! `config` says what the network needs to know of a model, `family` how each family of models
//! says it; `layers` reads the weights, `forward` is the network. The room's `batches` decides
//! which texts of a call share a pass, its `queue` which calls share one.

pub(super) mod config;
mod engine;
pub(super) mod family;
mod forward;
mod layers;
mod number;
pub(super) mod relative;
mod rotary;

use self::config::Config;
use super::encoder::{Engine, Plan, Reading, Sizes};
use super::fields::Fields;
use super::fingerprint::Fingerprint;
use super::options::Precision;
use super::weights::Weights;
use crate::error::Result;

pub(super) use self::family::TYPES;

/// Whether this engine runs models of that `model_type`.
pub(super) fn knows(family: &str) -> bool {
    TYPES.contains(&family)
}

/// The network that a config.json describes.
pub(super) fn plan(fields: &Fields<'_>) -> Result<Box<dyn Plan>> {
    Ok(Box::new(Config::read(fields)?))
}

/// How fingerprints of this network begin, whatever computes it.
pub(super) const NAME: &str = "bert";

impl Plan for Config {
    fn sizes(&self) -> Sizes {
        Sizes {
            hidden: self.hidden_size,
            vocabulary: self.vocab_size,
            kinds: self.type_vocab_size,
            longest: self.longest,
        }
    }

    fn resolve(&self, precision: Precision) -> Result<Precision> {
        Ok(engine::resolve(precision))
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn fingerprint(&self, hash: &mut Fingerprint) {
        Config::fingerprint(self, hash);
    }

    fn read(&self, weights: &Weights, reading: Reading) -> Result<Box<dyn Engine>> {
        engine::read(weights, self, reading)
    }
}
