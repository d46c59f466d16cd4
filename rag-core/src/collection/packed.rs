//! A batch of documents as bytes, of which each can be read where it is.
//!
//! Layout, little-endian: tag 2 `u8`, zeros, documents `u32`, floats `u64`, zeros up to 64 bytes;
//! the vectors, none or one for each document, one after the other; zeros up to a multiple of 64;
//! for each document and one more where it begins, counted from the first one's beginning, `u32`; the
//! documents: id, whether there is a text `u8` and the text, metadata as JSON. A text is its length
//! `u32` and its UTF-8 bytes.

use super::document::{Metadata, Stored};
use crate::bytes::{Read, Reader, Writer};
use crate::plain::numbers_of;
use std::sync::Arc;

pub(super) const TAG: u8 = 2;
/// Where vectors begin.
pub(super) const HEAD: usize = 64;
/// Documents and bytes from which on a batch is cut into several records: who reads one document
/// has the whole record checked.
const DOCUMENTS: usize = 1024;
const BYTES: usize = 4 << 20;

/// A document where it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen<'a> {
    pub(super) id: &'a str,
    pub(super) text: Option<&'a str>,
    /// JSON.
    metadata: &'a [u8],
}

impl Seen<'_> {
    pub(super) fn metadata(&self) -> Read<Metadata> {
        serde_json::from_slice(self.metadata).map_err(|_| "metadata that are no JSON object")
    }

    pub(super) fn stored(&self) -> Read<Stored> {
        Ok(Stored {
            id: self.id.to_owned(),
            text: self.text.map(Arc::from),
            metadata: Arc::new(self.metadata()?),
        })
    }
}

/// A batch that is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed<'a> {
    vectors: &'a [u8],
    floats: usize,
    starts: &'a [[u8; 4]],
    documents: &'a [u8],
}

impl<'a> Packed<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Read<Self> {
        let mut from = Reader::new(payload);
        let head = from.bytes(HEAD)?;
        let mut numbers = Reader::new(&head[4..]);
        let (count, floats) = (numbers.count()?, numbers.long()?);
        if head[0] != TAG || head[1..4] != [0; 3] || head[16..].iter().any(|&byte| byte != 0) {
            return Err("a batch that does not begin like one");
        }
        let floats = usize::try_from(floats).map_err(|_| "more floats than there can be")?;
        let size = floats
            .checked_mul(4)
            .ok_or("more floats than there can be")?;
        let vectors = from.bytes(size)?;
        let zeros = from.bytes(size.next_multiple_of(HEAD) - size)?;
        if zeros.iter().any(|&byte| byte != 0) || (count == 0 && floats > 0) {
            return Err("something behind the vectors");
        }
        if count > 0 && !floats.is_multiple_of(count) {
            return Err("vectors that are not of one dimension");
        }
        let starts = from.arrays(count.checked_add(1).ok_or("too many documents")?)?;
        let documents = from.bytes(from.left())?;
        if starts[0] != [0; 4] || u32::from_le_bytes(starts[count]) as usize != documents.len() {
            return Err("documents that do not end where they should");
        }
        Ok(Self {
            vectors,
            floats,
            starts,
            documents,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Floats of one vector; 0 without vectors.
    pub(super) fn dim(&self) -> usize {
        self.floats.checked_div(self.len()).unwrap_or(0)
    }

    /// All vectors one after the other, where they are, if the machine can read them there.
    pub(super) fn vectors(&self) -> Option<&'a [f32]> {
        numbers_of(self.vectors).filter(|_| crate::image::POSSIBLE)
    }

    /// The same, read.
    pub(super) fn copied_vectors(&self) -> Read<Vec<f32>> {
        Reader::new(self.vectors).any_floats(self.floats)
    }

    /// The document at a place of the batch.
    pub(super) fn document(&self, index: usize) -> Read<Seen<'a>> {
        let at = |index: usize| {
            let start = self
                .starts
                .get(index)
                .map(|&start| u32::from_le_bytes(start));
            start.map(|start| start as usize)
        };
        let range = at(index).zip(index.checked_add(1).and_then(at));
        let bytes = range.and_then(|(start, end)| self.documents.get(start..end));
        let mut from = Reader::new(bytes.ok_or("a document that is not there")?);
        let id = from.text()?;
        let text = match from.byte()? {
            0 => None,
            1 => Some(from.text()?),
            _ => return Err("a text that is neither there nor not"),
        };
        let metadata = from.text_bytes()?;
        match from.left() {
            0 => Ok(Seen { id, text, metadata }),
            _ => Err("something behind a document"),
        }
    }
}

/// How much of a record is taken.
#[derive(Debug, Default)]
pub(super) struct Room {
    documents: usize,
    bytes: usize,
}

impl Room {
    /// Whether a document goes into the same record; the first one always does.
    pub(super) fn takes(&mut self, document: &Stored, dim: usize) -> bool {
        let text = document.text.as_ref().map_or(0, |text| text.len());
        self.documents += 1;
        self.bytes += 4 * dim + document.id.len() + text;
        self.documents == 1 || self.documents <= DOCUMENTS && self.bytes <= BYTES
    }
}

/// Cuts a batch into parts for a record each.
pub(super) fn parts(
    mut documents: Vec<Stored>,
    mut vectors: Vec<f32>,
) -> Vec<(Vec<Stored>, Vec<f32>)> {
    let dim = vectors.len().checked_div(documents.len()).unwrap_or(0);
    let mut parts = Vec::new();
    // From the end, so that what is left stays where it is.
    let mut starts = Vec::new();
    let mut room = Room::default();
    for (i, document) in documents.iter().enumerate() {
        if i == 0 || !room.takes(document, dim) {
            room = Room::default();
            room.takes(document, dim);
            starts.push(i);
        }
    }
    while let Some(start) = starts.pop() {
        let vectors = vectors.split_off(start * dim);
        parts.push((documents.split_off(start), vectors));
    }
    parts.reverse();
    parts
}

/// The bytes of a batch.
pub(super) fn pack(documents: &[Stored], vectors: &[f32]) -> Vec<u8> {
    let mut held = Writer::default();
    let mut starts = vec![0];
    let mut size = 0usize;
    for document in documents {
        let metadata = serde_json::to_vec(&*document.metadata);
        let metadata = metadata.expect("a JSON object always has a text");
        held.text(document.id.as_bytes());
        held.byte(u8::from(document.text.is_some()));
        let text = document.text.as_deref();
        if let Some(text) = text {
            held.text(text.as_bytes());
        }
        held.text(&metadata);
        size += 9 + document.id.len() + text.map_or(0, |text| 4 + text.len()) + metadata.len();
        starts.push(size);
    }
    let mut out = Writer::default();
    out.bytes(&[TAG, 0, 0, 0]);
    out.count(documents.len());
    out.long(vectors.len() as u64);
    out.bytes(&[0; HEAD - 16]);
    out.floats(vectors);
    let size = 4 * vectors.len();
    out.bytes(&[0; HEAD][..size.next_multiple_of(HEAD) - size]);
    // A batch is cut long before a place in it reaches 2^32.
    starts.into_iter().for_each(|start| out.count(start));
    out.bytes(&held.finish());
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn documents() -> Vec<Stored> {
        let metadata = serde_json::json!({"year": 2020, "tags": ["a", null]});
        let document = |id: &str, text: Option<&str>, metadata: &serde_json::Value| Stored {
            id: id.into(),
            text: text.map(Arc::from),
            metadata: Arc::new(metadata.as_object().unwrap().clone()),
        };
        vec![
            document("a", Some("text"), &metadata),
            document("\u{1F600}", None, &serde_json::json!({})),
            document("c", Some(""), &serde_json::json!({})),
        ]
    }

    #[test]
    fn each_is_read_where_it_is() {
        for dim in [0, 1, 5, 16] {
            let vectors: Vec<f32> = (0..3 * dim).map(|x| x as f32).collect();
            let packed = pack(&documents(), &vectors);
            let aligned = crate::plain::AlignedBytes::filled(packed.len(), |room| {
                room.copy_from_slice(&packed);
                Ok::<usize, ()>(room.len())
            });
            let aligned = aligned.unwrap();
            let read = Packed::new(&aligned).unwrap();
            assert_eq!((read.len(), read.dim()), (3, dim));
            assert_eq!(read.vectors(), Some(&vectors[..]));
            assert_eq!(read.copied_vectors(), Ok(vectors));
            for (i, document) in documents().iter().enumerate() {
                assert_eq!(read.document(i).unwrap().stored().as_ref(), Ok(document));
            }
            assert!(read.document(3).is_err() && read.document(usize::MAX).is_err());
        }
    }

    #[test]
    fn large_batches_are_cut_and_none_is_lost() {
        let one = |bytes: usize| Stored {
            id: "x".into(),
            text: Some("y".repeat(bytes).into()),
            metadata: Arc::default(),
        };
        let sizes = [5 << 20, 1, 3 << 20, 2 << 20];
        let documents: Vec<Stored> = sizes.into_iter().map(one).collect();
        let vectors = [1.0, 2.0, 3.0, 4.0];
        let cut = parts(documents, vectors.to_vec());
        let lengths: Vec<usize> = cut.iter().map(|part| part.0.len()).collect();
        assert_eq!(lengths, [1, 2, 1]);
        assert_eq!(cut[1].1, [2.0, 3.0]);
        let many = parts(vec![one(1); 2500], Vec::new());
        let lengths: Vec<usize> = many.iter().map(|part| part.0.len()).collect();
        assert_eq!(lengths, [1024, 1024, 452]);
        assert!(parts(Vec::new(), Vec::new()).is_empty());
    }

    #[test]
    fn cut_and_scrambled_bytes_never_panic() {
        let good = pack(&documents(), &[0.5; 6]);
        let look = |bytes: &[u8]| {
            if let Ok(packed) = Packed::new(bytes) {
                for i in 0..packed.len().min(5) {
                    let _ = packed.document(i).map(|document| document.stored());
                }
            }
        };
        (0..good.len()).for_each(|cut| look(&good[..cut]));
        let mut rng = Rng::new(1);
        for _ in 0..20_000 {
            let mut bad = good.clone();
            let at = rng.below(bad.len());
            bad[at] = rng.next_u64() as u8;
            look(&bad);
        }
    }
}
