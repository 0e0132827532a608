//! Transposed convolution, NHWC.
//!
//! Inputs: `x [N, H, W, C]`; `weights [groups, kh, kw, O/groups, C/groups]`, dense; `bias [O]` or none.
//! Output: `y [N, OH, OW, O]` with OH = stride·(H − 1) + output_pad + dilation·(kernel − 1) + 1 − pad.top − pad.bottom.
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
        /// Rows and columns cut off the result: top, left, bottom, right.
        pub pad: [u32; 4],
        /// Extra rows and columns at the bottom and right.
        pub output_pad: [u32; 2],
        /// Number of groups.
        pub groups: u32,
        /// Applied last.
        pub activation: Activation,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
