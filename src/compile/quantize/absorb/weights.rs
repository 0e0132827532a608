//! Constants that tell how they are quantized, as the integers that they are made of.

use crate::graph::{Quantization, Tensor};

/// Real numbers as whole steps of scales.
pub(super) struct Recovered {
    /// value = scale · step, for each element; −255..=255.
    pub(super) steps: Vec<i32>,
    /// One scale, or one for each index of the axis.
    pub(super) scales: Vec<f32>,
    /// As told.
    pub(super) zero_points: Vec<i32>,
    /// The dimension that scales vary along.
    pub(super) axis: Option<usize>,
}

/// Farthest from a whole step that counts as one, in steps: f32 rounds products by less than 2⁻¹⁴ of a step.
const NEAR: f64 = 1e-3;

/// The steps of an f32 constant, if it tells scales that its elements are whole multiples of.
pub(super) fn recover(tensor: &Tensor) -> Option<Recovered> {
    let Quantization { scales, zero_points, axis } = tensor.quantization.clone()?;
    let values = tensor.value.as_ref().filter(|_| tensor.dtype == coulter_plan::DType::F32)?.to_f32();
    let axis = axis.filter(|_| scales.len() > 1);
    let inner: usize = axis.map_or(1, |axis| tensor.shape[axis + 1..].iter().product::<usize>().max(1));
    let expected = axis.map_or(1, |axis| tensor.shape[axis]);
    if scales.len() != expected {
        return None;
    }
    let step = |(i, &value): (usize, &f32)| {
        let scale = scales[i / inner % scales.len()];
        let steps = if value == 0.0 { 0.0 } else { f64::from(value) / f64::from(scale) };
        let whole = steps.round();
        ((steps - whole).abs() < NEAR && whole.abs() <= 255.0).then_some(whole as i32)
    };
    let steps = values.iter().enumerate().map(step).collect::<Option<_>>()?;
    Some(Recovered { steps, scales, zero_points, axis })
}

/// Weights of a product as it takes them.
#[derive(Clone)]
pub(crate) struct Stored {
    /// Signed bytes.
    pub(crate) bytes: Vec<u8>,
    /// What is subtracted from each.
    pub(crate) zero: i32,
}

/// Steps as signed bytes less one number for all, 0 where that is enough; `None` where they are too far apart.
pub(crate) fn stored(steps: &[i32]) -> Option<Stored> {
    let (least, greatest) = (steps.iter().copied().min()?, steps.iter().copied().max()?);
    let zero = if least < -128 { -128 - least } else { (127 - greatest).min(0) };
    let byte = |step: &i32| i8::try_from(step + zero).ok().map(|byte| byte as u8);
    Some(Stored { bytes: steps.iter().map(byte).collect::<Option<_>>()?, zero })
}
