//! [`SteeringVector`]: a direction, the length of a dial of 1 along it, and what it is worth.

use super::apply::{self, ApplyOptions, Reach};
use super::calibrate::{CalibrateOptions, Neighbourhood, unit};
use super::direction::{self, Sample, normalise};
use super::effect::{Effect, cross_fitted};
use super::logistic::logistic;
use super::set::MAX_STRENGTH;
use crate::Rows;
use crate::error::{Error, Result};
use crate::kernel::{self, linalg::dot};
use crate::threads;
use std::collections::HashSet;

/// The ridges among which cross-validation chooses, and the one that is taken unless another tells
/// held-out examples apart better by a margin: what lies within it is noise.
const AUTO_RIDGES: [f64; 4] = [1.0, 3.0, 10.0, 30.0];
const RIDGE: f64 = 3.0;
const MARGIN: f64 = 1.02;

/// The longest name of a dial or user, in bytes.
pub(super) const MAX_NAME: usize = 256;

crate::option_enum! {
    /// How a direction is learnt.
    LearnMethod {
        /// Ridge-LDA with the ridge that cross-validation chooses.
        Auto = "auto",
        /// Fisher's discriminant with a ridge.
        RidgeLda = "ridge_lda",
        /// L2-penalised logistic regression.
        Logistic = "logistic",
        /// The difference of the two means.
        MeanDifference = "mean_difference",
        /// The first principal axis of the differences of pairs.
        Pca = "pca",
    }
}

crate::options! {
    /// How [`SteeringVector::learn`] learns.
    LearnOptions {
        /// The name of the vector, at most 256 bytes.
        name: String = String::new();
        /// The method.
        method: LearnMethod = LearnMethod::Auto;
        /// The ridge of ridge-LDA, in units of the mean squared length of the examples.
        ridge: f64 = 3.0, in 1e-3..=1e6;
        /// The weight of the examples against the penalty in logistic regression.
        c: f64 = 1.0, in 1e-6..=1e6;
        /// Parts into which the examples are split to measure the effect; fewer for small sets.
        folds: usize = 5, in 2..=20;
        /// Draws the folds and the samples of the calibration.
        seed: u64 = 0;
    }
}

/// A direction that raises an attribute, with its calibrated length and its measured effect.
///
/// As learnt, [`vector`](Self::vector) has length 1 and a strength of 1 adds
/// [`scale`](Self::scale) times it to a unit query. Arithmetic is that of the vectors: half a
/// vector steers half as far, a sum steers towards both. The scale of a sum is the mean of the two
/// scales, weighted by the lengths. An effect belongs to a direction: a multiple keeps it (the
/// opposite direction negates it), any other direction has none until it is measured.
///
/// ```
/// use rag_core::{Rows, steering::{LearnOptions, SteeringVector}};
/// let polite = [1.0, 0.2, 0.9, 0.1, 1.0, 0.0, 0.8, 0.2];
/// let rude = [0.1, 1.0, 0.0, 0.9, 0.2, 1.0, 0.1, 0.8];
/// let v = SteeringVector::learn(
///     Rows::new(&polite, 2)?, Rows::new(&rude, 2)?, &LearnOptions::default())?;
/// assert!(v.vector()[0] > 0.6 && v.vector()[1] < -0.6);
/// // A strength of 0 gives the query back as it came, even if it has no unit length.
/// assert_eq!(v.apply(&[3.0, 4.0], 0.0)?, [3.0, 4.0]);
/// // Half the vector at strength 1 is the vector at strength one half.
/// assert_eq!(v.times(0.5)?.apply(&[0.6, 0.8], 1.0)?, v.apply(&[0.6, 0.8], 0.5)?);
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SteeringVector {
    name: String,
    vector: Vec<f32>,
    scale: f64,
    effect: Option<Effect>,
    loss: Option<f64>,
}

impl SteeringVector {
    /// Learns the direction from `negative` to `positive` examples: `(n, dim)` each, any `n >= 2`.
    ///
    /// Sets of one size may be pairs: a pair is held out together, and PCA takes its difference.
    /// An effect whose interval holds 0 is no error; see [`Effect::is_measurable`].
    ///
    /// Fails with `InvalidArgument` on fewer than two examples in a set, numbers that are not
    /// finite, sets that are the same or share half of their examples, and with
    /// `DimensionMismatch` on sets of two dimensions.
    pub fn learn(positive: Rows<'_>, negative: Rows<'_>, options: &LearnOptions) -> Result<Self> {
        options.check()?;
        check_name("name", &options.name)?;
        check_examples(positive, negative)?;
        let sample = Sample::new(positive, negative, options.folds, options.seed);
        let centre = sample.mean_difference(None);
        if dot(&centre, &centre).sqrt() <= 1e-6 {
            return Err(Error::invalid(
                "positive and negative examples have the same mean, so no direction tells them \
                 apart; check that the labels do not contradict each other",
            ));
        }
        let (mut direction, folds) = fitted(&sample, options)?;
        if !normalise(&mut direction) {
            return Err(Error::invalid(
                "the examples give a direction of length 0; add examples that differ in the \
                 attribute",
            ));
        }
        let effect = cross_fitted(&sample, &folds);
        let vector: Vec<f32> = direction.iter().map(|&v| v as f32).collect();
        let both = [positive.data(), negative.data()].concat();
        let calibrate = CalibrateOptions::default().seed(options.seed);
        let neighbourhood = Neighbourhood::new(Rows::new(&both, positive.dim())?, &calibrate)?;
        let calibrated = neighbourhood.along(&vector);
        Ok(Self {
            name: options.name.clone(),
            vector,
            scale: calibrated.scale,
            effect: Some(effect),
            loss: Some(calibrated.loss),
        })
    }

    /// A vector from numbers that were learnt elsewhere. `scale` is the length, in units of
    /// `vector`, that a strength of 1 adds to a unit query: above 0, at most 100.
    pub fn from_parts(
        name: &str,
        vector: &[f32],
        scale: f64,
        effect: Option<Effect>,
    ) -> Result<Self> {
        check_name("name", name)?;
        Rows::single(vector)?.check_finite()?;
        if vector.is_empty() {
            return Err(Error::invalid("a steering vector needs at least 1 number"));
        }
        if !(scale > 0.0 && scale <= 100.0) {
            return Err(Error::invalid(format!(
                "scale must be above 0 and at most 100, got {scale}"
            )));
        }
        if let Some(e) = effect
            && !(e.low <= e.value && e.value <= e.high && (e.high - e.low).is_finite())
        {
            return Err(Error::invalid(
                "an effect needs finite numbers with low <= value <= high",
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            vector: vector.to_vec(),
            scale,
            effect,
            loss: None,
        })
    }

    /// The same direction with the scale measured on `documents` (`(n, dim)`, at least 3): at
    /// strength 1 the mean similarity of the nearest neighbours falls by
    /// [`loss`](CalibrateOptions::loss), when documents play the queries. Costs one matrix product
    /// of queries and documents.
    pub fn calibrated(&self, documents: Rows<'_>, options: &CalibrateOptions) -> Result<Self> {
        self.check_dim(documents.dim())?;
        Ok(self.calibrated_in(&Neighbourhood::new(documents, options)?))
    }

    pub(super) fn calibrated_in(&self, neighbourhood: &Neighbourhood) -> Self {
        let mut out = self.clone();
        if let Some(unit) = unit(&self.vector) {
            let calibrated = neighbourhood.along(&unit);
            out.scale = calibrated.scale;
            out.loss = Some(calibrated.loss);
        }
        out
    }

    /// The direction: length 1 as learnt; arithmetic may change the length.
    pub fn vector(&self) -> &[f32] {
        &self.vector
    }

    /// The name; empty if none was given. Arithmetic makes names such as `"a + b"`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of dimensions.
    pub fn dim(&self) -> usize {
        self.vector.len()
    }

    /// The length, in units of [`vector`](Self::vector), that a strength of 1 adds to a unit query.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The held-out effect, if it was measured for this direction.
    pub fn effect(&self) -> Option<Effect> {
        self.effect
    }

    /// What a strength of 1 was measured to cost: the share of the similarity of the nearest
    /// neighbours that it takes. `None` until the length was calibrated for this direction. Below
    /// what was asked for where [`MAX_SCALE`](super::MAX_SCALE) ended the search.
    pub fn loss(&self) -> Option<f64> {
        self.loss
    }

    /// The same with what a strength of 1 was measured elsewhere to cost, in 0..=1; anything else
    /// counts as not measured.
    #[must_use]
    pub fn costing(mut self, loss: Option<f64>) -> Self {
        self.loss = loss.filter(|loss| (0.0..=1.0).contains(loss));
        self
    }

    /// The same vector under another name of at most 256 bytes.
    pub fn named(&self, name: &str) -> Result<Self> {
        check_name("name", name)?;
        let mut out = self.clone();
        out.name = name.to_owned();
        Ok(out)
    }

    /// The sum: steers towards both.
    pub fn plus(&self, other: &Self) -> Result<Self> {
        self.combined(other, 1.0, "+")
    }

    /// The difference: steers towards this and away from `other`.
    pub fn minus(&self, other: &Self) -> Result<Self> {
        self.combined(other, -1.0, "-")
    }

    /// The opposite direction, with the negated effect.
    pub fn negated(&self) -> Self {
        let mut out = self.clone();
        out.vector.iter_mut().for_each(|v| *v = -*v);
        out.effect = self.effect.map(Effect::negated);
        out.loss = None;
        out.name = clip(format!("-{}", self.name));
        out
    }

    /// The multiple by a number in -1e6..=1e6.
    pub fn times(&self, factor: f64) -> Result<Self> {
        if !(-1e6..=1e6).contains(&factor) {
            return Err(Error::invalid(format!(
                "a steering vector is multiplied by a number in -1e6..=1e6, got {factor}"
            )));
        }
        let wide: Vec<f64> = self.wide().iter().map(|v| v * factor).collect();
        let effect = match factor {
            f if f > 0.0 => self.effect,
            f if f < 0.0 => self.effect.map(Effect::negated),
            _ => None,
        };
        self.derived(
            &wide,
            self.scale,
            effect,
            format!("{factor} * {}", self.name),
        )
    }

    /// What is left of this vector when its part along `other` is taken away.
    ///
    /// Fails if `other` has length 0.
    pub fn orthogonal_to(&self, other: &Self) -> Result<Self> {
        self.check_dim(other.dim())?;
        let mut along = other.wide();
        if !normalise(&mut along) {
            return Err(Error::invalid(
                "a vector of length 0 has no direction to be orthogonal to",
            ));
        }
        let mut rest = self.wide();
        let part = dot(&rest, &along);
        direction::add_scaled(&mut rest, -part, &along);
        self.derived(
            &rest,
            self.scale,
            None,
            format!("{} _|_ {}", self.name, other.name),
        )
    }

    /// The unit query plus `strength` times [`scale`](Self::scale) times the vector, at length 1.
    ///
    /// `strength` lies in -100..=100; 0 returns `query` bit for bit. The length of `query` does
    /// not matter otherwise, but it must have one. Fails if the sum has no direction.
    pub fn apply(&self, query: &[f32], strength: f64) -> Result<Vec<f32>> {
        self.apply_with(query, strength, &ApplyOptions::default())
    }

    /// [`apply`](Self::apply) on another way, or within a bound.
    ///
    /// ```
    /// use rag_core::steering::{Application, ApplyOptions, SteeringVector};
    /// let up = SteeringVector::from_parts("up", &[0.0, 1.0], 1.0, None)?;
    /// let turn = ApplyOptions::default().application(Application::Geodesic);
    /// // A turn goes by the same angle from everywhere, and not beyond where it points.
    /// let eighth = std::f32::consts::FRAC_PI_4;
    /// let once = up.apply_with(&[1.0, 0.0], 1.0, &turn)?;
    /// assert!((once[0] - eighth.cos()).abs() < 1e-6);
    /// let twice = up.apply_with(&once, 1.0, &turn)?;
    /// assert!(twice[0].abs() < 1e-3 && (twice[1] - 1.0).abs() < 1e-6);
    /// assert_eq!(up.apply_with(&[0.0, 1.0], 1.0, &turn)?, [0.0, 1.0]);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn apply_with(
        &self,
        query: &[f32],
        strength: f64,
        options: &ApplyOptions,
    ) -> Result<Vec<f32>> {
        options.check()?;
        self.check_dim(query.len())?;
        check_strength("strength", strength)?;
        let square = f64::from((kernel::active().dot)(&self.vector, &self.vector));
        if strength == 0.0 || square == 0.0 {
            Rows::single(query)?.check_finite()?;
            return Ok(query.to_vec());
        }
        let mut factor = strength * self.scale;
        let mut reach = Reach::default();
        let length = square.sqrt();
        reach.take(factor.abs() * length, self.scale * length, self.cost());
        factor *= reach.factor(factor * factor * square, options.max_loss);
        if let Some(moved) = apply::quickly(query, &self.vector, factor, options.application) {
            return Ok(moved);
        }
        let moved: Vec<f64> = self.wide().iter().map(|v| v * factor).collect();
        apply::carefully(query, &moved, options.application).map(|(vector, _, _)| vector)
    }

    /// The length that a strength of 1 adds.
    pub(super) fn length(&self) -> f64 {
        let vector = self.wide();
        self.scale * dot(&vector, &vector).sqrt()
    }

    /// What a strength of 1 costs, as measured or else as dials are calibrated.
    pub(super) fn cost(&self) -> f64 {
        self.loss
            .unwrap_or(CalibrateOptions::default().loss)
            .max(1e-6)
    }

    pub(super) fn wide(&self) -> Vec<f64> {
        self.vector.iter().copied().map(f64::from).collect()
    }

    pub(super) fn check_dim(&self, got: usize) -> Result<()> {
        if got == self.dim() {
            return Ok(());
        }
        Err(Error::dimension("this steering vector", self.dim(), got))
    }

    /// The same length and scale, another direction.
    pub(super) fn turned(&self, direction: &[f64], effect: Option<Effect>) -> Result<Self> {
        self.derived(direction, self.scale, effect, self.name.clone())
    }

    fn combined(&self, other: &Self, sign: f64, operator: &str) -> Result<Self> {
        self.check_dim(other.dim())?;
        let (a, b) = (self.wide(), other.wide());
        let (la, lb) = (dot(&a, &a).sqrt(), dot(&b, &b).sqrt());
        let mut sum = a;
        direction::add_scaled(&mut sum, sign, &b);
        let scale = if la + lb > 0.0 {
            (la * self.scale + lb * other.scale) / (la + lb)
        } else {
            0.5 * (self.scale + other.scale)
        };
        let name = format!("{} {operator} {}", self.name, other.name);
        self.derived(&sum, scale, None, name)
    }

    fn derived(
        &self,
        vector: &[f64],
        scale: f64,
        effect: Option<Effect>,
        name: String,
    ) -> Result<Self> {
        let vector: Vec<f32> = vector.iter().map(|&v| v as f32).collect();
        if vector.iter().any(|v| !v.is_finite()) {
            return Err(Error::invalid(
                "the result is too long for float32; use smaller vectors or factors",
            ));
        }
        Ok(Self {
            name: clip(name),
            vector,
            scale,
            effect,
            loss: None,
        })
    }
}

/// The query in f64 at length 1; an error if it has no direction.
pub(super) fn unit_query(query: &[f32]) -> Result<Vec<f64>> {
    let mut wide: Vec<f64> = query.iter().copied().map(f64::from).collect();
    if normalise(&mut wide) {
        return Ok(wide);
    }
    Err(Error::invalid(
        "a query of length 0 has no direction to steer; embed a text that is not empty",
    ))
}

/// `v` at length 1; an error if next to nothing is left of it.
pub(super) fn length_one(mut v: Vec<f64>) -> Result<Vec<f32>> {
    // Queries and dials are float32: what is shorter than their rounding points nowhere.
    if dot(&v, &v).sqrt() < 1e-6 || !normalise(&mut v) {
        return Err(apply::cancelled());
    }
    Ok(v.iter().map(|&x| x as f32).collect())
}

pub(super) fn check_strength(what: &str, strength: f64) -> Result<()> {
    if strength.abs() <= MAX_STRENGTH {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} must be in -{MAX_STRENGTH}..={MAX_STRENGTH}, got {strength}"
    )))
}

pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.len() <= MAX_NAME {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} must have at most {MAX_NAME} bytes, got {}",
        name.len()
    )))
}

fn clip(mut name: String) -> String {
    let end = (0..=MAX_NAME.min(name.len()))
        .rev()
        .find(|&at| name.is_char_boundary(at))
        .unwrap_or(0);
    name.truncate(end);
    name
}

/// The direction of all examples, and those that leave each fold out.
fn fitted(sample: &Sample, options: &LearnOptions) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let each = |fit: &(dyn Fn(Option<usize>) -> Vec<f64> + Sync)| {
        let workers = direction::workers(sample.len() * sample.dim * 50);
        let mut all = threads::map(workers, sample.folds + 1, &|f| {
            fit((f < sample.folds).then_some(f))
        });
        let last = all.pop().unwrap_or_default();
        (last, all)
    };
    Ok(match options.method {
        LearnMethod::Auto => {
            let fits = direction::ridge_lda(sample, &AUTO_RIDGES)?;
            let worth = |fits: &[Vec<f64>]| cross_fitted(sample, &fits[..sample.folds]).value;
            let worth: Vec<f64> = fits.iter().map(|fits| worth(fits)).collect();
            let mut chosen = AUTO_RIDGES.iter().position(|&r| r == RIDGE).unwrap_or(0);
            for (at, &value) in worth.iter().enumerate() {
                if value > MARGIN * worth[chosen] {
                    chosen = at;
                }
            }
            split_last(fits.into_iter().nth(chosen).unwrap_or_default())
        }
        LearnMethod::RidgeLda => {
            let fits = direction::ridge_lda(sample, &[options.ridge])?;
            split_last(fits.into_iter().next().unwrap_or_default())
        }
        LearnMethod::Logistic => each(&|held| logistic(sample, held, options.c)),
        LearnMethod::MeanDifference => each(&|held| sample.mean_difference(held)),
        LearnMethod::Pca => each(&|held| direction::pca(sample, held)),
    })
}

fn split_last(mut fits: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let last = fits.pop().unwrap_or_default();
    (last, fits)
}

fn check_examples(positive: Rows<'_>, negative: Rows<'_>) -> Result<()> {
    for (set, what) in [(positive, "positive"), (negative, "negative")] {
        if set.len() < 2 {
            return Err(Error::invalid(format!(
                "at least 2 {what} examples are needed, got {}",
                set.len()
            )));
        }
    }
    if positive.dim() != negative.dim() {
        return Err(Error::dimension(
            "the positive set",
            positive.dim(),
            negative.dim(),
        ));
    }
    let place = |what: &'static str| move |e: Error| e.context(format!("{what} examples"));
    positive.check_finite().map_err(place("positive"))?;
    negative.check_finite().map_err(place("negative"))?;
    let marks = |set: Rows<'_>| -> HashSet<u64> { set.iter().map(mark).collect() };
    let (plus, minus) = (marks(positive), marks(negative));
    if plus.len() == 1 && plus == minus {
        return Err(Error::invalid(
            "all examples are the same vector; give examples that differ in the attribute",
        ));
    }
    let shared = plus.intersection(&minus).count();
    if 2 * shared >= plus.len().min(minus.len()) && shared > 0 {
        return Err(Error::invalid(format!(
            "{shared} of the {} positive and {} negative vectors stand in both sets; an example \
             must be one or the other",
            plus.len(),
            minus.len()
        )));
    }
    Ok(())
}

/// A number that equal rows share and others as good as never do.
pub(super) fn mark(row: &[f32]) -> u64 {
    // Adding 0 makes the two zeros one, so that equal rows have equal bits.
    row.iter().fold(row.len() as u64, |mut mark, v| {
        mark = (mark ^ u64::from((v + 0.0).to_bits())).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mark ^ (mark >> 29)
    })
}
