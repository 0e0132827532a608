//! Matrix products of 8-bit rows with packed weights, requantized: see [`requantize`](crate::requantize).
//!
//! S = bias + Σ x·w − w_zero·Σ x, x being bytes, in 32 bits, wrapping. Weights lie in panels of 16 columns, each
//! `[⌈K/4⌉][16][4]`, the last index running over neighbours of the sum, with zeros past K and N. Sums are exact, so all
//! kernels give the same bytes, however the work is split.

#[cfg(target_arch = "aarch64")]
mod a64;
mod drive;
mod sums;
#[cfg(test)]
pub(crate) mod tests;
mod tile;
#[cfg(target_arch = "x86_64")]
mod ymm;

#[cfg(target_arch = "aarch64")]
pub(crate) use a64::give;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::{quads::multiply_pairs, store as store_registers};
pub(crate) use drive::{Product, Sights, look_up, run_part};
pub(crate) use generic::store_rows as store_generic;
pub(crate) use sums::Sums;
pub(crate) use tile::{How, Store};
#[cfg(target_arch = "x86_64")]
pub(crate) use ymm::store as store_ymm;

use crate::gemm_f32::split;
use crate::requantize::Epilogue;
use crate::sight::{MAX_ROWS, Pointers, Prepared, Segment};
use crate::{Isa, Parallel, Rows, RowsMut};

crate::kernels! { GemmKernel:
    #[cfg(target_arch = "x86_64")] avx512vnni;
    #[cfg(target_arch = "x86_64")] avxvnni;
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neoni8mm;
    #[cfg(target_arch = "aarch64")] neondot;
    #[cfg(target_arch = "aarch64")] neon;
    #[cfg(all(target_arch = "arm", feature = "dsp"))] dsp;
    generic;
}

/// Columns of a panel.
pub const PANEL: usize = 16;

/// Neighbours of a sum whose weights lie side by side.
pub const QUAD: usize = 4;

/// Length of the packed weights of K inputs and N outputs.
pub const fn packed_len(k: usize, n: usize) -> usize {
    n.next_multiple_of(PANEL) * k.next_multiple_of(QUAD)
}

/// A kernel that multiplies matrices.
pub struct GemmKernel {
    /// Name, with tile and instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Micro-kernels for few rows, then `tall` ones, both with most panels first.
    tiles: &'static [tile::Tiles],
    /// The first of the micro-kernels that suit any number of rows.
    tall: usize,
    /// Micro-kernels for one panel and for two, of the last of which only the first half is there; or none.
    half: &'static [tile::Tiles],
    /// How whole patches are widened for the micro-kernels; none where they read bytes.
    pub(crate) widen: Option<WidenFn>,
    /// What sums begin with; none where that is the bias.
    shift: Option<ShiftFn>,
}

/// Widens some bytes, in whole quads, to twice as many bytes of the kernel's own format, in which what is no 0 adds up as
/// before. Bytes may end where the result does.
///
/// # Safety
/// They are valid for reading, the result for writing. The processor has the kernel's instruction set.
pub(crate) type WidenFn = unsafe fn(from: *const u8, to: *mut u8, len: usize);

/// Computes what the sums of a panel begin with where its kernel does not multiply bytes as they are: of the weights of so
/// many quads, which runs of so many make up (see [`Sights::run`]), the bias, and where the 16 numbers go.
///
/// # Safety
/// Weights and bias of the panel are valid for reading, and the last address for writing. The processor has the kernel's
/// instruction set.
type ShiftFn = unsafe fn(w: *const i8, quads: usize, run: usize, bias: *const i32, to: *mut i32);

impl core::fmt::Debug for GemmKernel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

/// Operands of a product beside its output `y [M, N]`.
#[derive(Clone, Copy, Debug)]
pub struct Gemm<'a> {
    /// `[M, K]`.
    pub x: Rows<'a, u8>,
    /// Panels, [`packed_len`] elements.
    pub w: &'a [i8],
    /// Zero point of the weights; 0 for symmetric ones.
    pub w_zero: i32,
    /// What becomes of the sums.
    pub epilogue: Epilogue<'a>,
}

/// Rows that lie as far apart from each other.
struct RowSight {
    x: *const u8,
    pitch: usize,
    rows: Pointers<u8>,
    segment: Segment<u8>,
}

impl Sights for RowSight {
    fn tile(&mut self, _: usize, high: usize, left: usize) -> usize {
        // The last two tiles share what is left.
        if left >= 2 * high || left <= high { left.min(high) } else { left.div_ceil(2) }
    }

    fn place(&mut self, row: usize, rows: usize) {
        let first = self.x.wrapping_add(row * self.pitch);
        for (i, x) in self.rows[..rows].iter_mut().enumerate() {
            *x = first.wrapping_add(i * self.pitch);
        }
        self.segment.rows = &raw const self.rows;
    }

    fn prepare(&mut self, begin: usize) -> Prepared {
        Prepared { begin, end: 1, len: self.segment.len }
    }

    fn segments(&self) -> *const Segment<u8> {
        &raw const self.segment
    }

    fn count(&self) -> usize {
        1
    }

    fn run(&self) -> usize {
        self.segment.len.div_ceil(QUAD)
    }

    fn is_wide(&self) -> bool {
        false
    }
}

impl GemmKernel {
    /// Computes `y`.
    ///
    /// # Panics
    /// If shapes or lengths do not match.
    pub fn run(&self, gemm: &Gemm<'_>, y: &mut RowsMut<'_, u8>, parallel: &dyn Parallel) {
        let (m, k, n) = (y.rows(), gemm.x.cols(), y.cols());
        assert!(gemm.x.rows() == m && packed_len(k, n) <= gemm.w.len(), "operands of {m}×{k}×{n}");
        assert!(gemm.epilogue.fits(n.next_multiple_of(PANEL), m, n), "epilogue of {m}×{n}");
        let how = How::new(&gemm.epilogue, y);
        let product = Product {
            kernel: self,
            quads: k.div_ceil(QUAD),
            w: gemm.w.as_ptr(),
            w_zero: gemm.w_zero,
            store: Store::new(&gemm.epilogue, y, &how, n),
        };
        split([m, product.quads, n.div_ceil(PANEL)], parallel, &|part| {
            let segment = Segment { len: k, ..Segment::EMPTY };
            let rows = [core::ptr::null(); MAX_ROWS];
            let mut sight = RowSight { x: gemm.x.as_ptr(), pitch: gemm.x.pitch(), rows, segment };
            // SAFETY: checked above: views and slices cover the product, `y` overlaps a coinciding residual at most, parts
            // are disjoint; owning a kernel selected from a set of instruction sets proves that the processor has it.
            unsafe { run_part(&product, part, &mut sight) }
        });
    }
}
