//! Two-dimensional f32 convolution with 3×3 kernels and stride 1, NHWC, by minimal filtering: each channel of a tile of
//! 4×4 output pixels takes 36 multiplications instead of 144.
//!
//! The 6×6 patch d that a tile sees becomes V = Bᵀ·d·B, channel by channel. For each of the 36 points the tiles' rows
//! of channels are multiplied with a matrix of weights ([`gemm_f32`](crate::gemm_f32)), and the sums m of a tile
//! become Aᵀ·m·A; the matrices are those of the plan's operator. Results depend neither on how many tiles are worked
//! off together nor on threads. The error of a tile is at most that of C + 20 roundings, (C + 20) · 2⁻²⁴ · (|Aᵀ|·(Σ|U| ∘
//! (|Bᵀ|·|d|·|B|))·|A| + |bias| + |residual|), before the activation: some ten times that of plain sums. What is not
//! finite may spread over a tile.

mod job;
#[cfg(test)]
mod tests;
mod transform;

use crate::conv_f32::{Conv, Shape};
use crate::gemm_f32::{GemmKernel, PANEL, TASK_MACS};
use crate::winograd::{POINTS, Scratch};
use crate::{Isa, Parallel, RowsMut};
use job::Job;
use transform::{Finish, Patch};

crate::kernels! { WinogradKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// Output channels that are worked off together.
const GROUP: usize = 2 * PANEL;

/// Elements of scratch that a tile takes of C input and O output channels.
pub const fn scratch_len(channels: usize, outputs: usize) -> usize {
    POINTS * (channels + if outputs < GROUP { outputs } else { GROUP })
}

/// Length of the packed weights of C input and O output channels, `[36][O/16][C][16]`.
pub const fn packed_len(channels: usize, outputs: usize) -> usize {
    POINTS * channels * outputs
}

/// The transformations for one instruction set.
pub struct WinogradKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// See [`transform::input`].
    input: unsafe fn(&Patch),
    /// See [`transform::output`].
    output: unsafe fn(&Finish),
}

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
    pub fn run(
        &self,
        gemm: &GemmKernel,
        conv: &Conv<'_>,
        y: &mut RowsMut<'_, f32>,
        scratch: &mut [f32],
        parallel: &dyn Parallel,
    ) {
        check(conv, y, scratch);
        let (job, of_tile) = (Job::new(self, gemm, conv, y), scratch_len(conv.shape.channels, conv.shape.outputs));
        let tasks = job.grid.tasks(parallel.threads(), scratch.len() / of_tile, TASK_MACS);
        let scratch = Scratch::new(scratch, tasks);
        parallel.run(tasks, &|task| {
            let (scratch, room) = scratch.part(task);
            // The views and slices cover what the sizes tell, as just checked; `y` is borrowed mutably and overlaps no
            // input but a residual that coincides with it; tasks write different tiles of it, and have their own parts
            // of the scratch, each with room for a tile, whose length is a multiple of 16.
            // SAFETY: so the addresses are valid; owning selected kernels proves that the processor has them.
            unsafe { job.run(task, tasks, scratch, room) };
        });
    }
}

fn check(conv: &Conv<'_>, y: &RowsMut<'_, f32>, scratch: &[f32]) {
    let Conv { shape: s, w, bias, residual, .. } = conv;
    let Shape { channels, outputs, .. } = *s;
    assert!(y.rows() == s.pixels() && y.cols() == outputs, "output of {s:?}");
    assert!(packed_len(channels, outputs) <= w.len(), "weights of {s:?}");
    assert!(bias.is_none_or(|b| outputs <= b.len()), "bias of {s:?}");
    assert!(residual.is_none_or(|r| r.rows() == y.rows() && r.cols() == outputs), "residual of {s:?}");
    assert!(scratch_len(channels, outputs) <= scratch.len(), "scratch of {s:?}");
}
