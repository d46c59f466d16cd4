//! Steering: learnt directions that move a query towards an attribute, and users who move it too.
//!
//! Ranking by `(q + b v) . d` is ranking by `q . d + b (v . d)`, so the best direction is the best
//! linear probe of the attribute, and the only other question is how far to go. [`SteeringVector`]
//! learns the direction, measures on held-out examples what it is worth, and finds the length at
//! which a dial of 1 costs every attribute the same share of similarity. [`Steering`] is a named
//! set of such dials with the users' feedback; [`filter_feedback`] weighs ratings by age and drops
//! the outliers. [`AttributeModel`] reads texts beside their vectors; embedding them is done one floor up.
//!
//! Reading order: `vector`, then `direction`, `ridge`, `logistic` and `effect` (learning), `joint`
//! (several at once), `calibrate` and `curve` (length), `grams`,
//! `attribute` and `distil` (texts), `apply`, `set`, `steered` and `lift` (dials at work),
//! `feedback`, `user`, `compact` and `taste` (ratings), `merge`, `retrain`, `format` (the file),
//! `filter` (noise).

mod apply;
mod attribute;
mod attribute_fit;
mod calibrate;
mod compact;
mod curve;
mod direction;
mod distil;
mod effect;
mod feedback;
mod filter;
mod format;
mod grams;
mod joint;
mod lift;
mod logistic;
mod merge;
mod retrain;
mod ridge;
mod set;
mod steered;
mod taste;
mod user;
mod vector;

pub use apply::{Application, ApplyOptions};
pub use attribute::AttributeModel;
pub use calibrate::{CalibrateOptions, MAX_SCALE};
pub use curve::CurvePoint;
pub(crate) use distil::distilled;
pub use effect::Effect;
pub use feedback::{Feedback, MAX_EVENTS, MAX_EVENTS_PER_USER, rating_of_dwell};
pub use filter::{FilterMethod, FilterOptions, Filtered, filter_feedback};
pub use joint::Attribute;
pub(crate) use lift::{Lift, no_model};
pub use retrain::{DialChange, RetrainOptions, RetrainReport};
pub use set::{MAX_DIALS, MAX_STRENGTH, Steering};
pub use steered::{Part, PartKind, Steered};
pub use taste::{Taste, TasteAt};
pub use vector::{LearnMethod, LearnOptions, SteeringVector};
