//! Two vectors as one: instruction sets with many registers and short vectors take fewer instructions to address memory.

use super::{Fused, Lanes};

/// Twice the lanes of `V`.
#[derive(Clone, Copy)]
pub(crate) struct Pair<V>(V, V);

/// Declares methods that do for both vectors what they do for one.
macro_rules! both {
    ($(fn $name:ident($self:ident $(, $arg:ident: $type:ty)*);)*) => {$(
        #[inline(always)]
        unsafe fn $name($self $(, $arg: $type)*) -> Self {
            // SAFETY: as the caller promises.
            unsafe { Self($self.0.$name($($arg.0),*), $self.1.$name($($arg.1),*)) }
        }
    )*};
    (mask: $($name:ident)*) => {$(
        #[inline(always)]
        unsafe fn $name(self, o: Self) -> Self::Mask {
            // SAFETY: as the caller promises.
            unsafe { (self.0.$name(o.0), self.1.$name(o.1)) }
        }
    )*};
    (to_integers: $($name:ident)*) => {$(
        #[inline(always)]
        unsafe fn $name(self) -> Self::Int {
            // SAFETY: as the caller promises.
            unsafe { (self.0.$name(), self.1.$name()) }
        }
    )*};
    (from_integers: $($name:ident)*) => {$(
        #[inline(always)]
        unsafe fn $name(i: Self::Int) -> Self {
            // SAFETY: as the caller promises.
            unsafe { Self(V::$name(i.0), V::$name(i.1)) }
        }
    )*};
    (integers: $($name:ident)*) => {$(
        #[inline(always)]
        unsafe fn $name(a: Self::Int, b: Self::Int) -> Self::Int {
            // SAFETY: as the caller promises.
            unsafe { (V::$name(a.0, b.0), V::$name(a.1, b.1)) }
        }
    )*};
    (shifts: $($name:ident)*) => {$(
        #[inline(always)]
        unsafe fn $name<const BY: u32>(a: Self::Int) -> Self::Int {
            // SAFETY: as the caller promises.
            unsafe { (V::$name::<BY>(a.0), V::$name::<BY>(a.1)) }
        }
    )*};
}

// SAFETY: what the two vectors do.
unsafe impl<V: Lanes> Lanes for Pair<V> {
    const N: usize = 2 * V::N;
    type Mask = (V::Mask, V::Mask);
    type Int = (V::Int, V::Int);

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(V::load(p), V::load(p.add(V::N))) }
    }
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> Self {
        // SAFETY: no lane from `n` on is read.
        unsafe {
            if n < V::N {
                Self(V::load_first(p, n), V::splat(0.0))
            } else {
                Self(V::load(p), V::load_first(p.add(V::N), n - V::N))
            }
        }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: as the caller promises.
        unsafe {
            self.0.store(p);
            self.1.store(p.add(V::N));
        }
    }
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        // SAFETY: no lane from `n` on is written.
        unsafe {
            if n < V::N {
                self.0.store_first(p, n);
            } else {
                self.0.store(p);
                self.1.store_first(p.add(V::N), n - V::N);
            }
        }
    }
    #[inline(always)]
    unsafe fn splat(v: f32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(V::splat(v), V::splat(v)) }
    }
    #[inline(always)]
    unsafe fn select(mask: Self::Mask, a: Self, b: Self) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(V::select(mask.0, a.0, b.0), V::select(mask.1, a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn bits_of(mask: Self::Mask) -> u32 {
        // SAFETY: as the caller promises.
        unsafe { V::bits_of(mask.0) | V::bits_of(mask.1) << V::N }
    }
    #[inline(always)]
    unsafe fn int_splat(v: i32) -> Self::Int {
        // SAFETY: as the caller promises.
        unsafe { (V::int_splat(v), V::int_splat(v)) }
    }
    both! {
        fn add(self, o: Self);
        fn sub(self, o: Self);
        fn mul(self, o: Self);
        fn div(self, o: Self);
        fn min(self, o: Self);
        fn max(self, o: Self);
        fn sqrt(self);
        fn abs(self);
        fn neg(self);
        fn copysign(self, o: Self);
        fn round(self);
        fn floor(self);
        fn ceil(self);
    }
    both! { mask: lt le eq }
    both! { to_integers: to_int to_bits }
    both! { from_integers: from_int from_bits }
    both! { integers: int_add int_sub int_and }
    both! { shifts: int_shl int_sar }
}

// SAFETY: what the two vectors do.
unsafe impl<V: Fused> Fused for Pair<V> {
    both! {
        fn fused(self, a: Self, b: Self);
        fn clamp(self, low: Self, high: Self);
    }
}
