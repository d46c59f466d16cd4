//! What one log record of a collection says, and its bytes.
//!
//! A record is one atomic change. Little-endian; a text is its length `u32` and its UTF-8 bytes,
//! a list its count `u32` and its items. First byte: the tag. The store's checksums keep damage
//! out; what still does not parse is an error, never a panic or an unchecked allocation.

use super::document::{Metadata, Stored};
use crate::error::{Error, Result};
use std::sync::Arc;

/// One atomic change of a collection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// What the collection is; the first record of every log.
    Identity {
        dim: Option<usize>,
        /// Name and fingerprint of the embedder, once one has made a vector here.
        embedder: Option<(String, String)>,
    },
    /// Documents that replace those of the same id.
    Put {
        documents: Vec<Stored>,
        /// Unit vectors, one after the other, or none at all.
        vectors: Vec<f32>,
    },
    /// Ids that are gone.
    Delete(Vec<String>),
    /// The whole steering set, and the number of vectors on which its dials were calibrated.
    Steering { set: Vec<u8>, calibrated_on: usize },
    /// One piece of feedback.
    Feedback(Feedback),
}

/// Feedback as it is logged: replaying it moves the steering set exactly as it did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Feedback {
    pub(crate) query: Vec<f32>,
    pub(crate) item: Vec<f32>,
    pub(crate) rating: f64,
    pub(crate) user: Option<String>,
    pub(crate) dials: Vec<(String, f64)>,
    pub(crate) at: f64,
    /// Who counted it, so that merging sets counts it once.
    pub(crate) worker: u64,
}

impl Change {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        match self {
            Change::Identity { dim, embedder } => {
                out.0.push(1);
                out.u32(dim.unwrap_or(0));
                out.u32(usize::from(embedder.is_some()));
                if let Some((name, fingerprint)) = embedder {
                    out.bytes(name.as_bytes());
                    out.bytes(fingerprint.as_bytes());
                }
            }
            Change::Put { documents, vectors } => {
                out.0.push(2);
                out.u32(documents.len());
                for document in documents {
                    out.bytes(document.id.as_bytes());
                    out.optional(document.text.as_deref());
                    let metadata = serde_json::to_vec(&*document.metadata);
                    out.bytes(&metadata.expect("a JSON object always has a text"));
                }
                out.floats(vectors);
            }
            Change::Delete(ids) => {
                out.0.push(3);
                out.u32(ids.len());
                ids.iter().for_each(|id| out.bytes(id.as_bytes()));
            }
            Change::Steering { set, calibrated_on } => {
                out.0.push(4);
                out.u32(*calibrated_on);
                out.0.extend_from_slice(set);
            }
            Change::Feedback(feedback) => {
                out.0.push(5);
                out.floats(&feedback.query);
                out.floats(&feedback.item);
                out.f64(feedback.rating);
                out.f64(feedback.at);
                out.0.extend_from_slice(&feedback.worker.to_le_bytes());
                out.optional(feedback.user.as_deref());
                out.u32(feedback.dials.len());
                for (name, strength) in &feedback.dials {
                    out.bytes(name.as_bytes());
                    out.f64(*strength);
                }
            }
        }
        out.0
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut input = Reader(bytes);
        let change = match input.take(1)?[0] {
            1 => {
                let dim = input.u32()?;
                let embedder = match input.u32()? {
                    0 => None,
                    _ => Some((input.text()?, input.text()?)),
                };
                let dim = (dim > 0).then_some(dim);
                Change::Identity { dim, embedder }
            }
            2 => {
                let documents = input.list(|input| {
                    Ok(Stored {
                        id: input.text()?,
                        text: input.optional()?.map(Arc::from),
                        metadata: Arc::new(parse_metadata(input.bytes()?)?),
                    })
                })?;
                let vectors = input.floats()?;
                Change::Put { documents, vectors }
            }
            3 => Change::Delete(input.list(Reader::text)?),
            4 => Change::Steering {
                calibrated_on: input.u32()?,
                set: std::mem::take(&mut input.0).to_vec(),
            },
            5 => Change::Feedback(Feedback {
                query: input.floats()?,
                item: input.floats()?,
                rating: input.f64()?,
                at: input.f64()?,
                worker: input.u64()?,
                user: input.optional()?,
                dials: input.list(|input| Ok((input.text()?, input.f64()?)))?,
            }),
            tag => return Err(malformed(format_args!("a change of unknown kind {tag}"))),
        };
        match input.0 {
            [] => Ok(change),
            rest => Err(malformed(format_args!("{} bytes too many", rest.len()))),
        }
    }
}

fn malformed(found: impl std::fmt::Display) -> Error {
    let message = format!("the record holds {found}; it was not written by this library");
    Error::new(crate::ErrorKind::Corrupt, message)
}

fn parse_metadata(bytes: &[u8]) -> Result<Metadata> {
    serde_json::from_slice(bytes).map_err(|e| malformed(format_args!("metadata: {e}")))
}

struct Writer(Vec<u8>);

impl Writer {
    fn u32(&mut self, value: usize) {
        // Batches are cut long before they reach this; see `MAX_BATCH_BYTES`.
        let value = u32::try_from(value).expect("counts in a record fit 32 bits");
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    fn f64(&mut self, value: f64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    fn bytes(&mut self, bytes: &[u8]) {
        self.u32(bytes.len());
        self.0.extend_from_slice(bytes);
    }
    fn optional(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.bytes(text.as_bytes());
        }
    }
    fn floats(&mut self, floats: &[f32]) {
        self.u32(floats.len());
        floats
            .iter()
            .for_each(|x| self.0.extend_from_slice(&x.to_le_bytes()));
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let Some((head, rest)) = self.0.split_at_checked(n) else {
            return Err(malformed(format_args!(
                "{} bytes where {n} were announced",
                self.0.len()
            )));
        };
        self.0 = rest;
        Ok(head)
    }
    fn u32(&mut self) -> Result<usize> {
        let bytes = self.take(4)?.try_into().expect("four bytes");
        Ok(u32::from_le_bytes(bytes) as usize)
    }
    fn u64(&mut self) -> Result<u64> {
        let bytes = self.take(8)?.try_into().expect("eight bytes");
        Ok(u64::from_le_bytes(bytes))
    }
    fn f64(&mut self) -> Result<f64> {
        self.u64().map(f64::from_bits)
    }
    fn bytes(&mut self) -> Result<&'a [u8]> {
        let n = self.u32()?;
        self.take(n)
    }
    fn text(&mut self) -> Result<String> {
        let text = std::str::from_utf8(self.bytes()?);
        Ok(text
            .map_err(|e| malformed(format_args!("text: {e}")))?
            .to_owned())
    }
    fn optional(&mut self) -> Result<Option<String>> {
        match self.take(1)?[0] {
            0 => Ok(None),
            _ => self.text().map(Some),
        }
    }
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let n = self.u32()?;
        // Grows as items are read: a count that lies runs out of bytes, not of memory.
        let mut items = Vec::new();
        for _ in 0..n {
            items.push(item(self)?);
        }
        Ok(items)
    }
    fn floats(&mut self) -> Result<Vec<f32>> {
        let n = self.u32()?;
        let bytes = self.take(n.saturating_mul(4))?;
        let (chunks, _) = bytes.as_chunks::<4>();
        Ok(chunks.iter().map(|c| f32::from_le_bytes(*c)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<Change> {
        let metadata = serde_json::json!({"year": 2020, "tags": ["a", null], "x": 0.1});
        let stored = |id: &str, text: Option<&str>| Stored {
            id: id.into(),
            text: text.map(Arc::from),
            metadata: Arc::new(metadata.as_object().unwrap().clone()),
        };
        vec![
            Change::Identity {
                dim: None,
                embedder: None,
            },
            Change::Identity {
                dim: Some(384),
                embedder: Some(("m".into(), "f00d".into())),
            },
            Change::Put {
                documents: vec![stored("a", Some("t\0\u{1F600}")), stored("b", None)],
                vectors: vec![0.6, 0.8, -1.0, 0.0],
            },
            Change::Delete(vec!["a".into(), "b".into()]),
            Change::Steering {
                set: vec![1, 2, 3],
                calibrated_on: 20,
            },
            Change::Feedback(Feedback {
                query: vec![1.0],
                item: vec![0.5],
                rating: 0.25,
                user: Some("u".into()),
                dials: vec![("trust".into(), -0.5)],
                at: 1e9,
                worker: 7,
            }),
        ]
    }

    #[test]
    fn every_change_survives_its_bytes() {
        for change in examples() {
            assert_eq!(Change::decode(&change.encode()).unwrap(), change);
        }
    }

    #[test]
    fn cut_and_scrambled_bytes_never_panic() {
        let mut rng = crate::Rng::new(1);
        for change in examples() {
            let bytes = change.encode();
            for cut in 0..bytes.len() {
                let _ = Change::decode(&bytes[..cut]);
            }
            for _ in 0..2000 {
                let mut bad = bytes.clone();
                let at = rng.below(bad.len());
                bad[at] = rng.next_u64() as u8;
                let _ = Change::decode(&bad);
            }
        }
    }
}
