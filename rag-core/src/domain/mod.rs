//! Which domain a text belongs to, by its vector: health, finance, or none of them.
//!
//! The one idea: a domain is the mean of its examples, moved toward the mean of all domains the more,
//! the fewer they are (empirical Bayes; James and Stein, 1961; Efron and Morris, 1973), and a vector
//! belongs where it is likeliest if all domains spread alike, or to none if the common mean explains
//! it as well. How much a difference of likelihoods is worth, and how much speaks for "none", is
//! fitted by leaving out: each example is judged without itself, and once more without its whole
//! domain, when "none" is the right answer (`fit`). Vectors are handed in; `collection` embeds texts.

mod fit;
mod saved;
#[cfg(test)]
mod tests;

use crate::error::{Error, ErrorKind, Result};
use crate::kernel;
use crate::matrix::{Matrix, Rows};
use fit::Fitted;
use std::collections::BTreeMap;

/// The most domains of one detector.
pub const MAX_DOMAINS: usize = 256;
/// Examples of a domain that are kept to fit probabilities by; of more, a sample that does not depend
/// on their order.
pub const KEPT: usize = 64;
/// The longest name of a domain, in bytes.
pub const MAX_NAME: usize = 256;
/// The largest dimension of the vectors.
pub const MAX_DIM: usize = 65_536;

crate::options! {
    /// What a [`DomainDetector`] expects.
    DomainOptions {
        /// The share of texts that are expected to belong to no domain.
        background: f64 = 0.2, in 0.01..=0.9;
    }
}

/// Examples of one domain: unit vectors added up, and some of them kept.
#[derive(Clone, Debug, PartialEq)]
struct Domain {
    count: u64,
    sum: Vec<f64>,
    /// Those with the smallest numbers drawn of their own bytes, ascending.
    kept: Vec<(u64, Vec<f32>)>,
}

impl Domain {
    fn new(dim: usize) -> Self {
        Self {
            count: 0,
            sum: vec![0.0; dim],
            kept: Vec::new(),
        }
    }

    fn add(&mut self, unit: &[f32]) {
        // Merging a detector with itself doubles what it counts: that comes to the end of numbers soon.
        self.count = self.count.saturating_add(1);
        for (sum, x) in self.sum.iter_mut().zip(unit) {
            *sum += f64::from(*x);
        }
        self.keep(draw(unit), unit);
    }

    fn keep(&mut self, drawn: u64, unit: &[f32]) {
        let at = self.kept.partition_point(|(other, _)| *other < drawn);
        let known = self.kept.get(at).is_some_and(|(other, _)| *other == drawn);
        if at < KEPT && !known {
            self.kept.insert(at, (drawn, unit.to_vec()));
            self.kept.truncate(KEPT);
        }
    }

    fn take_in(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        for (sum, x) in self.sum.iter_mut().zip(&other.sum) {
            *sum += x;
        }
        for (drawn, unit) in &other.kept {
            self.keep(*drawn, unit);
        }
    }
}

/// A number drawn from a vector's bytes, the same everywhere (FNV-1a, then mixed).
fn draw(unit: &[f32]) -> u64 {
    let bytes = unit.iter().flat_map(|x| x.to_le_bytes());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    crate::rng::splitmix64(&mut hash)
}

/// What a vector was found to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// The likeliest domain; none if it is likelier to belong to none of them.
    pub domain: Option<String>,
    /// How likely that is, in 0 to 1.
    pub probability: f64,
    /// How likely each domain is, in alphabetical order; what is missing to 1 is none of them.
    pub probabilities: Vec<(String, f64)>,
    /// How likely it is none of them.
    pub none: f64,
}

/// Tells domains apart, and texts that belong to none of them.
///
/// It learns from labelled examples, or from a single line of description for each domain, and goes on
/// learning when more come. Lengths of vectors do not count.
///
/// ```
/// use rag_core::{Rows, domain::{DomainDetector, DomainOptions}};
/// let mut detector = DomainDetector::new(&DomainOptions::default())?;
/// let health = [1.0, 0.1, 0.0, 0.9, 0.0, 0.1, 1.0, 0.0, 0.1];
/// let finance = [0.1, 1.0, 0.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.1];
/// let of = |data| Rows::new(data, 3);
/// detector.learn(&[("health", of(&health)?), ("finance", of(&finance)?)], None)?;
/// assert_eq!(detector.detect(&[1.0, 0.0, 0.1])?.domain.as_deref(), Some("health"));
/// // Nothing like either of them:
/// assert_eq!(detector.detect(&[-0.1, -0.1, -1.0])?.domain, None);
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DomainDetector {
    options: DomainOptions,
    dim: Option<usize>,
    /// The fingerprint of the model that made the examples, if it was named.
    model: Option<u64>,
    domains: BTreeMap<String, Domain>,
    fitted: Option<Fitted>,
}

impl DomainDetector {
    /// A detector that knows no domain yet.
    pub fn new(options: &DomainOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options: options.clone(),
            dim: None,
            model: None,
            domains: BTreeMap::new(),
            fitted: None,
        })
    }

    /// Learns from examples of domains, besides those that it has. All or nothing. `model` is the
    /// fingerprint of what made the vectors, if that is known; from then on another is refused.
    ///
    /// `InvalidArgument` for a name that is empty or longer than [`MAX_NAME`], a domain without an
    /// example, a vector that is not finite or all zeros, and more than [`MAX_DOMAINS`] domains;
    /// `DimensionMismatch`, `ModelMismatch`.
    pub fn learn(&mut self, examples: &[(&str, Rows<'_>)], model: Option<u64>) -> Result<()> {
        self.check_model(model)?;
        let mut dim = self.dim;
        let mut units = Vec::with_capacity(examples.len());
        for &(name, rows) in examples {
            let place = |e: Error| e.context(format_args!("the domain \"{name}\""));
            check_name(name)?;
            if rows.is_empty() {
                return Err(Error::invalid(format!(
                    "the domain \"{name}\" has no example; give some, or a line that describes it"
                )));
            }
            let held = *dim.get_or_insert(rows.dim());
            if held != rows.dim() {
                return Err(place(Error::dimension("this detector", held, rows.dim())));
            }
            if held > MAX_DIM {
                return Err(Error::invalid(format!(
                    "vectors may have at most {MAX_DIM} numbers, got {held}"
                )));
            }
            let mut unit = Matrix::from_vec(rows.data().to_vec(), rows.dim())?;
            for i in 0..rows.len() {
                kernel::normalize(unit.row_mut(i))
                    .map_err(|e| place(e.context(format_args!("example {i}"))))?;
            }
            units.push((name, unit));
        }
        let mut domains = self.domains.clone();
        for (name, unit) in units {
            let new = || Domain::new(unit.dim());
            let domain = domains.entry(name.to_owned()).or_insert_with(new);
            unit.rows().iter().for_each(|row| domain.add(row));
        }
        check_count(domains.len())?;
        self.model = self.model.or(model);
        self.dim = dim;
        self.refit(domains);
        Ok(())
    }

    /// Adds what another detector has learnt from other examples. The order of merging does not matter;
    /// merged twice, the examples count twice.
    ///
    /// `DimensionMismatch`, `ModelMismatch`, and `InvalidArgument` for too many domains together.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.check_model(other.model)?;
        if let (Some(held), Some(got)) = (self.dim, other.dim)
            && held != got
        {
            return Err(Error::dimension("this detector", held, got));
        }
        let mut domains = self.domains.clone();
        for (name, domain) in &other.domains {
            match domains.get_mut(name) {
                Some(held) => held.take_in(domain),
                None => {
                    domains.insert(name.clone(), domain.clone());
                }
            }
        }
        check_count(domains.len())?;
        self.model = self.model.or(other.model);
        self.dim = self.dim.or(other.dim);
        self.refit(domains);
        Ok(())
    }

    fn refit(&mut self, domains: BTreeMap<String, Domain>) {
        self.domains = domains;
        let list: Vec<&Domain> = self.domains.values().collect();
        self.fitted = Fitted::new(&list, self.options.background);
    }

    /// Which domain a vector belongs to. A vector of zeros belongs to none that is not like all.
    ///
    /// `InvalidArgument` before any domain was learnt and for a number that is not finite;
    /// `DimensionMismatch`.
    pub fn detect(&self, vector: &[f32]) -> Result<Detection> {
        let Some(fitted) = &self.fitted else {
            return Err(Error::invalid(
                "this detector knows no domain yet; give it examples or descriptions with learn first",
            ));
        };
        self.check_dim(vector.len())?;
        Rows::single(vector)?.check_finite()?;
        let probabilities = fitted.probabilities(vector);
        let none = probabilities[self.domains.len()];
        let mut best = (None, none);
        for (name, p) in self.domains.keys().zip(&probabilities) {
            if *p > best.1 {
                best = (Some(name), *p);
            }
        }
        let names = self.domains.keys().cloned();
        Ok(Detection {
            domain: best.0.cloned(),
            probability: best.1,
            probabilities: names.zip(probabilities.iter().copied()).collect(),
            none,
        })
    }

    /// [`DomainDetector::detect`] for each of many vectors.
    pub fn detect_many(&self, vectors: Rows<'_>) -> Result<Vec<Detection>> {
        let each = vectors.iter().enumerate();
        each.map(|(i, row)| {
            self.detect(row)
                .map_err(|e| e.context(format_args!("vector {i}")))
        })
        .collect()
    }

    /// The domains with the number of their examples, in alphabetical order.
    pub fn domains(&self) -> Vec<(&str, u64)> {
        let domains = self.domains.iter();
        domains.map(|(name, d)| (name.as_str(), d.count)).collect()
    }

    /// Numbers in a vector, once known.
    pub fn dim(&self) -> Option<usize> {
        self.dim
    }

    /// The fingerprint of the model that made the examples, if it was named.
    pub fn model(&self) -> Option<u64> {
        self.model
    }

    /// Refuses vectors of another model, if both are known.
    pub fn check_model(&self, model: Option<u64>) -> Result<()> {
        match (self.model, model) {
            (Some(held), Some(got)) if held != got => Err(Error::new(
                ErrorKind::ModelMismatch,
                format!(
                    "this detector learnt from vectors of model {held:016x}, got those of \
                     {got:016x}; use one model for both"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn check_dim(&self, got: usize) -> Result<()> {
        match self.dim {
            Some(held) if held != got => Err(Error::dimension("this detector", held, got)),
            _ => Ok(()),
        }
    }
}

fn check_name(name: &str) -> Result<()> {
    match name.len() {
        1..=MAX_NAME => Ok(()),
        n => Err(Error::invalid(format!(
            "the name of a domain has 1 to {MAX_NAME} bytes, got {n}"
        ))),
    }
}

fn check_count(domains: usize) -> Result<()> {
    match domains <= MAX_DOMAINS {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "a detector tells at most {MAX_DOMAINS} domains apart, got {domains}"
        ))),
    }
}
