//! Portable Rust.

use super::tile::{Store, Tile, TileFn, Tiles, tail_quad};
use super::{GemmKernel, PANEL, QUAD};
use crate::Isa;

/// One row by one panel.
unsafe fn run(t: &Tile<'_>, w: *const i8, column: usize, _: usize) {
    let mut sums = [0i32; PANEL];
    // SAFETY: segments, weights and sums are valid as the caller promises.
    unsafe {
        if t.before.is_null() {
            let offset = if t.offsets.is_null() { 0 } else { t.offsets.read() };
            let bias = t.store.bias.add(column).cast::<[i32; PANEL]>().read();
            sums.iter_mut().zip(bias).for_each(|(sum, bias)| *sum = bias.wrapping_add(offset));
        } else {
            sums = t.before.cast::<[i32; PANEL]>().read();
        }
        let mut w = w.cast::<[[i8; QUAD]; PANEL]>();
        for s in 0..t.count {
            let segment = &*t.segments.add(s);
            let (mut x, mut left) = ((*segment.rows)[0].add(segment.offset), segment.len);
            while left > 0 {
                let quad = if left >= QUAD { x.cast::<[u8; QUAD]>().read() } else { tail_quad(x, left).to_le_bytes() };
                add(&mut sums, quad, &w.read());
                w = w.add(1);
                x = x.wrapping_add(QUAD);
                left -= left.min(QUAD);
            }
        }
        if !t.after.is_null() {
            return t.after.cast::<[i32; PANEL]>().write(sums);
        }
        store(&t.store, column, &sums);
    }
}

/// Adds the products of four neighbours with the weights of every column.
#[inline(always)]
fn add(sums: &mut [i32; PANEL], quad: [u8; QUAD], w: &[[i8; QUAD]; PANEL]) {
    let x = quad.map(i32::from);
    for (sum, w) in sums.iter_mut().zip(w) {
        let products: i32 = x.iter().zip(w).map(|(x, w)| x * i32::from(*w)).sum();
        *sum = sum.wrapping_add(products);
    }
}

/// Turns the sums of one row into bytes.
///
/// # Safety
/// As [`TileFn`].
#[inline(always)]
pub(super) unsafe fn store(s: &Store<'_>, column: usize, sums: &[i32; PANEL]) {
    // SAFETY: multipliers are there for whole panels, y and the residual for columns below `cols`.
    unsafe {
        for (c, sum) in (column..s.cols).zip(sums) {
            let mut v = *sum as f32 * s.multiplier.add(c).read();
            if !s.residual.is_null() {
                v = s.how.residual.add(v, s.residual.add(c).read());
            }
            s.y.add(c).write(s.how.requantize.round(v));
        }
    }
}

/// The same of rows of whole panels, whose sums lie row by row, panel by panel.
///
/// # Safety
/// As [`TileFn`].
pub(crate) unsafe fn store_rows(s: &Store<'_>, column: usize, sums: *const i32, rows: usize, panels: usize) {
    let (mut s, sums) = (*s, sums.cast::<[i32; PANEL]>());
    for i in 0..rows {
        // SAFETY: as the caller promises.
        unsafe {
            (0..panels).for_each(|j| store(&s, column + j * PANEL, &*sums.add(i * panels + j)));
            s.advance(1);
        }
    }
}

/// 1×16.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8__generic",
    isa: Isa::Generic,
    tiles: &[Tiles { panels: 1, by_rows: &[run as TileFn] }],
    tall: 0,
    half: &[],
    widen: None,
    shift: None,
};
