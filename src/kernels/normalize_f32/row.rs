//! One row, over vectors of any length.

use super::{Kind, Row};
use crate::lanes::Lanes;
use crate::lanes::block::{BLOCK, Block};

/// The sum of all elements.
#[inline(always)]
unsafe fn sum<V: Lanes, const P: usize>(x: *const f32, cols: usize) -> f32 {
    // SAFETY: `i` and what is read from there stay below `cols`.
    unsafe {
        let mut sum = Block::<V, P>::splat(0.0);
        let mut i = 0;
        while i + BLOCK <= cols {
            sum = sum.add(Block::load(x.add(i)));
            i += BLOCK;
        }
        if i < cols {
            sum = sum.add(Block::load_first(x.add(i), cols - i));
        }
        sum.sum()
    }
}

/// The sum of the squares of x − mean.
#[inline(always)]
unsafe fn squares<V: Lanes, const P: usize>(x: *const f32, cols: usize, mean: f32) -> f32 {
    // SAFETY: `i` and what is read from there stay below `cols`.
    unsafe {
        let mean = Block::<V, P>::splat(mean);
        let mut sum = Block::<V, P>::splat(0.0);
        let mut i = 0;
        while i + BLOCK <= cols {
            let d = Block::load(x.add(i)).sub(mean);
            sum = sum.add(d.mul(d));
            i += BLOCK;
        }
        if i < cols {
            let d = Block::load_first(x.add(i), cols - i).sub(mean).first(cols - i, 0.0);
            sum = sum.add(d.mul(d));
        }
        sum.sum()
    }
}

/// See [`super::NormalizeKernel`].
#[inline(always)]
pub(super) unsafe fn run<V: Lanes, const P: usize>(row: &Row) {
    let &Row { kind, epsilon, x, y, scale, shift, cols } = row;
    // SAFETY: `i` and what is touched from there stay below `cols`.
    unsafe {
        let mean = match kind {
            Kind::Layer => sum::<V, P>(x, cols) / cols as f32,
            Kind::Rms => 0.0,
        };
        let variance = squares::<V, P>(x, cols, mean) / cols as f32;
        let factor = 1.0 / libm::sqrtf(variance + epsilon);
        let (mean, factor) = (Block::<V, P>::splat(mean), Block::splat(factor));
        let mut i = 0;
        while i + BLOCK <= cols {
            let mut v = Block::load(x.add(i)).sub(mean).mul(factor);
            if let Some(scale) = scale {
                v = v.mul(Block::load(scale.add(i)));
            }
            if let Some(shift) = shift {
                v = v.add(Block::load(shift.add(i)));
            }
            v.store(y.add(i));
            i += BLOCK;
        }
        if i < cols {
            let n = cols - i;
            let mut v = Block::load_first(x.add(i), n).sub(mean).mul(factor);
            if let Some(scale) = scale {
                v = v.mul(Block::load_first(scale.add(i), n));
            }
            if let Some(shift) = shift {
                v = v.add(Block::load_first(shift.add(i), n));
            }
            v.store_first(y.add(i), n);
        }
    }
}
