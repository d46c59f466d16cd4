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

use super::attribute::AttributeModel;
use super::compact::Compact;
use super::effect::Effect;
use super::feedback::{Event, MAX_EVENTS, Told};
use super::set::{Dial, MAX_DIALS, MAX_STRENGTH, Steering};
use super::user::{Crowd, Rated, Sums};
use super::vector::{MAX_NAME, SteeringVector};
use crate::bytes::Reader;
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

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

        // Those of whom there are only ratings are parts of a set whose users stand elsewhere.
        let rated = self.history.iter().filter_map(|e| e.user.as_deref());
        let names: BTreeSet<&str> = self.users().chain(rated).collect();
        let numbers: HashMap<&str, u32> = names.iter().copied().zip(0..).collect();
        let lengths = names.iter().map(|name| (name.len() as u32).to_le_bytes());
        tensors.put("name_lengths", Dtype::U32, vec![names.len()], lengths);
        let bytes = names.iter().map(|name| name.len()).sum();
        let letters = names.iter().flat_map(|name| name.bytes().map(|b| [b]));
        tensors.put("names", Dtype::U8, vec![bytes], letters);
        self.put_sums(&mut tensors, dim, &numbers);
        let crowd = self.crowd.iter().flat_map(|crowd| &crowd.toward);
        tensors.put(
            "crowd",
            Dtype::F32,
            vec![dim],
            crowd.map(|v| v.to_le_bytes()),
        );

        let n = self.history.len();
        let each = || self.history.iter();
        let residuals = each().flat_map(|e| e.residual.numbers.iter().map(|v| v.to_le_bytes()));
        tensors.put("residuals", Dtype::I16, vec![n, dim], residuals);
        let units = each().map(|e| e.residual.unit.to_le_bytes());
        tensors.put("residual_units", Dtype::F32, vec![n], units);
        let ratings = each().map(|e| e.rating.to_le_bytes());
        tensors.put("ratings", Dtype::F64, vec![n], ratings);
        let times = each().map(|e| e.at.to_le_bytes());
        tensors.put("times", Dtype::F64, vec![n], times);
        let ids = each().flat_map(|e| [e.worker.to_le_bytes(), e.sequence.to_le_bytes()]);
        tensors.put("ids", Dtype::U64, vec![n, 2], ids);
        let number = |e: &Event| e.user.as_deref().map_or(0, |user| numbers[user] + 1);
        let users = each().map(|e| number(e).to_le_bytes());
        tensors.put("users", Dtype::U32, vec![n], users);
        let kept = each().map(|e| [u8::from(e.kept)]);
        tensors.put("kept", Dtype::U8, vec![n], kept);
        let positions = each().map(|e| e.position.to_le_bytes());
        tensors.put("positions", Dtype::U32, vec![n], positions);
        let taken = |e: &Event| e.rated.map_or([0.0; 2], |r| [r.weight, r.surprise]);
        let taken = each().flat_map(|e| taken(e).map(f64::to_le_bytes));
        tensors.put("taken", Dtype::F64, vec![n, 2], taken);
        let nth = each().map(|e| e.rated.map_or(0, |r| r.nth).to_le_bytes());
        tensors.put("nth", Dtype::U32, vec![n], nth);

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

    fn put_sums(&self, tensors: &mut Tensors, dim: usize, numbers: &HashMap<&str, u32>) {
        let all = self
            .users
            .iter()
            .map(|(name, user)| (numbers[&**name], user));
        let each: Vec<(u32, u64, &Sums)> = all
            .flat_map(|(number, user)| user.0.iter().map(move |(w, s)| (number, *w, s)))
            .collect();
        let m = each.len();
        let users = each.iter().map(|(user, _, _)| user.to_le_bytes());
        tensors.put("sums_user", Dtype::U32, vec![m], users);
        let workers = each.iter().map(|(_, worker, _)| worker.to_le_bytes());
        tensors.put("sums_worker", Dtype::U64, vec![m], workers);
        let counts = each.iter().flat_map(|(_, _, s)| [s.count, s.revision]);
        let counts = counts.map(u32::to_le_bytes);
        tensors.put("sums_counts", Dtype::U32, vec![m, 2], counts);
        let sums = each.iter().flat_map(|(_, _, s)| [s.weight, s.rated]);
        tensors.put("sums", Dtype::F64, vec![m, 2], sums.map(f64::to_le_bytes));
        let units = each.iter().map(|(_, _, s)| s.toward.unit.to_le_bytes());
        tensors.put("toward_units", Dtype::F32, vec![m], units);
        let toward = each.iter().flat_map(|(_, _, s)| s.toward.numbers.iter());
        let toward = toward.map(|v| v.to_le_bytes());
        tensors.put("toward", Dtype::I16, vec![m, dim], toward);
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
            1 => names_of(&header.users)?,
            _ => read_users(&mut set, &header, &tensors)?,
        };
        read_events(&mut set, &header, &users, &tensors)?;
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

fn names_of(names: &[String]) -> Result<Vec<Arc<str>>> {
    let fit = |name: &String| match name.len() <= MAX_NAME {
        true => Ok(Arc::from(name.as_str())),
        false => Err(corrupt(format!("a name of more than {MAX_NAME} bytes"))),
    };
    names.iter().map(fit).collect()
}

/// The users and their sums; answers the users' names in the order of their numbers.
fn read_users(
    set: &mut Steering,
    header: &Header,
    tensors: &SafeTensors<'_>,
) -> Result<Vec<Arc<str>>> {
    let rows = |name: &str, size: usize| tensors.tensor(name).map_or(0, |t| t.data().len() / size);
    let n = rows("name_lengths", 4);
    let lengths = numbers(
        tensors,
        "name_lengths",
        Dtype::U32,
        n,
        1,
        u32::from_le_bytes,
    )?;
    let bytes = rows("names", 1);
    let bytes = numbers(tensors, "names", Dtype::U8, bytes, 1, |[b]: [u8; 1]| b)?;
    let (mut names, mut rest) = (Vec::with_capacity(n), bytes.as_slice());
    for length in lengths {
        let split = (length as usize <= MAX_NAME).then(|| rest.split_at_checked(length as usize));
        let (name, after) = split
            .flatten()
            .ok_or_else(|| corrupt("names that do not fit"))?;
        let name = std::str::from_utf8(name).map_err(|e| corrupt(format!("a name: {e}")))?;
        let name: Arc<str> = Arc::from(name);
        if set
            .users
            .insert(Arc::clone(&name), Default::default())
            .is_some()
        {
            return Err(corrupt(format!("the user \"{name}\" stands twice")));
        }
        names.push(name);
        rest = after;
    }
    let (m, dim) = (rows("sums_user", 4), header.dim);
    if m > 0 && dim == 0 {
        return Err(corrupt("users of vectors without dimensions"));
    }
    let user = numbers(tensors, "sums_user", Dtype::U32, m, 1, u32::from_le_bytes)?;
    let worker = numbers(tensors, "sums_worker", Dtype::U64, m, 1, u64::from_le_bytes)?;
    let counts = numbers(tensors, "sums_counts", Dtype::U32, m, 2, u32::from_le_bytes)?;
    let sums = numbers(tensors, "sums", Dtype::F64, m, 2, f64::from_le_bytes)?;
    let units = numbers(
        tensors,
        "toward_units",
        Dtype::F32,
        m,
        1,
        f32::from_le_bytes,
    )?;
    let toward = numbers(tensors, "toward", Dtype::I16, m, dim, i16::from_le_bytes)?;
    for at in 0..m {
        let name = names.get(user[at] as usize);
        let toward = Compact::from_parts(units[at], &toward[at * dim..(at + 1) * dim]);
        let (weight, rated) = (sums[2 * at], sums[2 * at + 1]);
        let fits = (0.0..=1e6).contains(&weight) && (0.0..=weight + 1e-6).contains(&rated);
        let (Some(name), Some(toward), true) = (name, toward, fits) else {
            return Err(corrupt(format!("the sums {at} make no sense")));
        };
        let known = set.users.entry(Arc::clone(name)).or_default();
        *known.of(worker[at]) = Sums {
            count: counts[2 * at],
            revision: counts[2 * at + 1],
            weight,
            rated,
            toward,
        };
    }
    if header.crowd > 0 {
        let toward = numbers(tensors, "crowd", Dtype::F32, 1, dim, f32::from_le_bytes)?;
        if !toward.iter().all(|v| v.abs() <= 2.0) {
            return Err(corrupt("what users share makes no sense"));
        }
        let users = header.crowd;
        set.crowd = Some(Crowd { users, toward });
    }
    Ok(names)
}

fn read_events(
    set: &mut Steering,
    header: &Header,
    names: &[Arc<str>],
    tensors: &SafeTensors<'_>,
) -> Result<()> {
    let n = tensors.tensor("ratings").map_or(0, |t| t.data().len() / 8);
    if n > MAX_EVENTS {
        return Err(corrupt(format!("{n} ratings, the most is {MAX_EVENTS}")));
    }
    if n > 0 && header.dim == 0 {
        return Err(corrupt("ratings of vectors without dimensions"));
    }
    let known = header.used.iter().chain(&header.model);
    if known.into_iter().any(|name| name.len() > MAX_NAME) {
        return Err(corrupt(format!("a name of more than {MAX_NAME} bytes")));
    }
    let old = header.version == 1;
    let residuals = residuals(header, tensors, n)?;
    let ratings = numbers(tensors, "ratings", Dtype::F64, n, 1, f64::from_le_bytes)?;
    let times = numbers(tensors, "times", Dtype::F64, n, 1, f64::from_le_bytes)?;
    let ids = numbers(tensors, "ids", Dtype::U64, n, 2, u64::from_le_bytes)?;
    let users = numbers(tensors, "users", Dtype::U32, n, 1, u32::from_le_bytes)?;
    let kept = numbers(tensors, "kept", Dtype::U8, n, 1, |[b]: [u8; 1]| b)?;
    let rows = if old { 0 } else { n };
    let positions = numbers(
        tensors,
        "positions",
        Dtype::U32,
        rows,
        1,
        u32::from_le_bytes,
    )?;
    let taken = numbers(tensors, "taken", Dtype::F64, rows, 2, f64::from_le_bytes)?;
    let nth = numbers(tensors, "nth", Dtype::U32, rows, 1, u32::from_le_bytes)?;
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
    let mut events = Vec::with_capacity(n);
    for ((at, used), residual) in dials.into_iter().enumerate().zip(residuals) {
        let id = (ids[2 * at], ids[2 * at + 1]);
        let [weight, surprise] = match old {
            true => [1.0, 0.0],
            false => [taken[2 * at], taken[2 * at + 1]],
        };
        let fits = (0.0..=1.0).contains(&ratings[at])
            && times[at].is_finite()
            && kept[at] <= 1
            && (0.0..=100.0).contains(&weight)
            && surprise.abs() <= 100.0
            && used.windows(2).all(|pair| pair[0].0 < pair[1].0)
            && seen.insert(id);
        let user = match users[at] {
            0 => Some(None),
            number => names.get(number as usize - 1).cloned().map(Some),
        };
        let (true, Some(user)) = (fits, user) else {
            return Err(corrupt(format!("rating {at} makes no sense")));
        };
        let mut event = Event::new(Told {
            user,
            at: times[at],
            rating: ratings[at],
            position: positions.get(at).copied().unwrap_or(0),
            id,
            dials: used,
            residual,
        });
        event.kept = kept[at] == 1;
        event.rated = event.user.is_some().then(|| Rated {
            nth: nth.get(at).copied().unwrap_or(0),
            rating: ratings[at],
            weight,
            surprise,
        });
        events.push(event);
    }
    if old {
        take_in_order(set, &mut events);
    }
    for event in events {
        set.history.insert(event);
    }
    Ok(())
}

/// Makes users of their ratings; what a filter had dropped does not count.
fn take_in_order(set: &mut Steering, events: &mut [Event]) {
    events.sort_by(Event::order);
    for event in events {
        let Some(user) = &event.user else { continue };
        let user = set.users.entry(Arc::clone(user)).or_default();
        let rated = user.take(event.worker, &event.residual, event.rating, 0);
        if !event.kept {
            user.of(event.worker).revise(&event.residual, &rated, -1.0);
        }
        event.rated = Some(rated);
    }
}

/// What items were to their queries: in format 1 as float32.
fn residuals(header: &Header, tensors: &SafeTensors<'_>, n: usize) -> Result<Vec<Compact>> {
    let dim = header.dim;
    let sane = |at: usize, found: Option<Compact>| {
        // A unit vector less a part of it: no number is above 1 but by rounding.
        let found = found.filter(|v| v.iter().all(|x| x.abs() <= 2.0));
        found.ok_or_else(|| corrupt(format!("the item of rating {at} makes no sense")))
    };
    if header.version == 1 {
        let all = numbers(tensors, "residuals", Dtype::F32, n, dim, f32::from_le_bytes)?;
        let rows = all.chunks_exact(dim.max(1)).enumerate();
        let wide = |row: &[f32]| row.iter().copied().map(f64::from).collect::<Vec<f64>>();
        return rows
            .map(|(at, row)| sane(at, Compact::new(&wide(row))))
            .collect();
    }
    let all = numbers(tensors, "residuals", Dtype::I16, n, dim, i16::from_le_bytes)?;
    let units = numbers(
        tensors,
        "residual_units",
        Dtype::F32,
        n,
        1,
        f32::from_le_bytes,
    )?;
    let rows = all.chunks_exact(dim.max(1)).zip(units).enumerate();
    rows.map(|(at, (row, unit))| sane(at, Compact::from_parts(unit, row)))
        .collect()
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
