//! Whether a passage says the same as one that is kept.
//!
//! By runs of three words: the share of runs that two texts have in common of all that they have (Jaccard;
//! Broder, 1997). A table from runs to passages makes that linear in the words. By cosine where there are
//! vectors.

use crate::rng::AsItIs;
use crate::text::{Analyzer, Language, Piece};
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, BuildHasherDefault};

const RUN: usize = 3;

/// What is compared of a text.
pub(super) struct Shape<'a> {
    /// Hashes of its runs of words, sorted, each once.
    runs: Vec<u64>,
    /// Of unit length; none for a vector of zeros, which is like nothing.
    vector: Option<&'a [f32]>,
    length: f64,
}

pub(super) struct Alike<'a> {
    jaccard: f64,
    cosine: f64,
    analyzer: Analyzer,
    /// Keyed anew each time: nobody can choose words whose hashes meet.
    hasher: RandomState,
    kept: Vec<(usize, Shape<'a>)>,
    /// Runs to the last of the places in `kept` that have them, by its number in `places`.
    last: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    /// A place in `kept`, and the number of the one before it, if there is one.
    places: Vec<(u32, Option<u32>)>,
}

impl<'a> Alike<'a> {
    pub(super) fn new(jaccard: f64, cosine: f64) -> Self {
        Self {
            jaccard,
            cosine,
            analyzer: Analyzer::new(Language::None),
            hasher: RandomState::new(),
            kept: Vec::new(),
            last: HashMap::default(),
            places: Vec::new(),
        }
    }

    pub(super) fn shape(&self, text: &str, vector: Option<&'a [f32]>) -> Shape<'a> {
        let mut words: Vec<u64> = Vec::with_capacity(text.len() / 5);
        self.analyzer
            .for_each_piece(text, &mut String::new(), |piece| {
                let (Piece::Word(word) | Piece::Term(word)) = piece;
                words.push(self.hasher.hash_one(word));
            });
        let run = |words: &[u64]| {
            words.iter().fold(0, |run: u64, word| {
                (run.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            })
        };
        let mut runs: Vec<u64> = match words.len() {
            // A text without words is compared as it is.
            0 => vec![self.hasher.hash_one(text.trim())],
            n if n < RUN => vec![run(&words)],
            _ => words.windows(RUN).map(run).collect(),
        };
        runs.sort_unstable();
        runs.dedup();
        let length = vector.map_or(0.0, |v| dot(v, v).sqrt());
        Shape {
            runs,
            vector: vector.filter(|_| length > 0.0),
            length,
        }
    }

    /// Whether one that is kept says the same; those that `spared` names are not asked.
    pub(super) fn says_the_same(&self, shape: &Shape<'_>, spared: impl Fn(usize) -> bool) -> bool {
        let mut shared = vec![0usize; self.kept.len()];
        for run in &shape.runs {
            let mut at = self.last.get(run).copied();
            while let Some(number) = at {
                let (place, before) = self.places[number as usize];
                shared[place as usize] += 1;
                at = before;
            }
        }
        self.kept
            .iter()
            .zip(shared)
            .any(|((passage, kept), shared)| {
                let all = kept.runs.len() + shape.runs.len() - shared;
                let jaccard = shared as f64 / all as f64;
                let cosine = match (kept.vector, shape.vector) {
                    (Some(a), Some(b)) => dot(a, b) / (kept.length * shape.length),
                    _ => -1.0,
                };
                (jaccard >= self.jaccard || cosine >= self.cosine) && !spared(*passage)
            })
    }

    pub(super) fn keep(&mut self, passage: usize, shape: Shape<'a>) {
        let place = self.kept.len() as u32;
        self.last.reserve(shape.runs.len());
        for &run in &shape.runs {
            let number = self.places.len() as u32;
            let before = self.last.insert(run, number);
            self.places.push((place, before));
        }
        self.kept.push((passage, shape));
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let products = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
    products.sum()
}
