//! Tensors out of a safetensors file, every size checked before it is believed.
//!
//! The header is read first, then each tensor when it is asked for: piece by piece into a small
//! buffer, and from there as the numbers that are wanted. The file is never mapped into memory, so
//! that one which is shortened or overwritten later can neither end the process nor change a
//! vector; one whose length changes while it is read is refused. The bytes are hashed on the way,
//! so that a fingerprint is of what was read.

use super::files::{regular, stand_in};
use super::fingerprint::{Digest, Fingerprint};
use crate::error::{Error, ErrorKind, Result};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const MAX_FILE: u64 = 16 << 30;
const MAX_HEADER: u64 = 16 << 20;
const MAX_TENSORS: usize = 65_536;

/// Bytes read at a time: they stay in the second-level cache until they are converted.
const PIECE: usize = 256 << 10;

/// A weights file whose header has been read.
pub(super) struct Weights {
    path: PathBuf,
    file: Mutex<File>,
    size: u64,
    /// Where the header ends, from which offsets count.
    start: u64,
    tensors: Metadata,
    /// The hash of each tensor that was read.
    digests: Mutex<BTreeMap<String, u64>>,
    /// Buffers of readers that have finished.
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl Weights {
    /// Opens a file and reads its header; offsets, sizes and overlaps are checked here.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |doing| move |e| Error::io(doing, path, e);
        regular(path)?;
        let mut file = File::open(path).map_err(failed("cannot open"))?;
        let size = file.metadata().map_err(failed("cannot read"))?.len();
        if size > MAX_FILE {
            return Err(Error::invalid(format!(
                "{} has more than {MAX_FILE} bytes, the most that this file may have",
                path.display()
            ))
            .with_file(path));
        }
        let damaged = |at: u64, found: String| Err(Error::corrupt(path, at, found));
        if size < 8 {
            return damaged(
                size,
                format!("{size} bytes are too few for a header; download it again"),
            );
        }
        let mut length = [0; 8];
        (file.read_exact(&mut length)).map_err(|e| read_error(path, 0, size, e))?;
        let header = u64::from_le_bytes(length);
        if header > MAX_HEADER {
            let mut begin = length.to_vec();
            (&file)
                .take(64)
                .read_to_end(&mut begin)
                .map_err(failed("cannot read"))?;
            let found = match stand_in(&begin) {
                Some(what) => format!("it {what}"),
                None => format!(
                    "a header of {header} bytes, at most {MAX_HEADER} are read; is it a \
                     safetensors file?"
                ),
            };
            return damaged(0, found);
        }
        if header > size - 8 {
            return damaged(
                0,
                format!(
                    "a header of {header} bytes in a file of {size}; is it cut short? download it again"
                ),
            );
        }
        let mut json = vec![0; header as usize];
        (file.read_exact(&mut json)).map_err(|e| read_error(path, 8, size, e))?;
        // This also checks that the tensors lie one behind the other, each as long as its shape.
        let tensors: Metadata = match serde_json::from_slice(&json) {
            Ok(tensors) => tensors,
            Err(e) => {
                return damaged(8, format!("the header does not fit the file ({e})"))
                    .map_err(|error| error.with_source(e));
            }
        };
        let start = 8 + header;
        let data = tensors.data_len() as u64;
        if data != size - start {
            return damaged(
                8,
                format!(
                    "the header does not fit the file (it announces {data} bytes of tensors, \
                     there are {}); download it again",
                    size - start
                ),
            );
        }
        let count = tensors.offset_keys().len();
        if count > MAX_TENSORS {
            return damaged(
                8,
                format!("{count} tensors, at most {MAX_TENSORS} are read"),
            );
        }
        Ok(Self {
            path: path.to_path_buf(),
            file: Mutex::new(file),
            size,
            start,
            tensors,
            digests: Mutex::default(),
            buffers: Mutex::default(),
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.info(name).is_some()
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
            .with_file(&self.path)
        })
    }

    /// The floats of a tensor that must have this shape. f16 and bf16 are widened.
    pub(super) fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let mut floats = Vec::new();
        self.append(name, shape, &mut floats, |x| x)?;
        Ok(floats)
    }

    /// Puts what `of` makes of the floats of a tensor of this shape behind what is in `to`.
    pub(super) fn append<T>(
        &self,
        name: &str,
        shape: &[usize],
        to: &mut Vec<T>,
        of: impl Fn(f32) -> T + Copy,
    ) -> Result<()> {
        let tensor = self.find(name, shape)?;
        let (from, end) = tensor.data_offsets;
        // The header was checked against the length of the file, so this is no more than it has.
        to.reserve_exact((end - from) / (tensor.dtype.bitsize() / 8));
        let mut buffer = lock(&self.buffers).pop().unwrap_or_else(|| vec![0; PIECE]);
        let mut digest = Digest::default();
        for at in (from..end).step_by(PIECE) {
            let bytes = &mut buffer[..PIECE.min(end - at)];
            self.read_at(self.start + at as u64, bytes)?;
            digest.add(bytes);
            let wrong = match tensor.dtype {
                Dtype::F32 => convert(bytes, f32::from_le_bytes, of, to),
                Dtype::BF16 => convert(bytes, brain_to_f32, of, to),
                _ => convert(bytes, half_to_f32, of, to),
            };
            if let Some((place, x)) = wrong {
                let place = place + (at - from) / (tensor.dtype.bitsize() / 8);
                return Err(self.refuse(
                    ErrorKind::InvalidArgument,
                    format!("tensor {name} has {x} at {place}; every weight must be finite"),
                ));
            }
        }
        lock(&self.buffers).push(buffer);
        lock(&self.digests).insert(name.into(), digest.finish());
        Ok(())
    }

    /// Adds every tensor that was read, whatever the order, and checks that the file still has
    /// its length. Tensors that were not read decide nothing.
    pub(super) fn finish(self, hash: &mut Fingerprint) -> Result<()> {
        let now = lock(&self.file).metadata();
        let now = now.map_err(|e| Error::io("cannot read", &self.path, e))?;
        if now.len() != self.size {
            return Err(changed(&self.path, self.size.min(now.len()), self.size));
        }
        for (name, digest) in lock(&self.digests).iter() {
            hash.bytes(name.as_bytes());
            if let Some(tensor) = self.tensors.info(name) {
                hash.bytes(tensor.dtype.to_string().as_bytes());
                tensor.shape.iter().for_each(|n| hash.word(*n as u64));
            }
            hash.word(*digest);
        }
        Ok(())
    }

    /// A tensor of this name and shape, of numbers that are read.
    fn find(&self, name: &str, shape: &[usize]) -> Result<&TensorInfo> {
        let Some(tensor) = self.tensors.info(name) else {
            return Err(self.refuse(
                ErrorKind::InvalidArgument,
                format!("no tensor is called {name}; the weights are not those of this config"),
            ));
        };
        if tensor.shape != shape {
            return Err(self.refuse(
                ErrorKind::InvalidArgument,
                format!(
                    "tensor {name} is {}, config.json asks for {}",
                    by(&tensor.shape),
                    by(shape)
                ),
            ));
        }
        match tensor.dtype {
            Dtype::F32 | Dtype::BF16 | Dtype::F16 => Ok(tensor),
            other => Err(self.refuse(
                ErrorKind::Unsupported,
                format!("tensor {name} holds {other}; f32, f16 and bf16 are read"),
            )),
        }
    }

    fn refuse(&self, kind: ErrorKind, message: String) -> Error {
        let message = format!("{}: {message}", self.path.display());
        Error::new(kind, message).with_file(&self.path)
    }

    fn read_at(&self, at: u64, to: &mut [u8]) -> Result<()> {
        let mut file = lock(&self.file);
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(to))
            .map_err(|e| read_error(&self.path, at, self.size, e))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read_error(path: &Path, at: u64, size: u64, e: io::Error) -> Error {
    match e.kind() {
        io::ErrorKind::UnexpectedEof => changed(path, at, size),
        _ => Error::io("cannot read", path, e),
    }
}

fn changed(path: &Path, at: u64, size: u64) -> Error {
    let found = format!("its length was {size} bytes and changed while it was read; try again");
    Error::corrupt(path, at, found)
}

/// Puts the numbers behind `to`; answers the first that is not finite, and its place.
fn convert<const N: usize, T>(
    bytes: &[u8],
    widen: impl Fn([u8; N]) -> f32 + Copy,
    of: impl Fn(f32) -> T,
    to: &mut Vec<T>,
) -> Option<(usize, f32)> {
    let numbers = bytes.as_chunks::<N>().0;
    // The exponent of what is not finite is all ones: looked for in all numbers at once, since
    // a search that can end early is done one by one.
    let endless = |x: f32| u32::from(x.to_bits() & 0x7f80_0000 == 0x7f80_0000);
    let any = (numbers.iter()).fold(0, |any, b| any | endless(widen(*b)));
    if any == 0 {
        to.extend(numbers.iter().map(|b| of(widen(*b))));
        return None;
    }
    let mut floats = numbers.iter().map(|b| widen(*b)).enumerate();
    floats.find(|(_, x)| !x.is_finite())
}

fn by(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "a single number".into();
    }
    let parts: Vec<String> = shape.iter().map(usize::to_string).collect();
    parts.join(" by ")
}

fn brain_to_f32(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

/// IEEE 754 half precision, exactly.
fn half_to_f32(bytes: [u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(bytes));
    // 2^112: the exponents of the two kinds are counted from 15 and from 127.
    let size = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((112 + 127) << 23);
    let endless = if bits & 0x7c00 == 0x7c00 {
        0x7f80_0000
    } else {
        0
    };
    f32::from_bits(size.to_bits() | endless | (bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests;
