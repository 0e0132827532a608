//! One lane of portable Rust.

use super::{Fused, Lanes};

/// One f32.
#[derive(Clone, Copy)]
pub(crate) struct F32x1(pub(crate) f32);

/// From here on a float is an integer.
const INTEGRAL: f32 = 8_388_608.0;

// SAFETY: plain Rust; pointers as the callers promise.
unsafe impl Lanes for F32x1 {
    const N: usize = 1;
    type Mask = bool;
    type Int = i32;

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller's pointer is valid for one lane.
        Self(unsafe { p.read() })
    }
    #[inline(always)]
    unsafe fn load_first(_p: *const f32, _n: usize) -> Self {
        Self(0.0)
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller's pointer is valid for one lane.
        unsafe { p.write(self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, _p: *mut f32, _n: usize) {}
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        Self(v)
    }
    #[inline(always)]
    unsafe fn add(self, o: Self) -> Self {
        Self(self.0 + o.0)
    }
    #[inline(always)]
    unsafe fn sub(self, o: Self) -> Self {
        Self(self.0 - o.0)
    }
    #[inline(always)]
    unsafe fn mul(self, o: Self) -> Self {
        Self(self.0 * o.0)
    }
    #[inline(always)]
    unsafe fn div(self, o: Self) -> Self {
        Self(self.0 / o.0)
    }
    #[inline(always)]
    unsafe fn min(self, o: Self) -> Self {
        if self.0 < o.0 { self } else { o }
    }
    #[inline(always)]
    unsafe fn max(self, o: Self) -> Self {
        if self.0 > o.0 { self } else { o }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self(libm::sqrtf(self.0))
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        Self(self.0.abs())
    }
    #[inline(always)]
    unsafe fn neg(self) -> Self {
        Self(-self.0)
    }
    #[inline(always)]
    unsafe fn copysign(self, o: Self) -> Self {
        Self(self.0.copysign(o.0))
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        let x = self.0.abs();
        if x < INTEGRAL { Self(((x + INTEGRAL) - INTEGRAL).copysign(self.0)) } else { self }
    }
    #[inline(always)]
    unsafe fn floor(self) -> Self {
        // SAFETY: plain Rust.
        let r = unsafe { self.round().0 };
        Self((if r > self.0 { r - 1.0 } else { r }).copysign(self.0))
    }
    #[inline(always)]
    unsafe fn ceil(self) -> Self {
        // SAFETY: plain Rust.
        let r = unsafe { self.round().0 };
        Self((if r < self.0 { r + 1.0 } else { r }).copysign(self.0))
    }
    #[inline(always)]
    unsafe fn lt(self, o: Self) -> bool {
        self.0 < o.0
    }
    #[inline(always)]
    unsafe fn le(self, o: Self) -> bool {
        self.0 <= o.0
    }
    #[inline(always)]
    unsafe fn eq(self, o: Self) -> bool {
        self.0 == o.0
    }
    #[inline(always)]
    unsafe fn select(mask: bool, a: Self, b: Self) -> Self {
        if mask { a } else { b }
    }
    #[inline(always)]
    unsafe fn bits_of(mask: bool) -> u32 {
        u32::from(mask)
    }
    #[inline(always)]
    unsafe fn to_int(self) -> i32 {
        self.0 as i32
    }
    #[inline(always)]
    unsafe fn from_int(i: i32) -> Self {
        Self(i as f32)
    }
    #[inline(always)]
    unsafe fn to_bits(self) -> i32 {
        self.0.to_bits() as i32
    }
    #[inline(always)]
    unsafe fn from_bits(i: i32) -> Self {
        Self(f32::from_bits(i as u32))
    }
    #[inline(always)]
    unsafe fn int_splat(v: i32) -> i32 {
        v
    }
    #[inline(always)]
    unsafe fn int_add(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    unsafe fn int_sub(a: i32, b: i32) -> i32 {
        a.wrapping_sub(b)
    }
    #[inline(always)]
    unsafe fn int_and(a: i32, b: i32) -> i32 {
        a & b
    }
    #[inline(always)]
    unsafe fn int_shl<const BY: u32>(a: i32) -> i32 {
        a << BY
    }
    #[inline(always)]
    unsafe fn int_sar<const BY: u32>(a: i32) -> i32 {
        a >> BY
    }
}

// SAFETY: plain Rust.
unsafe impl Fused for F32x1 {
    #[inline(always)]
    unsafe fn fused(self, a: Self, b: Self) -> Self {
        Self(self.0 * a.0 + b.0)
    }
}
