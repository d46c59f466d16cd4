//! Texts to time an embedder with: of a collection where there is one, else made up.
//!
//! What a text says does not change how long it takes, how many tokens it has does. So made-up
//! texts are common words at random, with the lengths of real passages: a log-normal law of about
//! 90 tokens in the mean.

use crate::collection::{Collection, Result};
use rag_core::Rng;
use rag_core::embedding::Embedder;
use std::path::Path;

/// Common English words; each is one token to the models of the BERT family.
const WORDS: &str = "the of and in to was is for as on with by he at from his an were are which \
    be this had first one their its new after but who not they have her she two been other when \
    there all during into school time may years more most only over city some world would where \
    later up such used many can state about national out known university united then made also \
    under system part form water number group however second south music area film work company \
    between north high life early population several house street until family river public book \
    team members local small since war million century large program history study results";

/// The three loads that an embedder is measured under.
pub struct Workloads {
    /// One short question: 7 to 17 tokens.
    pub query: Vec<String>,
    /// Passages of about 90 tokens in the mean, at most 256.
    pub passages: Vec<String>,
    /// Short texts: at most 32 tokens.
    pub short: Vec<String>,
}

impl Workloads {
    /// Cut from the documents and queries of a collection, as many as there are up to 48 passages.
    ///
    /// Lengths are checked with the embedder's own tokens; `seed` shuffles the documents.
    pub fn of(data: &Path, embedder: &Embedder, seed: u64) -> Result<Self> {
        let collection = Collection::read(data)?;
        let mut rng = Rng::new(seed);
        let mut made = Self {
            query: Vec::new(),
            passages: Vec::new(),
            short: Vec::new(),
        };
        for (_, query) in &collection.queries {
            if (7..=17).contains(&embedder.count_tokens(query)?) {
                made.query.push(query.clone());
                break;
            }
        }
        let mut order: Vec<usize> = (0..collection.texts.len()).collect();
        rng.shuffle(&mut order);
        for at in order {
            let words: Vec<&str> = collection.texts[at].split_whitespace().collect();
            let (long, few) = (wished(&mut rng, 70.0, 190), wished(&mut rng, 12.0, 20));
            made.passages.push(words[..long.min(words.len())].join(" "));
            made.short.push(words[..few.min(words.len())].join(" "));
            if made.passages.len() == PASSAGES {
                break;
            }
        }
        match made.query.is_empty() || made.passages.is_empty() {
            true => Err(format!("{}: no short query or no document", data.display()).into()),
            false => Ok(made),
        }
    }

    /// Made up from a seed.
    pub fn made_up(seed: u64) -> Self {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let mut rng = Rng::new(seed);
        let mut text = |mean, most| {
            let count = wished(&mut rng, mean, most);
            let words: Vec<&str> = (0..count).map(|_| words[rng.below(words.len())]).collect();
            words.join(" ")
        };
        Self {
            query: vec![text(12.0, 12)],
            passages: (0..PASSAGES).map(|_| text(90.0, 250)).collect(),
            short: (0..PASSAGES).map(|_| text(17.0, 28)).collect(),
        }
    }
}

const PASSAGES: usize = 48;

/// A length of the log-normal law with this mean, between 5 and `most`.
fn wished(rng: &mut Rng, mean: f64, most: usize) -> usize {
    const SPREAD: f64 = 0.65;
    let length = mean * (SPREAD * rng.normal() - SPREAD * SPREAD / 2.0).exp();
    (length as usize).clamp(5.min(most), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_texts_have_the_lengths_of_passages() {
        let made = Workloads::made_up(1);
        let words = |texts: &[String]| -> Vec<usize> {
            texts.iter().map(|t| t.split(' ').count()).collect()
        };
        let long = words(&made.passages);
        let mean = long.iter().sum::<usize>() as f64 / long.len() as f64;
        assert!((70.0..110.0).contains(&mean), "{mean}");
        assert!(long.iter().all(|n| (5..=250).contains(n)));
        assert!(words(&made.short).iter().all(|n| (5..=28).contains(n)));
        assert_eq!(made.passages, Workloads::made_up(1).passages);
    }
}
