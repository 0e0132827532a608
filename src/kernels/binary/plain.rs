//! Integers, comparisons and truth values, in loops that the compiler makes vectors of.

use core::mem::MaybeUninit;

use super::{Arithmetic, Comparison, Logic};
use crate::walk::{Tile, loops_of};
use crate::{Element, Parallel, View, ViewMut};

/// Integers that arithmetic is done on. All of it wraps.
pub trait Integer: Element + Ord {
    /// 0
    const ZERO: Self;
    /// a + b
    fn plus(self, b: Self) -> Self;
    /// a − b
    fn minus(self, b: Self) -> Self;
    /// a · b
    fn times(self, b: Self) -> Self;
    /// a / b, truncated; 0 where b = 0
    fn over(self, b: Self) -> Self;
    /// a − b·(a / b); 0 where b = 0
    fn remainder(self, b: Self) -> Self;
    /// aᵇ; where b < 0, 1 / a⁻ᵇ, truncated
    fn power(self, b: Self) -> Self;
}

macro_rules! integer {
    ($type:ty) => {
        impl Integer for $type {
            const ZERO: Self = 0;
            fn plus(self, b: Self) -> Self {
                self.wrapping_add(b)
            }
            fn minus(self, b: Self) -> Self {
                self.wrapping_sub(b)
            }
            fn times(self, b: Self) -> Self {
                self.wrapping_mul(b)
            }
            fn over(self, b: Self) -> Self {
                if b == 0 { 0 } else { self.wrapping_div(b) }
            }
            fn remainder(self, b: Self) -> Self {
                if b == 0 { 0 } else { self.wrapping_rem(b) }
            }
            fn power(self, b: Self) -> Self {
                match (self, b) {
                    (1, _) => 1,
                    (-1, _) => 1 - 2 * (b & 1),
                    (_, ..0) => 0,
                    _ => {
                        let (mut power, mut square, mut left) = (1, self, b);
                        while left > 0 {
                            if left & 1 == 1 {
                                power = Self::wrapping_mul(power, square);
                            }
                            square = square.wrapping_mul(square);
                            left >>= 1;
                        }
                        power
                    }
                }
            }
        }
    };
}
integer!(i32);
integer!(i64);

fn modulo<T: Integer>(a: T, b: T) -> T {
    let r = a.remainder(b);
    if r != T::ZERO && (r < T::ZERO) != (b < T::ZERO) { r.plus(b) } else { r }
}

/// y = a ∘ b, elementwise; `y` may coincide with `a` or `b`, of which dimensions with stride 0 are broadcast.
///
/// # Panics
/// If the dimensions differ.
pub fn integers<T: Integer>(
    kind: Arithmetic,
    a: &View<'_, T>,
    b: &View<'_, T>,
    y: &mut ViewMut<'_, T>,
    parallel: &dyn Parallel,
) {
    match kind {
        Arithmetic::Add => zip(a, b, y, parallel, T::plus),
        Arithmetic::Sub => zip(a, b, y, parallel, T::minus),
        Arithmetic::Mul => zip(a, b, y, parallel, T::times),
        Arithmetic::Div => zip(a, b, y, parallel, T::over),
        Arithmetic::Min => zip(a, b, y, parallel, T::min),
        Arithmetic::Max => zip(a, b, y, parallel, T::max),
        Arithmetic::Pow => zip(a, b, y, parallel, T::power),
        Arithmetic::PRelu => zip(a, b, y, parallel, |a, b| if a >= T::ZERO { a } else { a.times(b) }),
        Arithmetic::Mod => zip(a, b, y, parallel, modulo),
        Arithmetic::Fmod => zip(a, b, y, parallel, T::remainder),
        Arithmetic::SquaredDifference => zip(a, b, y, parallel, |a, b| a.minus(b).times(a.minus(b))),
    }
}

/// Whether the comparison holds, 1 or 0, elementwise. The element types are those that compare as numbers do.
///
/// # Panics
/// If the dimensions differ.
pub fn compare<T: Element + PartialOrd>(
    kind: Comparison,
    a: &View<'_, T>,
    b: &View<'_, T>,
    y: &mut ViewMut<'_, u8>,
    parallel: &dyn Parallel,
) {
    match kind {
        Comparison::Equal => zip(a, b, y, parallel, |a, b| u8::from(a == b)),
        Comparison::Less => zip(a, b, y, parallel, |a, b| u8::from(a < b)),
        Comparison::LessEqual => zip(a, b, y, parallel, |a, b| u8::from(a <= b)),
        Comparison::Greater => zip(a, b, y, parallel, |a, b| u8::from(a > b)),
        Comparison::GreaterEqual => zip(a, b, y, parallel, |a, b| u8::from(a >= b)),
    }
}

/// The function of truth values, elementwise: 0 is false, all else true, results are 0 and 1. `y` may coincide with
/// `a` or `b`.
///
/// # Panics
/// If the dimensions differ.
pub fn logical(kind: Logic, a: &View<'_, u8>, b: &View<'_, u8>, y: &mut ViewMut<'_, u8>, parallel: &dyn Parallel) {
    match kind {
        Logic::Equal => zip(a, b, y, parallel, |a, b| u8::from((a != 0) == (b != 0))),
        Logic::And => zip(a, b, y, parallel, |a, b| u8::from((a != 0) & (b != 0))),
        Logic::Or => zip(a, b, y, parallel, |a, b| u8::from((a != 0) | (b != 0))),
        Logic::Xor => zip(a, b, y, parallel, |a, b| u8::from((a != 0) ^ (b != 0))),
    }
}

/// Elements that are brought together before the function is applied to them, so that its code is one loop.
const CHUNK: usize = 64;

/// y = f(a, b) of as many elements.
type Combine<'f, T, Y> = &'f (dyn Fn(&[T], &[T], &mut [MaybeUninit<Y>]) + Sync);

fn zip<T: Element, Y: Element>(
    a: &View<'_, T>,
    b: &View<'_, T>,
    y: &mut ViewMut<'_, Y>,
    parallel: &dyn Parallel,
    f: impl Fn(T, T) -> Y + Sync,
) {
    by_chunks(a, b, y, parallel, &|a, b, y| {
        for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
            y.write(f(a, b));
        }
    });
}

fn by_chunks<T: Element, Y: Element>(
    a: &View<'_, T>,
    b: &View<'_, T>,
    y: &mut ViewMut<'_, Y>,
    parallel: &dyn Parallel,
    combine: Combine<'_, T, Y>,
) {
    loops_of!(y, a, b).each(parallel, &|tile| {
        let Tile { rows, cols, row, col, offset } = *tile;
        // SAFETY: a tile of the loops addresses elements of the views: those of `y` are its own or those of an
        // operand that coincides with it, and each is read before it is written.
        unsafe {
            let (a, b, y) = (a.as_ptr().offset(offset[1]), b.as_ptr().offset(offset[2]), y.as_ptr().offset(offset[0]));
            let (mut some_a, mut some_b, mut some_y) = ([*a; CHUNK], [*b; CHUNK], [MaybeUninit::uninit(); CHUNK]);
            for r in 0..rows as isize {
                for first in (0..cols).step_by(CHUNK) {
                    let len = CHUNK.min(cols - first);
                    let at = |k: usize| r * row[k] + first as isize * col[k];
                    gather(a.offset(at(1)), col[1], &mut some_a[..len]);
                    gather(b.offset(at(2)), col[2], &mut some_b[..len]);
                    combine(&some_a[..len], &some_b[..len], &mut some_y[..len]);
                    scatter(&some_y[..len], y.offset(at(0)), col[0]);
                }
            }
        }
    });
}

/// # Safety
/// As many elements from `x` on, `step` apart, are valid to read.
unsafe fn gather<T: Element>(x: *const T, step: isize, to: &mut [T]) {
    // SAFETY: as the caller promises.
    unsafe {
        if step == 1 {
            x.copy_to_nonoverlapping(to.as_mut_ptr(), to.len());
        } else {
            to.iter_mut().enumerate().for_each(|(i, to)| *to = x.offset(i as isize * step).read());
        }
    }
}

/// # Safety
/// As many elements from `y` on, `step` apart, are valid to write; those given are initialized.
unsafe fn scatter<Y: Element>(from: &[MaybeUninit<Y>], y: *mut Y, step: isize) {
    // SAFETY: as the caller promises.
    unsafe {
        if step == 1 {
            y.copy_from_nonoverlapping(from.as_ptr().cast(), from.len());
        } else {
            from.iter().enumerate().for_each(|(i, from)| y.offset(i as isize * step).write(from.assume_init()));
        }
    }
}
