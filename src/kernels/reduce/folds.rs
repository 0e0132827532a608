//! The folds, over vectors of any length.

use super::{Fold, Loops, Origins, WIDTH};
use crate::activation_f32::functions::exp;
use crate::lanes::Lanes;
use crate::lanes::generic::F32x1;

/// Partial results along a line.
const LANES: usize = 32;
/// Neighbours of a narrow strip.
const NARROW: usize = 16;
/// Elements that one partial result is made of before it is joined to the total.
const MOST: usize = 64;

/// How elements are combined, a type so that it is inlined where the instruction set is enabled.
trait Combine {
    /// Joined to anything, it changes nothing.
    const NEUTRAL: f32;
    /// Stands where there is no element: mapped, it is neutral.
    const FILLER: f32 = Self::NEUTRAL;
    /// # Safety
    /// As for the methods of [`Lanes`].
    unsafe fn map<V: Lanes>(x: V, shift: V) -> V;
    /// # Safety
    /// As for the methods of [`Lanes`].
    unsafe fn join<V: Lanes>(a: V, b: V) -> V;
    fn join_total(a: f64, b: f64) -> f64;
}

/// Declares a fold: neutral and filler, map, join, join of totals.
macro_rules! fold {
    ($($name:ident($neutral:expr, $filler:expr) |$x:ident, $shift:ident| $map:expr,
        |$a:ident, $b:ident| $join:expr, $total:expr;)*) => {$(
        struct $name;
        impl Combine for $name {
            const NEUTRAL: f32 = $neutral;
            const FILLER: f32 = $filler;
            #[inline(always)]
            unsafe fn map<V: Lanes>($x: V, $shift: V) -> V {
                // SAFETY: as the caller promises.
                #[allow(unused_unsafe, reason = "a map may change nothing")]
                unsafe { $map }
            }
            #[inline(always)]
            unsafe fn join<V: Lanes>($a: V, $b: V) -> V {
                // SAFETY: as the caller promises.
                unsafe { $join }
            }
            fn join_total(a: f64, b: f64) -> f64 {
                let join: fn(f64, f64) -> f64 = $total;
                join(a, b)
            }
        }
    )*};
}

fold! {
    Sum(0.0, 0.0) |x, _shift| x, |a, b| a.add(b), |a, b| a + b;
    SumSquare(0.0, 0.0) |x, _shift| x.mul(x), |a, b| a.add(b), |a, b| a + b;
    SumMagnitude(0.0, 0.0) |x, _shift| x.abs(), |a, b| a.add(b), |a, b| a + b;
    SumExp(0.0, f32::NEG_INFINITY) |x, shift| exp(x.sub(shift)), |a, b| a.add(b), |a, b| a + b;
    Prod(1.0, 1.0) |x, _shift| x, |a, b| a.mul(b), |a, b| a * b;
    // The vectors' own extremes give the second operand where one is NaN.
    Max(f32::NEG_INFINITY, f32::NEG_INFINITY) |x, _shift| x, |a, b| V::select(a.eq(a), a.max(b), a),
        |a, b| if a > b || a.is_nan() { a } else { b };
    Min(f32::INFINITY, f32::INFINITY) |x, _shift| x, |a, b| V::select(a.eq(a), a.min(b), a),
        |a, b| if a < b || a.is_nan() { a } else { b };
}

/// Calls `$go!(Type)` for the fold that `$fold` names.
macro_rules! with_fold {
    ($fold:expr, $go:ident) => {
        match $fold {
            Fold::Sum => $go!(Sum),
            Fold::SumSquare => $go!(SumSquare),
            Fold::SumMagnitude => $go!(SumMagnitude),
            Fold::SumExp => $go!(SumExp),
            Fold::Max => $go!(Max),
            Fold::Min => $go!(Min),
            Fold::Prod => $go!(Prod),
        }
    };
}

/// See [`super::ReduceKernel`]; `K` vectors have 32 lanes.
#[inline(always)]
pub(super) unsafe fn along<V: Lanes, const K: usize>(
    fold: Fold,
    origins: Origins,
    reduced: &Loops<1>,
    shifts: &[f32; WIDTH],
    totals: &mut [f64],
) {
    const { assert!(K * V::N == LANES) };
    macro_rules! go {
        ($name:ident) => {
            for (i, (total, &shift)) in totals.iter_mut().zip(shifts).enumerate() {
                // SAFETY: as the caller promises.
                *total = unsafe {
                    let x = origins.first.offset(i as isize * origins.step);
                    fold_along::<V, K, $name>(x, reduced, V::splat(shift))
                };
            }
        };
    }
    with_fold!(fold, go)
}

#[inline(always)]
unsafe fn fold_along<V: Lanes, const K: usize, F: Combine>(x: *const f32, reduced: &Loops<1>, shift: V) -> f64 {
    // SAFETY: elements of a line are counted by its length.
    unsafe {
        let neutral = [V::splat(F::NEUTRAL); K];
        let (mut total, mut partial, mut steps) = (f64::from(F::NEUTRAL), neutral, 0);
        for line in reduced.lines() {
            let (first, step) = (x.offset(line.offset[0]), line.step[0]);
            let mut at = 0;
            while at < line.len {
                let whole = if step == 1 { ((line.len - at) / LANES).min(MOST - steps) } else { 0 };
                if whole > 0 {
                    let first = first.add(at);
                    for i in 0..whole {
                        for (k, partial) in partial.iter_mut().enumerate() {
                            let x = V::load(first.add(i * LANES + k * V::N));
                            *partial = F::join(*partial, F::map(x, shift));
                        }
                    }
                    at += whole * LANES;
                    steps += whole;
                } else {
                    let count = LANES.min(line.len - at);
                    let elements = load::<V, K, F>(first.offset(at as isize * step), step, count);
                    for (partial, x) in partial.iter_mut().zip(elements) {
                        *partial = F::join(*partial, F::map(x, shift));
                    }
                    at += count;
                    steps += 1;
                }
                if steps == MOST {
                    total = F::join_total(total, in_pairs::<V, K, F>(partial));
                    (partial, steps) = (neutral, 0);
                }
            }
        }
        F::join_total(total, in_pairs::<V, K, F>(partial))
    }
}

/// The first `count` of 32 elements that are `step` apart, and fillers.
#[inline(always)]
unsafe fn load<V: Lanes, const K: usize, F: Combine>(first: *const f32, step: isize, count: usize) -> [V; K] {
    let mut gathered = [F::FILLER; LANES];
    // SAFETY: no element from `count` on is read.
    unsafe {
        let mut vectors = [V::splat(F::FILLER); K];
        let is_row = step == 1 && (count == LANES || F::FILLER == 0.0);
        if !is_row {
            for (i, to) in gathered[..count].iter_mut().enumerate() {
                *to = first.offset(i as isize * step).read();
            }
        }
        let (from, count) = if is_row { (first, count) } else { (gathered.as_ptr(), LANES) };
        for (k, vector) in vectors.iter_mut().enumerate() {
            let at = k * V::N;
            if at + V::N <= count {
                *vector = V::load(from.add(at));
            } else if at < count {
                *vector = V::load_first(from.add(at), count - at);
            }
        }
        vectors
    }
}

/// All lanes joined: halves first, neighbours last.
#[inline(always)]
unsafe fn in_pairs<V: Lanes, const K: usize, F: Combine>(mut partial: [V; K]) -> f64 {
    // SAFETY: as the caller promises.
    unsafe {
        let mut n = K;
        while n > 1 {
            n /= 2;
            for i in 0..n {
                partial[i] = F::join(partial[i], partial[i + n]);
            }
        }
        let join = |a: f32, b: f32| {
            let mut joined = 0.0;
            F::join(F32x1::load(&a), F32x1::load(&b)).store(&mut joined);
            joined
        };
        partial[0].reduce(join).into()
    }
}

/// See [`super::ReduceKernel`]; `H` vectors have 16 lanes, `W` have 64, or are as many.
#[inline(always)]
pub(super) unsafe fn across<V: Lanes, const W: usize, const H: usize>(
    fold: Fold,
    x: *const f32,
    reduced: &Loops<1>,
    shifts: &[f32; WIDTH],
    totals: &mut [f64],
) {
    const { assert!(W * V::N <= WIDTH && W >= H && H * V::N == NARROW) };
    macro_rules! go {
        ($name:ident) => {
            // SAFETY: as the caller promises; a strip begins below the number of totals.
            unsafe {
                if W > H && totals.len() == W * V::N {
                    return strip::<V, W, $name>(x, reduced, shifts, totals);
                }
                for (i, totals) in totals.chunks_mut(NARROW).enumerate() {
                    let shifts = &shifts[i * NARROW..][..NARROW];
                    strip::<V, H, $name>(x.add(i * NARROW), reduced, shifts, totals);
                }
            }
        };
    }
    with_fold!(fold, go)
}

/// As many neighbours as there are totals, in `K` vectors, of which the last ones may be filled in part or not at all.
#[inline(always)]
unsafe fn strip<V: Lanes, const K: usize, F: Combine>(
    x: *const f32,
    reduced: &Loops<1>,
    shifts: &[f32],
    totals: &mut [f64],
) {
    let width = totals.len();
    // SAFETY: only the first `width` neighbours are read; there is a shift for every lane.
    unsafe {
        totals.fill(F::NEUTRAL.into());
        let neutral = [V::splat(F::NEUTRAL); K];
        let mut shift = neutral;
        for (k, shift) in shift.iter_mut().enumerate() {
            *shift = V::load(shifts[k * V::N..][..V::N].as_ptr());
        }
        let (mut partial, mut steps) = (neutral, 0);
        for line in reduced.lines() {
            for i in 0..line.len as isize {
                let row = x.offset(line.offset[0] + i * line.step[0]);
                for k in 0..K {
                    let at = k * V::N;
                    if at < width {
                        let x = if at + V::N <= width {
                            V::load(row.add(at))
                        } else {
                            V::load_first(row.add(at), width - at)
                        };
                        partial[k] = F::join(partial[k], F::map(x, shift[k]));
                    }
                }
                steps += 1;
                if steps == MOST {
                    join_totals::<V, K, F>(totals, partial);
                    (partial, steps) = (neutral, 0);
                }
            }
        }
        join_totals::<V, K, F>(totals, partial);
    }
}

#[inline(always)]
unsafe fn join_totals<V: Lanes, const K: usize, F: Combine>(totals: &mut [f64], partial: [V; K]) {
    let mut lanes = [0f32; WIDTH];
    for (k, partial) in partial.iter().enumerate() {
        // SAFETY: the vectors have no more lanes than the array.
        unsafe { partial.store(lanes.as_mut_ptr().add(k * V::N)) };
    }
    for (total, &lane) in totals.iter_mut().zip(&lanes) {
        *total = F::join_total(*total, lane.into());
    }
}
