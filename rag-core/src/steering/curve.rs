//! What dials do, in numbers for a plot: gain against loss of one dial, and how far turning one dial
//! turns the others.

use super::calibrate::{CalibrateOptions, Neighbourhood, unit};
use super::set::Steering;
use super::vector::{SteeringVector, check_strength};
use crate::Rows;
use crate::error::{Error, Result};

/// What a dial does at one strength.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// The strength.
    pub strength: f64,
    /// The share of the similarity of the nearest neighbours that it costs.
    pub loss: f64,
    /// The rise of the attribute score (the projection on the direction) among the nearest
    /// neighbours, in standard deviations of the score over all documents.
    pub gain: f64,
}

/// The most strengths of one curve.
const MAX_POINTS: usize = 1000;

impl SteeringVector {
    /// Gain and loss on `documents` (`(n, dim)`, at least 3) at each of `strengths` (in -100..=100,
    /// at most 1,000). Documents play the queries, as in [`calibrated`](Self::calibrated); the
    /// options' own `loss` does not matter here.
    ///
    /// ```
    /// use rag_core::{Rows, steering::{CalibrateOptions, SteeringVector}};
    /// let documents: Vec<f32> = (0..60).flat_map(|i| {
    ///     let turn = i as f32 * 0.1;
    ///     [turn.cos(), turn.sin()]
    /// }).collect();
    /// let dial = SteeringVector::from_parts("up", &[0.0, 1.0], 0.5, None)?;
    /// let curve = dial.curve(Rows::new(&documents, 2)?, &[0.0, 1.0], &CalibrateOptions::default())?;
    /// assert_eq!((curve[0].loss, curve[0].gain), (0.0, 0.0));
    /// assert!(curve[1].loss > 0.0 && curve[1].gain > 0.0);
    /// # Ok::<(), rag_core::Error>(())
    /// ```
    pub fn curve(
        &self,
        documents: Rows<'_>,
        strengths: &[f64],
        options: &CalibrateOptions,
    ) -> Result<Vec<CurvePoint>> {
        self.check_dim(documents.dim())?;
        if strengths.len() > MAX_POINTS {
            return Err(Error::invalid(format!(
                "a curve has at most {MAX_POINTS} strengths, got {}",
                strengths.len()
            )));
        }
        for &strength in strengths {
            check_strength("a strength of the curve", strength)?;
        }
        let near = Neighbourhood::new(documents, options)?;
        let score = near.projections(self.vector());
        let spread = spread(&score);
        let at = |b: f64| {
            let similar = near.over_nearest(&score, b, &|query, row| near.similarity(query, row));
            let gained = near.over_nearest(&score, b, &|_, row| score[row]);
            (similar, gained)
        };
        let (similar, usual) = at(0.0);
        let point = |&strength: &f64| {
            let (now, gained) = at(strength * self.scale());
            CurvePoint {
                strength,
                loss: (similar - now) / similar.abs().max(0.1),
                gain: (gained - usual) / spread,
            }
        };
        Ok(strengths.iter().map(point).collect())
    }
}

impl Steering {
    /// How far each dial turns the others: `k * k` numbers, row by row in the order of
    /// [`names`](Self::names). Entry `(i, j)` is the rise of the score of dial `j` among the nearest
    /// neighbours when dial `i` stands at 1, in standard deviations of that score over `documents`.
    /// What stands off the diagonal is cross-talk.
    pub fn cross_talk(&self, documents: Rows<'_>, options: &CalibrateOptions) -> Result<Vec<f64>> {
        self.check_dim(documents.dim())?;
        let near = Neighbourhood::new(documents, options)?;
        let scores: Vec<Vec<f32>> = self
            .dials()
            .map(|dial| {
                let unit = unit(dial.vector());
                near.projections(&unit.unwrap_or_else(|| dial.vector().to_vec()))
            })
            .collect();
        let mut talk = Vec::with_capacity(scores.len() * scores.len());
        for (dial, feature) in self.dials().zip(&scores) {
            for score in &scores {
                let of = |b: f64| near.over_nearest(feature, b, &|_, row| score[row]);
                talk.push((of(dial.length()) - of(0.0)) / spread(score));
            }
        }
        Ok(talk)
    }
}

/// The standard deviation; 1 where there is none, so that nothing is divided by 0.
fn spread(values: &[f32]) -> f64 {
    let count = values.len() as f64;
    let wide = || values.iter().copied().map(f64::from);
    let mean = wide().sum::<f64>() / count;
    let variance = wide().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
    match variance > 1e-20 {
        true => variance.sqrt(),
        false => 1.0,
    }
}
