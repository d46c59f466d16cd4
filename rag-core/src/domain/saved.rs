//! A detector as bytes, all numbers little-endian.
//!
//! Version `u8`, background `f64`, dimension `u32` (0 if unknown), whether a model is named `u8` and
//! its fingerprint `u64`; a count of domains, each: name, number of examples `u64`, their sum as
//! `f64`, a count of kept examples and their `f32`. What tells domains apart is fitted anew.

use super::{Domain, DomainDetector, DomainOptions, KEPT, MAX_DIM, MAX_DOMAINS, MAX_NAME, draw};
use crate::bytes::{Read, Reader, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use std::collections::BTreeMap;
use std::path::Path;

const KIND: &str = "domains";
const VERSION: u32 = 1;
const MAX_BYTES: u64 = 1 << 30;

impl DomainDetector {
    /// Everything as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.byte(VERSION as u8);
        out.reals(&[self.options.background]);
        out.word(self.dim.unwrap_or(0) as u32);
        out.byte(u8::from(self.model.is_some()));
        out.long(self.model.unwrap_or(0));
        out.count(self.domains.len());
        for (name, domain) in &self.domains {
            out.text(name.as_bytes());
            out.long(domain.count);
            out.reals(&domain.sum);
            out.count(domain.kept.len());
            for (_, unit) in &domain.kept {
                out.floats(unit);
            }
        }
        out.finish()
    }

    /// What [`DomainDetector::to_bytes`] wrote. `Corrupt` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader::new(bytes);
        match input.byte().map(u32::from) {
            Ok(VERSION) => {}
            Ok(version) if version > VERSION => {
                return Err(Error::new(
                    ErrorKind::FormatVersion,
                    format!(
                        "these bytes are a domain detector of format {version}, this release reads \
                         up to {VERSION}; update ragcore"
                    ),
                ));
            }
            _ => return Err(damaged("they do not begin like one")),
        }
        let found = detector(&mut input).map_err(damaged)?;
        match input.left() {
            0 => Ok(found),
            more => Err(damaged(&format!("{more} bytes too many"))),
        }
    }

    /// Writes it to a file: after a crash the old or the new one is there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::save(path.as_ref(), KIND, VERSION, &self.to_bytes())
    }

    /// Reads what [`DomainDetector::save`] wrote.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (_, payload) = file::load(path, KIND, VERSION, MAX_BYTES)?;
        Self::from_bytes(&payload).map_err(|e| e.context(path.display()).with_file(path))
    }
}

fn damaged(found: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("these bytes are not a saved domain detector: {found}"),
    )
}

fn detector(input: &mut Reader<'_>) -> Read<DomainDetector> {
    let options = DomainOptions::default().background(input.real()?);
    options.check().map_err(|_| "an option is out of range")?;
    let dim = input.word()? as usize;
    if dim > MAX_DIM {
        return Err("the dimension is too large");
    }
    let named = match input.byte()? {
        0 => false,
        1 => true,
        _ => return Err("a flag is neither 0 nor 1"),
    };
    let model = input.long()?;
    let count = input.word()? as usize;
    if count > MAX_DOMAINS {
        return Err("there are too many domains");
    }
    if (dim == 0) != (count == 0) {
        return Err("a dimension belongs to domains");
    }
    let mut domains = BTreeMap::new();
    for _ in 0..count {
        let length = input.word()? as usize;
        if !(1..=MAX_NAME).contains(&length) {
            return Err("a name is too long");
        }
        let name = std::str::from_utf8(input.bytes(length)?).map_err(|_| "a name is no text")?;
        let ascends = domains
            .last_key_value()
            .is_none_or(|(last, _): (&String, _)| last.as_str() < name);
        if !ascends {
            return Err("the domains are out of order");
        }
        domains.insert(name.to_owned(), domain(input, dim)?);
    }
    let mut found = DomainDetector {
        options,
        dim: (dim > 0).then_some(dim),
        model: named.then_some(model),
        domains: BTreeMap::new(),
        fitted: None,
    };
    found.refit(domains);
    Ok(found)
}

fn domain(input: &mut Reader<'_>, dim: usize) -> Read<Domain> {
    let mut found = Domain::new(0);
    found.count = input.long()?;
    let sums = input.arrays::<8>(dim)?;
    found.sum = sums.iter().map(|x| f64::from_le_bytes(*x)).collect();
    // The mean of unit vectors is no longer than one.
    let most = found.count as f64 * (1.0 + 1e-6);
    let length: f64 = found.sum.iter().map(|x| x * x).sum::<f64>().sqrt();
    if found.count == 0 || length.is_nan() || length > most {
        return Err("a sum is not that of its examples");
    }
    let kept = input.word()? as usize;
    if kept > KEPT || kept as u64 > found.count {
        return Err("more examples are kept than there can be");
    }
    for _ in 0..kept {
        let unit = input.arrays::<4>(dim)?;
        let unit: Vec<f32> = unit.iter().map(|x| f32::from_le_bytes(*x)).collect();
        let length: f64 = unit.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
        if length.is_nan() || (length - 1.0).abs() > 1e-4 {
            return Err("an example is not of unit length");
        }
        let before = found.kept.len();
        found.keep(draw(&unit), &unit);
        let last = found.kept.last().is_some_and(|(_, last)| *last == unit);
        if found.kept.len() == before || !last {
            return Err("the examples are out of order");
        }
    }
    Ok(found)
}
