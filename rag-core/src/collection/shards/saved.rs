//! Requests, statistics and responses as bytes, for a wire: plain numbers inside the common envelope.
//!
//! What comes from a wire may be anything: every number is checked before it is relied on, so that merging
//! never fails but with an error.

use super::super::document::Metadata;
use super::super::hits::{Explanation, Hit};
use super::super::query::{Fusion, Mode, Query, SearchOptions, SteerMode};
use super::request::{Lifted, Prepared, RequestStatistics, ShardRequest};
use super::respond::{Order, ShardFound, ShardHit, ShardResponse};
use crate::bytes::{Read, Reader, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::file;
use crate::retrieval::filter::Filter;
use crate::retrieval::lexical::{ShardStatistics, TermStatistics};
use crate::steering::{Application, Part, PartKind, Steered};
use std::sync::Arc;

const VERSION: u32 = 1;
const REQUEST: &str = "shardreq";
const STATISTICS: &str = "shardcnt";
const RESPONSE: &str = "shardans";

impl ShardRequest {
    /// The request as bytes, with the statistics if it has them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        put_option(&mut to, self.model.as_deref());
        to.count(self.queries.len());
        self.queries
            .iter()
            .for_each(|query| put_query(&mut to, query));
        file::wrap(REQUEST, VERSION, &to.finish())
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote: `Corrupt` for bytes that are damaged, `FormatVersion` for
    /// those of a later release.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read(bytes, REQUEST, "the shard request", |from| {
            let model = option(from)?;
            let count = from.count()?;
            let queries = from.items(count, query)?;
            Ok(Self { queries, model })
        })
    }
}

impl RequestStatistics {
    /// The statistics as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.long(self.sequence);
        to.count(self.queries.len());
        let queries = self.queries.iter();
        queries.for_each(|query| put_statistics(&mut to, query.as_ref()));
        file::wrap(STATISTICS, VERSION, &to.finish())
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, with the errors of [`ShardRequest::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read(bytes, STATISTICS, "the shard statistics", |from| {
            let sequence = from.long()?;
            let count = from.count()?;
            let queries = from.items(count, statistics)?;
            Ok(Self { queries, sequence })
        })
    }
}

impl ShardResponse {
    /// The response as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.long(self.sequence);
        to.count(self.dim.unwrap_or(0));
        put_option(&mut to, self.model.as_deref());
        to.count(self.found.len());
        self.found
            .iter()
            .for_each(|found| put_found(&mut to, found));
        file::wrap(RESPONSE, VERSION, &to.finish())
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, with the errors of [`ShardRequest::from_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        read(bytes, RESPONSE, "the shard response", |from| {
            let sequence = from.long()?;
            let dim = Some(from.count()?).filter(|&dim| dim > 0);
            let model = option(from)?;
            let count = from.count()?;
            let found = from.items(count, |from| found(from, dim))?;
            Ok(Self {
                sequence,
                dim,
                model,
                found,
            })
        })
    }
}

/// The payload of an envelope, read to its end.
fn read<T>(
    bytes: &[u8],
    kind: &str,
    what: &str,
    body: impl FnOnce(&mut Reader<'_>) -> Read<T>,
) -> Result<T> {
    let (_, payload) = file::unwrap(bytes, kind, VERSION, what)?;
    let mut from = Reader::new(payload);
    let damaged = |found: &str| {
        let message = format!("{what} cannot be read: {found}; send it again");
        Error::new(ErrorKind::Corrupt, message)
    };
    let value = body(&mut from).map_err(damaged)?;
    match from.left() {
        0 => Ok(value),
        _ => Err(damaged("there are bytes behind its end")),
    }
}

fn put_option(to: &mut Writer, text: Option<&str>) {
    to.byte(u8::from(text.is_some()));
    if let Some(text) = text {
        to.text(text.as_bytes());
    }
}

fn option(from: &mut Reader<'_>) -> Read<Option<String>> {
    Ok(match flag(from)? {
        true => Some(from.text()?.to_owned()),
        false => None,
    })
}

fn flag(from: &mut Reader<'_>) -> Read<bool> {
    match from.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("a flag that is neither 0 nor 1"),
    }
}

/// A choice by its place.
fn choice<T: Copy>(from: &mut Reader<'_>, all: &[T]) -> Read<T> {
    let place = usize::from(from.byte()?);
    all.get(place)
        .copied()
        .ok_or("a choice that does not exist")
}

fn put_choice<T: PartialEq>(to: &mut Writer, all: &[T], one: &T) {
    let place = all.iter().position(|other| other == one);
    to.byte(place.map_or(0, |place| place as u8));
}

/// A number that stands for none if it is not one.
fn real_or_none(from: &mut Reader<'_>) -> Read<Option<f64>> {
    Ok(Some(from.real()?).filter(|x| !x.is_nan()))
}

fn put_query(to: &mut Writer, query: &Prepared) {
    put_option(to, query.query.text.as_deref());
    let filter = query.query.filter.as_ref();
    put_option(
        to,
        filter.map(|filter| filter.to_json().to_string()).as_deref(),
    );
    put_search_options(to, &query.query.options);
    put_choice(to, Mode::ALL, &query.mode);
    to.byte(u8::from(query.steered.is_some()));
    if let Some(steered) = &query.steered {
        put_steered(to, steered, query.query.options.explain);
    }
    to.count(query.lifts.len());
    for lifted in &query.lifts {
        to.text(lifted.name.as_bytes());
        to.reals(&[lifted.length]);
        to.long(lifted.model);
    }
    put_statistics(to, query.statistics.as_ref());
}

fn query(from: &mut Reader<'_>) -> Read<Prepared> {
    let text = option(from)?;
    let filter = match option(from)? {
        Some(json) => Some(Filter::from_json(&json).map_err(|_| "a filter that is none")?),
        None => None,
    };
    let options = search_options(from)?;
    let mode = choice(from, Mode::ALL)?;
    let steered = match flag(from)? {
        true => Some(steered(from)?),
        false => None,
    };
    let lifts = from.count()?;
    let lifts = from.items(lifts, |from| {
        Ok::<_, &'static str>(Lifted {
            name: from.text()?.to_owned(),
            length: finite(from)?,
            model: from.long()?,
        })
    })?;
    let statistics = statistics(from)?;
    let fits = match mode {
        Mode::Dense => steered.is_some() && statistics.is_none(),
        Mode::Lexical => text.is_some() && steered.is_none(),
        Mode::Hybrid => text.is_some(),
    };
    if !fits {
        return Err("a query that lacks what its mode needs");
    }
    Ok(Prepared {
        query: Query {
            text,
            filter,
            options,
            ..Query::default()
        },
        mode,
        steered,
        lifts,
        statistics,
    })
}

fn put_search_options(to: &mut Writer, options: &SearchOptions) {
    to.long(options.k as u64);
    put_choice(to, Mode::ALL, &options.mode);
    put_choice(to, Fusion::ALL, &options.fusion);
    put_choice(to, Application::ALL, &options.application);
    put_choice(to, SteerMode::ALL, &options.steer_mode);
    let nan = f32::NAN;
    to.floats(&[
        options.bm25_weight.unwrap_or(nan),
        options.diversity,
        options.min_relevance.unwrap_or(nan),
    ]);
    to.reals(&[options.max_loss.unwrap_or(f64::NAN)]);
    to.byte(u8::from(options.exact));
    to.long(options.effort.unwrap_or(0) as u64);
    to.byte(u8::from(options.explain));
}

fn search_options(from: &mut Reader<'_>) -> Read<SearchOptions> {
    let whole = |x: u64| usize::try_from(x).map_err(|_| "a number that is too large");
    let options = SearchOptions::default()
        .k(whole(from.long()?)?)
        .mode(choice(from, Mode::ALL)?)
        .fusion(choice(from, Fusion::ALL)?)
        .application(choice(from, Application::ALL)?)
        .steer_mode(choice(from, SteerMode::ALL)?);
    let floats = from.any_floats(3)?;
    let given = |x: f32| Some(x).filter(|x| !x.is_nan());
    let options = options
        .bm25_weight(given(floats[0]))
        .diversity(floats[1])
        .min_relevance(given(floats[2]))
        .max_loss(real_or_none(from)?)
        .exact(flag(from)?)
        .effort(Some(whole(from.long()?)?).filter(|&effort| effort > 0))
        .explain(flag(from)?);
    match options.check() {
        Ok(()) => Ok(options),
        Err(_) => Err("an option that is out of its range"),
    }
}

/// What moved a query goes along only where it is told of.
fn put_steered(to: &mut Writer, steered: &Steered, explain: bool) {
    to.count(steered.vector.len());
    to.floats(&steered.vector);
    to.byte(u8::from(explain));
    if !explain {
        return;
    }
    to.floats(&steered.base);
    to.reals(&[steered.norm]);
    to.count(steered.parts.len());
    for part in &steered.parts {
        to.byte(u8::from(part.kind == PartKind::User));
        to.text(part.name.as_bytes());
        to.floats(&part.vector);
    }
}

fn steered(from: &mut Reader<'_>) -> Read<Steered> {
    let dim = from.count()?;
    if dim == 0 {
        return Err("a vector without numbers");
    }
    let vector = from.floats(dim)?;
    if !flag(from)? {
        return Ok(Steered {
            base: vector.clone(),
            vector,
            parts: Vec::new(),
            norm: 1.0,
        });
    }
    let base = from.floats(dim)?;
    let norm = finite(from)?;
    if norm <= 0.0 {
        return Err("a length that is not above 0");
    }
    let parts = from.count()?;
    let parts = from.items(parts, |from| {
        let kind = match flag(from)? {
            true => PartKind::User,
            false => PartKind::Dial,
        };
        Ok::<_, &'static str>(Part {
            kind,
            name: from.text()?.to_owned(),
            vector: from.floats(dim)?,
        })
    })?;
    Ok(Steered {
        vector,
        base,
        parts,
        norm,
    })
}

fn finite(from: &mut Reader<'_>) -> Read<f64> {
    let real = from.real()?;
    real.is_finite()
        .then_some(real)
        .ok_or("a number that is not finite")
}

fn put_statistics(to: &mut Writer, statistics: Option<&ShardStatistics>) {
    to.byte(u8::from(statistics.is_some()));
    let Some(statistics) = statistics else { return };
    to.long(statistics.documents);
    to.long(statistics.total_length);
    to.count(statistics.terms.len());
    for term in &statistics.terms {
        to.text(term.term.as_bytes());
        to.long(term.count);
        to.long(term.documents);
    }
}

fn statistics(from: &mut Reader<'_>) -> Read<Option<ShardStatistics>> {
    if !flag(from)? {
        return Ok(None);
    }
    let (documents, total_length) = (from.long()?, from.long()?);
    let terms = from.count()?;
    let terms = from.items(terms, |from| {
        Ok::<_, &'static str>(TermStatistics {
            term: from.text()?.to_owned(),
            count: from.long()?,
            documents: from.long()?,
        })
    })?;
    let statistics = ShardStatistics {
        documents,
        total_length,
        terms,
    };
    match statistics.check() {
        Ok(()) => Ok(Some(statistics)),
        Err(_) => Err("a term in more documents than there are"),
    }
}

fn put_found(to: &mut Writer, found: &ShardFound) {
    to.floats(&[found.bound, found.most]);
    to.count(found.hits.len());
    found.hits.iter().for_each(|hit| put_hit(to, hit));
    let Order::Ranks(rankings) = &found.order else {
        return to.byte(0);
    };
    to.byte(1);
    for ranking in rankings {
        to.count(ranking.len());
        for (place, score) in ranking {
            to.word(*place);
            to.floats(&[*score]);
        }
    }
}

fn found(from: &mut Reader<'_>, dim: Option<usize>) -> Read<ShardFound> {
    let limits = from.floats(2)?;
    let count = from.count()?;
    let hits = from.items(count, |from| hit(from, dim))?;
    let order = match flag(from)? {
        false => Order::Score,
        true => Order::Ranks([ranking(from, hits.len())?, ranking(from, hits.len())?]),
    };
    let falls = match &order {
        Order::Score => hits.is_sorted_by(|a, b| {
            let ids = a.hit.id < b.hit.id;
            a.hit.score > b.hit.score || a.hit.score.to_bits() == b.hit.score.to_bits() && ids
        }),
        Order::Ranks(both) => both.iter().all(|r| r.is_sorted_by(|a, b| a.1 >= b.1)),
    };
    match falls {
        true => Ok(ShardFound {
            bound: limits[0],
            most: limits[1],
            order,
            hits,
        }),
        false => Err("hits that are not in their order"),
    }
}

fn ranking(from: &mut Reader<'_>, hits: usize) -> Read<Vec<(u32, f32)>> {
    let count = from.count()?;
    from.items(count, |from| {
        let place = from.word()?;
        let score = from.floats(1)?[0];
        match (place as usize) < hits {
            true => Ok((place, score)),
            false => Err("a hit that does not exist"),
        }
    })
}

fn put_hit(to: &mut Writer, held: &ShardHit) {
    let hit = &held.hit;
    to.text(hit.id.as_bytes());
    put_option(to, hit.text.as_deref());
    let metadata = match hit.metadata.is_empty() {
        true => String::new(),
        false => serde_json::Value::Object((*hit.metadata).clone()).to_string(),
    };
    to.text(metadata.as_bytes());
    let none = f32::NAN;
    to.floats(&[
        hit.score,
        held.answering,
        hit.lexical_score.unwrap_or(none),
        hit.dense_score.unwrap_or(none),
    ]);
    to.byte(u8::from(hit.explanation.is_some()));
    if let Some(explanation) = &hit.explanation {
        put_explanation(to, explanation);
    }
    to.byte(u8::from(held.vector.is_some()));
    if let Some(vector) = &held.vector {
        to.floats(vector);
    }
}

fn hit(from: &mut Reader<'_>, dim: Option<usize>) -> Read<ShardHit> {
    let id = from.text()?.to_owned();
    let text = option(from)?.map(Arc::from);
    let metadata = match from.text()? {
        "" => Metadata::default(),
        json => serde_json::from_str(json).map_err(|_| "metadata that is no object")?,
    };
    let scores = from.floats(2)?;
    let sides = from.any_floats(2)?;
    let given = |x: f32| Some(x).filter(|x| !x.is_nan());
    let explanation = match flag(from)? {
        true => Some(explanation(from)?),
        false => None,
    };
    let vector = match (flag(from)?, dim) {
        (false, _) => None,
        (true, Some(dim)) => Some(Arc::from(from.floats(dim)?)),
        (true, None) => return Err("a vector without a dimension"),
    };
    Ok(ShardHit {
        hit: Hit {
            id,
            score: scores[0],
            text,
            metadata: Arc::new(metadata),
            lexical_score: given(sides[0]),
            dense_score: given(sides[1]),
            relevance: None,
            explanation,
        },
        answering: scores[1],
        vector,
    })
}

fn put_explanation(to: &mut Writer, explanation: &Explanation) {
    to.reals(&[explanation.lexical, explanation.dense, explanation.user]);
    for pairs in [&explanation.dials, &explanation.terms] {
        to.count(pairs.len());
        for (name, share) in pairs {
            to.text(name.as_bytes());
            to.reals(&[*share]);
        }
    }
}

fn explanation(from: &mut Reader<'_>) -> Read<Explanation> {
    let (lexical, dense, user) = (finite(from)?, finite(from)?, finite(from)?);
    let mut pairs = || {
        let count = from.count()?;
        from.items(count, |from| {
            Ok::<_, &'static str>((from.text()?.to_owned(), finite(from)?))
        })
    };
    Ok(Explanation {
        lexical,
        dense,
        user,
        dials: pairs()?,
        terms: pairs()?,
    })
}
