//! Two-dimensional convolution with 3×3 kernels, stride 1 and one group, NHWC, in tiles of 4×4 output pixels: each pair
//! of channels takes 36 multiplications a tile instead of 144.
//!
//! Inputs: `x [N, H, W, C]`, rows; `weights [36·C·O]`, transformed and packed (see below), in the weights section;
//! `bias [O]`, likewise, or none; `residual`, shaped as the output, rows, or none; `scratch [X]` f32. Output:
//! `y [N, OH, OW, O]`, rows of any pitch; it may be the residual. H, W, OH and OW are at least 1, C and O multiples of
//! 16. OH = H + pad.top + pad.bottom − 2, OW = W + pad.left + pad.right − 2; padded lengths are below 2³¹ − 4.
//! X is at least 36·(C + O) ([`scratch_len`]), which is room for one tile; with more room more tiles are worked off
//! together, which changes no result.
//!
//! y = activation(Aᵀ·(Σ U ∘ (Bᵀ·d·B))·A + bias + residual) for every tile and output channel, the sum running over the
//! input channels and d being the 6×6 elements of one that the tile sees, 0 in the padding. U = G·g·Gᵀ, g being the 3×3
//! kernel of a pair of channels. With r = √2:
//!
//! ```text
//!      ⎡1   0   −5/2   0   1  0⎤
//!      ⎢0  −r   −2    r/2  1  0⎥        ⎡1   1    1    1    1   0⎤        ⎡ 1     0     0 ⎤
//! Bᵀ = ⎢0   r   −2   −r/2  1  0⎥   Aᵀ = ⎢0  r/2 −r/2   r   −r   0⎥        ⎢−2/3 −r/3  −1/3⎥
//!      ⎢0 −r/2  −1/2   r   1  0⎥        ⎢0  1/2  1/2   2    2   0⎥   G  = ⎢−2/3  r/3  −1/3⎥
//!      ⎢0  r/2  −1/2  −r   1  0⎥        ⎣0  r/4 −r/4  2·r −2·r  1⎦        ⎢ 1/6  r/6   1/3⎥
//!      ⎣0   1    0   −5/2  0  1⎦                                          ⎢ 1/6 −r/6   1/3⎥
//!                                                                         ⎣ 0     0     1 ⎦
//! ```
//!
//! The weights are 36 matrices one after another, element (i, j) of every U being number 6·i + j, each in panels of 16
//! output channels, each `[C][16]` ([`packed_len`]). What is not finite in x may spread over all tiles that see it.
use crate::rules::{self, PANEL, Window};
use crate::{Activation, OpError, Operands, Tensor, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Zero padding: top, left, bottom, right.
        pub pad: [u32; 4],
        /// Applied last.
        pub activation: Activation,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[3];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = Some(4);

/// Elements of a transformed tile.
pub const POINTS: u64 = 36;

/// Length of the packed weights of C inputs and O outputs; `None` on overflow.
pub fn packed_len(inputs: u32, outputs: u32) -> Option<u64> {
    u64::from(inputs).checked_mul(u64::from(outputs))?.checked_mul(POINTS)
}

/// Least length of the scratch operand for C inputs and O outputs: what each tile takes that is worked off together
/// with others.
pub fn scratch_len(inputs: u32, outputs: u32) -> u64 {
    POINTS * (u64::from(inputs) + u64::from(outputs))
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 5..=5, 1..=1)?;
    let (x, y) = (rules::input_f32(operands, 0)?, rules::output_f32(operands, 0)?);
    let [c, o] = channels(&x, &y, params.pad)?;
    rules::packed(&rules::input(operands, 1)?, packed_len(c, o))?;
    if let Some(bias) = operands.input(2) {
        rules::packed(&bias, Some(u64::from(o)))?;
    }
    rules::residual(operands, 3, &y)?;
    rules::scratch(operands, 4, Some(scratch_len(c, o)))?;
    params.activation.check()
}

/// C and O of an input and an output that fit together with so much padding.
pub(super) fn channels(x: &Tensor, y: &Tensor, pad: [u32; 4]) -> Result<[u32; 2], OpError> {
    rules::rows(x)?;
    let [n, _, _, c] = rules::nhwc(x)?;
    let [vertical, horizontal] = Window::pair(rules::nhwc(x)?, [3, 3], [1, 1], [1, 1], pad);
    let o = rules::nhwc(y)?[3];
    rules::output_nhwc(y, n, vertical.output()?, horizontal.output()?, o)?;
    rules::ensure([c, o].iter().all(|&count| u64::from(count).is_multiple_of(PANEL)), OpError::Shape)?;
    Ok([c, o])
}
