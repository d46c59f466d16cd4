//! A bandit as bytes: plain numbers inside the common envelope, every float64 exact.
//!
//! Sums are the truth; beliefs are kept beside them only so that a loaded bandit goes on exactly
//! as the saved one, and are made anew where they are not sound. Format 1, JSON, is read still
//! (`old`).

mod kept;
mod old;

pub(crate) use kept::Earned;

use super::gauss::{Posterior, Sums};
use super::history::{History, MAX_HISTORIES, Marks};
use super::part::Part;
use super::shared::Shared;
use super::waiting::{Logged, Made, Odds};
use super::{
    Arms, Bandit, BanditOptions, Belief, COUNTER, COUNTER_BITS, Knob, MAX_ARMS, MAX_CONTEXT,
    MAX_DIMENSIONS, MAX_DOMAINS, MAX_OUTSTANDING, MAX_REWARD, Policy, check_name,
};
use crate::bytes::{Reader, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::{Rng, file};
use std::collections::BTreeMap;
use std::path::Path;

const KIND: &str = "bandit";
const VERSION: u32 = 2;
const MAX_BYTES: u64 = 1 << 30;
/// No sum of what was really observed is larger.
const MAX_SUM: f64 = 1e30;

impl Bandit {
    /// Everything as bytes, choices that wait for their reward included.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        self.write_settings(&mut to);
        self.rng.state().iter().for_each(|word| to.long(*word));
        to.long(self.next);
        self.write_domains(&mut to);
        self.write_histories(&mut to);
        self.write_beliefs(&mut to);
        to.count(self.waiting.len());
        for (id, made, context) in self.waiting.all(self.tag) {
            to.long(id);
            write_made(&mut to, made, &context);
        }
        self.write_log(&mut to);
        to.finish()
    }

    /// Arms, options and seed.
    fn write_settings(&self, to: &mut Writer) {
        to.byte(VERSION as u8);
        write_arms(to, &self.arms);
        let options = &self.frame.options;
        to.text(options.policy.name().as_bytes());
        to.reals(&[options.discount]);
        to.byte(u8::from(options.adapt));
        for option in [options.exploration, options.safety, options.noise] {
            to.reals(&[option.unwrap_or(f64::NAN)]);
        }
        to.long(options.propensity_draws as u64);
        to.long(options.log_size as u64);
        to.long(self.seed);
        to.byte(u8::from(options.seed.is_some()));
    }

    fn write_domains(&self, to: &mut Writer) {
        to.count(self.shared.features);
        to.count(self.domains.len());
        for domain in &self.domains {
            to.text(domain.name.as_bytes());
            let guess = domain.guess.as_deref().unwrap_or(&[]);
            to.count(guess.len());
            to.reals(guess);
        }
    }

    fn write_beliefs(&self, to: &mut Writer) {
        to.reals(&self.shared.numbers());
        for domain in &self.domains {
            to.reals(&domain.said());
            for belief in &domain.beliefs {
                to.reals(&belief.mean);
                to.reals(&belief.root);
            }
        }
    }

    fn write_log(&self, to: &mut Writer) {
        to.count(self.log.len());
        for (logged, context) in self.log.all() {
            to.long(logged.id);
            write_made(to, &logged.made, context.as_deref().unwrap_or(&[]));
            to.reals(&[logged.reward]);
        }
    }

    fn write_histories(&self, to: &mut Writer) {
        let (histories, _) = self.histories();
        self.write_all(to, &histories);
    }

    fn write_all(&self, to: &mut Writer, histories: &[History]) {
        to.count(histories.len());
        for history in histories {
            write_marks(to, &history.marks);
            let parts = history.parts.iter();
            let known: Vec<_> = parts
                .filter_map(|(name, part)| self.index.get(name).map(|at| (*at, part)))
                .collect();
            to.count(known.len());
            for (at, part) in known {
                to.word(at);
                write_part(to, part);
            }
        }
    }

    /// The bandit that [`Bandit::to_bytes`] wrote: it makes the same choices as the one saved.
    ///
    /// Call [`Bandit::reseed`] when several workers start from the same bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.first() == Some(&b'{') {
            return old::read(bytes).map_err(|e| damaged(e.message()));
        }
        let mut from = Reader::new(bytes);
        let bandit = read(&mut from).map_err(|e| damaged(&e.0))?;
        match from.left() {
            0 => Ok(bandit),
            n => Err(damaged(&format!("{n} bytes too many"))),
        }
    }

    /// Writes the bandit to a file: after a crash the old or the new one is there.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        file::save(path.as_ref(), KIND, VERSION, &self.to_bytes())
    }

    /// Reads what [`Bandit::save`] wrote, in this format or in the first.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (version, payload) = file::load(path, KIND, VERSION, MAX_BYTES)?;
        let found = match (version, payload.first() == Some(&b'{')) {
            (1, false) | (2, true) => Err(damaged("the format is not the one announced")),
            _ => Self::from_bytes(&payload),
        };
        found.map_err(|e| e.context(path.display()).with_file(path))
    }
}

fn damaged(found: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("these bytes are not a saved bandit: {found}"),
    )
}

/// What is wrong, in a few words.
struct Wrong(String);

impl From<&str> for Wrong {
    fn from(words: &str) -> Self {
        Self(words.to_owned())
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self(error.message().to_owned())
    }
}

type Read<T> = std::result::Result<T, Wrong>;

fn ensure(holds: bool, what: &str) -> Read<()> {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn write_arms(to: &mut Writer, arms: &Arms) {
    match arms {
        Arms::Values(values) => write_knob(to, &Knob::Values(values.clone())),
        Arms::Range(low, high) => write_knob(to, &Knob::Range(*low, *high)),
        Arms::Names(names) => {
            to.byte(2);
            to.count(names.len());
            names.iter().for_each(|n| to.text(n.as_bytes()));
        }
        Arms::Grid(knobs) => {
            to.byte(3);
            to.count(knobs.len());
            for (name, knob) in knobs {
                to.text(name.as_bytes());
                write_knob(to, knob);
            }
        }
    }
}

fn write_knob(to: &mut Writer, knob: &Knob) {
    match knob {
        Knob::Values(values) => {
            to.byte(0);
            to.count(values.len());
            to.reals(values);
        }
        Knob::Range(low, high) => {
            to.byte(1);
            to.reals(&[*low, *high]);
        }
    }
}

fn read_arms(from: &mut Reader<'_>) -> Read<Arms> {
    Ok(match from.byte()? {
        2 => {
            let n = few(from, MAX_ARMS)?;
            Arms::Names(from.items(n, |f| Ok::<_, Wrong>(f.text()?.to_owned()))?)
        }
        3 => {
            let n = few(from, MAX_DIMENSIONS)?;
            let knob = |f: &mut Reader<'_>| {
                let name = f.text()?.to_owned();
                let kind = f.byte()?;
                Ok::<_, Wrong>((name, read_knob(f, kind)?))
            };
            Arms::Grid(from.items(n, knob)?)
        }
        kind => match read_knob(from, kind)? {
            Knob::Values(values) => Arms::Values(values),
            Knob::Range(low, high) => Arms::Range(low, high),
        },
    })
}

fn read_knob(from: &mut Reader<'_>, kind: u8) -> Read<Knob> {
    match kind {
        0 => {
            let n = few(from, MAX_ARMS)?;
            Ok(Knob::Values(any_reals(from, n)?))
        }
        1 => Ok(Knob::Range(from.real()?, from.real()?)),
        _ => Err("arms of an unknown kind".into()),
    }
}

fn few(from: &mut Reader<'_>, most: usize) -> Read<usize> {
    let n = from.count()?;
    ensure(n <= most, "a number is too large")?;
    Ok(n)
}

fn any_reals(from: &mut Reader<'_>, n: usize) -> Read<Vec<f64>> {
    Ok(from
        .arrays::<8>(n)?
        .iter()
        .map(|b| f64::from_le_bytes(*b))
        .collect())
}

/// Numbers of a size that sums can have.
fn reals(from: &mut Reader<'_>, n: usize) -> Read<Vec<f64>> {
    let reals = any_reals(from, n)?;
    ensure(
        reals.iter().all(|x| x.abs() <= MAX_SUM),
        "a sum is out of range",
    )?;
    Ok(reals)
}

fn write_part(to: &mut Writer, part: &Part) {
    for sums in &part.sums {
        to.reals(&sums.gram);
        to.reals(&sums.moment);
        to.reals(&[sums.count, sums.squares, sums.levels, sums.total]);
    }
    to.reals(&part.evidence);
    to.reals(&[part.alarm, part.since]);
    to.byte(u8::from(part.moved));
    to.long(part.seen);
    to.reals(&part.count);
    to.reals(&part.features);
    to.reals(&[part.contexts]);
    to.long(part.age);
}

fn read_part(from: &mut Reader<'_>, mut part: Part) -> Read<Part> {
    for sums in &mut part.sums {
        let n = sums.size();
        let (gram, moment) = (reals(from, n * n)?, reals(from, n)?);
        let rest = reals(from, 4)?;
        *sums = Sums {
            gram,
            moment,
            count: rest[0],
            squares: rest[1],
            levels: rest[2],
            total: rest[3],
        };
        let diagonal = (0..n).all(|i| sums.gram[i * n + i] >= 0.0);
        let counts = sums.count >= 0.0 && sums.squares >= 0.0;
        ensure(diagonal && counts, "a sum is out of range")?;
    }
    part.evidence = reals(from, part.evidence.len())?;
    ensure(
        part.evidence.iter().all(|e| e.abs() <= 1e6),
        "a weight is out of range",
    )?;
    let rest = reals(from, 2)?;
    (part.alarm, part.since) = (rest[0], rest[1]);
    part.moved = from.byte()? != 0;
    part.seen = from.long()?;
    ensure(part.seen >> 60 == 0, "a count is out of range")?;
    part.count = reals(from, part.count.len())?;
    part.features = reals(from, part.features.len())?;
    part.contexts = reals(from, 1)?[0];
    let counts = [part.since, part.contexts];
    let counts = counts.iter().chain(&part.count).chain(&part.features);
    ensure(
        counts.into_iter().all(|x| *x >= 0.0),
        "a count is out of range",
    )?;
    part.age = from.long()?;
    Ok(part)
}

fn write_made(to: &mut Writer, made: &Made, context: &[f64]) {
    to.word(made.domain);
    to.word(made.arm);
    to.byte(u8::from(made.has_context));
    if made.has_context {
        to.reals(context);
    }
    match &made.odds {
        Odds::Known(odds) => {
            to.byte(0);
            to.reals(&[*odds]);
        }
        Odds::Asked(belief) => {
            to.byte(1);
            to.floats(belief);
        }
    }
}

fn read_made(from: &mut Reader<'_>, bandit: &Bandit) -> Read<(Made, Vec<f64>)> {
    let (domain, arm) = (from.word()?, from.word()?);
    ensure(
        (domain as usize) < bandit.domains.len(),
        "a domain is missing",
    )?;
    ensure(
        (arm as usize) < bandit.frame.menu.count,
        "a choice of an arm that does not exist",
    )?;
    let has_context = from.byte()? != 0;
    let features = bandit.shared.features;
    let context = match has_context {
        true => reals(from, features)?,
        false => vec![0.0; features],
    };
    let odds = match from.byte()? {
        0 => {
            let odds = from.real()?;
            ensure(odds > 0.0 && odds <= 1.0, "a propensity is not one")?;
            Odds::Known(odds)
        }
        1 => Odds::Asked(
            from.any_floats(Belief::snapshot_size(&bandit.frame.shape))?
                .into(),
        ),
        _ => return Err("a propensity is not one".into()),
    };
    let made = Made {
        domain,
        arm,
        has_context,
        odds,
    };
    Ok((made, context))
}

fn read_options(from: &mut Reader<'_>) -> Read<BanditOptions> {
    let policy = Policy::parse("policy", from.text()?)?;
    let discount = from.real()?;
    let adapt = from.byte()? != 0;
    let mut option = || from.real().map(|x| (!x.is_nan()).then_some(x));
    let (exploration, safety, noise) = (option()?, option()?, option()?);
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Ok(BanditOptions::default()
        .policy(policy)
        .discount(discount)
        .adapt(adapt)
        .exploration(exploration)
        .safety(safety)
        .noise(noise)
        .propensity_draws(size(from.long()?))
        .log_size(size(from.long()?)))
}

fn write_marks(to: &mut Writer, marks: &Marks) {
    to.count(marks.digests.len());
    marks.digests.iter().for_each(|d| to.long(*d));
    to.long(marks.digest);
    to.long(marks.length);
}

fn read_marks(from: &mut Reader<'_>) -> Read<Marks> {
    let digests = few(from, 64)?;
    let digests = from.items(digests, |f| f.long())?;
    let marks = Marks {
        digests,
        digest: from.long()?,
        length: from.long()?,
    };
    let sound = marks.length >> 60 == 0 && (marks.length > 0) != marks.digests.is_empty();
    ensure(sound, "a history has no length")?;
    Ok(marks)
}

fn read(from: &mut Reader<'_>) -> Read<Bandit> {
    let mut bandit = read_settings(from)?;
    bandit.rng = Rng::from_state([from.long()?, from.long()?, from.long()?, from.long()?]);
    bandit.next = from.long()?;
    ensure(bandit.next >> COUNTER_BITS == 0, "the counter is too large")?;
    read_domains(from, &mut bandit)?;
    // What is learnt from here on is another worker's.
    let histories = read_histories(from, &bandit)?;
    bandit.take_histories(histories, None);
    read_beliefs(from, &mut bandit)?;
    read_waiting(from, &mut bandit)?;
    read_log(from, &mut bandit)?;
    bandit.count_boxes();
    Ok(bandit)
}

fn read_settings(from: &mut Reader<'_>) -> Read<Bandit> {
    ensure(
        from.byte()? == VERSION as u8,
        "they begin with another format",
    )?;
    let arms = read_arms(from)?;
    let options = read_options(from)?;
    let seed = from.long()?;
    let fixed = from.byte()? != 0;
    let mut bandit = Bandit::new(arms, &options.seed(Some(seed)))?;
    bandit.frame.options.seed = fixed.then_some(seed);
    Ok(bandit)
}

fn read_domains(from: &mut Reader<'_>, bandit: &mut Bandit) -> Read<()> {
    let features = few(from, MAX_CONTEXT)?;
    ensure(bandit.frame.size(features) <= 512, "contexts are too long")?;
    bandit.widen(features);
    for _ in 0..few(from, MAX_DOMAINS)? {
        let name = from.text()?;
        check_name(name)?;
        ensure(!bandit.index.contains_key(name), "a domain appears twice")?;
        let n = few(from, MAX_DIMENSIONS)?;
        let guess = any_reals(from, n)?;
        match guess.is_empty() {
            true => bandit.enter(name).map(|_| ())?,
            false => bandit.set_prior_point(name, &guess)?,
        }
    }
    Ok(())
}

fn read_histories(from: &mut Reader<'_>, bandit: &Bandit) -> Read<Vec<History>> {
    let n = few(from, MAX_HISTORIES)?;
    let empty = bandit.empty_part();
    let names: Vec<String> = bandit.domains.iter().map(|d| d.name.clone()).collect();
    let history = |f: &mut Reader<'_>| {
        let marks = read_marks(f)?;
        ensure(marks.length > 0, "a history has no length")?;
        let mut parts = BTreeMap::new();
        for _ in 0..few(f, names.len())? {
            let at = f.word()? as usize;
            let name = names.get(at).ok_or("a domain is missing")?;
            parts.insert(name.clone(), read_part(f, empty.clone())?);
        }
        Ok::<_, Wrong>(History { marks, parts })
    };
    let histories = from.items(n, history)?;
    let sorted = {
        let mut sorted = histories.clone();
        super::history::sort(&mut sorted);
        sorted == histories
    };
    ensure(sorted, "histories are out of order")?;
    Ok(histories)
}

fn read_beliefs(from: &mut Reader<'_>, bandit: &mut Bandit) -> Read<()> {
    let (axes, features) = (bandit.frame.shape.axes, bandit.shared.features);
    let numbers = any_reals(from, bandit.shared.numbers().len())?;
    let shared = Shared::from_numbers(axes, features, &numbers);
    let mut sound = shared.is_some();
    if let Some(shared) = shared {
        bandit.shared = shared;
    }
    let n = bandit.frame.size(features);
    for domain in &mut bandit.domains {
        let said = any_reals(from, domain.said().len())?;
        let belief = |f: &mut Reader<'_>| {
            Ok::<_, Wrong>(Posterior {
                mean: any_reals(f, n)?,
                root: any_reals(f, n * n)?,
            })
        };
        let beliefs = from.items(bandit.frame.rates.block.len(), belief)?;
        let fine = |b: &Posterior| b.mean.iter().chain(&b.root).all(|x| x.abs() <= MAX_SUM);
        sound &= beliefs.iter().all(fine)
            && domain.resume(&bandit.frame, &bandit.shared, &said, beliefs);
    }
    if !sound {
        bandit.refit();
    }
    Ok(())
}

fn read_waiting(from: &mut Reader<'_>, bandit: &mut Bandit) -> Read<()> {
    for _ in 0..few(from, 2 * MAX_OUTSTANDING)? {
        let id = from.long()?;
        let (made, context) = read_made(from, bandit)?;
        let fresh = match id & !COUNTER == bandit.tag && id & COUNTER < bandit.next {
            true => bandit.waiting.put_back(id & COUNTER, made, &context),
            false => bandit.waiting.push_elsewhere(id, made, context),
        };
        ensure(fresh, "a choice is out of order")?;
    }
    ensure(bandit.waiting.skip_to(bandit.next), "a choice is too old")?;
    Ok(())
}

fn read_log(from: &mut Reader<'_>, bandit: &mut Bandit) -> Read<()> {
    let n = from.count()?;
    ensure(n <= bandit.frame.options.log_size, "the log is too long")?;
    let entry = |f: &mut Reader<'_>| {
        let id = f.long()?;
        let (made, context) = read_made(f, bandit)?;
        let reward = f.real()?;
        ensure(reward.abs() <= MAX_REWARD, "a reward is not one")?;
        Ok::<_, Wrong>((Logged { id, made, reward }, Some(context)))
    };
    let entries = from.items(n, entry)?;
    bandit.log.replace(entries);
    Ok(())
}
