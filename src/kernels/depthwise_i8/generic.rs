//! Portable Rust.

use core::ops::Range;

use super::{DepthwiseKernel, Job, PANEL, QUAD};
use crate::Isa;

pub(super) unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    for row in rows {
        for ox in 0..job.shape.horizontal.output {
            for c in channels.clone().step_by(PANEL) {
                // SAFETY: as the caller promises.
                unsafe { store(job, row, ox, c..channels.end.min(c + PANEL)) }
            }
        }
    }
}

/// The sums at a pixel, without bias, of the channels of a panel.
///
/// # Safety
/// The row, the pixel and the channels lie in the job's shape.
unsafe fn sums(job: &Job<'_>, row: usize, ox: usize, channels: &Range<usize>) -> [i32; PANEL] {
    let (shape, operands) = (job.shape, job.operands);
    let (v, h) = (&shape.vertical, &shape.horizontal);
    let (image, oy) = (row / v.output, row % v.output);
    let padded = shape.channels.next_multiple_of(PANEL);
    let mut sums = [0i32; PANEL];
    for ky in 0..v.kernel {
        let y = v.first(oy) + (ky * v.dilation) as isize;
        for kx in 0..h.kernel {
            let x = h.first(ox) + (kx * h.dilation) as isize;
            let at = (ky / QUAD * h.kernel + kx) * padded;
            let weight = |c: usize| i32::from(operands.weights[(at + c) * QUAD + ky % QUAD]) - operands.w_zero;
            if (y as usize) < v.input && (x as usize) < h.input {
                let pixel = (image * v.input + y as usize) * h.input + x as usize;
                for (sum, c) in sums.iter_mut().zip(channels.clone()) {
                    // SAFETY: the pixel is in the image.
                    let x = unsafe { operands.x.as_ptr().add(pixel * operands.x.pitch() + c).read() };
                    *sum = sum.wrapping_add(i32::from(x) * weight(c));
                }
            } else {
                for (sum, c) in sums.iter_mut().zip(channels.clone()) {
                    *sum = sum.wrapping_add(i32::from(operands.x_zero) * weight(c));
                }
            }
        }
    }
    sums
}

/// # Safety
/// As for [`sums`], and nothing else accesses these outputs.
unsafe fn store(job: &Job<'_>, row: usize, ox: usize, channels: Range<usize>) {
    let (epilogue, y) = (&job.operands.epilogue, &job.operands.y);
    let pixel = row * job.shape.horizontal.output + ox;
    // SAFETY: as the caller promises; the residual has the output's pixels.
    unsafe {
        let sums = sums(job, row, ox, &channels);
        for (sum, c) in sums.iter().zip(channels) {
            let mut v = sum.wrapping_add(epilogue.bias[c]) as f32 * epilogue.multiplier[c];
            if let Some((r, how)) = &epilogue.residual {
                v = how.add(v, r.as_ptr().add(pixel * r.pitch() + c).read());
            }
            y.as_ptr().add(pixel * y.pitch() + c).write(epilogue.requantize.round(v));
        }
    }
}

/// A pixel and a panel at a time.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_i8__generic", isa: Isa::Generic, run };
