//! Two-dimensional convolution, NHWC. A one-dimensional one has height 1.
//!
//! Inputs: `x [N, H, W, C]`; `weights`: one dimension, packed (see below); `bias`: one dimension, packed, or
//! none; `residual`, shaped as the output, or none. Output: `y [N, OH, OW, O]`, rows of any pitch.
//!
//! y = activation(Σ x·w + bias), and with a residual y = activation(Σ x·w + bias + residual).
//! OH = (H + pad.top + pad.bottom − dilation·(kernel − 1) − 1) / stride + 1, rounded down; OW likewise.
//!
//! Packed f32 weights, for each group the panels of 16 output channels one after another, each panel
//! `[kernel_h][kernel_w][C/groups][16]`, channels past the last being zero; bias is padded to the panels
//! of each group likewise. The number of weights is `groups · ceil(O/groups/16) · 16 · kh · kw · C/groups`.
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
        /// Number of groups.
        pub groups: u32,
        /// Applied last.
        pub activation: Activation,
    }
}

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
