//! Two-dimensional convolution of 8-bit numbers with 3×3 kernels and stride 1, NHWC, by minimal filtering in integers: each
//! channel of a tile of 4×4 output pixels takes 36 multiplications instead of 144, and the bytes are those of
//! [`conv_i8`](crate::conv_i8).
//!
//! The 6×6 patch d that a tile sees becomes V = Bᵀ·d·B in 16 bits, channel by channel; padding counts as elements that are
//! `x_zero`. For each of the 36 points the tiles' rows of channels are multiplied with 16-bit weights and added up in 32
//! bits, which wrap; the sums m of a tile become R = Aᵀ·m·A. The matrices are those of the plan's operator: the points 0,
//! ±1, ±2 and infinity, multiplied by what makes them integers, so that R is 9·2ᵏ times the convolution's sum, k being
//! that of its pixel's line plus that of its column (3, 2, 1, 1). R·9⁻¹, the inverse being that of 9 modulo 2³², is 2ᵏ
//! times the sum, and shifting it right by k is exact where the sum is at least −2²⁵ and less than 2²⁵. Other sums are
//! wrong, in the same way on all instruction sets. What becomes of sums: see [`requantize`](crate::requantize).

mod job;
#[cfg(test)]
mod tests;
mod transform;

use crate::conv_f32::Shape;
use crate::gemm_f32::TASK_MACS;
use crate::gemm_i8::{How, PANEL, Store};
use crate::requantize::Epilogue;
use crate::winograd::{Grid, POINTS, Patch, Scratch};
use crate::{Isa, Parallel, Rows, RowsMut};
use job::Job;
use transform::Finish;

crate::kernels! { WinogradKernel:
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// Elements of 32 bits of scratch that a tile takes of so many input channels: its patch in 16 bits, and the sums of a
/// panel of output channels.
pub const fn scratch_len(channels: usize) -> usize {
    POINTS * (channels / 2 + PANEL)
}

/// Length of the packed weights of C input and O output channels, `[O/16][36][C/2][16][2]`.
pub const fn packed_len(channels: usize, outputs: usize) -> usize {
    POINTS * channels * outputs
}

/// Operands of a convolution beside its output `y [N, OH, OW, O]`.
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a> {
    /// Sizes.
    pub shape: Shape,
    /// `[N, H, W, C]`, as rows of channels.
    pub x: Rows<'a, u8>,
    /// What the padding holds.
    pub x_zero: u8,
    /// Packed weights.
    pub w: &'a [i16],
    /// What becomes of the sums.
    pub epilogue: Epilogue<'a>,
}

/// The kernels of an instruction set.
pub struct WinogradKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// See [`transform::input`].
    input: unsafe fn(&Patch<u8, i16>),
    /// For 1, 2, … patches.
    multiply: &'static [MultiplyFn],
    /// Makes a panel of a tile's output channels of their sums.
    output: unsafe fn(&Finish<'_>),
}

/// Patches that are multiplied with a panel of weights.
pub(crate) struct Product {
    /// The first of them, `[36][C]`; others follow.
    x: *const i16,
    /// `[36][C/2][16][2]`.
    w: *const i16,
    /// C.
    channels: usize,
    /// The first patch's sums, `[36][16]`; others follow.
    sums: *mut i32,
}

/// Multiplies some patches.
///
/// # Safety
/// Patches and weights are valid for reading, and sums for writing; channels are a multiple of 16, at least so many. The
/// processor has the kernel's instruction set.
type MultiplyFn = unsafe fn(&Product);

impl core::fmt::Debug for WinogradKernel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

impl WinogradKernel {
    /// Computes `y`, as rows of channels, with weights of [`packed_len`] and room for one tile at least
    /// ([`scratch_len`]); with more room more tiles share the reading of weights.
    ///
    /// # Panics
    /// If sizes or lengths do not match.
    pub fn run(&self, conv: &Conv<'_>, y: &mut RowsMut<'_, u8>, scratch: &mut [f32], parallel: &dyn Parallel) {
        let (s, of_tile) = (&conv.shape, scratch_len(conv.shape.channels));
        let grid = Grid::new(*s, conv.x, conv.x_zero, PANEL);
        assert!(y.rows() == s.pixels() && y.cols() == s.outputs, "output of {s:?}");
        assert!(packed_len(s.channels, s.outputs) <= conv.w.len(), "weights of {s:?}");
        assert!(conv.epilogue.fits(s.outputs, y.rows(), s.outputs), "epilogue of {s:?}");
        assert!(of_tile <= scratch.len(), "scratch of {s:?}");
        let how = How::new(&conv.epilogue, y);
        let store = Store::new(&conv.epilogue, y, &how, s.outputs);
        let job = Job { kernel: self, grid, w: conv.w.as_ptr(), store };
        let tasks = job.grid.tasks(parallel.threads(), scratch.len() / of_tile, TASK_MACS);
        let scratch = Scratch::new(scratch, tasks);
        parallel.run(tasks, &|task| {
            let (scratch, room) = scratch.part(task);
            // The views and slices cover what the sizes tell, as just checked; `y` is borrowed mutably and overlaps no
            // input but a residual that coincides with it; tasks write different tiles of it, and have their own parts
            // of the scratch, each with room for a tile, whose length is a multiple of 16.
            // SAFETY: so the addresses are valid; owning a selected kernel proves that the processor has it.
            unsafe { job.run(task, tasks, scratch, room / of_tile) };
        });
    }
}
