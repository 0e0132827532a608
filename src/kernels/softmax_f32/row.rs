//! One row, over vectors of any length.

use super::Stretch;
use crate::activation_f32::functions::{exp_of_negative, ln};
use crate::lanes::Lanes;
use crate::lanes::block::{BLOCK, Block, Map};
use crate::lanes::generic::F32x1;

/// eˣ of x ≤ 0.
struct Exp;
impl<V: Lanes> Map<V> for Exp {
    #[inline(always)]
    unsafe fn of(x: V) -> V {
        // SAFETY: as the caller promises.
        unsafe { exp_of_negative(x) }
    }
}

/// The greatest of `cols` elements; NaN among them does not count.
#[inline(always)]
unsafe fn max<V: Lanes, const P: usize>(x: *const f32, cols: usize) -> f32 {
    // SAFETY: `i` and what is read from there stay below `cols`.
    unsafe {
        let mut max = Block::<V, P>::splat(f32::NEG_INFINITY);
        let mut i = 0;
        while i + BLOCK <= cols {
            max = Block::load(x.add(i)).max(max);
            i += BLOCK;
        }
        if i < cols {
            let tail = Block::<V, P>::load_first(x.add(i), cols - i).first(cols - i, f32::NEG_INFINITY);
            max = tail.max(max);
        }
        max.reduce(|a, b| if a > b { a } else { b })
    }
}

/// The sum of e^{x − max}, whose terms are stored to `y` where `STORE`; `y` may be `x`.
#[inline(always)]
unsafe fn exp_sum<V: Lanes, const P: usize, const STORE: bool>(
    x: *const f32,
    y: *mut f32,
    cols: usize,
    max: f32,
) -> f32 {
    // SAFETY: `i` and what is touched from there stay below `cols`.
    unsafe {
        let greatest = Block::<V, P>::splat(max);
        let mut sum = Block::<V, P>::splat(0.0);
        let mut i = 0;
        while i + BLOCK <= cols {
            let e = Block::load(x.add(i)).sub(greatest).map::<Exp>();
            if STORE {
                e.store(y.add(i));
            }
            sum = sum.add(e);
            i += BLOCK;
        }
        if i < cols {
            let n = cols - i;
            let e = Block::load_first(x.add(i), n).sub(greatest).map::<Exp>();
            if STORE {
                e.store_first(y.add(i), n);
            }
            sum = sum.add(e.first(n, 0.0));
        }
        sum.sum()
    }
}

/// y = (x − shift) · factor of `cols` elements; `y` may be `x`.
#[inline(always)]
unsafe fn scale<V: Lanes, const P: usize>(x: *const f32, y: *mut f32, cols: usize, shift: f32, factor: f32) {
    // SAFETY: `i` and what is touched from there stay below `cols`.
    unsafe {
        let (shift, factor) = (Block::<V, P>::splat(shift), Block::<V, P>::splat(factor));
        let mut i = 0;
        while i + BLOCK <= cols {
            Block::load(x.add(i)).sub(shift).mul(factor).store(y.add(i));
            i += BLOCK;
        }
        if i < cols {
            let n = cols - i;
            Block::load_first(x.add(i), n).sub(shift).mul(factor).store_first(y.add(i), n);
        }
    }
}

/// See [`super::SoftmaxKernel`].
#[inline(always)]
pub(super) unsafe fn run<V: Lanes, const P: usize>(log: bool, s: Stretch) {
    for r in 0..s.rows {
        // SAFETY: row `r` lies in both, as the caller promises.
        unsafe {
            let (x, y) = (s.x.add(r * s.x_pitch), s.y.add(r * s.y_pitch));
            let max = max::<V, P>(x, s.cols);
            if log {
                let sum = exp_sum::<V, P, false>(x, y, s.cols, max);
                scale::<V, P>(x, y, s.cols, max, 1.0);
                let mut ln_sum = 0.0;
                ln(F32x1::splat(sum)).store(&mut ln_sum);
                scale::<V, P>(y, y, s.cols, ln_sum, 1.0);
            } else {
                let sum = exp_sum::<V, P, true>(x, y, s.cols, max);
                scale::<V, P>(y, y, s.cols, 0.0, 1.0 / sum);
            }
        }
    }
}

/// See [`super::SoftmaxKernel::run_masked`].
#[inline(always)]
pub(super) unsafe fn run_masked<V: Lanes, const P: usize>(scores: *mut f32, cols: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        let max = max::<V, P>(scores, cols);
        // Differences to −∞ would be NaN.
        let max = if max == f32::NEG_INFINITY { 0.0 } else { max };
        let sum = exp_sum::<V, P, true>(scores, scores, cols, max);
        let factor = if sum == 0.0 { 0.0 } else { 1.0 / sum };
        scale::<V, P>(scores, scores, cols, 0.0, factor);
    }
}
