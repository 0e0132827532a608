//! Portable Rust, in lines that compilers make vectors of.

use super::transform::{self, Finish, Integers, Lines, Sums, Words};
use super::{MultiplyFn, Product, WinogradKernel};
use crate::Isa;
use crate::gemm_i8::{PANEL, store_generic};
use crate::winograd::{POINTS, Patch};

/// As many as a panel has columns.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Lanes<T>([T; PANEL]);

/// One lane after the other.
#[inline(always)]
fn zip<T: Copy>(a: Lanes<T>, b: Lanes<T>, of: impl Fn(T, T) -> T) -> Lanes<T> {
    Lanes(core::array::from_fn(|i| of(a.0[i], b.0[i])))
}

macro_rules! integers {
    ($type:ty) => {
        // SAFETY: nothing here is unsafe.
        unsafe impl Integers for Lanes<$type> {
            const N: usize = PANEL;

            #[inline(always)]
            unsafe fn add(self, o: Self) -> Self {
                zip(self, o, <$type>::wrapping_add)
            }
            #[inline(always)]
            unsafe fn sub(self, o: Self) -> Self {
                zip(self, o, <$type>::wrapping_sub)
            }
            #[inline(always)]
            unsafe fn shl<const BY: u32>(self) -> Self {
                Self(self.0.map(|v| v << BY))
            }
        }
    };
}

integers!(i16);
integers!(i32);

// SAFETY: pointers are valid for all lanes, as the caller promises.
unsafe impl Words for Lanes<i16> {
    #[inline(always)]
    unsafe fn splat(v: u8) -> Self {
        Self([i16::from(v); PANEL])
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> Self {
        // SAFETY: as the caller promises.
        Self(unsafe { p.cast::<[u8; PANEL]>().read() }.map(i16::from))
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut i16) {
        // SAFETY: as the caller promises.
        unsafe { p.cast::<[i16; PANEL]>().write(self.0) }
    }
}

// SAFETY: pointers are valid for all lanes, as the caller promises.
unsafe impl Sums for Lanes<i32> {
    #[inline(always)]
    unsafe fn load(p: *const i32) -> Self {
        // SAFETY: as the caller promises.
        Self(unsafe { p.cast::<[i32; PANEL]>().read() })
    }
    #[inline(always)]
    unsafe fn mul(self, by: i32) -> Self {
        Self(self.0.map(|v| v.wrapping_mul(by)))
    }
    #[inline(always)]
    unsafe fn sar(self, by: u32) -> Self {
        Self(self.0.map(|v| v >> by))
    }
}

unsafe fn input(patch: &Patch<u8, i16>) {
    for c in (0..patch.channels).step_by(Lanes::<i16>::N) {
        // SAFETY: as the caller promises.
        unsafe { transform::input::<Lanes<i16>>(patch, c) }
    }
}

/// One patch.
unsafe fn multiply(p: &Product) {
    let pairs = p.channels / 2;
    for point in 0..POINTS {
        let mut sums = [0i32; PANEL];
        for k in point * pairs..(point + 1) * pairs {
            // SAFETY: the patch and the weights have so many pairs, as the caller promises.
            let ([a, b], w) = unsafe {
                (p.x.cast::<[i16; 2]>().add(k).read().map(i32::from), p.w.cast::<[[i16; 2]; PANEL]>().add(k).read())
            };
            for (sum, w) in sums.iter_mut().zip(w) {
                let [v, w] = w.map(i32::from);
                *sum = sum.wrapping_add((a * v).wrapping_add(b * w));
            }
        }
        // SAFETY: sums are there, as the caller promises.
        unsafe { p.sums.cast::<[i32; PANEL]>().add(point).write(sums) };
    }
}

unsafe fn output(t: &Finish<'_>) {
    // SAFETY: as the caller promises.
    unsafe {
        let bias = <Lanes<i32> as Sums>::load(t.store.bias.add(t.column));
        let lines = Lines::new(t.sums, 0);
        for i in 0..t.size[0] {
            let pixels = lines.line(i, bias);
            store_generic(&t.line(i), t.column, (&raw const pixels).cast(), t.size[1], 1);
        }
    }
}

/// One patch at a time.
pub static KERNEL: WinogradKernel = WinogradKernel {
    name: "winograd_i8__generic",
    isa: Isa::Generic,
    input,
    multiply: &[multiply as MultiplyFn],
    output,
};
