//! Any kernel, stride and dilation, any end: two pixels at a time, whatever the channels.

use core::marker::PhantomData;
use core::ops::Range;

use super::lanes::{Lanes, Task};
use super::{Job, PANEL, QUAD};

/// Pixels at a time.
const PIXELS: usize = 2;

/// Output rows of some channels, no more than a vector has.
pub(super) struct Plain<'a, V> {
    pub(super) job: &'a Job<'a>,
    pub(super) rows: Range<usize>,
    pub(super) channels: Range<usize>,
    pub(super) lanes: PhantomData<V>,
}

impl<V: Lanes> Task for Plain<'_, V> {
    /// Safety: the ranges lie in the job's shape, and nothing else accesses these outputs.
    #[inline(always)]
    unsafe fn run(self) {
        let zeros = [self.job.operands.x_zero; 64];
        for row in self.rows.clone() {
            for ox in (0..self.job.shape.horizontal.output).step_by(PIXELS) {
                // SAFETY: as the caller promises.
                unsafe {
                    let sums = self.sums(row, ox, &zeros);
                    let pixels = PIXELS.min(self.job.shape.horizontal.output - ox);
                    for (t, sums) in sums.into_iter().enumerate().take(pixels) {
                        self.store(row * self.job.shape.horizontal.output + ox + t, sums);
                    }
                }
            }
        }
    }
}

impl<V: Lanes> Plain<'_, V> {
    /// Where the channels of an input pixel lie; those of the padding are `zeros`.
    #[inline(always)]
    fn pixel(&self, row: usize, ox: usize, [ky, kx]: [usize; 2], zeros: &[u8; 64]) -> *const u8 {
        let (v, h) = (&self.job.shape.vertical, &self.job.shape.horizontal);
        let (image, oy) = (row / v.output, row % v.output);
        let y = v.first(oy) + (ky * v.dilation) as isize;
        let x = h.first(ox) + (kx * h.dilation) as isize;
        if ky < v.kernel && (y as usize) < v.input && (x as usize) < h.input {
            let x_rows = &self.job.operands.x;
            let pixel = (image * v.input + y as usize) * h.input + x as usize;
            x_rows.as_ptr().wrapping_add(pixel * x_rows.pitch() + self.channels.start)
        } else {
            zeros.as_ptr()
        }
    }

    /// Sums with bias at `ox` and the pixel after it.
    ///
    /// # Safety
    /// As for [`Task::run`].
    #[inline(always)]
    unsafe fn sums(&self, row: usize, ox: usize, zeros: &[u8; 64]) -> [[V::Ints; 4]; PIXELS] {
        let (shape, operands) = (self.job.shape, self.job.operands);
        let (height, width) = (shape.vertical.kernel, shape.horizontal.kernel);
        let (padded, c) = (shape.channels.next_multiple_of(PANEL), self.channels.start);
        let panels = (padded - c) / PANEL;
        // SAFETY: bias and weights have whole panels; pixels are in the image or zeros.
        unsafe {
            let bias = V::spread::<1>(operands.epilogue.bias.as_ptr().add(c).cast(), panels);
            let mut sums = [[V::splat_int(0); 4]; PIXELS];
            for sums in &mut sums {
                for q in 0..4 {
                    sums[q] = bias[q].ints();
                }
            }
            // Sums of the input, for what the zero point of the weights takes off.
            let mut plain = [[V::splat_int(0); 4]; PIXELS];
            for quad in 0..height.div_ceil(QUAD) {
                let rows = (height - quad * QUAD).min(QUAD);
                let ones = (0x0101_0101u32 >> (8 * (QUAD - rows))).to_ne_bytes();
                let ones = V::spread::<1>([ones; 4 * PANEL].as_ptr(), 4)[0].weights();
                for kx in 0..width {
                    let at = (quad * width + kx) * padded + c;
                    let weights = V::spread::<1>(operands.weights.as_ptr().cast::<[u8; 4]>().add(at), panels);
                    for t in 0..PIXELS {
                        let ox = (ox + t).min(shape.horizontal.output - 1);
                        let mut rows = [V::splat(0); QUAD];
                        for (k, loaded) in rows.iter_mut().enumerate() {
                            let pixel = self.pixel(row, ox, [quad * QUAD + k, kx], zeros);
                            *loaded = V::gather::<1, false>([pixel], self.channels.len());
                        }
                        let quads = V::interleave(rows);
                        for q in 0..4 {
                            let weights = weights[q].weights();
                            sums[t][q] = V::dot(V::shifted(sums[t][q], weights), quads[q], weights);
                            if operands.w_zero != 0 {
                                plain[t][q] = V::dot(V::shifted(plain[t][q], ones), quads[q], ones);
                            }
                        }
                    }
                }
            }
            if operands.w_zero != 0 {
                let zero = V::splat_int(operands.w_zero);
                for t in 0..PIXELS {
                    for q in 0..4 {
                        sums[t][q] = V::sub_int(sums[t][q], V::mul_int(plain[t][q], zero));
                    }
                }
            }
            sums
        }
    }

    /// # Safety
    /// As for [`Task::run`].
    #[inline(always)]
    unsafe fn store(&self, pixel: usize, sums: [V::Ints; 4]) {
        let (epilogue, y) = (&self.job.operands.epilogue, &self.job.operands.y);
        let (c, count) = (self.channels.start, self.channels.len());
        // SAFETY: multipliers have whole panels; the pixel is one of the output and of the residual.
        unsafe {
            let panels = (self.job.shape.channels.next_multiple_of(PANEL) - c) / PANEL;
            let multiplier = V::spread::<1>(epilogue.multiplier.as_ptr().add(c).cast(), panels);
            let mut values = [V::splat_float(0.0); 4];
            for q in 0..4 {
                values[q] = V::mul(V::to_float(sums[q]), multiplier[q].floats());
            }
            if let Some((r, how)) = &epilogue.residual {
                let residual = V::gather::<1, false>([r.as_ptr().add(pixel * r.pitch() + c)], count).widen();
                for q in 0..4 {
                    if let Some(inner) = &how.inner {
                        let r = &inner.requantize;
                        let (zero, low) = (V::splat_int(r.zero.into()), V::splat_int(r.low.into()));
                        let high = V::splat_int(r.high.into());
                        let rounded = V::add_int(V::round(V::bounded(values[q])), zero);
                        let off = V::sub_int(V::clamp_int(rounded, low, high), zero);
                        values[q] = V::mul(V::to_float(off), V::splat_float(inner.scale));
                    }
                    let off = V::sub_int(residual[q], V::splat_int(how.zero.into()));
                    values[q] = V::add(values[q], V::mul(V::to_float(off), V::splat_float(how.scale)));
                }
            }
            let mut ints = sums;
            for q in 0..4 {
                ints[q] = V::round(V::bounded(values[q]));
            }
            let r = &epilogue.requantize;
            let zero = V::splat_word(r.zero.into());
            let first = V::pack(ints[0], ints[1]).add_words(zero);
            let bytes = V::pack_words(first, V::pack(ints[2], ints[3]).add_words(zero));
            let bytes = bytes.clamp(V::splat(r.low), V::splat(r.high));
            bytes.scatter::<1, false>([y.as_ptr().add(pixel * y.pitch() + c)], count);
        }
    }
}
