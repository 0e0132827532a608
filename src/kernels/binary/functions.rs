//! The functions, over vectors of any length.

use super::{Arithmetic, Stretch, generic};
use crate::lanes::Lanes;

/// A function of two vectors, a type so that it is inlined where the instruction set is enabled.
trait Combine<V> {
    /// # Safety
    /// As for the methods of [`Lanes`].
    unsafe fn of(a: V, b: V) -> V;
}

/// Declares functions as types.
macro_rules! function {
    ($($name:ident |$a:ident, $b:ident| $body:expr;)*) => {$(
        struct $name;
        impl<V: Lanes> Combine<V> for $name {
            #[inline(always)]
            unsafe fn of($a: V, $b: V) -> V {
                // SAFETY: as the caller promises.
                unsafe { $body }
            }
        }
    )*};
}

function! {
    Add |a, b| a.add(b);
    Sub |a, b| a.sub(b);
    Mul |a, b| a.mul(b);
    Div |a, b| a.div(b);
    // The vectors' own minimum gives the second operand where one is NaN.
    Min |a, b| V::select(a.eq(a), a.min(b), a);
    Max |a, b| V::select(a.eq(a), a.max(b), a);
    PRelu |a, b| V::select(V::splat(0.0).le(a), a, a.mul(b));
    SquaredDifference |a, b| square(a.sub(b));
    Pow |a, b| one_by_one(a, b, libm::powf);
    Fmod |a, b| one_by_one(a, b, libm::fmodf);
    Mod |a, b| one_by_one(a, b, modulo);
}

#[inline(always)]
unsafe fn square<V: Lanes>(a: V) -> V {
    // SAFETY: as the caller promises.
    unsafe { a.mul(a) }
}

#[inline(always)]
unsafe fn one_by_one<V: Lanes>(a: V, b: V, f: fn(f32, f32) -> f32) -> V {
    let (mut x, mut y) = ([0f32; 16], [0f32; 16]);
    // SAFETY: no vector has more than 16 lanes.
    unsafe {
        a.store(x.as_mut_ptr());
        b.store(y.as_mut_ptr());
        for (x, y) in x[..V::N].iter_mut().zip(y) {
            *x = f(*x, y);
        }
        V::load(x.as_ptr())
    }
}

fn modulo(a: f32, b: f32) -> f32 {
    let r = libm::fmodf(a, b);
    if r == 0.0 {
        r.copysign(b)
    } else if (r < 0.0) != (b < 0.0) {
        r + b
    } else {
        r
    }
}

/// Calls `$go!(Type)` for the function that `$kind` names, or `$rest` for one that takes its elements one by one.
macro_rules! with_function {
    ($kind:expr, $go:ident, $rest:expr) => {
        match $kind {
            Arithmetic::Add => $go!(Add),
            Arithmetic::Sub => $go!(Sub),
            Arithmetic::Mul => $go!(Mul),
            Arithmetic::Div => $go!(Div),
            Arithmetic::Min => $go!(Min),
            Arithmetic::Max => $go!(Max),
            Arithmetic::PRelu => $go!(PRelu),
            Arithmetic::SquaredDifference => $go!(SquaredDifference),
            Arithmetic::Pow | Arithmetic::Mod | Arithmetic::Fmod => $rest,
        }
    };
}

/// Rows whose results lie side by side, and whose operands do or are one element.
#[inline(always)]
pub(super) unsafe fn rows<V: Lanes>(kind: Arithmetic, clamp: (f32, f32), stretch: &Stretch) {
    // SAFETY: as the caller promises.
    unsafe {
        macro_rules! go {
            ($name:ident) => {
                match stretch.tile.col {
                    [_, 0, 0] => each_row::<V, $name, false, false>(clamp, stretch),
                    [_, 0, _] => each_row::<V, $name, false, true>(clamp, stretch),
                    [_, _, 0] => each_row::<V, $name, true, false>(clamp, stretch),
                    [_, _, _] => each_row::<V, $name, true, true>(clamp, stretch),
                }
            };
        }
        with_function!(kind, go, (generic::KERNEL.run)(kind, clamp, stretch));
    }
}

/// `A` and `B` tell whether `a` and `b` are rows, not one element.
#[inline(always)]
unsafe fn each_row<V: Lanes, F: Combine<V>, const A: bool, const B: bool>((low, high): (f32, f32), s: &Stretch) {
    let [y_row, a_row, b_row] = s.tile.row;
    let cols = s.tile.cols;
    // SAFETY: `i + N` stays within the columns of rows that the caller vouches for.
    unsafe {
        let (low, high) = (V::splat(low), V::splat(high));
        for r in 0..s.tile.rows as isize {
            let (a, b, y) = (s.a.offset(r * a_row), s.b.offset(r * b_row), s.y.offset(r * y_row));
            let (one_a, one_b) = (V::splat(*a), V::splat(*b));
            let mut i = 0;
            while i + V::N <= cols {
                let a = if A { V::load(a.add(i)) } else { one_a };
                let b = if B { V::load(b.add(i)) } else { one_b };
                high.min(low.max(F::of(a, b))).store(y.add(i));
                i += V::N;
            }
            if i < cols {
                let a = if A { V::load_first(a.add(i), cols - i) } else { one_a };
                let b = if B { V::load_first(b.add(i), cols - i) } else { one_b };
                high.min(low.max(F::of(a, b))).store_first(y.add(i), cols - i);
            }
        }
    }
}

/// Rows of any steps, for vectors of one lane.
#[inline(always)]
pub(super) unsafe fn strided<V: Lanes>(kind: Arithmetic, (low, high): (f32, f32), s: &Stretch) {
    let ([y_row, a_row, b_row], [y_col, a_col, b_col]) = (s.tile.row, s.tile.col);
    // SAFETY: rows and columns stay below the tile's.
    unsafe {
        let (low, high) = (V::splat(low), V::splat(high));
        macro_rules! go {
            ($name:ident) => {
                for r in 0..s.tile.rows as isize {
                    for c in 0..s.tile.cols as isize {
                        let a = V::load(s.a.offset(r * a_row + c * a_col));
                        let b = V::load(s.b.offset(r * b_row + c * b_col));
                        high.min(low.max($name::of(a, b))).store(s.y.offset(r * y_row + c * y_col));
                    }
                }
            };
        }
        with_function!(
            kind,
            go,
            match kind {
                Arithmetic::Pow => go!(Pow),
                Arithmetic::Mod => go!(Mod),
                _ => go!(Fmod),
            }
        );
    }
}
