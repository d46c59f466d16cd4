//! Many dials learnt together, so that turning one does not turn the others.
//!
//! All attributes are regressed on one set of rows: what an attribute's examples say nothing of
//! counts as neutral, so that each direction is told apart from the others and not only from its own
//! opposite. What overlap is left is removed in equal parts from all, once by the directions
//! themselves and once by how their scores go together over the rows.

use super::calibrate::{CalibrateOptions, Neighbourhood};
use super::direction::{add_scaled, centred, normalise};
use super::effect::Effect;
use super::ridge::{Design, Side};
use super::set::{MAX_DIALS, Steering};
use super::vector::{LearnMethod, LearnOptions, SteeringVector, mark};
use crate::Rows;
use crate::error::{Error, Result};
use crate::kernel::linalg::{dot, symmetric_eigen};
use crate::rng::Rng;
use std::collections::HashMap;

/// What one of several dials is learnt from.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// The name of the dial.
    pub name: &'a str,
    /// Rows that have the attribute, at least 2.
    pub positive: Rows<'a>,
    /// Rows that lack it, at least 2; `None` for the positive rows of all other attributes.
    pub negative: Option<Rows<'a>>,
}

/// The ridge of joint learning, and the weight of the correlation of scores against the inner
/// products of directions: the best of a sweep over eight emotions, where neither is sharp.
const RIDGE: f64 = 1.0;
const BY_SCORES: f64 = 0.35;
/// What the least share of a combination of directions in all of them counts as, at least: where
/// attributes are told from each other only, one direction follows from the others, and what little
/// is left of it is noise that must not be blown up.
const LEAST: f64 = 0.1;

/// Rows, each once, with what every attribute says of them.
struct Labelled {
    rows: Vec<f32>,
    dim: usize,
    /// For each attribute: 1, -1, or 0 where it says nothing.
    targets: Vec<Vec<f32>>,
}

impl Steering {
    /// Learns several dials together and adds them all, or none.
    ///
    /// `V = (X'X + ridge I)^-1 X'Y` over the rows `X` of all attributes, at unit length; then
    /// `G^(-1/2) V` (Loewdin, 1950) with `G` between the inner products of the directions and the
    /// correlations of their scores, its eigenvalues at least .1: of attributes that are told from
    /// each other only, one follows from the others. The ridge is 1 for [`LearnMethod::Auto`],
    /// [`LearnOptions::ridge`] for [`LearnMethod::RidgeLda`]; other methods know no joint form and
    /// fail. Each dial comes with its held-out effect and its calibrated length.
    ///
    /// Fails with `InvalidArgument` on fewer than two attributes, too few rows, a row that an
    /// attribute holds for both, or attributes that say the same or (of two) the opposite; as [`Steering::learn`] otherwise.
    ///
    /// ```
    /// use rag_core::{Rows, steering::{Attribute, LearnOptions, Steering}};
    /// let (warm, cold) = ([1.0, 0.2, 0.9, 0.1], [-1.0, 0.1, -0.8, 0.3]);
    /// let (calm, loud) = ([0.3, 1.0, 0.2, 0.9], [0.2, -1.0, 0.1, -0.8]);
    /// let pair = |name, a, b| -> rag_core::Result<_> {
    ///     Ok(Attribute { name, positive: Rows::new(a, 2)?, negative: Some(Rows::new(b, 2)?) })
    /// };
    /// let mut steering = Steering::new();
    /// steering.learn_joint(
    ///     &[pair("warm", &warm, &cold)?, pair("calm", &calm, &loud)?], &LearnOptions::default())?;
    /// let (a, b) = (steering.get("warm")?.vector(), steering.get("calm")?.vector());
    /// assert!((a[0] * b[0] + a[1] * b[1]).abs() < 0.2);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn learn_joint(
        &mut self,
        attributes: &[Attribute<'_>],
        options: &LearnOptions,
    ) -> Result<()> {
        options.check()?;
        let ridge = match options.method {
            LearnMethod::Auto => RIDGE,
            LearnMethod::RidgeLda => options.ridge,
            other => {
                return Err(Error::invalid(format!(
                    "dials are learnt together by auto or ridge_lda, got {}; learn them one by one \
                     and call orthogonalize",
                    other.name()
                )));
            }
        };
        if attributes.len() < 2 {
            return Err(Error::invalid(format!(
                "at least 2 attributes are learnt together, got {}; learn a single one by itself",
                attributes.len()
            )));
        }
        if self.len() + attributes.len() > MAX_DIALS {
            return Err(super::set::full());
        }
        for (at, attribute) in attributes.iter().enumerate() {
            self.check_new(attribute.name)?;
            self.check_dim(attribute.positive.dim())?;
            if attributes[..at].iter().any(|a| a.name == attribute.name) {
                return Err(Error::invalid(format!(
                    "the attribute \"{}\" is given twice",
                    attribute.name
                )));
            }
        }
        for vector in learnt(attributes, ridge, options)? {
            self.insert(vector)?;
        }
        Ok(())
    }
}

fn learnt(
    attributes: &[Attribute<'_>],
    ridge: f64,
    options: &LearnOptions,
) -> Result<Vec<SteeringVector>> {
    let labelled = Labelled::new(attributes)?;
    let (dim, count) = (labelled.dim, labelled.rows.len() / labelled.dim);
    let x = centred(&labelled.rows, dim);
    let design = Design::new(Rows::new(&x, dim)?)?;
    let folds = options.folds.min(count / 2).max(2);
    let mut order: Vec<usize> = (0..count).collect();
    Rng::new(options.seed).shuffle(&mut order);
    let mut fold = vec![0; count];
    for (at, &row) in order.iter().enumerate() {
        fold[row] = at % folds;
    }
    let mut scores = vec![(Vec::new(), Vec::new()); attributes.len()];
    for held in 0..folds {
        let weights: Vec<f32> = fold
            .iter()
            .map(|&f| f32::from(u8::from(f != held)))
            .collect();
        // A fold without which two attributes are one has nothing to say.
        let Some(directions) = directions(&design, &labelled, &weights, ridge)? else {
            continue;
        };
        let flat: Vec<f32> = directions.iter().flatten().map(|&v| v as f32).collect();
        let found = design.scores(&flat, directions.len())?;
        for (j, found) in found.chunks_exact(count).enumerate() {
            for row in (0..count).filter(|&row| fold[row] == held) {
                match labelled.targets[j][row] {
                    t if t > 0.0 => scores[j].0.push(f64::from(found[row])),
                    t if t < 0.0 => scores[j].1.push(f64::from(found[row])),
                    _ => {}
                }
            }
        }
    }
    let directions = directions(&design, &labelled, &vec![1.0; count], ridge)?;
    let directions = directions.ok_or_else(|| dependent(attributes))?;
    let calibrate = CalibrateOptions::default().seed(options.seed);
    let neighbourhood = Neighbourhood::new(Rows::new(&labelled.rows, dim)?, &calibrate)?;
    let each = attributes.iter().zip(&directions).zip(&scores);
    let vectors = each.map(|((attribute, direction), (high, low))| {
        let vector: Vec<f32> = direction.iter().map(|&v| v as f32).collect();
        let enough = high.len() >= 2 && low.len() >= 2;
        let effect = enough.then(|| Effect::from_scores(high, low));
        let dial = SteeringVector::from_parts(attribute.name, &vector, 1.0, effect)?;
        Ok(dial.calibrated_in(&neighbourhood))
    });
    vectors.collect()
}

impl Labelled {
    fn new(attributes: &[Attribute<'_>]) -> Result<Self> {
        let dim = attributes[0].positive.dim();
        let mut labelled = Self {
            rows: Vec::new(),
            dim,
            targets: vec![Vec::new(); attributes.len()],
        };
        let mut known: HashMap<u64, usize> = HashMap::new();
        for (j, attribute) in attributes.iter().enumerate() {
            let sets = [(Some(attribute.positive), 1.0), (attribute.negative, -1.0)];
            for (set, sign) in sets {
                let Some(set) = set else { continue };
                labelled
                    .take(j, set, sign, &mut known)
                    .map_err(|e| e.context(format_args!("the attribute \"{}\"", attribute.name)))?;
            }
        }
        for (j, attribute) in attributes.iter().enumerate() {
            if attribute.negative.is_none() {
                for row in 0..labelled.targets[j].len() {
                    let other = |(i, targets): (usize, &Vec<f32>)| i != j && targets[row] > 0.0;
                    if labelled.targets[j][row] == 0.0
                        && labelled.targets.iter().enumerate().any(other)
                    {
                        labelled.targets[j][row] = -1.0;
                    }
                }
            }
            let lacking = labelled.targets[j].iter().filter(|t| **t < 0.0).count();
            if lacking < 2 {
                return Err(Error::invalid(format!(
                    "the attribute \"{}\" needs at least 2 examples that lack it, got {lacking}",
                    attribute.name
                )));
            }
        }
        Ok(labelled)
    }

    fn take(
        &mut self,
        j: usize,
        set: Rows<'_>,
        sign: f32,
        known: &mut HashMap<u64, usize>,
    ) -> Result<()> {
        if set.dim() != self.dim {
            return Err(Error::dimension("the first attribute", self.dim, set.dim()));
        }
        if set.len() < 2 {
            return Err(Error::invalid(format!(
                "at least 2 examples of each kind are needed, got {}",
                set.len()
            )));
        }
        set.check_finite()?;
        for row in set.iter() {
            let at = *known.entry(mark(row)).or_insert_with(|| {
                self.rows.extend_from_slice(row);
                self.targets.iter_mut().for_each(|t| t.push(0.0));
                self.targets[0].len() - 1
            });
            if self.targets[j][at] == -sign {
                return Err(Error::invalid(
                    "a vector stands among the positive and the negative examples; it must be one \
                     or the other",
                ));
            }
            self.targets[j][at] = sign;
        }
        Ok(())
    }
}

/// The unit directions from the rows of a weight above 0; `None` if they are dependent.
fn directions(
    design: &Design,
    labelled: &Labelled,
    weights: &[f32],
    ridge: f64,
) -> Result<Option<Vec<Vec<f64>>>> {
    let sides: Vec<Side<'_>> = labelled
        .targets
        .iter()
        .map(|targets| Side { weights, targets })
        .collect();
    let found = design.solve(&sides, &[ridge])?;
    let mut rows: Vec<Vec<f64>> = found.into_iter().flatten().collect();
    if !rows.iter_mut().all(|row| normalise(row)) {
        return Ok(None);
    }
    let k = rows.len();
    let flat: Vec<f32> = rows.iter().flatten().map(|&v| v as f32).collect();
    let scores = design.scores(&flat, k)?;
    let scores: Vec<Vec<f64>> = scores
        .chunks_exact(weights.len())
        .map(|of| standardised(of, weights))
        .collect();
    let mut gram = vec![0.0; k * k];
    for i in 0..k {
        for j in 0..k {
            gram[i * k + j] = (1.0 - BY_SCORES) * dot(&rows[i], &rows[j])
                + BY_SCORES * dot(&scores[i], &scores[j]);
        }
    }
    Ok(without_overlap(&rows, &gram, LEAST).map(|mut turned| {
        turned.iter_mut().for_each(|row| {
            normalise(row);
        });
        turned
    }))
}

/// Scores about their weighted mean, at length 1.
fn standardised(scores: &[f32], weights: &[f32]) -> Vec<f64> {
    let both = || scores.iter().zip(weights);
    let total: f64 = weights.iter().copied().map(f64::from).sum();
    let sum: f64 = both().map(|(s, w)| f64::from(*s) * f64::from(*w)).sum();
    let mean = sum / total;
    let root = |(s, w): (&f32, &f32)| f64::from(*w).sqrt() * (f64::from(*s) - mean);
    let mut out: Vec<f64> = both().map(root).collect();
    normalise(&mut out);
    out
}

fn dependent(attributes: &[Attribute<'_>]) -> Error {
    match attributes.len() == 2 && attributes.iter().all(|a| a.negative.is_none()) {
        true => Error::invalid(
            "two attributes that are told only from each other are one dial turned either way; \
             give what lacks one of them, or learn a single dial from both",
        ),
        false => super::set::dependent(),
    }
}

/// `G^(-1/2) V` for the rows `V`: symmetric orthogonalisation in the metric of `gram`, of which no
/// eigenvalue counts as less than `least`; `None` if it is singular.
pub(super) fn without_overlap(
    rows: &[Vec<f64>],
    gram: &[f64],
    least: f64,
) -> Option<Vec<Vec<f64>>> {
    let k = rows.len();
    let (values, vectors) = symmetric_eigen(gram, k);
    if values[k - 1] <= 1e-6 {
        return None;
    }
    let turned = (0..k).map(|i| {
        let mut sum = vec![0.0; rows[i].len()];
        for (j, row) in rows.iter().enumerate() {
            let root = |e: usize| values[e].max(least).sqrt();
            let of = |e: usize| vectors[e * k + i] * vectors[e * k + j] / root(e);
            add_scaled(&mut sum, (0..k).map(of).sum(), row);
        }
        sum
    });
    Some(turned.collect())
}
