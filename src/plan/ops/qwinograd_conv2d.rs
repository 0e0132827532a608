//! Two-dimensional convolution of 8-bit numbers with 3×3 kernels, stride 1 and one group, NHWC, in tiles of 4×4 output
//! pixels: each pair of channels takes 36 multiplications a tile instead of 144. The bytes are those of
//! [`super::qconv2d`].
//!
//! Inputs: `x [N, H, W, C]`, u8 rows; `weights [36·C·O]`, i16, transformed and packed (see below), `bias`, i32, and
//! `multiplier`, f32, both `[O]`, in the weights section; `residual`, u8, shaped as the output, rows, or none; `table`, u8
//! `[256]`, in the weights section, or none; `scratch [X]` f32. Output: `y [N, OH, OW, O]`, u8 rows of any pitch; it may be
//! the residual. Sizes are those of [`super::winograd_conv2d`], but X is at least 36·(C/2 + 16) ([`scratch_len`]).
//!
//! S = bias\[o\] + R/(9·2ᵏ), R = Aᵀ·(Σ U ∘ (Bᵀ·d·B))·A for every tile and output channel, the sum running over the input
//! channels and d being the 6×6 bytes of one that the tile sees, `x_zero` in the padding. k is 3, 2, 1, 1 for the tile's
//! lines plus the same for its columns. U = G·g·Gᵀ, g being the 3×3 kernel of a pair of channels less the weights' zero
//! point, of which the compiler has put −x_zero·Σ g into the bias. All numbers are integers:
//!
//! ```text
//!      ⎡4  0 −5  0  1  0⎤
//!      ⎢0 −4 −4  1  1  0⎥        ⎡1  4  4  1  1  0⎤        ⎡ 6  0  0⎤
//! Bᵀ = ⎢0  4 −4 −1  1  0⎥   Aᵀ = ⎢0  2 −2  1 −1  0⎥        ⎢−1 −1 −1⎥
//!      ⎢0 −2 −1  2  1  0⎥        ⎢0  1  1  1  1  0⎥   G  = ⎢−1  1 −1⎥
//!      ⎢0  2 −1 −2  1  0⎥        ⎣0  1 −1  2 −2  1⎦        ⎢ 1  2  4⎥
//!      ⎣0  4  0 −5  0  1⎦                                  ⎢ 1 −2  4⎥
//!                                                          ⎣ 0  0  6⎦
//! ```
//!
//! For the points 0, ±1, ±2 and infinity, Aᵀ is multiplied by diag(1, ½, ¼, ¼) from the left and by diag(1, 4, 4, 1, 1, 4)
//! from the right, and G by diag(24, 6, 6, 24, 24, 6): so much is right but for the factors 24, 12, 6 and 6 of a tile's
//! lines and columns, whose products are 9·2ᵏ. Bᵀ·d·B is at most 25500 in magnitude and |U| at most 49·255: both have 16
//! bits. R is computed modulo 2³². R/(9·2ᵏ) is R times the inverse of 9 modulo 2³², shifted right by k, copying the sign:
//! exact where it is at least −2²⁵ and less than 2²⁵, which compilers see to. Then y as [`crate::requantize`] says, and
//! where there is a table y = table\[y\].
//!
//! The weights lie in panels of 16 output channels, each `[36][C/2][16][2]`: element (i, j) of every U is number 6·i + j,
//! the last index runs over two neighbouring input channels ([`packed_len`]).
use super::winograd_conv2d::POINTS;
pub use super::winograd_conv2d::packed_len;
use crate::requantize::{Requantize, Residual};
use crate::rules;
use crate::{DType, OpError, Operands, params};

params! {
    /// Parameters.
    pub struct Params {
        /// Padding: top, left, bottom, right.
        pub pad: [u32; 4],
        /// Zero point of x: what the padding holds, 0..=255.
        pub x_zero: u32,
        /// Quantization and bounds of y.
        pub requantize: Requantize,
        /// How the residual is added.
        pub residual: Residual,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[4];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = Some(6);

/// Least length of the scratch operand for C inputs: what each tile takes that is worked off together with others.
pub fn scratch_len(inputs: u32) -> u64 {
    POINTS * (u64::from(inputs) / 2 + rules::PANEL)
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 7..=7, 1..=1)?;
    let x = rules::input_typed(operands, 0, DType::U8)?;
    let y = rules::output_typed(operands, 0, DType::U8)?;
    let [c, o] = super::winograd_conv2d::channels(&x, &y, params.pad)?;
    rules::packed_typed(&rules::input(operands, 1)?, DType::I16, packed_len(c, o))?;
    rules::epilogue(operands, Some(u64::from(o)), &y)?;
    rules::scratch(operands, 6, Some(scratch_len(c)))?;
    rules::byte(params.x_zero)?;
    params.requantize.check()?;
    params.residual.check()
}
