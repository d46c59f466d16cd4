//! What is known of a user, as plain values.

use pyo3::prelude::*;
use rag_core::steering::{Taste, TasteAt, rating_of_dwell as core_dwell};

/// (ratings, trust, dials, unnamed)
pub(crate) type TasteParts = (u64, f64, Vec<(String, f64)>, f64);

/// (at, rating, taste)
pub(crate) type StepParts = (f64, f64, TasteParts);

pub(crate) fn taste_parts(taste: Taste) -> TasteParts {
    (taste.ratings, taste.trust, taste.dials, taste.unnamed)
}

pub(crate) fn steps(drift: Vec<TasteAt>) -> Vec<StepParts> {
    let step = |s: TasteAt| (s.at, s.rating, taste_parts(s.taste));
    drift.into_iter().map(step).collect()
}

#[pyfunction]
pub(crate) fn rating_of_dwell(seconds: f64) -> f64 {
    core_dwell(seconds)
}
