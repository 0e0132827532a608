//! The DSP extension of Cortex-M: four channels at a time, whose weights are widened once for all pixels.

use core::arch::asm;
use core::ops::Range;

use super::{DepthwiseKernel, Job, PANEL, QUAD, generic};
use crate::Isa;
use crate::dsp::{End, SUMS as CHANNELS};
use crate::sight::inside;

/// Elements of a kernel at most; larger ones are left to portable Rust.
const TAPS: usize = 25;

/// What all rows of a run have in common.
struct Lines<'a> {
    job: &'a Job<'a>,
    end: End<'a>,
    /// From one element of the kernel to the next: right, and down.
    steps: [usize; 2],
    /// Output rows and columns that see no padding.
    rows: Range<usize>,
    columns: Range<usize>,
    is_3x3: bool,
    /// Four channels of the padding.
    padding: u32,
    /// For each element of the kernel the weights of channels 0 and 2 as halfwords, then those of 1 and 3.
    weights: [[u32; 2]; TAPS],
}

unsafe fn run(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    let (v, h, operands) = (&job.shape.vertical, &job.shape.horizontal, job.operands);
    let pitch = operands.x.pitch();
    let whole = if v.kernel * h.kernel <= TAPS { channels.len() / CHANNELS * CHANNELS } else { 0 };
    let rest = channels.start + whole;
    let mut lines = Lines {
        job,
        end: End::new(operands.epilogue.requantize, operands.epilogue.residual.as_ref().map(|(_, how)| how)),
        steps: [h.dilation * pitch, v.dilation * h.input * pitch],
        rows: inside(v),
        columns: inside(h),
        is_3x3: (v.kernel, h.kernel) == (3, 3),
        padding: u32::from_ne_bytes([operands.x_zero; CHANNELS]),
        weights: [[0; 2]; TAPS],
    };
    for c in (channels.start..rest).step_by(CHANNELS) {
        widen(job, c, &mut lines.weights);
        for row in rows.clone() {
            // SAFETY: as the caller promises.
            unsafe { lines.run(row, c) }
        }
    }
    if rest < channels.end {
        // SAFETY: as the caller promises.
        unsafe { generic::run(job, rows, rest..channels.end) }
    }
}

/// Widens the weights of the channels from `c` on, less their zero point.
fn widen(job: &Job<'_>, c: usize, to: &mut [[u32; 2]; TAPS]) {
    let (shape, operands) = (job.shape, job.operands);
    let padded = shape.channels.next_multiple_of(PANEL);
    let width = shape.horizontal.kernel;
    for (tap, to) in to.iter_mut().take(shape.vertical.kernel * width).enumerate() {
        let (ky, kx) = (tap / width, tap % width);
        let first = ((ky / QUAD * width + kx) * padded + c) * QUAD + ky % QUAD;
        let weight = |i: usize| (i32::from(operands.weights[first + i * QUAD]) - operands.w_zero) as u32;
        *to = [weight(0) & 0xffff | weight(2) << 16, weight(1) & 0xffff | weight(3) << 16];
    }
}

/// A row of four channels.
struct Line {
    /// The first of the channels.
    c: usize,
    /// Rows of the kernel that lie in the input, and where the first element of the first one lies for output column 0.
    down: Range<usize>,
    x: *const u8,
    /// The first pixel of the output.
    pixel: usize,
    /// What sums begin with: bias, and the other rows' padding.
    start: [i32; CHANNELS],
}

impl Lines<'_> {
    /// Computes a row of four channels.
    ///
    /// # Safety
    /// Row and channels lie in the job's shape, and nothing else accesses these outputs.
    #[inline(never)]
    unsafe fn run(&self, row: usize, c: usize) {
        let operands = self.job.operands;
        let (v, h) = (&self.job.shape.vertical, &self.job.shape.horizontal);
        let (image, oy) = (row / v.output, row % v.output);
        let down = if self.rows.contains(&oy) { 0..v.kernel } else { v.taps(oy) };
        let top = v.first(oy) + (down.start * v.dilation) as isize;
        let pixel = ((image * v.input) as isize + top) * h.input as isize + h.first(0);
        let x = operands.x.as_ptr().wrapping_add(c).wrapping_offset(pixel.wrapping_mul(operands.x.pitch() as isize));
        // SAFETY: as the caller promises; bias and multipliers are there for whole panels, and weights for the kernel.
        unsafe {
            let start = operands.epilogue.bias.as_ptr().add(c).cast::<[i32; CHANNELS]>().read();
            let mut line = Line { c, down, x, pixel: row * h.output, start };
            for outside in [0..line.down.start, line.down.end..v.kernel] {
                self.pad(&mut line.start, outside.start * h.kernel, outside.len() * h.kernel);
            }
            let is_plain = self.is_3x3 && !line.down.is_empty() && operands.epilogue.residual.is_none();
            let plain = if is_plain { self.columns.clone() } else { 0..0 };
            self.run_plain(&line, plain.clone());
            for ox in (0..plain.start).chain(plain.end..h.output) {
                self.run_pixel(&line, ox);
            }
        }
    }

    /// Computes columns that see no padding beside the input, of a 3×3 kernel and without residuals.
    ///
    /// # Safety
    /// The columns are there.
    #[inline(never)]
    unsafe fn run_plain(&self, line: &Line, columns: Range<usize>) {
        let operands = self.job.operands;
        let (step, pitch) = (self.job.shape.horizontal.stride * operands.x.pitch(), operands.y.pitch());
        let mut x = line.x.wrapping_add(columns.start * step);
        let mut y = operands.y.as_ptr().wrapping_add((line.pixel + columns.start) * pitch + line.c);
        let multipliers = operands.epilogue.multiplier.as_ptr().wrapping_add(line.c);
        let w = self.weights.as_ptr().wrapping_add(3 * line.down.start);
        for _ in columns {
            // SAFETY: as the caller promises.
            unsafe {
                let mut sums = line.start;
                add_3x3(&mut sums, x, w, self.steps, line.down.len());
                y.cast::<u32>().write_unaligned(self.end.plain::<CHANNELS>(sums, multipliers));
            }
            x = x.wrapping_add(step);
            y = y.wrapping_add(pitch);
        }
    }

    /// Computes any column.
    ///
    /// # Safety
    /// It is there.
    #[inline(never)]
    unsafe fn run_pixel(&self, line: &Line, ox: usize) {
        let (operands, h) = (self.job.operands, &self.job.shape.horizontal);
        let x = line.x.wrapping_add(ox * h.stride * operands.x.pitch());
        let (pixel, c) = (line.pixel + ox, line.c);
        let mut sums = line.start;
        // SAFETY: as the caller promises.
        unsafe {
            self.add(&mut sums, x, line.down.clone(), h.taps(ox));
            let residual = |i: usize| {
                let residual = operands.epilogue.residual.as_ref();
                residual.map_or(0, |(r, _)| r.as_ptr().add(pixel * r.pitch() + c + i).read())
            };
            let multipliers = operands.epilogue.multiplier.as_ptr().add(c);
            let y = operands.y.as_ptr().add(pixel * operands.y.pitch() + c);
            y.cast::<u32>().write_unaligned(self.end.bytes::<CHANNELS>(sums, multipliers, residual));
        }
    }

    /// Adds the products of those rows of the kernel that lie in the input, the first at `x`. Of their elements only those
    /// to the `right` do.
    ///
    /// # Safety
    /// These four bytes are valid for reading.
    #[inline(always)]
    unsafe fn add(&self, sums: &mut [i32; CHANNELS], mut x: *const u8, down: Range<usize>, right: Range<usize>) {
        let columns = self.job.shape.horizontal.kernel;
        let mut first = down.start * columns;
        x = x.wrapping_add(right.start * self.steps[0]);
        // SAFETY: as the caller promises; there are weights for the kernel.
        unsafe {
            if self.is_3x3 && right.len() == 2 && !down.is_empty() {
                add_3x2(sums, x, self.weights.as_ptr().add(first + right.start), self.steps, down.len());
                for row in down {
                    self.pad(sums, 3 * row + if right.start == 0 { 2 } else { 0 }, 1);
                }
                return;
            }
            for _ in down {
                self.pad(sums, first, right.start);
                add(sums, x, self.steps[0], self.weights.as_ptr().add(first + right.start), right.len());
                self.pad(sums, first + right.end, columns - right.end);
                first += columns;
                x = x.wrapping_add(self.steps[1]);
            }
        }
    }

    /// Adds the products of padding with so many elements of the kernel from the numbered one on.
    ///
    /// # Safety
    /// They are there.
    #[inline(always)]
    unsafe fn pad(&self, sums: &mut [i32; CHANNELS], first: usize, taps: usize) {
        if self.padding != 0 {
            // SAFETY: as the caller promises.
            unsafe { add(sums, (&raw const self.padding).cast(), 0, self.weights.as_ptr().add(first), taps) }
        }
    }
}

/// The products of the four bytes that `r10` is loaded with and of the next weights: eight instructions.
macro_rules! tap {
    ($load:literal) => {
        concat!(
            "ldr r10, ",
            $load,
            "\n",
            "ldm r5!, {{r8, r9}}\n",
            "uxtb16 r6, r10, ror #8\n",
            "uxtb16 r10, r10\n",
            "smlabb r0, r10, r8, r0\n",
            "smlatt r2, r10, r8, r2\n",
            "smlabb r1, r6, r9, r1\n",
            "smlatt r3, r6, r9, r3",
        )
    };
}

/// Declares a function for one to three rows of elements that are loaded so, between whose weights `$skip` goes.
macro_rules! rows_of_3 {
    ($(#[$meta:meta])* $name:ident, $skip:literal, $($load:literal),*) => {
        $(#[$meta])*
        ///
        /// # Safety
        /// Their four bytes and their weights are valid for reading.
        #[inline(always)]
        unsafe fn $name(sums: &mut [i32; CHANNELS], x: *const u8, w: *const [u32; 2], steps: [usize; 2], rows: usize) {
            // SAFETY: as the caller promises. A register that operands cannot have is saved.
            unsafe {
                asm!(
                    "push {{r6}}",
                    "cmp r10, #2",
                    "blo 3f",
                    "beq 2f",
                    $(tap!($load),)*
                    "add r4, r4, r12",
                    $skip,
                    "2:",
                    $(tap!($load),)*
                    "add r4, r4, r12",
                    $skip,
                    "3:",
                    $(tap!($load),)*
                    "pop {{r6}}",
                    inout("r0") sums[0],
                    inout("r1") sums[1],
                    inout("r2") sums[2],
                    inout("r3") sums[3],
                    inout("r4") x => _,
                    inout("r5") w => _,
                    in("lr") steps[0],
                    in("r12") steps[1],
                    out("r8") _,
                    out("r9") _,
                    inout("r10") rows => _,
                    options(readonly),
                );
            }
        }
    };
}

rows_of_3! {
    /// Adds the products of one to three rows of three elements of the kernel, which lie `steps` apart.
    add_3x3, "", "[r4]", "[r4, lr]", "[r4, lr, lsl #1]"
}

rows_of_3! {
    /// The same of two neighbours of each row's three.
    add_3x2, "add r5, r5, #8", "[r4]", "[r4, lr]"
}

/// Adds the products of `taps` elements, which lie `step` apart.
///
/// # Safety
/// Their four bytes and their weights are valid for reading.
#[inline(always)]
unsafe fn add(sums: &mut [i32; CHANNELS], x: *const u8, step: usize, w: *const [u32; 2], taps: usize) {
    if taps == 0 {
        return;
    }
    // SAFETY: as the caller promises. A register that operands cannot have is saved.
    unsafe {
        asm!(
            "push {{r6}}",
            "2:",
            tap!("[r4]"),
            "add r4, r4, r12",
            "subs lr, lr, #1",
            "bne 2b",
            "pop {{r6}}",
            inout("r0") sums[0],
            inout("r1") sums[1],
            inout("r2") sums[2],
            inout("r3") sums[3],
            inout("r4") x => _,
            inout("r5") w => _,
            inout("lr") taps => _,
            in("r12") step,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            options(readonly),
        );
    }
}

/// Four channels at a time.
pub static KERNEL: DepthwiseKernel = DepthwiseKernel { name: "depthwise_i8__dsp", isa: Isa::Dsp, run };
