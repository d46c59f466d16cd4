//! Where a model is computed, as the option `device` names it.

use crate::error::{Error, Result};
use std::fmt;

/// The most devices of a kind that a machine may have.
const MOST: usize = 1 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Cpu,
    /// The CPU in candle's arithmetic, whatever the model: the networks that GPUs run.
    Candle,
    /// An NVIDIA GPU, by number.
    Cuda(usize),
    /// Apple's GPU.
    Metal,
}

impl Place {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let number = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            let number = digits.parse().ok().filter(|n| plain && *n < MOST)?;
            Some(Self::Cuda(number))
        };
        let place = match text {
            "cpu" => Some(Self::Cpu),
            "candle" => Some(Self::Candle),
            "cuda" => Some(Self::Cuda(0)),
            "metal" => Some(Self::Metal),
            other => other.strip_prefix("cuda:").and_then(number),
        };
        place.ok_or_else(|| {
            Error::invalid(format!(
                "device must be \"cpu\", \"candle\", \"cuda\", \"cuda:\" and a number below {MOST}, \
                 or \"metal\", got \"{text}\""
            ))
        })
    }

    /// The cargo feature that a build needs for it.
    pub(super) fn feature(self) -> &'static str {
        match self {
            Self::Cpu | Self::Candle => "candle",
            Self::Cuda(_) => "cuda",
            Self::Metal => "metal",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Candle => f.write_str("candle"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_to_the_letter() {
        for (text, place) in [
            ("cpu", Place::Cpu),
            ("candle", Place::Candle),
            ("cuda", Place::Cuda(0)),
            ("cuda:0", Place::Cuda(0)),
            ("cuda:12", Place::Cuda(12)),
            ("metal", Place::Metal),
        ] {
            assert_eq!(Place::parse(text).unwrap(), place);
        }
        for text in [
            "",
            "CPU",
            "gpu",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "cuda: 1",
            "cuda:1024",
            "cuda:99999999999999999999",
        ] {
            let error = Place::parse(text).unwrap_err().to_string();
            assert!(error.ends_with(&format!("got \"{text}\"")), "{error}");
        }
    }
}
