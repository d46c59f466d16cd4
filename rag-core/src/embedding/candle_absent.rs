//! Stands in for `candle` in builds without it: says what to do.

use super::device::Place;
use super::encoder::Plan;
use super::fields::Fields;
use super::foreign;
use crate::error::{Error, ErrorKind, Result};

pub(super) fn plan(fields: &Fields<'_>, place: Place) -> Result<Box<dyn Plan>> {
    if place == Place::Cpu {
        return Err(foreign::refusal(fields, fields.text("model_type", "")?));
    }
    let feature = place.feature();
    Err(Error::new(
        ErrorKind::Unsupported,
        format!(
            "device is \"{place}\" and this build has only the library's own engine, on the \
             device \"cpu\"; build it with the cargo feature {feature} (docs/embedding.md says how), or leave device out"
        ),
    ))
}
