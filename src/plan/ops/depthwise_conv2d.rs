//! Depthwise convolution, NHWC: each channel has a kernel of its own and gives one channel.
//!
//! Inputs: `x [N, H, W, C]`; `weights [kh·kw, C′]` with `C′` = C rounded up to 16 and zeros past C; `bias [C′]`
//! or none; `residual`, shaped as the output, or none. Output: `y [N, OH, OW, C]`. See [`super::conv2d`].
use crate::{Activation, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Kernel height and width.
        pub kernel: [u32; 2],
        /// Vertical and horizontal stride.
        pub stride: [u32; 2],
        /// Vertical and horizontal dilation.
        pub dilation: [u32; 2],
        /// Zero padding: top, left, bottom, right.
        pub pad: [u32; 4],
        /// Applied last.
        pub activation: Activation,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
