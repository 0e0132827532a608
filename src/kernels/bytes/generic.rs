//! Four bytes of portable Rust.

use super::Bytes;
use crate::lanes::generic::F32x1;
use crate::requantize::Requantize;

/// 4 u8.
#[derive(Clone, Copy)]
pub(crate) struct U8x4([u8; 4]);

impl U8x4 {
    #[inline(always)]
    fn with(self, o: Self, f: impl Fn(u8, u8) -> u8) -> Self {
        Self([0, 1, 2, 3].map(|i| f(self.0[i], o.0[i])))
    }
}

// SAFETY: plain Rust; pointers as the callers promise.
unsafe impl Bytes for U8x4 {
    const N: usize = 4;
    type Float = F32x1;
    type Sums = [i32; 4];

    #[inline(always)]
    unsafe fn load(p: *const u8) -> Self {
        // SAFETY: the caller's pointer is valid for four bytes.
        Self(unsafe { p.cast::<[u8; 4]>().read() })
    }
    #[inline(always)]
    unsafe fn load_first(p: *const u8, n: usize) -> Self {
        // SAFETY: `i` is below `n`.
        Self([0, 1, 2, 3].map(|i| if i < n { unsafe { p.add(i).read() } } else { 0 }))
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut u8) {
        // SAFETY: the caller's pointer is valid for four bytes.
        unsafe { p.cast::<[u8; 4]>().write(self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut u8, n: usize) {
        for (i, &byte) in self.0[..n].iter().enumerate() {
            // SAFETY: `i` is below `n`.
            unsafe { p.add(i).write(byte) }
        }
    }
    #[inline(always)]
    unsafe fn splat(v: u8) -> Self {
        Self([v; 4])
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        self.with(o, u8::min)
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        self.with(o, u8::max)
    }
    #[inline(always)]
    unsafe fn spread(self) -> Self {
        self
    }
    #[inline(always)]
    unsafe fn collect(self) -> Self {
        self
    }
    #[inline(always)]
    unsafe fn widen(self, zero: F32x1) -> [F32x1; 4] {
        self.0.map(|x| F32x1(f32::from_bits(super::ONES + u32::from(x)) - zero.0))
    }
    #[inline(always)]
    unsafe fn narrow(v: [F32x1; 4], zero: u8) -> Self {
        let all = Requantize { zero, low: 0, high: 255 };
        Self(v.map(|v| all.round(v.0)))
    }
    #[inline(always)]
    unsafe fn without_nan(v: [F32x1; 4]) -> [F32x1; 4] {
        v.map(|v| if v.0.is_nan() { F32x1(0.0) } else { v })
    }
    #[inline(always)]
    unsafe fn no_sums() -> [i32; 4] {
        [0; 4]
    }
    #[inline(always)]
    unsafe fn count(sums: [i32; 4], x: Self) -> [i32; 4] {
        [0, 1, 2, 3].map(|i| sums[i] + i32::from(x.0[i]))
    }
    #[inline(always)]
    unsafe fn total(sums: [i32; 4]) -> [i32; 4] {
        sums
    }
}
