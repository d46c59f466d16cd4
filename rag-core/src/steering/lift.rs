//! Dials that rank anew instead of moving the query: what each may add to a similarity.

use super::attribute::AttributeModel;
use super::set::Steering;
use super::vector::check_strength;
use crate::error::{Error, Result};

/// A dial that is turned, with what tells how likely documents have its attribute.
#[derive(Clone, Debug)]
pub(crate) struct Lift {
    pub(crate) name: String,
    /// What is added to the similarity of a document whose probability is 1.
    pub(crate) length: f64,
    pub(crate) model: AttributeModel,
}

impl Steering {
    /// What `dials` (name and strength in -100..=100, each name once) add, by name; those that
    /// add nothing are left out. Fails as [`apply`](Self::apply) does, and with `InvalidArgument` on a
    /// dial without an attribute model.
    pub(crate) fn lifts(&self, dials: &[(&str, f64)]) -> Result<Vec<Lift>> {
        let mut asked = dials.to_vec();
        asked.sort_by(|a, b| a.0.cmp(b.0));
        if let Some(pair) = asked.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::invalid(format!(
                "the dial \"{}\" is given twice; add the strengths up",
                pair[0].0
            )));
        }
        let mut lifts = Vec::with_capacity(asked.len());
        for (name, strength) in asked {
            let model = self.attribute(name)?;
            check_strength("the strength of a dial", strength)?;
            let Some(model) = model else {
                return Err(no_model(name));
            };
            let length = strength * model.scale();
            if length != 0.0 {
                lifts.push(Lift {
                    name: name.to_owned(),
                    length,
                    model: model.clone(),
                });
            }
        }
        Ok(lifts)
    }
}

/// What is told of a dial that cannot rerank.
pub(crate) fn no_model(name: &str) -> Error {
    Error::invalid(format!(
        "the dial \"{name}\" has no attribute model to rerank by; learn it from texts, or search with \
         steer_mode \"vector\""
    ))
}
