//! Conversion of the element type.
//!
//! Float to integer truncates and saturates, NaN gives 0; integer to narrower integer wraps; to bool: x ≠ 0; to a
//! narrower float: nearest, ties to even, rounded once.

mod narrow;
#[cfg(test)]
mod tests;
mod wide;

pub(crate) use narrow::f16_to_f64;

use crate::walk::{Tile, loops_of};
use crate::{Element, Loops, Parallel, View, ViewMut};

/// An element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// 32-bit IEEE float.
    F32,
    /// 16-bit IEEE float.
    F16,
    /// bfloat16.
    BF16,
    /// 64-bit IEEE float.
    F64,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 16-bit integer.
    I16,
    /// Unsigned 16-bit integer.
    U16,
    /// Signed 32-bit integer.
    I32,
    /// Unsigned 32-bit integer.
    U32,
    /// Signed 64-bit integer.
    I64,
    /// Unsigned 64-bit integer.
    U64,
    /// One byte: 0 is false, all else true; written as 0 and 1.
    Bool,
}

impl Type {
    /// All of them.
    pub const ALL: [Type; 13] = [
        Type::F32,
        Type::F16,
        Type::BF16,
        Type::F64,
        Type::I8,
        Type::U8,
        Type::I16,
        Type::U16,
        Type::I32,
        Type::U32,
        Type::I64,
        Type::U64,
        Type::Bool,
    ];

    /// Bytes of an element.
    pub const fn size(self) -> usize {
        match self {
            Type::I8 | Type::U8 | Type::Bool => 1,
            Type::F16 | Type::BF16 | Type::I16 | Type::U16 => 2,
            Type::F32 | Type::I32 | Type::U32 => 4,
            Type::F64 | Type::I64 | Type::U64 => 8,
        }
    }
}

/// Elements in a line, `step` bytes apart.
#[derive(Clone, Copy)]
struct Line<P> {
    first: P,
    step: isize,
}

/// y = x, converted from one type to another. `S` and `D` are any types of the two types' sizes. Dimensions are best
/// merged by [`crate::Loops::merged`] beforehand, with `y` as the first operand.
///
/// # Panics
/// If the dimensions differ, or the sizes.
pub fn cast<S: Element, D: Element>(
    (from, to): (Type, Type),
    x: &View<'_, S>,
    y: &mut ViewMut<'_, D>,
    parallel: &dyn Parallel,
) {
    assert!(from.size() == size_of::<S>() && to.size() == size_of::<D>(), "views have the types' sizes");
    let bytes = Bytes { x: x.as_ptr().cast(), y: y.as_ptr().cast() };
    // SAFETY: the loops address elements of the two views, which share none and whose sizes are those of the types.
    unsafe { bytes.convert((from, to), &loops_of!(y, x), parallel) }
}

/// Where the elements of two views begin.
#[derive(Clone, Copy)]
struct Bytes {
    x: *const u8,
    y: *mut u8,
}

// SAFETY: addresses of plain elements, of which tasks write different ones.
unsafe impl Sync for Bytes {}

impl Bytes {
    /// # Safety
    /// What the loops address is valid, of `y` to write and of `x` to read, aligned for the types, and shares no byte.
    unsafe fn convert(&self, (from, to): (Type, Type), loops: &Loops<2>, parallel: &dyn Parallel) {
        let (x_size, y_size) = (from.size() as isize, to.size() as isize);
        loops.each(parallel, &|tile| {
            let Tile { cols, row: [y_row, x_row], col: [y_col, x_col], .. } = *tile;
            for r in 0..tile.rows as isize {
                // SAFETY: as the caller promises.
                unsafe {
                    let x = self.x.offset((tile.offset[1] + r * x_row) * x_size);
                    let y = self.y.offset((tile.offset[0] + r * y_row) * y_size);
                    if x_col == 1 && y_col == 1 && contiguous(from, to, x, y, cols) {
                        continue;
                    }
                    let (x, y) = (Line { first: x, step: x_col * x_size }, Line { first: y, step: y_col * y_size });
                    wide::convert(from, to, x, y, cols);
                }
            }
        });
    }
}

/// Converts the pairs of types that models use most, and tells whether it did.
///
/// # Safety
/// `len` elements of the types from `x` and `y` on are valid to read and to write and share no byte.
unsafe fn contiguous(from: Type, to: Type, x: *const u8, y: *mut u8, len: usize) -> bool {
    macro_rules! each {
        ($from:ty, $to:ty, $f:expr) => {
            // SAFETY: as the caller promises.
            unsafe { each::<$from, $to>(x.cast(), y.cast(), len, $f) }
        };
    }
    match (from, to) {
        (Type::F32, Type::I32) => each!(f32, i32, |v| v as i32),
        (Type::F32, Type::I64) => each!(f32, i64, |v| v as i64),
        (Type::F32, Type::U8) => each!(f32, u8, |v| v as u8),
        (Type::F32, Type::I8) => each!(f32, i8, |v| v as i8),
        (Type::F32, Type::Bool) => each!(f32, u8, |v| u8::from(v != 0.0)),
        (Type::I32, Type::F32) => each!(i32, f32, |v| v as f32),
        (Type::I64, Type::F32) => each!(i64, f32, |v| v as f32),
        (Type::U8, Type::F32) => each!(u8, f32, f32::from),
        (Type::I8, Type::F32) => each!(i8, f32, f32::from),
        (Type::Bool, Type::F32) => each!(u8, f32, |v| f32::from(u8::from(v != 0))),
        (Type::I32, Type::I64) => each!(i32, i64, i64::from),
        (Type::I64, Type::I32) => each!(i64, i32, |v| v as i32),
        (Type::Bool, Type::I64) => each!(u8, i64, |v| i64::from(v != 0)),
        (Type::I64, Type::Bool) => each!(i64, u8, |v| u8::from(v != 0)),
        (Type::BF16, Type::F32) => each!(u16, u32, |v| u32::from(v) << 16),
        _ => return false,
    }
    true
}

/// # Safety
/// `len` elements from `x` and `y` on are valid to read and to write and share no byte.
unsafe fn each<S: Copy, D>(x: *const S, y: *mut D, len: usize, f: impl Fn(S) -> D) {
    for i in 0..len {
        // SAFETY: `i` is below `len`.
        unsafe { y.add(i).write(f(x.add(i).read())) };
    }
}
