//! A direction that comes nearest to what an attribute model knows.
//!
//! Probabilities from words and letters tell more than labels of some hundred examples, and a
//! collection has thousands of texts whose probability can be asked for. So the direction is
//! fitted to both: to the labels of the examples, and to the probabilities on a sample of documents
//! (distillation: Hinton, Vinyals and Dean, 2015). The effect is held out all the way: the direction that
//! scores a fold has seen neither its labels nor probabilities of a model that did.

use super::attribute::AttributeModel;
use super::direction::{centred, normalise};
use super::effect::Effect;
use super::ridge::{Design, Side};
use super::vector::{LearnOptions, SteeringVector};
use crate::Rows;
use crate::error::Result;

/// The ridge, where rows are of length 1.
const RIDGE: f64 = 3.0;
/// What a document weighs against an example, up to so many pairs of these, and beyond.
const WEIGHTS: (f32, usize, f32) = (3.0, 30, 1.0);

/// `dial`, which was learnt from the examples alone, turned towards what an attribute model says of
/// `documents` (texts with unit vectors), and that model.
pub(crate) fn distilled(
    dial: &SteeringVector,
    positive: (&[&str], Rows<'_>),
    negative: (&[&str], Rows<'_>),
    documents: (&[String], Rows<'_>),
    options: &LearnOptions,
) -> Result<(SteeringVector, AttributeModel)> {
    let learnt = AttributeModel::learn_with_folds(positive, negative, options)?;
    let dim = documents.1.dim();
    let folds = learnt.without.len();
    let models: Vec<&AttributeModel> = learnt.without.iter().chain([&learnt.model]).collect();
    let likely = AttributeModel::of_each_by(&models, documents.0.len(), &|i, say| {
        say(&documents.0[i], Some(documents.1.row(i)));
    });
    let examples = centred(&[positive.1.data(), negative.1.data()].concat(), dim);
    let rows = [examples, centred(documents.1.data(), dim)].concat();
    let (p, count) = (positive.0.len(), learnt.fold.len());
    let weight = match p.min(count - p) <= WEIGHTS.1 {
        true => WEIGHTS.0,
        false => WEIGHTS.2,
    };
    let sides: Vec<(Vec<f32>, Vec<f32>)> = (0..=folds)
        .map(|held| {
            let of_model = likely.iter().skip(held).step_by(folds + 1);
            let mean = of_model.clone().map(|p| f64::from(*p)).sum::<f64>()
                / documents.0.len().max(1) as f64;
            let labels = (0..count).map(|i| if i < p { 1.0 } else { -1.0 });
            let targets = of_model.map(|p| (2.0 * (f64::from(*p) - mean)) as f32);
            let seen = learnt
                .fold
                .iter()
                .map(|&fold| f32::from(u8::from(fold != held)));
            let weights = seen.chain(std::iter::repeat_n(weight, documents.0.len()));
            (weights.collect(), labels.chain(targets).collect())
        })
        .collect();
    let sides: Vec<Side<'_>> = sides
        .iter()
        .map(|(weights, targets)| Side { weights, targets })
        .collect();
    let found = Design::new(Rows::new(&rows, dim)?)?.solve(&sides, &[RIDGE])?;
    let mut scores = vec![0.0; count];
    for (i, &fold) in learnt.fold.iter().enumerate() {
        let direction = &found[fold][0];
        let length = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
        let row = rows[i * dim..(i + 1) * dim].iter().zip(direction);
        let along = row.map(|(x, d)| f64::from(*x) * d).sum::<f64>();
        scores[i] = along / length.max(f64::MIN_POSITIVE);
    }
    let mut direction = found[folds][0].clone();
    if !normalise(&mut direction) {
        return Ok((dial.clone(), learnt.model));
    }
    let effect = Effect::from_scores(&scores[..p], &scores[p..]);
    Ok((dial.turned(&direction, Some(effect))?, learnt.model))
}
