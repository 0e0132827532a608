//! Resampling of the height and width of an NHWC tensor. Input `x [N, H, W, C]`, output `y [N, OH, OW, C]`, rows.
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

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
