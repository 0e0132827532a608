//! Packing a matrix into panels of 16 columns.

use super::{PANEL, packed_len};
use crate::View;

/// Elements and strides of a K×N matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix {
    pub(crate) ptr: *const f32,
    pub(crate) k: usize,
    pub(crate) n: usize,
    /// Elements from row to row.
    pub(crate) k_stride: isize,
    /// Elements from column to column.
    pub(crate) n_stride: isize,
}

// SAFETY: addresses of plain elements that are only read.
unsafe impl Sync for Matrix {}

/// Packs `w [K, N]`, with any strides, into panels `[ceil(N/16)][K][16]`, with zeros past N.
///
/// # Panics
/// If `w` is not a matrix or `panels` is shorter than [`packed_len`].
pub fn pack_panels(w: &View<'_, f32>, panels: &mut [f32]) {
    let (&[k, n], &[k_stride, n_stride]) = (w.dims(), w.strides()) else { panic!("a matrix is packed") };
    assert!(packed_len(k, n) <= panels.len(), "the panels of {k}×{n} elements do not fit");
    let matrix = Matrix { ptr: w.as_ptr(), k, n, k_stride, n_stride };
    for panel in 0..n.div_ceil(PANEL) {
        // SAFETY: the view's elements are there, and so are the panels, as just checked.
        unsafe { pack_panel(&matrix, panel, panels.as_mut_ptr().add(panel * k * PANEL)) };
    }
}

/// Packs the panel with this index.
///
/// # Safety
/// The matrix's elements are valid for reading, `out` for writing K · 16 elements, and the two do not overlap.
pub(crate) unsafe fn pack_panel(w: &Matrix, panel: usize, out: *mut f32) {
    let cols = (w.n - panel * PANEL).min(PANEL);
    // SAFETY: element (k, panel · 16 + c) with c < cols lies in the matrix; `out` has room for 16 columns of each row.
    unsafe {
        let from = w.ptr.offset((panel * PANEL) as isize * w.n_stride);
        let mut k = 0;
        if w.k_stride == 1 && cols == PANEL {
            while k + 4 <= w.k {
                for c in (0..PANEL).step_by(4) {
                    transpose(from.offset(c as isize * w.n_stride).add(k), w.n_stride, out.add(k * PANEL + c));
                }
                k += 4;
            }
        }
        while k < w.k {
            let (row, out) = (from.offset(k as isize * w.k_stride), out.add(k * PANEL));
            if w.n_stride == 1 && cols == PANEL {
                out.cast::<[f32; PANEL]>().write_unaligned(row.cast::<[f32; PANEL]>().read_unaligned());
            } else {
                for c in 0..PANEL {
                    out.add(c).write(if c < cols { row.offset(c as isize * w.n_stride).read() } else { 0.0 });
                }
            }
            k += 1;
        }
    }
}

/// Writes four columns of four neighbouring elements each as rows of panels.
#[inline(always)]
unsafe fn transpose(from: *const f32, stride: isize, out: *mut f32) {
    // SAFETY: the caller has four columns of four elements, and room for four elements in each of four rows.
    unsafe {
        let column = |c: usize| from.offset(c as isize * stride).cast::<[f32; 4]>().read_unaligned();
        let columns = [column(0), column(1), column(2), column(3)];
        for r in 0..4 {
            out.add(r * PANEL).cast::<[f32; 4]>().write_unaligned(columns.map(|column| column[r]));
        }
    }
}
