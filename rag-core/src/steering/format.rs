//! The file of a [`Steering`] set: safetensors, so that any tool can read the vectors.
//!
//! Tensors: `dials` f32 (dials, dim); `residuals` f32 (ratings, dim), `ratings` f64, `times` f64,
//! `ids` u64 (ratings, 2) with worker and sequence, `users` u32 with 0 for none and i + 1 for user
//! i, `kept` u8; `use_rating` u32, `use_dial` u32, `use_strength` f64 with one entry for each dial
//! that was on at a rating; `attributes` u8 has the bytes of the attribute models one after the other,
//! of which each dial's part of the header tells the number. Tensors without rows are left out. All else is JSON under the one
//! metadata key `ragcore`, with a CRC-32 of the tensors in the order of their names.

use super::attribute::AttributeModel;
use super::effect::Effect;
use super::feedback::{Event, MAX_EVENTS};
use super::set::{Dial, MAX_DIALS, MAX_STRENGTH, Steering};
use super::vector::{MAX_NAME, SteeringVector};
use crate::bytes::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

const KEY: &str = "ragcore";
const KIND: &str = "steering";
/// Without attribute models a set is of the first format, which earlier releases read.
const VERSION: u32 = 2;
const FIRST: u32 = 1;
/// The largest file that is read: the most ratings at 4096 dimensions, and room to spare.
const LIMIT: u64 = 1 << 30;

#[derive(Serialize, Deserialize)]
struct Header {
    kind: String,
    version: u32,
    crc32: u32,
    dim: usize,
    model: Option<String>,
    dials: Vec<DialHeader>,
    users: Vec<String>,
    /// Names of dials in use at ratings; some may have been removed since.
    used: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct DialHeader {
    name: String,
    scale: f64,
    effect: Option<[f64; 3]>,
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

        let mut users: Vec<String> = Vec::new();
        let mut events: Vec<(u32, &Event)> = Vec::with_capacity(self.events());
        for (user, history) in &self.histories {
            users.extend(user.clone());
            let number = user.as_ref().map_or(0, |_| users.len() as u32);
            events.extend(history.events().iter().map(|e| (number, e)));
        }
        let n = events.len();
        let each = || events.iter().map(|(_, e)| *e);
        let residuals = each().flat_map(|e| e.residual.iter().map(|v| v.to_le_bytes()));
        tensors.put("residuals", Dtype::F32, vec![n, dim], residuals);
        let ratings = each().map(|e| e.rating.to_le_bytes());
        tensors.put("ratings", Dtype::F64, vec![n], ratings);
        let times = each().map(|e| e.at.to_le_bytes());
        tensors.put("times", Dtype::F64, vec![n], times);
        let ids = each().flat_map(|e| [e.worker.to_le_bytes(), e.sequence.to_le_bytes()]);
        tensors.put("ids", Dtype::U64, vec![n, 2], ids);
        let numbers = events.iter().map(|(user, _)| user.to_le_bytes());
        tensors.put("users", Dtype::U32, vec![n], numbers);
        let kept = each().map(|e| [u8::from(e.kept)]);
        tensors.put("kept", Dtype::U8, vec![n], kept);

        let mut used: BTreeMap<&str, u32> = BTreeMap::new();
        for (name, _) in each().flat_map(|e| &e.dials) {
            used.insert(name, 0);
        }
        used.values_mut()
            .zip(0..)
            .for_each(|(number, i)| *number = i);
        let uses: Vec<(u32, u32, f64)> = each()
            .zip(0u32..)
            .flat_map(|(e, i)| e.dials.iter().map(move |(name, s)| (i, name, *s)))
            .map(|(i, name, s)| (i, used[name.as_str()], s))
            .collect();
        let m = uses.len();
        let ratings = uses.iter().map(|u| u.0.to_le_bytes());
        tensors.put("use_rating", Dtype::U32, vec![m], ratings);
        let dials = uses.iter().map(|u| u.1.to_le_bytes());
        tensors.put("use_dial", Dtype::U32, vec![m], dials);
        let strengths = uses.iter().map(|u| u.2.to_le_bytes());
        tensors.put("use_strength", Dtype::F64, vec![m], strengths);

        let dials = self.dials.iter().zip(&models);
        let dials = dials.map(|((name, d), model)| DialHeader {
            name: name.clone(),
            scale: d.vector.scale(),
            effect: d.vector.effect().map(|e| [e.value, e.low, e.high]),
            generation: d.generation,
            attribute: model.as_ref().map(Vec::len),
        });
        let header = Header {
            kind: KIND.to_owned(),
            version: if count > 0 { VERSION } else { FIRST },
            crc32: checksum(tensors.0.values().map(|(_, _, bytes)| bytes.as_slice())),
            dim,
            model: self.model.clone(),
            dials: dials.collect(),
            users,
            used: used.keys().map(|&name| name.to_owned()).collect(),
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
        if !(FIRST..=VERSION).contains(&version.version) {
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
        read_events(&mut set, &header, &tensors)?;
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
            .map_err(|e| corrupt(format!("dial {at}: {e}")))?;
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

fn read_events(set: &mut Steering, header: &Header, tensors: &SafeTensors<'_>) -> Result<()> {
    let n = tensors.tensor("ratings").map_or(0, |t| t.data().len() / 8);
    if n > MAX_EVENTS {
        return Err(corrupt(format!("{n} ratings, the most is {MAX_EVENTS}")));
    }
    if n > 0 && header.dim == 0 {
        return Err(corrupt("ratings of vectors without dimensions"));
    }
    let names = header.users.iter().chain(&header.used).chain(&header.model);
    if names.into_iter().any(|name| name.len() > MAX_NAME) {
        return Err(corrupt(format!("a name of more than {MAX_NAME} bytes")));
    }
    let dim = header.dim;
    let residuals = numbers(tensors, "residuals", Dtype::F32, n, dim, f32::from_le_bytes)?;
    let ratings = numbers(tensors, "ratings", Dtype::F64, n, 1, f64::from_le_bytes)?;
    let times = numbers(tensors, "times", Dtype::F64, n, 1, f64::from_le_bytes)?;
    let ids = numbers(tensors, "ids", Dtype::U64, n, 2, u64::from_le_bytes)?;
    let users = numbers(tensors, "users", Dtype::U32, n, 1, u32::from_le_bytes)?;
    let kept = numbers(tensors, "kept", Dtype::U8, n, 1, |[b]: [u8; 1]| b)?;
    let m = tensors
        .tensor("use_rating")
        .map_or(0, |t| t.data().len() / 4);
    let use_rating = numbers(tensors, "use_rating", Dtype::U32, m, 1, u32::from_le_bytes)?;
    let use_dial = numbers(tensors, "use_dial", Dtype::U32, m, 1, u32::from_le_bytes)?;
    let strengths = numbers(
        tensors,
        "use_strength",
        Dtype::F64,
        m,
        1,
        f64::from_le_bytes,
    )?;

    let mut dials: Vec<Vec<(String, f64)>> = vec![Vec::new(); n];
    for at in 0..m {
        let rating = dials.get_mut(use_rating[at] as usize);
        let name = header.used.get(use_dial[at] as usize);
        match (rating, name) {
            (Some(list), Some(name)) if strengths[at].abs() <= MAX_STRENGTH => {
                list.push((name.clone(), strengths[at]));
            }
            _ => return Err(corrupt(format!("use {at} of a dial makes no sense"))),
        }
    }
    let mut seen = HashSet::new();
    for (at, used) in dials.into_iter().enumerate() {
        let residual = residuals[at * dim..(at + 1) * dim].to_vec();
        let fits = (0.0..=1.0).contains(&ratings[at])
            && times[at].is_finite()
            && kept[at] <= 1
            && residual.iter().all(|v| v.abs() <= 2.0)
            && used.windows(2).all(|pair| pair[0].0 < pair[1].0)
            && seen.insert((ids[2 * at], ids[2 * at + 1]));
        let user = match users[at] {
            0 => Some(None),
            number => header.users.get(number as usize - 1).cloned().map(Some),
        };
        let (true, Some(user)) = (fits, user) else {
            return Err(corrupt(format!("rating {at} makes no sense")));
        };
        let id = (ids[2 * at], ids[2 * at + 1]);
        let mut event = Event::new(id, times[at], ratings[at], used, residual);
        event.kept = kept[at] == 1;
        set.record(user, event);
    }
    Ok(())
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
