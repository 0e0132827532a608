//! Matrix products of rows with packed weights: y = activation(alpha · x·w + bias \[+ residual\]).
//!
//! Weights lie in panels of 16 columns, each `[K][16]`, with zeros past N ([`pack_panels`]). Every sum runs over k in
//! order, in one chain, whatever the shape of the tile, so that a row's result depends neither on the other rows nor
//! on how the work is split. Its error is at most that of K + 2 roundings: (K + 2) · 2⁻²⁴ · (Σ|alpha·x·w| + |bias| +
//! |residual|), before the activation.

mod drive;
mod halves;
mod pack;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use drive::{Part, Product, TASK_MACS, apply_activation, for_each_part, run_part, split};
pub use pack::pack_panels;
pub(crate) use pack::{Matrix, pack_panel};
pub(crate) use tile::{MAX_SUMS, Store, Tile, TileFn, Tiles};

use crate::activation::Function;
use crate::{Isa, Parallel, Rows, RowsMut};

crate::kernels! { GemmKernel:
    #[cfg(target_arch = "x86_64")] avx512;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// Columns of a panel.
pub const PANEL: usize = 16;

/// Length of the packed weights of K inputs and N outputs.
pub const fn packed_len(k: usize, n: usize) -> usize {
    n.next_multiple_of(PANEL) * k
}

/// A kernel that multiplies matrices.
pub struct GemmKernel {
    /// Name, with tile and instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Micro-kernels, most panels first.
    pub(crate) tiles: &'static [Tiles],
    /// Micro-kernels for the first half of a panel, by rows, as many as any of `tiles` has; or none.
    pub(crate) half: &'static [TileFn],
}

impl core::fmt::Debug for GemmKernel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

/// Operands of a product beside its output `y [M, N]`; weights are f32, or the bits of 16-bit floats.
#[derive(Clone, Copy, Debug)]
pub struct Gemm<'a, W = f32> {
    /// `[M, K]`.
    pub x: Rows<'a, f32>,
    /// Panels, [`packed_len`] elements.
    pub w: &'a [W],
    /// N elements, padded to whole panels; or none.
    pub bias: Option<&'a [f32]>,
    /// `[M, N]`; it may coincide with `y`. Or none.
    pub residual: Option<Rows<'a, f32>>,
    /// Factor of the product.
    pub alpha: f32,
    /// Applied last.
    pub activation: Function,
}

impl GemmKernel {
    /// Computes `y`.
    ///
    /// # Panics
    /// If shapes or lengths do not match.
    pub fn run(&self, gemm: &Gemm<'_>, y: &mut RowsMut<'_, f32>, parallel: &dyn Parallel) {
        let product = Product { w: gemm.w.as_ptr(), ..Product::new(gemm, y) };
        // Parts write different elements of `y`; owning a kernel proves that the processor has its instruction set.
        // SAFETY: views and slices cover what the product addresses, as just checked; `y` is borrowed mutably and overlaps
        // no input but a residual that coincides with it.
        for_each_part(&product, parallel, &|part| unsafe { run_part(self, &product, part) });
    }
}

impl Product {
    /// What is multiplied, but for the weights.
    ///
    /// # Panics
    /// If shapes or lengths do not match.
    fn new<W>(gemm: &Gemm<'_, W>, y: &mut RowsMut<'_, f32>) -> Self {
        let (m, k, n) = (y.rows(), gemm.x.cols(), y.cols());
        assert!(gemm.x.rows() == m && packed_len(k, n) <= gemm.w.len(), "operands of {m}×{k}×{n}");
        assert!(gemm.bias.is_none_or(|b| n.next_multiple_of(PANEL) <= b.len()), "bias of {n} columns");
        assert!(gemm.residual.is_none_or(|r| r.rows() == m && r.cols() == n), "residual of {m}×{n}");
        Self {
            m,
            k,
            n,
            x: gemm.x.as_ptr(),
            x_pitch: gemm.x.pitch() as isize,
            w: core::ptr::null(),
            panel: k * PANEL,
            step: PANEL as isize,
            store: Store {
                alpha: gemm.alpha,
                bias: gemm.bias.map_or(core::ptr::null(), <[f32]>::as_ptr),
                residual: gemm.residual.map_or(core::ptr::null(), |r| r.as_ptr()),
                residual_pitch: gemm.residual.map_or(0, |r| r.pitch() as isize),
                y: y.as_ptr(),
                y_pitch: y.pitch() as isize,
                cols: n,
                low: f32::NEG_INFINITY,
                high: f32::INFINITY,
            },
            activation: gemm.activation,
        }
    }
}
