//! The algorithm, over vectors of any length.

use super::{Binary, Kind, Stretch};
use crate::bytes::{Bytes, load_up_to, store_up_to, zero_of};
use crate::lanes::Lanes;

/// Computes all rows of the stretch.
///
/// # Safety
/// As for `BinaryKernel::run`, and as for the methods of [`Bytes`].
#[inline(always)]
pub(super) unsafe fn run<V: Bytes>(how: &Binary, stretch: &Stretch) {
    // SAFETY: as the caller promises.
    unsafe {
        match how.kind {
            Kind::Add => rows::<V, true>(how, stretch),
            Kind::Mul => rows::<V, false>(how, stretch),
        }
    }
}

/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn rows<V: Bytes, const ADD: bool>(how: &Binary, stretch: &Stretch) {
    let tile = &stretch.tile;
    // SAFETY: rows and columns stay below the tile's.
    unsafe {
        let (a_zero, b_zero) = (zero_of::<V>(how.a.zero), zero_of::<V>(how.b.zero));
        let (a_scale, b_scale) = (V::Float::splat(how.a.scale), V::Float::splat(how.b.scale));
        let (low, high) = (V::splat(how.requantize.low), V::splat(how.requantize.high));
        for r in 0..tile.rows as isize {
            let y = stretch.y.offset(r * tile.row[0]);
            let a = stretch.a.offset(r * tile.row[1]);
            let b = stretch.b.offset(r * tile.row[2]);
            let mut c = 0;
            while c < tile.cols {
                let left = tile.cols - c;
                let a = operand::<V>(a, tile.col[1] == 0, c, left).widen(a_zero);
                let b = operand::<V>(b, tile.col[2] == 0, c, left).widen(b_zero);
                let mut v = a;
                for i in 0..4 {
                    v[i] = if ADD { a[i].mul(a_scale).add(b[i].mul(b_scale)) } else { a[i].mul(b[i]).mul(a_scale) };
                }
                let q = V::narrow(v, how.requantize.zero).max(low).min(high);
                store_up_to(q, y.add(c), left);
                c += V::N;
            }
        }
    }
}

/// The bytes from column `c` of a row on, of which `left` are left; or its only one.
///
/// # Safety
/// As for [`run`].
#[inline(always)]
unsafe fn operand<V: Bytes>(row: *const u8, is_one: bool, c: usize, left: usize) -> V {
    // SAFETY: as the caller promises.
    unsafe { if is_one { V::splat(row.read()) } else { load_up_to(row.add(c), left) } }
}
