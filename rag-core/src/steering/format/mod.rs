//! The file of a [`Steering`] set: safetensors, so that any tool can read the vectors.
//!
//! Tensors: `dials` f32 (dials, dim); `names` u8 and `name_lengths` u32, the users' names one after
//! the other. Of the sums, one row for each user and worker: `sums_user` u32, `sums_worker` u64,
//! `sums_counts` u32 (2: ratings, revisions), `sums` f64 (2: weight, rated), `toward` i16 (dim) in
//! units of `toward_units` f32. `crowd` f32 (dim). Of the history, one row for each rating:
//! `residuals` i16 (dim) in units of `residual_units` f32, `ratings` f64, `times` f64, `ids` u64
//! (2: worker and sequence), `users` u32 with 0 for none and i + 1 for user i, `kept` u8,
//! `positions` u32 with 0 for none, `taken` f64 (2: weight and surprise), `nth` u32; `use_rating`
//! u32, `use_dial` u32, `use_strength` f64 with one entry for each dial that was on at a rating.
//! `attributes` u8 has the bytes of the attribute models one after the other, as many of each dial as
//! its part of the header says. Tensors without rows are left out. All else is JSON under the one metadata key `ragcore`, with a
//! CRC-32 of the tensors in the order of their names.
//!
//! Format 1 had no sums: users are what their ratings make them, told in their order.

mod users;

use super::attribute::AttributeModel;
use super::effect::Effect;
use super::set::{Dial, MAX_DIALS, Steering};
use super::vector::SteeringVector;
use crate::bytes::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

const KEY: &str = "ragcore";
const KIND: &str = "steering";
/// Written; 1 is read too.
const VERSION: u32 = 2;
/// The largest file that is read: a million users of 1,024 dimensions, and room to spare.
const LIMIT: u64 = 1 << 32;

#[derive(Serialize, Deserialize)]
struct Header {
    kind: String,
    version: u32,
    crc32: u32,
    dim: usize,
    model: Option<String>,
    dials: Vec<DialHeader>,
    /// In format 1; later ones have them in a tensor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    users: Vec<String>,
    /// Users from whom the crowd was taken; 0 without one.
    #[serde(default)]
    crowd: u32,
    /// Names of dials in use at ratings; some may have been removed since.
    used: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct DialHeader {
    name: String,
    scale: f64,
    effect: Option<[f64; 3]>,
    /// What a strength of 1 costs, if it was measured.
    #[serde(default)]
    loss: Option<f64>,
    generation: u64,
    /// Bytes of its attribute model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attribute: Option<usize>,
}

#[derive(Default)]
struct Tensors(BTreeMap<&'static str, (Dtype, Vec<usize>, Vec<u8>)>);

impl Tensors {
    fn put<const N: usize>(
        &mut self,
        name: &'static str,
        dtype: Dtype,
        shape: Vec<usize>,
        numbers: impl Iterator<Item = [u8; N]>,
    ) {
        let bytes: Vec<u8> = numbers.flatten().collect();
        if !bytes.is_empty() {
            self.0.insert(name, (dtype, shape, bytes));
        }
    }
}

impl Steering {
    /// Writes the set to `path` as safetensors; a reader sees the old file or the new one.
    pub fn save(&self, path: &Path) -> Result<()> {
        file::replace(path, &self.to_bytes())
    }

    /// Reads what [`save`](Self::save) wrote: `Corrupt` if it is damaged, `FormatVersion` if a
    /// later release wrote it.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = file::read(path, LIMIT)?;
        let place = |e: Error| e.context(path.display()).with_file(path);
        Self::from_bytes(&bytes).map_err(place)
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let dim = self.dim().unwrap_or(0);
        let mut tensors = Tensors::default();
        let floats = self.dials().flat_map(|d| d.vector());
        let bytes = floats.map(|v| v.to_le_bytes());
        tensors.put("dials", Dtype::F32, vec![self.len(), dim], bytes);

        let models = self.dials.values().map(|d| d.attribute.as_ref());
        let models: Vec<Option<Vec<u8>>> = models.map(|m| m.map(|m| m.to_bytes())).collect();
        let all = models.iter().flatten().flatten();
        let count = all.clone().count();
        tensors.put("attributes", Dtype::U8, vec![count], all.map(|&b| [b]));

        let used = self.put_users(&mut tensors, dim);

        let dials = self.dials.iter().zip(&models);
        let dials = dials.map(|((name, d), model)| DialHeader {
            name: name.clone(),
            scale: d.vector.scale(),
            effect: d.vector.effect().map(|e| [e.value, e.low, e.high]),
            loss: d.vector.loss(),
            generation: d.generation,
            attribute: model.as_ref().map(Vec::len),
        });
        let header = Header {
            kind: KIND.to_owned(),
            version: VERSION,
            crc32: checksum(tensors.0.values().map(|(_, _, bytes)| bytes.as_slice())),
            dim,
            model: self.model.clone(),
            dials: dials.collect(),
            users: Vec::new(),
            crowd: self.crowd.as_ref().map_or(0, |crowd| crowd.users),
            used,
        };
        let json = serde_json::to_string(&header).expect("names and finite numbers are JSON");
        let views = tensors.0.iter().map(|(name, (dtype, shape, bytes))| {
            let view = TensorView::new(*dtype, shape.clone(), bytes);
            (*name, view.expect("the shape counts the bytes"))
        });
        let metadata = HashMap::from([(KEY.to_owned(), json)]);
        serialize(views, Some(metadata)).expect("the header is bounded by the limits on names")
    }

    /// Reads the bytes of a file. Any bytes: what is not such a file is an error.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let bad = |e: safetensors::SafeTensorError| corrupt(format!("it is not safetensors: {e}"));
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(bad)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(bad)?;
        let json = metadata.metadata().as_ref().and_then(|m| m.get(KEY));
        let json = json.ok_or_else(|| corrupt("it holds no steering set"))?;
        let version: Version = serde_json::from_str(json).map_err(|e| corrupt(e.to_string()))?;
        if version.kind != KIND {
            return Err(Error::invalid(format!(
                "a {KIND} file was expected, this is a {} file",
                version.kind
            )));
        }
        if !(1..=VERSION).contains(&version.version) {
            return Err(Error::new(
                ErrorKind::FormatVersion,
                format!(
                    "the steering set is of format {}, this release reads {VERSION}; update ragcore",
                    version.version
                ),
            ));
        }
        let header: Header = serde_json::from_str(json).map_err(|e| corrupt(e.to_string()))?;
        let mut named: Vec<_> = tensors.tensors();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        if checksum(named.iter().map(|(_, t)| t.data())) != header.crc32 {
            return Err(corrupt("the checksum does not match"));
        }
        let mut set = Self::new();
        set.model = header.model.clone();
        read_dials(&mut set, &header, &tensors)?;
        let users = match header.version {
            1 => users::names_of(&header.users)?,
            _ => users::read_users(&mut set, &header, &tensors)?,
        };
        users::read_events(&mut set, &header, &users, &tensors)?;
        Ok(set)
    }
}

#[derive(Deserialize)]
struct Version {
    kind: String,
    version: u32,
}

fn read_dials(set: &mut Steering, header: &Header, tensors: &SafeTensors<'_>) -> Result<()> {
    let k = header.dials.len();
    if k > MAX_DIALS {
        return Err(corrupt(format!("{k} dials, the most is {MAX_DIALS}")));
    }
    let rows = numbers(
        tensors,
        "dials",
        Dtype::F32,
        k,
        header.dim,
        f32::from_le_bytes,
    )?;
    let bytes = tensors.tensor("attributes").map_or(&[][..], |t| t.data());
    let mut bytes = Reader::new(bytes);
    for (at, dial) in header.dials.iter().enumerate() {
        let row = &rows[at * header.dim..(at + 1) * header.dim];
        let effect = dial
            .effect
            .map(|[value, low, high]| Effect { value, low, high });
        let vector = SteeringVector::from_parts(&dial.name, row, dial.scale, effect)
            .map_err(|e| corrupt(format!("dial {at}: {e}")))?
            .costing(dial.loss);
        let attribute = match dial.attribute {
            Some(length) => Some(read_model(&mut bytes, length, header.dim)?),
            None => None,
        };
        let kept = Dial {
            vector,
            generation: dial.generation,
            attribute,
        };
        if dial.name.is_empty() || set.dials.insert(dial.name.clone(), kept).is_some() {
            return Err(corrupt(format!("dial {at} has no name of its own")));
        }
    }
    match bytes.left() {
        0 => Ok(()),
        more => Err(corrupt(format!(
            "{more} bytes of no dial's attribute model"
        ))),
    }
}

fn read_model(bytes: &mut Reader<'_>, length: usize, dim: usize) -> Result<AttributeModel> {
    let bytes = bytes.bytes(length).map_err(corrupt)?;
    let model = AttributeModel::from_bytes(bytes)?;
    match model.dim() == dim {
        true => Ok(model),
        false => Err(corrupt(
            "an attribute model for vectors of another dimension",
        )),
    }
}

/// The numbers of a tensor of `rows * columns`; a tensor without rows may be missing.
fn numbers<const N: usize, T>(
    tensors: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    rows: usize,
    columns: usize,
    parse: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>> {
    let data = match tensors.tensor(name) {
        Ok(tensor) if tensor.dtype() == dtype => tensor.data(),
        Ok(_) => return Err(corrupt(format!("{name} has numbers of another type"))),
        Err(_) if rows == 0 => &[],
        Err(_) => return Err(corrupt(format!("{name} is missing"))),
    };
    let (chunks, rest) = data.as_chunks::<N>();
    if !rest.is_empty() || Some(chunks.len()) != rows.checked_mul(columns) {
        return Err(corrupt(format!(
            "{name} has {} numbers, expected {rows} rows of {columns}",
            chunks.len()
        )));
    }
    Ok(chunks.iter().map(|&c| parse(c)).collect())
}

fn checksum<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.for_each(|p| hasher.update(p));
    hasher.finalize()
}

fn corrupt(found: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("the steering set is damaged: {found}"),
    )
}
