//! Vectors of u8 and of the f32 that they stand for: one interface for every instruction set, so that a kernel over
//! bytes is written once.
//!
//! Every operation is exact or a single IEEE operation of one lane, so that a kernel written over [`Bytes`] gives the
//! same bytes everywhere.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod generic;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
#[cfg(test)]
mod tests;

use crate::lanes::Lanes;

/// Most bytes that [`Bytes::count`] may add to one sum.
pub(crate) const MOST_COUNTED: usize = 257;

/// 2²³: the bits of a float from here on count ones.
const ONES: u32 = 0x4b00_0000;

/// A vector of u8 with what kernels over bytes need.
///
/// Wide forms of a vector are four vectors of f32 or i32 whose lanes stand in an order of the instruction set's own,
/// which [`Bytes::narrow`] undoes. [`Bytes::spread`] and [`Bytes::collect`] lead from and to the order of memory.
///
/// # Safety
/// Methods of a vector type may be called only where the processor has its instruction set, inside a function
/// that enables it; pointers must be valid for the bytes that the method tells. Implementations compute exactly
/// what each method says.
pub(crate) unsafe trait Bytes: Copy {
    /// Number of bytes: four times the lanes of [`Bytes::Float`].
    const N: usize;
    /// A quarter of the bytes, as floats.
    type Float: Lanes;
    /// As many 16-bit sums as bytes.
    type Sums: Copy;

    /// All bytes from memory.
    unsafe fn load(p: *const u8) -> Self;
    /// The first `n < N` bytes from memory, zeros in the others.
    unsafe fn load_first(p: *const u8, n: usize) -> Self;
    /// All bytes to memory.
    unsafe fn store(self, p: *mut u8);
    /// The first `n < N` bytes to memory.
    unsafe fn store_first(self, p: *mut u8, n: usize);
    /// One value in every byte.
    unsafe fn splat(v: u8) -> Self;

    unsafe fn min(self, o: Self) -> Self;
    unsafe fn max(self, o: Self) -> Self;

    /// Puts the bytes so that the first quarter of the wide form stands for the first ones in memory, and so on.
    unsafe fn spread(self) -> Self;
    /// The inverse of [`Bytes::spread`].
    unsafe fn collect(self) -> Self;
    /// x − zero of every byte, exactly, with zero as [`zero_of`] gives it.
    unsafe fn widen(self, zero: Self::Float) -> [Self::Float; 4];
    /// clamp(rne(v) + zero, 0, 255) of every lane, with rne the nearest integer, ties to even; NaN counts as the least.
    unsafe fn narrow(v: [Self::Float; 4], zero: u8) -> Self;
    /// The same, with 0 for each NaN.
    unsafe fn without_nan(v: [Self::Float; 4]) -> [Self::Float; 4];

    /// No sums yet.
    unsafe fn no_sums() -> Self::Sums;
    /// Adds every byte to its sum, which takes up to [`MOST_COUNTED`] of them.
    unsafe fn count(sums: Self::Sums, x: Self) -> Self::Sums;
    /// The sums in the wide form.
    unsafe fn total(sums: Self::Sums) -> [<Self::Float as Lanes>::Int; 4];
}

/// A zero point as [`Bytes::widen`] takes it: 2²³ more.
///
/// # Safety
/// As for the methods of [`Bytes`].
#[inline(always)]
pub(crate) unsafe fn zero_of<V: Bytes>(zero: u8) -> V::Float {
    // SAFETY: as the caller promises.
    unsafe { V::Float::splat(f32::from_bits(ONES + u32::from(zero))) }
}

/// All bytes from memory, or the first `n` of them where `n` is less.
///
/// # Safety
/// As for the methods of [`Bytes`].
#[inline(always)]
pub(crate) unsafe fn load_up_to<V: Bytes>(p: *const u8, n: usize) -> V {
    // SAFETY: as the caller promises.
    unsafe { if n >= V::N { V::load(p) } else { V::load_first(p, n) } }
}

/// All bytes to memory, or the first `n` of them where `n` is less.
///
/// # Safety
/// As for the methods of [`Bytes`].
#[inline(always)]
pub(crate) unsafe fn store_up_to<V: Bytes>(v: V, p: *mut u8, n: usize) {
    // SAFETY: as the caller promises.
    unsafe { if n >= V::N { v.store(p) } else { v.store_first(p, n) } }
}
