//! Resampling of the height and width of an NHWC tensor. Input `x [N, H, W, C]`, output `y [N, OH, OW, C]`, f32 rows,
//! all but N at least 1. Scales are positive and finite; OH / s is at most 2·H + 2 (OW likewise) unless corners are
//! aligned, where s does not count.
use crate::rules;
use crate::{OpError, Operands, field_enum, params};

field_enum! {
    /// How a value is made of its neighbours.
    pub enum Mode {
        /// The nearest, ties as `nearest` says.
        Nearest = 0,
        /// Two by two, linear.
        Linear = 1,
        /// Four by four, cubic.
        Cubic = 2,
    }
}
field_enum! {
    /// Which source coordinate an output coordinate x stands for; s = output size / input size.
    pub enum Coordinates {
        /// (x + 1/2)/s − 1/2
        HalfPixel = 0,
        /// x/s
        Asymmetric = 1,
        /// x·(in − 1)/(out − 1)
        AlignCorners = 2,
        /// as half pixel, 0 where the output size is 1
        PytorchHalfPixel = 3,
    }
}
field_enum! {
    /// Rounding of the nearest mode.
    pub enum Nearest {
        /// ties down
        RoundPreferFloor = 0,
        /// ties up
        RoundPreferCeil = 1,
        /// ⌊x⌋
        Floor = 2,
        /// ⌈x⌉
        Ceil = 3,
    }
}

params! {
    /// Parameters.
    pub struct Params {
        /// How.
        pub mode: Mode,
        /// Where.
        pub coordinates: Coordinates,
        /// Rounding of the nearest mode.
        pub nearest: Nearest,
        /// Vertical and horizontal scale s; output size / input size unless the model gave another.
        pub scales: [f32; 2],
        /// The cubic's coefficient (−0.75 in most models).
        pub cubic_a: f32,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = None;

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 1..=1, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_f32(operands, 0)?);
    rules::rows(&x)?;
    rules::rows(&y)?;
    let ([n, h, w, c], [y_n, oh, ow, y_c]) = (rules::nhwc(&x)?, rules::nhwc(&y)?);
    rules::ensure((n, c) == (y_n, y_c), OpError::Shape)?;
    for (scale, from, to) in [(params.scales[0], h, oh), (params.scales[1], w, ow)] {
        rules::ensure(scale.is_finite() && scale > 0.0, OpError::Params)?;
        // Keeps source coordinates within what kernels can count.
        let reached = f64::from(to) / f64::from(scale);
        let bounded = params.coordinates == Coordinates::AlignCorners || reached <= 2.0 * f64::from(from) + 2.0;
        rules::ensure(bounded, OpError::Params)?;
    }
    rules::ensure(params.cubic_a.is_finite(), OpError::Params)
}
