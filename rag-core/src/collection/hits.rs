//! What a search returns.

use super::document::Metadata;
use std::sync::Arc;

/// One document found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The document's id.
    pub id: String,
    /// What the hits are ordered by, larger first. Hybrid: in [0, 1] for convex fusion. Dense: the
    /// cosine in [-1, 1]. Lexical: the BM25 score.
    pub score: f32,
    /// The document's text, if it has one; shared, not copied.
    pub text: Option<Arc<str>>,
    /// The document's metadata.
    pub metadata: Arc<Metadata>,
    /// The BM25 score; `None` in dense mode.
    pub lexical_score: Option<f32>,
    /// The cosine with the (steered) query vector; `None` in lexical mode or without a vector.
    pub dense_score: Option<f32>,
    /// The probability that the document is relevant, in 0 to 1: [`Calibration::predict`] of the
    /// score, if the collection was calibrated ([`Collection::calibrate`]) for searches of this
    /// mode, fusion and weight. It never falls where the score rises.
    ///
    /// [`Calibration::predict`]: crate::calibration::Calibration::predict
    /// [`Collection::calibrate`]: super::Collection::calibrate
    pub relevance: Option<f32>,
    /// The split of the score, when it was asked for.
    pub explanation: Option<Explanation>,
}

/// Where a score comes from. The contributions sum to the score, up to float rounding.
///
/// Under rank fusion, where a score is no sum of similarities, `dials` and `user` are empty and
/// `dense` holds the whole contribution of the dense ranking.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// What BM25 contributes.
    pub lexical: f64,
    /// What the unsteered query vector contributes.
    pub dense: f64,
    /// What each dial contributes, in the order given.
    pub dials: Vec<(String, f64)>,
    /// What the user's own vector contributes.
    pub user: f64,
    /// Each query term that the document holds with its share of [`Hit::lexical_score`].
    pub terms: Vec<(String, f64)>,
}

impl Explanation {
    /// The sum of all contributions.
    pub fn total(&self) -> f64 {
        let dials: f64 = self.dials.iter().map(|(_, share)| share).sum();
        self.lexical + self.dense + dials + self.user
    }

    /// As JSON, the form in which it reaches C and Python.
    pub fn to_json(&self) -> serde_json::Value {
        let map = |pairs: &[(String, f64)]| {
            pairs
                .iter()
                .map(|(name, share)| (name.clone(), (*share).into()))
                .collect::<serde_json::Map<_, _>>()
        };
        serde_json::json!({
            "lexical": self.lexical, "dense": self.dense, "user": self.user,
            "dials": map(&self.dials), "terms": map(&self.terms),
        })
    }
}
