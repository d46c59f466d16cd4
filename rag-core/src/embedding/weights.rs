//! Tensors out of a safetensors file, every size checked before it is believed.

use crate::error::{Error, ErrorKind, Result};
use crate::file;
use safetensors::{Dtype, SafeTensors};
use std::path::{Path, PathBuf};

const MAX_FILE: u64 = 16 << 30;
const MAX_HEADER: u64 = 16 << 20;
const MAX_TENSORS: usize = 65_536;

/// The bytes of a weights file.
pub(super) struct WeightsFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl WeightsFile {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = file::read(path, MAX_FILE)?;
        Ok(Self {
            path: path.to_path_buf(),
            bytes,
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads the header; offsets, sizes and overlaps are checked here.
    pub(super) fn tensors(&self) -> Result<Weights<'_>> {
        let damaged = |at: u64, found: String| Err(Error::corrupt(&self.path, at, found));
        let size = self.bytes.len() as u64;
        let Some(length) = self.bytes.first_chunk::<8>() else {
            return damaged(size, format!("{size} bytes are too few for a header"));
        };
        let header = u64::from_le_bytes(*length);
        if header > MAX_HEADER {
            return damaged(
                0,
                format!("a header of {header} bytes, at most {MAX_HEADER} are read"),
            );
        }
        if header > size - 8 {
            return damaged(
                0,
                format!("a header of {header} bytes in a file of {size}; is it cut short?"),
            );
        }
        let tensors = match SafeTensors::deserialize(&self.bytes) {
            Ok(tensors) => tensors,
            Err(e) => {
                return damaged(8, format!("the header does not fit the file ({e})"))
                    .map_err(|error| error.with_source(e));
            }
        };
        if tensors.len() > MAX_TENSORS {
            return damaged(
                8,
                format!("{} tensors, at most {MAX_TENSORS} are read", tensors.len()),
            );
        }
        Ok(Weights {
            path: &self.path,
            tensors,
        })
    }
}

/// The tensors of a weights file.
pub(super) struct Weights<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
}

impl Weights<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    /// The first prefix under which there is a tensor of this name.
    pub(super) fn prefix(&self, prefixes: &[&'static str], name: &str) -> Result<&'static str> {
        let there = |prefix: &&&str| self.has(&format!("{prefix}{name}"));
        prefixes.iter().find(there).copied().ok_or_else(|| {
            let tried: Vec<String> = prefixes.iter().map(|p| format!("{p}{name}")).collect();
            Error::invalid(format!(
                "{}: no tensor is called {}; the weights are not those of this config",
                self.path.display(),
                tried.join(" or ")
            ))
            .with_file(self.path)
        })
    }

    /// The floats of a tensor that must have this shape. f16 and bf16 are widened.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let fail = |kind, message: String| {
            let message = format!("{}: {message}", self.path.display());
            Err(Error::new(kind, message).with_file(self.path))
        };
        let Ok(tensor) = self.tensors.tensor(name) else {
            return fail(
                ErrorKind::InvalidArgument,
                format!("no tensor is called {name}; the weights are not those of this config"),
            );
        };
        if tensor.shape() != shape {
            return fail(
                ErrorKind::InvalidArgument,
                format!(
                    "tensor {name} is {}, config.json asks for {}",
                    by(tensor.shape()),
                    by(shape)
                ),
            );
        }
        let data = tensor.data();
        let floats: Vec<f32> = match tensor.dtype() {
            Dtype::F32 => (data.as_chunks::<4>().0.iter())
                .map(|b| f32::from_le_bytes(*b))
                .collect(),
            Dtype::BF16 => (data.as_chunks::<2>().0.iter())
                .map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16))
                .collect(),
            Dtype::F16 => (data.as_chunks::<2>().0.iter())
                .map(|b| half_to_f32(u16::from_le_bytes(*b)))
                .collect(),
            other => {
                return fail(
                    ErrorKind::Unsupported,
                    format!("tensor {name} holds {other}; f32, f16 and bf16 are read"),
                );
            }
        };
        if let Some(at) = floats.iter().position(|x| !x.is_finite()) {
            return fail(
                ErrorKind::InvalidArgument,
                format!(
                    "tensor {name} has {} at {at}; every weight must be finite",
                    floats[at]
                ),
            );
        }
        Ok(floats)
    }
}

fn by(shape: &[usize]) -> String {
    let parts: Vec<String> = shape.iter().map(usize::to_string).collect();
    parts.join(" by ")
}

/// IEEE 754 half precision, exactly.
fn half_to_f32(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0f32 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        e => (1.0 + fraction / 1024.0) * 2f32.powi(e - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_widened_exactly() {
        for (bits, want) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half_to_f32(bits), want, "{bits:#x}");
        }
        assert!(half_to_f32(0x7e00).is_nan());
    }
}
