//! Users and their ratings in a file of dials: see the list of tensors one floor up.

use super::{Header, Tensors, corrupt, numbers};
use crate::error::Result;
use crate::steering::compact::Compact;
use crate::steering::feedback::{Event, MAX_EVENTS, Told};
use crate::steering::set::{MAX_STRENGTH, Steering};
use crate::steering::user::{Crowd, Rated, Sums};
use crate::steering::vector::MAX_NAME;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

impl Steering {
    /// Puts users, what they share, and the history; answers the names of the dials that were on.
    pub(super) fn put_users(&self, tensors: &mut Tensors, dim: usize) -> Vec<String> {
        // Those of whom there are only ratings are parts of a set whose users stand elsewhere.
        let rated = self.history.iter().filter_map(|e| e.user.as_deref());
        let names: BTreeSet<&str> = self.users().chain(rated).collect();
        let numbers: HashMap<&str, u32> = names.iter().copied().zip(0..).collect();
        let lengths = names.iter().map(|name| (name.len() as u32).to_le_bytes());
        tensors.put("name_lengths", Dtype::U32, vec![names.len()], lengths);
        let bytes = names.iter().map(|name| name.len()).sum();
        let letters = names.iter().flat_map(|name| name.bytes().map(|b| [b]));
        tensors.put("names", Dtype::U8, vec![bytes], letters);
        self.put_sums(tensors, dim, &numbers);
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
        used.keys().map(|&name| name.to_owned()).collect()
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
}

pub(super) fn names_of(names: &[String]) -> Result<Vec<Arc<str>>> {
    let fit = |name: &String| match name.len() <= MAX_NAME {
        true => Ok(Arc::from(name.as_str())),
        false => Err(corrupt(format!("a name of more than {MAX_NAME} bytes"))),
    };
    names.iter().map(fit).collect()
}

/// The users and their sums; answers the users' names in the order of their numbers.
pub(super) fn read_users(
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

pub(super) fn read_events(
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
