//! Maximum or average over windows, NHWC. Input `x [N, H, W, C]`, output `y [N, OH, OW, C]`, both with rows of any pitch.
use crate::{Activation, OpError, Operands, field_enum, params};

field_enum! {
    /// What is taken of a window.
    pub enum Kind {
        /// The greatest; padding does not take part.
        Max = 0,
        /// The mean over the elements that are not padding.
        Average = 1,
        /// The mean over the whole window, padding counted as zeros; positions past bottom/right padding
        /// (ceil mode) do not count.
        AverageWithPad = 2,
    }
}

params! {
    /// Parameters.
    pub struct Params {
        /// What is taken.
        pub kind: Kind,
        /// Window height and width.
        pub kernel: [u32; 2],
        /// Vertical and horizontal stride.
        pub stride: [u32; 2],
        /// Vertical and horizontal dilation.
        pub dilation: [u32; 2],
        /// Padding: top, left, bottom, right.
        pub pad: [u32; 4],
        /// Whether OH and OW are rounded up (windows then begin inside the padded input).
        pub ceil: bool,
        /// Applied last.
        pub activation: Activation,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
