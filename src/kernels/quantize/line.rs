//! Contiguous elements, over vectors of any length.

use super::{Division, Pixels, Quantization};
use crate::bytes::Bytes;
use crate::lanes::Lanes;

/// How a number is scaled.
pub(super) trait Scaling: Copy {
    /// Stands for 0.
    fn zero_point(&self) -> u8;
    /// Scaled numbers.
    ///
    /// # Safety
    /// As for the methods of [`Lanes`].
    unsafe fn scaled<V: Lanes>(&self, x: V) -> V;
}

impl Scaling for Quantization {
    #[inline(always)]
    fn zero_point(&self) -> u8 {
        self.zero_point
    }
    #[inline(always)]
    unsafe fn scaled<V: Lanes>(&self, x: V) -> V {
        // SAFETY: as the caller promises.
        unsafe { x.mul(V::splat(self.inverse_scale)) }
    }
}

impl Scaling for Division {
    #[inline(always)]
    fn zero_point(&self) -> u8 {
        self.zero_point
    }
    #[inline(always)]
    unsafe fn scaled<V: Lanes>(&self, x: V) -> V {
        // SAFETY: as the caller promises.
        unsafe { x.div(V::splat(self.scale)) }
    }
}

/// The least and the greatest of 0 and so many contiguous elements; NaN does not count.
///
/// # Safety
/// The elements are valid to read; as for the methods of [`Lanes`].
#[inline(always)]
pub(super) unsafe fn range<V: Lanes>(x: *const f32, len: usize) -> [f32; 2] {
    /// Independent chains.
    const CHAINS: usize = 4;
    // SAFETY: `i` and what is read from there stay below `len`.
    unsafe {
        let [mut least, mut greatest] = [[V::splat(0.0); CHAINS]; 2];
        let mut i = 0;
        while i + CHAINS * V::N <= len {
            for (c, (least, greatest)) in least.iter_mut().zip(&mut greatest).enumerate() {
                let x = V::load(x.add(i + c * V::N));
                (*least, *greatest) = (x.min(*least), x.max(*greatest));
            }
            i += CHAINS * V::N;
        }
        while i < len {
            let x = if i + V::N <= len { V::load(x.add(i)) } else { V::load_first(x.add(i), len - i) };
            (least[0], greatest[0]) = (x.min(least[0]), x.max(greatest[0]));
            i += V::N;
        }
        let (mut low, mut high) = (least[0], greatest[0]);
        for c in 1..CHAINS {
            (low, high) = (low.min(least[c]), high.max(greatest[c]));
        }
        [low.reduce(|a, b| if a < b { a } else { b }), high.reduce(|a, b| if a > b { a } else { b })]
    }
}

/// See [`super::QuantizeKernel::line`] and [`super::QuantizeKernel::divided`]. The last vector overlaps its forerunner: `x` and `y` share nothing, so that
/// writing twice is harmless.
#[inline(always)]
pub(super) unsafe fn line<V: Bytes>(how: &impl Scaling, x: *const f32, y: *mut u8, len: usize) {
    // SAFETY: `i + N` is at most `len`, or at most that of the buffers.
    unsafe {
        if len < V::N {
            let (mut from, mut to) = ([0f32; 64], [0u8; 64]);
            core::ptr::copy_nonoverlapping(x, from.as_mut_ptr(), len);
            vector::<V, _>(how, from.as_ptr(), to.as_mut_ptr());
            core::ptr::copy_nonoverlapping(to.as_ptr(), y, len);
            return;
        }
        let mut i = 0;
        while i + V::N <= len {
            vector::<V, _>(how, x.add(i), y.add(i));
            i += V::N;
        }
        if i < len {
            vector::<V, _>(how, x.add(len - V::N), y.add(len - V::N));
        }
    }
}

/// # Safety
/// A vector of elements from `x` and `y` on is valid to read and to write.
#[inline(always)]
unsafe fn vector<V: Bytes, S: Scaling>(how: &S, x: *const f32, y: *mut u8) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut v = [V::Float::splat(0.0); 4];
        for (i, v) in v.iter_mut().enumerate() {
            *v = how.scaled(V::Float::load(x.add(i * V::Float::N)));
        }
        V::narrow(V::without_nan(v), how.zero_point()).collect().store(y);
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
