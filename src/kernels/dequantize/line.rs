//! Contiguous elements, over vectors of any length.

use super::Scale;
use crate::bytes::{Bytes, zero_of};
use crate::lanes::Lanes;

/// See [`super::DequantizeKernel`]. The last vector overlaps its forerunner: `x` and `y` share nothing, so that writing
/// twice is harmless.
#[inline(always)]
pub(super) unsafe fn line<V: Bytes>(how: &Scale, x: *const u8, y: *mut f32, len: usize) {
    // SAFETY: `i + N` is at most `len`, or at most that of the buffer.
    unsafe {
        if len < V::N {
            let mut to = [0f32; 64];
            vector(how, V::load_first(x, len), to.as_mut_ptr());
            core::ptr::copy_nonoverlapping(to.as_ptr(), y, len);
            return;
        }
        let mut i = 0;
        while i + V::N <= len {
            vector(how, V::load(x.add(i)), y.add(i));
            i += V::N;
        }
        if i < len {
            vector(how, V::load(x.add(len - V::N)), y.add(len - V::N));
        }
    }
}

/// # Safety
/// A vector of elements from `y` on is valid to write.
#[inline(always)]
unsafe fn vector<V: Bytes>(how: &Scale, x: V, y: *mut f32) {
    // SAFETY: as the caller promises.
    unsafe {
        let scale = V::Float::splat(how.scale);
        for (i, v) in x.spread().widen(zero_of::<V>(how.zero_point)).into_iter().enumerate() {
            v.mul(scale).store(y.add(i * V::Float::N));
        }
    }
}
