//! Contiguous elements, over vectors of any length.

use super::{Pixels, Quantization};
use crate::bytes::Bytes;
use crate::lanes::Lanes;

/// See [`super::QuantizeKernel::line`]. The last vector overlaps its forerunner: `x` and `y` share nothing, so that
/// writing twice is harmless.
#[inline(always)]
pub(super) unsafe fn line<V: Bytes>(how: &Quantization, x: *const f32, y: *mut u8, len: usize) {
    // SAFETY: `i + N` is at most `len`, or at most that of the buffers.
    unsafe {
        if len < V::N {
            let (mut from, mut to) = ([0f32; 64], [0u8; 64]);
            core::ptr::copy_nonoverlapping(x, from.as_mut_ptr(), len);
            vector::<V>(how, from.as_ptr(), to.as_mut_ptr());
            core::ptr::copy_nonoverlapping(to.as_ptr(), y, len);
            return;
        }
        let mut i = 0;
        while i + V::N <= len {
            vector::<V>(how, x.add(i), y.add(i));
            i += V::N;
        }
        if i < len {
            vector::<V>(how, x.add(len - V::N), y.add(len - V::N));
        }
    }
}

/// # Safety
/// A vector of elements from `x` and `y` on is valid to read and to write.
#[inline(always)]
unsafe fn vector<V: Bytes>(how: &Quantization, x: *const f32, y: *mut u8) {
    // SAFETY: as the caller promises.
    unsafe {
        let scale = V::Float::splat(how.inverse_scale);
        let v = [0, 1, 2, 3].map(|i| V::Float::load(x.add(i * V::Float::N)).mul(scale));
        V::narrow(V::without_nan(v), how.zero_point).collect().store(y);
    }
}

/// See [`super::QuantizeKernel::quads`]: one element at a time, from pixel `begin` on.
#[inline(always)]
pub(super) unsafe fn quads_from(how: &Quantization, pixels: &Pixels, begin: usize) {
    let Pixels { x, x_step, x_channel, channels, y, count, .. } = *pixels;
    let mut quad = [how.zero_point; 4];
    for i in begin..count {
        // SAFETY: every pixel and channel is below its number.
        unsafe {
            for (c, byte) in quad[..channels].iter_mut().enumerate() {
                *byte = how.of(x.offset(i as isize * x_step + c as isize * x_channel).read());
            }
            y.add(4 * i).cast::<[u8; 4]>().write(quad);
        }
    }
}
