//! The file of a lexical index.
//!
//! Payload, little-endian: k1 and b `f32`, the name of the language (a list: `u32`, then as many
//! bytes); the terms, of which there is at least one document each: their number `u32`, their
//! lengths `u16`, their texts end to end; the documents in the order of their arrival: their
//! number `u32`, their keys `u64`, how many distinct terms each has `u32`; the number of bytes
//! that follow `u64`, and for every document its terms ascending with their frequencies, as
//! `documents` keeps them.
//!
//! The lists by term are not written: they say the same as the lists by document, and are made
//! of them faster than two versions of one thing could be compared. So no bytes, whoever wrote
//! them, make an index that contradicts itself.

use super::LexicalOptions;
use super::dictionary::Dictionary;
use super::documents::Documents;
use super::inverted::Inverted;
use super::postings::{Postings, VARINT, encode};
use crate::bytes::{Read, Reader, Writer};
use crate::error::{Error, Result};
use crate::file;
use crate::retrieval::table::LIMIT;
use crate::text::Language;
use std::path::Path;

const KIND: &str = "lexical";
const VERSION: u32 = 1;
/// Bytes that a file may have: 1 TiB.
const LIMIT_BYTES: u64 = 1 << 40;
/// Lengths and frequencies are below this, as texts make them.
const LONGEST: u64 = 1 << 31;

pub(super) fn save(index: &Inverted<u64>, path: &Path) -> Result<()> {
    file::save(path, KIND, VERSION, &to_bytes(index))
}

pub(super) fn open(path: &Path) -> Result<Inverted<u64>> {
    let (_, payload) = file::load(path, KIND, VERSION, LIMIT_BYTES)?;
    from_bytes(&payload, path)
}

pub(super) fn to_bytes(index: &Inverted<u64>) -> Vec<u8> {
    let mut to = Writer::default();
    to.floats(&[index.options.k1, index.options.b]);
    to.text(index.options.language.name().as_bytes());

    // Terms that no document has any more are left out, so the others are numbered anew.
    let mut numbers = Vec::with_capacity(index.postings.len());
    let mut next = 0u32;
    for postings in &index.postings {
        numbers.push(next);
        next += u32::from(postings.alive > 0);
    }
    let used = || (0u32..).zip(&index.postings).filter(|(_, p)| p.alive > 0);
    to.word(next);
    for (number, _) in used() {
        to.short(index.dictionary.text(number).len() as u16);
    }
    for (number, _) in used() {
        to.bytes(index.dictionary.text(number));
    }

    let documents = &index.documents;
    to.count(documents.len());
    documents
        .slots_held()
        .for_each(|slot| to.long(documents.id(slot)));
    let mut contents = Vec::new();
    for slot in documents.slots_held() {
        let (mut count, mut before) = (0, 0);
        let mut reader = documents.contents(slot);
        while let Some((term, frequency)) = reader.next() {
            let term = numbers[term as usize];
            let mut code = [0; 2 * VARINT];
            let size = encode(u64::from(term - before), frequency, &mut code);
            contents.extend_from_slice(&code[..size]);
            (count, before) = (count + 1, term);
        }
        to.count(count);
    }
    to.long(contents.len() as u64);
    to.bytes(&contents);
    to.finish()
}

pub(super) fn from_bytes(bytes: &[u8], path: &Path) -> Result<Inverted<u64>> {
    let mut from = Reader::new(bytes);
    let found = read(&mut from);
    let at = bytes.len() - from.left();
    match (found, from.left()) {
        (Ok(index), 0) => Ok(index),
        (Ok(_), _) => Err(Error::corrupt(path, at as u64, "bytes behind the end")),
        (Err(found), _) => Err(Error::corrupt(path, at as u64, found)),
    }
}

fn read(from: &mut Reader<'_>) -> Read<Inverted<u64>> {
    let [k1, b] = from.floats(2)?[..] else {
        return Err("no k1 and b");
    };
    let language = Language::parse("language", from.text()?).map_err(|_| "an unknown language")?;
    let options = LexicalOptions::default().k1(k1).b(b).language(language);
    let mut index = Inverted::new(&options).map_err(|_| "an option outside its range")?;

    let count = from.count()?;
    let lengths = from.arrays::<2>(count)?.iter();
    let lengths: Vec<u16> = lengths.map(|b| u16::from_le_bytes(*b)).collect();
    let size = lengths.iter().map(|&length| u64::from(length)).sum::<u64>();
    let size = usize::try_from(size).map_err(|_| "more text than there can be")?;
    let texts = std::str::from_utf8(from.bytes(size)?);
    index.dictionary =
        Dictionary::restored(texts.map_err(|_| "a term that is not UTF-8")?, &lengths)?;

    let count = from.count()?;
    let ids: Vec<u64> = {
        let ids = from.arrays::<8>(count)?.iter();
        ids.map(|b| u64::from_le_bytes(*b)).collect()
    };
    if count >= LIMIT as usize || ids.contains(&u64::MAX) {
        return Err("more documents than there can be, or the key of none");
    }
    let counts = from.arrays::<4>(count)?.iter();
    let counts = counts.map(|b| u32::from_le_bytes(*b));
    let size = usize::try_from(from.long()?).map_err(|_| "more contents than there can be")?;
    let contents = from.bytes(size)?;
    let (mut found, mut starts) = ((Vec::new(), Vec::new()), vec![0; lengths.len()]);
    let mut rest = contents;
    for count in counts {
        found.0.push(check(&mut rest, count, &mut starts)?);
        found.1.push((contents.len() - rest.len()) as u64);
    }
    if !rest.is_empty() || starts.contains(&0) {
        return Err("contents behind the last document, or a term that no document has");
    }
    index.total_length = found.0.iter().map(|&length| u64::from(length)).sum();
    index.documents = Documents::restored(ids, found.0, found.1, contents)?;
    index.set_postings(transposed(&index.documents, starts));
    Ok(index)
}

/// One document's terms: ascending, known, each encoded in the one way that `encode` has. Counts
/// them by term and answers the document's length.
fn check(rest: &mut &[u8], count: u32, by_term: &mut [u32]) -> Read<u32> {
    let (mut length, mut at) = (0u64, 0u64);
    for i in 0..count {
        let code = number(rest)?;
        if code < 2 && i > 0 {
            return Err("the terms of a document do not ascend");
        }
        at += code >> 1;
        let places = usize::try_from(at).ok().and_then(|at| by_term.get_mut(at));
        *places.ok_or("a term that does not exist")? += 1;
        let frequency = match code & 1 {
            0 => 1,
            _ => number(rest)?,
        };
        length += frequency;
        if frequency < 1 + (code & 1) || length >= LONGEST {
            return Err("a frequency that no document has");
        }
    }
    Ok(length as u32)
}

/// A number below 2^35 in the fewest bytes of seven bits.
fn number(rest: &mut &[u8]) -> Read<u64> {
    let mut value = 0;
    for place in 0..5 {
        let (&byte, behind) = rest.split_first().ok_or("the contents end too early")?;
        *rest = behind;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return match byte == 0 && place > 0 {
                true => Err("a number with zeros in front"),
                false => Ok(value),
            };
        }
    }
    Err("a number that is too large")
}

/// The documents of each term, of which there are `counts`.
fn transposed(documents: &Documents<u64>, counts: Vec<u32>) -> Vec<Postings> {
    let mut ends: Vec<usize> = Vec::with_capacity(counts.len());
    let mut all = 0;
    for &count in &counts {
        ends.push(all);
        all += count as usize;
    }
    let mut flat = vec![(0, 0); all];
    for slot in documents.slots_held() {
        let mut reader = documents.contents(slot);
        while let Some((term, frequency)) = reader.next() {
            let end = &mut ends[term as usize];
            flat[*end] = (slot, frequency);
            *end += 1;
        }
    }
    let length_of = |slot: u32| documents.length(slot);
    let list =
        |(&end, &count): (&usize, &u32)| Postings::of(&flat[end - count as usize..end], length_of);
    ends.iter().zip(&counts).map(list).collect()
}
