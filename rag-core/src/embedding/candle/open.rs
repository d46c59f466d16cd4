//! Devices and precisions: what there is, and what to do where something is not.

use super::{guarded, refusal};
use crate::embedding::device::Place;
use crate::embedding::options::Precision;
use crate::error::{Error, ErrorKind, Result};
use candle_core::{DType, Device, Tensor};

fn unsupported<T>(message: String) -> Result<T> {
    Err(Error::new(ErrorKind::Unsupported, message))
}

/// Opens a device; `Unsupported` where this build or this machine has none.
pub(super) fn device(place: Place) -> Result<Device> {
    let built = match place {
        Place::Cpu | Place::Candle => return Ok(Device::Cpu),
        Place::Cuda(_) => candle_core::utils::cuda_is_available(),
        Place::Metal => candle_core::utils::metal_is_available(),
    };
    if !built {
        return unsupported(format!(
            "device is \"{place}\" and this build has candle for the CPU alone; build it with the \
             cargo feature {} (docs/embedding.md says how), or leave device out",
            place.feature()
        ));
    }
    let opened = guarded(|| match place {
        Place::Cpu | Place::Candle => Ok(Device::Cpu),
        Place::Cuda(number) => Device::new_cuda(number),
        Place::Metal => Device::new_metal(0),
    });
    opened.or_else(|why| {
        unsupported(format!(
            "device is \"{place}\" and cannot be opened ({}); is there such a device, and its \
             driver? leave device out to use the CPU",
            why.lines().next().unwrap_or_default()
        ))
    })
}

/// What `precision` means there: brain floats by themselves only on a device that multiplies
/// them.
pub(super) fn precision(precision: Precision, place: Place, device: &Device) -> Result<Precision> {
    match precision {
        Precision::F32 => Ok(Precision::F32),
        Precision::Auto if device.is_cpu() || brain_floats(device).is_err() => Ok(Precision::F32),
        Precision::Auto => Ok(Precision::Bf16),
        Precision::Bf16 => match brain_floats(device) {
            Ok(()) => Ok(Precision::Bf16),
            Err(why) => Err(refusal(place, "compute in \"bf16\"", &why)),
        },
        Precision::Int8 => unsupported(
            "candle computes in \"f32\" and \"bf16\", not in \"int8\"; leave precision out, or \
             open a model that the library's own engine runs on the device \"cpu\""
                .into(),
        ),
    }
}

/// Tries a product: whether a device can is nowhere to be asked, the same on all of them.
fn brain_floats(device: &Device) -> Result<(), String> {
    guarded(|| {
        let ones = Tensor::ones((16, 16), DType::F32, device)?.to_dtype(DType::BF16)?;
        let sums: Vec<f32> = (ones.matmul(&ones)?.to_dtype(DType::F32)?)
            .flatten_all()?
            .to_vec1()?;
        match sums.iter().all(|sum| *sum == 16.0) {
            true => Ok(()),
            false => candle_core::bail!("a product came out wrong"),
        }
    })
}
