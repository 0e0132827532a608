//! Integers and indices, in loops that the compiler makes vectors of.

use super::Loops;
use super::geometry::{Geometry, WIDTH};
use crate::binary::{Arithmetic, Integer};
use crate::{Element, Parallel, View, ViewMut};

/// Integers with a least and a greatest.
pub trait Extremes: Integer {
    /// The least.
    const LEAST: Self;
    /// The greatest.
    const GREATEST: Self;
    /// 1
    const ONE: Self;
}
impl Extremes for i32 {
    const LEAST: Self = Self::MIN;
    const GREATEST: Self = Self::MAX;
    const ONE: Self = 1;
}
impl Extremes for i64 {
    const LEAST: Self = Self::MIN;
    const GREATEST: Self = Self::MAX;
    const ONE: Self = 1;
}

/// Joins the elements of `x` along the dimensions whose bits in `axes` are set by `join`: `Add` for sums, `Mul`, `Min`
/// or `Max`. `y` is dense and has 1 in place of those dimensions.
///
/// # Panics
/// If `y` has another shape or is not dense, or `join` is another function.
pub fn integers<T: Extremes>(
    (join, axes): (Arithmetic, u32),
    x: &View<'_, T>,
    y: &mut ViewMut<'_, T>,
    parallel: &dyn Parallel,
) {
    match join {
        Arithmetic::Add => fold(axes, x, y, parallel, (T::ZERO, T::plus)),
        Arithmetic::Mul => fold(axes, x, y, parallel, (T::ONE, T::times)),
        Arithmetic::Min => fold(axes, x, y, parallel, (T::GREATEST, T::min)),
        Arithmetic::Max => fold(axes, x, y, parallel, (T::LEAST, T::max)),
        _ => panic!("{join:?} does not reduce"),
    }
}

fn fold<T: Element>(
    axes: u32,
    x: &View<'_, T>,
    y: &mut ViewMut<'_, T>,
    parallel: &dyn Parallel,
    (neutral, join): (T, impl Fn(T, T) -> T + Sync),
) {
    let geometry = Geometry::new(x.dims(), x.strides(), axes);
    geometry.check_output(y);
    let y = &*y;
    geometry.each(parallel, &|part| {
        let mut totals = [neutral; WIDTH];
        let totals = &mut totals[..part.width];
        // SAFETY: the part's elements are those of the view, and its outputs its own.
        unsafe {
            let x = x.as_ptr().offset(part.x);
            if part.side_by_side {
                fold_rows(x, &geometry.reduced, totals, &join);
            } else {
                for (c, total) in totals.iter_mut().enumerate() {
                    let x = x.offset(c as isize * part.step);
                    fold_rows(x, &geometry.reduced, core::slice::from_mut(total), &join);
                }
            }
            for (c, total) in totals.iter().enumerate() {
                y.as_ptr().add(part.y + c).write(*total);
            }
        }
    });
}

/// Joins neighbours to their totals, for each place that the loops address.
///
/// # Safety
/// As many neighbours as there are totals are valid to read at each of these places.
#[inline(never)]
unsafe fn fold_rows<T: Element>(x: *const T, reduced: &Loops<1>, totals: &mut [T], join: &impl Fn(T, T) -> T) {
    for line in reduced.lines() {
        for i in 0..line.len as isize {
            for (c, total) in totals.iter_mut().enumerate() {
                // SAFETY: as the caller promises.
                *total = join(*total, unsafe { x.offset(line.offset[0] + i * line.step[0]).add(c).read() });
            }
        }
    }
}

/// The first index along dimension `axis` of the greatest element, or of the least; of the first NaN where there is
/// one. `y` is dense and has 1 in place of that dimension.
///
/// # Panics
/// If there is no such dimension, it is empty, or `y` has another shape or is not dense.
pub fn index<T: Element + PartialOrd>(
    greatest: bool,
    axis: usize,
    x: &View<'_, T>,
    y: &mut ViewMut<'_, i64>,
    parallel: &dyn Parallel,
) {
    if greatest {
        first(axis, x, y, parallel, |a, b| a > b);
    } else {
        first(axis, x, y, parallel, |a, b| a < b);
    }
}

fn first<T: Element + PartialOrd>(
    axis: usize,
    x: &View<'_, T>,
    y: &mut ViewMut<'_, i64>,
    parallel: &dyn Parallel,
    beats: impl Fn(T, T) -> bool + Sync,
) {
    let (dim, stride) = (x.dims()[axis], x.strides()[axis]);
    assert!(dim > 0, "an empty dimension has no extreme");
    let geometry = Geometry::new(x.dims(), x.strides(), 1 << axis);
    geometry.check_output(y);
    let is_nan = |v: T| v.partial_cmp(&v).is_none();
    let y = &*y;
    geometry.each(parallel, &|part| {
        // SAFETY: the part's elements are those of the view, and its outputs its own.
        unsafe {
            let x = x.as_ptr().offset(part.x);
            let (mut best, mut place) = ([x.read(); WIDTH], [0i64; WIDTH]);
            for (c, best) in best[..part.width].iter_mut().enumerate() {
                *best = x.offset(c as isize * part.step).read();
            }
            for i in 1..dim {
                let row = x.offset(i as isize * stride);
                for (c, (best, place)) in best[..part.width].iter_mut().zip(&mut place).enumerate() {
                    let value = row.offset(c as isize * part.step).read();
                    if beats(value, *best) || is_nan(value) && !is_nan(*best) {
                        (*best, *place) = (value, i as i64);
                    }
                }
            }
            for (c, place) in place[..part.width].iter().enumerate() {
                y.as_ptr().add(part.y + c).write(*place);
            }
        }
    });
}
