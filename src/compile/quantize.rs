//! From real numbers to bytes: how a graph whose tensors are quantized comes to compute with bytes.
//!
//! `absorb` makes operators on bytes of what stands between a dequantization and a quantization. Models that were trained
//! with such pairs bring them along; `post_training` puts them onto the edges of others, by what those compute on samples.

mod absorb;
mod bias_correction;
mod calibrate;
mod candidate;
mod choose;
mod equalize;
mod insert;
mod kinds;
mod measure;
mod post_training;
mod prepare;
mod ranges;
mod run;
mod sensitivity;
mod statistics;
#[cfg(test)]
mod tests;
mod weights;

use coulter_plan::ops::{pool2d, qpool2d};

pub(crate) use absorb::{Stored, absorb, absorb_as_written, stored};
pub use equalize::Equalization;
pub(crate) use post_training::{Outcome, post_training};
pub use post_training::{Quantization, QuantizeOptions, Tried};
pub use ranges::RangeMethod;
pub use sensitivity::Sensitivity;

/// A pool of the greatest real number as one of the greatest byte.
pub(crate) fn greatest_byte(p: &pool2d::Params) -> qpool2d::Params {
    let &pool2d::Params { kind, kernel, stride, dilation, pad, ceil, .. } = p;
    let (scale, x_scale, [x_zero, y_zero, low, high]) = (1.0, 0.0, [0, 0, 0, 255]);
    qpool2d::Params { kind, kernel, stride, dilation, pad, ceil, scale, x_zero, y_zero, low, high, x_scale }
}
