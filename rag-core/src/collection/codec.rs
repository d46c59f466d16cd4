//! What one log record of a collection says, and its bytes.
//!
//! A record is one atomic change. Little-endian; a text is its length `u32` and its UTF-8 bytes,
//! a list its count `u32` and its items. First byte: the tag, 1 to 13 in the order of [`Change`]; for
//! documents see `packed`. A release that does not know a tag answers `Corrupt` and names it; what
//! came later is written only where it is needed: 6 once a collection was calibrated, 7 to 9 for
//! dials and users that change by themselves, 10 to 13 for bandits. The store's checksums keep damage out; what still does
//! not parse is an error, never a panic or an unchecked allocation.

use super::document::Stored;
use super::packed::{self, Packed};
use super::relevance::Scale;
use crate::bytes::{Reader, Writer};
use crate::error::{Error, Result};
use crate::steering;

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
    /// The curve from scores to relevance as bytes, with the searches that it is for; `None` if
    /// there shall be none.
    Calibration(Option<(Scale, Vec<u8>)>),
    /// A steering set of which the dials replace those that were there, and the number of vectors on
    /// which they were calibrated.
    Dials { set: Vec<u8>, calibrated_on: usize },
    /// A user of whom nothing is known any more.
    Forget(String),
    /// A steering set of which the users replace those of the same names.
    Users(Vec<u8>),
    /// A bandit of this name as it is, in the place of one that was there.
    Bandit { name: String, bandit: Vec<u8> },
    /// A bandit that is gone.
    NoBandit(String),
    /// A bandit came to know a domain, and contexts of so many numbers; 0 if of none.
    Domain {
        name: String,
        domain: String,
        features: usize,
    },
    /// What a bandit's choice earned.
    Reward { name: String, earned: Vec<u8> },
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
    /// Where the item stood, from 1; written only if it is known.
    pub(crate) position: Option<usize>,
}

impl Feedback {
    /// This as it was given; `dials` are its own.
    pub(crate) fn given<'a>(&'a self, dials: &'a [(&'a str, f64)]) -> steering::Feedback<'a> {
        steering::Feedback {
            user: self.user.as_deref(),
            dials,
            at: Some(self.at),
            position: self.position,
            ..steering::Feedback::new(&self.query, &self.item, self.rating)
        }
    }
}

impl Change {
    /// How much work it is to take it in: documents, deletions, or one.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Put { documents, .. } => documents.len() as u64,
            Self::Delete(ids) => ids.len() as u64,
            _ => 1,
        }
    }

    /// How many documents it brings.
    pub(crate) fn documents(&self) -> usize {
        match self {
            Self::Put { documents, .. } => documents.len(),
            _ => 0,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        match self {
            Change::Identity { dim, embedder } => {
                out.byte(1);
                out.count(dim.unwrap_or(0));
                out.count(usize::from(embedder.is_some()));
                if let Some((name, fingerprint)) = embedder {
                    out.text(name.as_bytes());
                    out.text(fingerprint.as_bytes());
                }
            }
            Change::Put { documents, vectors } => return packed::pack(documents, vectors),
            Change::Delete(ids) => {
                out.byte(3);
                out.count(ids.len());
                ids.iter().for_each(|id| out.text(id.as_bytes()));
            }
            Change::Steering { set, calibrated_on } => {
                out.byte(4);
                out.count(*calibrated_on);
                out.bytes(set);
            }
            Change::Feedback(feedback) => {
                out.byte(5);
                put_floats(&mut out, &feedback.query);
                put_floats(&mut out, &feedback.item);
                out.reals(&[feedback.rating, feedback.at]);
                out.long(feedback.worker);
                put_optional(&mut out, feedback.user.as_deref());
                out.count(feedback.dials.len());
                for (name, strength) in &feedback.dials {
                    out.text(name.as_bytes());
                    out.reals(&[*strength]);
                }
                if let Some(position) = feedback.position {
                    out.count(position);
                }
            }
            Change::Calibration(None) => out.bytes(&[6, 0]),
            Change::Calibration(Some((scale, curve))) => {
                out.byte(6);
                match scale {
                    Scale::Convex(weight) => {
                        out.byte(1);
                        out.floats(&[*weight]);
                    }
                    Scale::Ranks => out.byte(2),
                    Scale::Dense => out.byte(3),
                    Scale::Lexical => out.byte(4),
                }
                out.bytes(curve);
            }
            Change::Dials { set, calibrated_on } => {
                out.byte(7);
                out.count(*calibrated_on);
                out.bytes(set);
            }
            Change::Forget(user) => {
                out.byte(8);
                out.text(user.as_bytes());
            }
            Change::Users(set) => {
                out.byte(9);
                out.bytes(set);
            }
            Change::Bandit { name, bandit } => {
                out.byte(10);
                out.text(name.as_bytes());
                out.bytes(bandit);
            }
            Change::NoBandit(name) => {
                out.byte(11);
                out.text(name.as_bytes());
            }
            Change::Domain {
                name,
                domain,
                features,
            } => {
                out.byte(12);
                out.text(name.as_bytes());
                out.text(domain.as_bytes());
                out.count(*features);
            }
            Change::Reward { name, earned } => {
                out.byte(13);
                out.text(name.as_bytes());
                out.bytes(earned);
            }
        }
        out.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.first() == Some(&packed::TAG) {
            return unpack(bytes).map_err(malformed);
        }
        let mut input = Reader::new(bytes);
        let change = read(&mut input).map_err(malformed)?;
        match input.left() {
            0 => Ok(change),
            more => Err(malformed(format_args!("{more} bytes too many"))),
        }
    }
}

fn unpack(bytes: &[u8]) -> crate::bytes::Read<Change> {
    let batch = Packed::new(bytes)?;
    let documents = (0..batch.len()).map(|i| batch.document(i)?.stored());
    Ok(Change::Put {
        documents: documents.collect::<crate::bytes::Read<Vec<Stored>>>()?,
        vectors: batch.copied_vectors()?,
    })
}

pub(super) fn malformed(found: impl std::fmt::Display) -> Error {
    let message = format!("the record is damaged: {found}; it was not written by this library");
    Error::new(crate::ErrorKind::Corrupt, message)
}

fn put_optional(out: &mut Writer, text: Option<&str>) {
    out.byte(u8::from(text.is_some()));
    if let Some(text) = text {
        out.text(text.as_bytes());
    }
}

fn put_floats(out: &mut Writer, floats: &[f32]) {
    out.count(floats.len());
    out.floats(floats);
}

type Read<T> = std::result::Result<T, String>;

fn read(input: &mut Reader<'_>) -> Read<Change> {
    Ok(match input.byte()? {
        1 => {
            let dim = input.count()?;
            let embedder = match input.word()? {
                0 => None,
                _ => Some((text(input)?, text(input)?)),
            };
            let dim = (dim > 0).then_some(dim);
            Change::Identity { dim, embedder }
        }
        3 => Change::Delete(list(input, text)?),
        4 => Change::Steering {
            calibrated_on: input.count()?,
            set: input.bytes(input.left())?.to_vec(),
        },
        5 => Change::Feedback(Feedback {
            query: floats(input)?,
            item: floats(input)?,
            rating: input.real()?,
            at: input.real()?,
            worker: input.long()?,
            user: optional(input)?,
            dials: list(input, |input| Ok((text(input)?, input.real()?)))?,
            position: match input.left() {
                0 => None,
                _ => Some(input.count()?),
            },
        }),
        6 => Change::Calibration(match input.byte()? {
            0 => None,
            tag => Some((scale(input, tag)?, input.bytes(input.left())?.to_vec())),
        }),
        7 => Change::Dials {
            calibrated_on: input.count()?,
            set: input.bytes(input.left())?.to_vec(),
        },
        8 => Change::Forget(text(input)?),
        9 => Change::Users(input.bytes(input.left())?.to_vec()),
        10 => Change::Bandit {
            name: text(input)?,
            bandit: input.bytes(input.left())?.to_vec(),
        },
        11 => Change::NoBandit(text(input)?),
        12 => Change::Domain {
            name: text(input)?,
            domain: text(input)?,
            features: input.count()?,
        },
        13 => Change::Reward {
            name: text(input)?,
            earned: input.bytes(input.left())?.to_vec(),
        },
        tag => return Err(format!("a change of unknown kind {tag}")),
    })
}

fn scale(input: &mut Reader<'_>, tag: u8) -> Read<Scale> {
    Ok(match tag {
        1 => match input.any_floats(1)?[..] {
            [weight] if (0.0..=1.0).contains(&weight) => Scale::Convex(weight),
            _ => return Err("a weight outside 0..=1".into()),
        },
        2 => Scale::Ranks,
        3 => Scale::Dense,
        4 => Scale::Lexical,
        tag => return Err(format!("a search of unknown kind {tag}")),
    })
}

fn list<T>(input: &mut Reader<'_>, item: impl Fn(&mut Reader<'_>) -> Read<T>) -> Read<Vec<T>> {
    let n = input.count()?;
    input.items(n, item)
}

fn text(input: &mut Reader<'_>) -> Read<String> {
    Ok(input.text()?.to_owned())
}

fn optional(input: &mut Reader<'_>) -> Read<Option<String>> {
    match input.byte()? {
        0 => Ok(None),
        _ => text(input).map(Some),
    }
}

fn floats(input: &mut Reader<'_>) -> Read<Vec<f32>> {
    let n = input.count()?;
    Ok(input.any_floats(n)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

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
                position: None,
            }),
            Change::Feedback(Feedback {
                query: vec![1.0],
                item: vec![0.5],
                rating: 1.0,
                user: None,
                dials: vec![],
                at: 0.0,
                worker: 7,
                position: Some(3),
            }),
            Change::Dials {
                set: vec![4],
                calibrated_on: 1,
            },
            Change::Forget("u".into()),
            Change::Users(vec![5, 6]),
            Change::Calibration(None),
            Change::Calibration(Some((Scale::Convex(0.3), vec![1, 2, 3]))),
            Change::Calibration(Some((Scale::Ranks, vec![]))),
            Change::Calibration(Some((Scale::Dense, vec![9]))),
            Change::Calibration(Some((Scale::Lexical, vec![0, 6]))),
        ]
    }

    #[test]
    fn every_change_survives_its_bytes() {
        for change in examples() {
            assert_eq!(Change::decode(&change.encode()).unwrap(), change);
        }
    }

    #[test]
    fn a_calibration_of_no_search_is_refused() {
        let mut bad = vec![6, 1];
        bad.extend(f32::NAN.to_le_bytes());
        for bytes in [&[6, 5][..], &[6], &[6, 0, 0], &[14], &bad] {
            let error = Change::decode(bytes).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Corrupt, "{bytes:?}");
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
