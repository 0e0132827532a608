//! Divides a convolution into channels and rows for vectors.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Range;

use super::lanes::Lanes;
use super::plain::Plain;
use super::strip::{Block, Fill, Line, Prepare, Source, Spread, TILE, Target, Tile, strip};
use super::sweep::Sweep;
use super::{Job, PANEL};

/// A square kernel that strips suit, and its stride.
fn square(job: &Job<'_>) -> Option<(usize, usize)> {
    let (v, h) = (&job.shape.vertical, &job.shape.horizontal);
    let square = v.kernel == h.kernel && v.stride == h.stride && v.dilation == 1 && h.dilation == 1;
    let plain_end = job.operands.epilogue.residual.is_none() && job.operands.w_zero == 0;
    (square && plain_end && [3, 5].contains(&v.kernel) && [1, 2].contains(&v.stride)).then_some((v.kernel, v.stride))
}

/// Whether no sum of these channels leaves an i32 when it is scaled.
fn is_bounded(job: &Job<'_>, channels: &Range<usize>) -> bool {
    /// More than kernels of 5 can sum up.
    const SUMS: f32 = 25.0 * 255.0 * 128.0;
    let epilogue = &job.operands.epilogue;
    let mut numbers = epilogue.bias[channels.clone()].iter().zip(&epilogue.multiplier[channels.clone()]);
    numbers.all(|(&bias, m)| (SUMS + (bias as f32).abs()) * m.abs() < (1u32 << 30) as f32)
}

/// Computes output rows, counted over all images, of some channels that begin with a panel.
///
/// # Safety
/// The ranges lie in the job's shape, nothing else accesses these outputs, and the processor has the instruction set.
pub(super) unsafe fn run<V: Lanes>(job: &Job<'_>, rows: Range<usize>, channels: Range<usize>) {
    let square = square(job).filter(|_| is_bounded(job, &channels));
    let mut c = channels.start;
    while c < channels.end {
        let left = channels.end - c;
        // SAFETY: as the caller promises.
        unsafe {
            let count = match square {
                None => {
                    let count = left.min(V::LANES * PANEL);
                    let channels = c..c + count;
                    V::within(Plain::<V> { job, rows: rows.clone(), channels, lanes: PhantomData });
                    count
                }
                Some((3, 1)) => by_width::<V, 3, 1, 2>(job, &rows, c, left),
                Some((3, _)) => by_width::<V, 3, 2, 1>(job, &rows, c, left),
                Some((_, 1)) => by_width::<V, 5, 1, 2>(job, &rows, c, left),
                Some(_) => by_width::<V, 5, 2, 1>(job, &rows, c, left),
            };
            look_up(job, &rows, c..c + count);
            c += count;
        }
    }
}

/// Turns to as many channels as fill a vector or, of several rows, a part of it; gives their number.
///
/// # Safety
/// As for [`run`].
unsafe fn by_width<V: Lanes, const K: usize, const S: usize, const R: usize>(
    job: &Job<'_>,
    rows: &Range<usize>,
    c: usize,
    left: usize,
) -> usize {
    let panels = left.div_ceil(PANEL);
    // SAFETY: as the caller promises.
    unsafe {
        if panels >= V::LANES {
            let count = left.min(V::LANES * PANEL);
            by_count::<V, K, S, R, 1>(job, rows, c, count);
            count
        } else if V::LANES == 4 && panels >= 2 {
            let count = left.min(2 * PANEL);
            by_count::<V, K, S, R, 2>(job, rows, c, count);
            count
        } else {
            match V::LANES {
                4 => by_count::<V, K, S, R, 4>(job, rows, c, left),
                _ => by_count::<V, K, S, R, 2>(job, rows, c, left),
            }
            left
        }
    }
}

/// # Safety
/// As for [`run`].
unsafe fn by_count<V: Lanes, const K: usize, const S: usize, const R: usize, const G: usize>(
    job: &Job<'_>,
    rows: &Range<usize>,
    c: usize,
    count: usize,
) {
    // SAFETY: as the caller promises.
    unsafe {
        if count == V::LANES * PANEL / G {
            strips::<V, K, S, R, G, true>(job, rows, c, count);
        } else {
            strips::<V, K, S, R, G, false>(job, rows, c, count);
        }
    }
}

/// Rows of a channel block.
struct Rows<'a, 'j, V: Lanes> {
    job: &'a Job<'j>,
    c: usize,
    count: usize,
    block: &'a MaybeUninit<Block<V>>,
    line: &'a mut MaybeUninit<Line<V>>,
    /// What rows of padding hold.
    zeros: &'a [u8; 64],
    /// Room for results that are not there.
    waste: &'a mut MaybeUninit<[u8; 64]>,
}

/// # Safety
/// As for [`run`]; a group has the channels, which fill it where `FULL`.
unsafe fn strips<V: Lanes, const K: usize, const S: usize, const R: usize, const G: usize, const FULL: bool>(
    job: &Job<'_>,
    rows: &Range<usize>,
    c: usize,
    count: usize,
) {
    let (mut block, mut line, mut waste) = (MaybeUninit::uninit(), MaybeUninit::uninit(), MaybeUninit::uninit());
    let zeros = [job.operands.x_zero; 64];
    // SAFETY: as the caller promises.
    unsafe {
        V::within(Prepare::<V, K, G> { job, c, block: &mut block });
        let mut strips = Rows { job, c, count, block: &block, line: &mut line, zeros: &zeros, waste: &mut waste };
        let mut row = rows.start;
        while row < rows.end {
            // Rows of one image.
            let height = job.shape.vertical.output;
            let left = (rows.end - row).min(height - row % height);
            if G == 1 && left < R {
                strips.run::<K, S, 1, G, FULL>(row, 1);
                row += 1;
            } else {
                let count = left.min(R * G).min(if G == 1 { R } else { usize::MAX });
                strips.run::<K, S, R, G, FULL>(row, count);
                row += count;
            }
        }
    }
}

impl<V: Lanes> Rows<'_, '_, V> {
    /// Computes `count` rows from `row` on, at most `R` for each of `G` groups.
    ///
    /// # Safety
    /// As for [`run`]; the rows belong to one image.
    unsafe fn run<const K: usize, const S: usize, const R: usize, const G: usize, const FULL: bool>(
        &mut self,
        row: usize,
        rows: usize,
    ) {
        let (h, operands) = (&self.job.shape.horizontal, self.job.operands);
        let source = self.source::<K, S, R, G>(row, rows);
        let target = self.target::<R, G>(row, rows);
        let (pitch, width) = (operands.y.pitch(), h.output);
        if K == 3 && V::SWEEPS {
            let inner = G > 1 && source.is_inside && rows == R * G;
            // SAFETY: as the caller promises.
            unsafe {
                match inner {
                    true => self.sweep::<S, R, G, FULL, true>(&source, &target),
                    false => self.sweep::<S, R, G, FULL, false>(&source, &target),
                }
            }
            return;
        }
        for first in (0..width).step_by(strip(S)) {
            let end = width.min(first + strip(S));
            let (line, x_zero) = (&mut *self.line, operands.x_zero);
            // SAFETY: as the caller promises; results that are not whole vectors go by way of a buffer.
            unsafe {
                V::within(Fill::<V, K, G, FULL> {
                    source: &source,
                    count: self.count,
                    first: h.first(first),
                    columns: (end - first - 1) * S + K,
                    width: h.input,
                    x_zero,
                    line,
                });
                let mut ox = first;
                while ox < end {
                    let column = (ox - first) * S;
                    if G == 1 && FULL {
                        let y = target.at[0][0].wrapping_add(ox * pitch);
                        ox += self.tile::<K, S, R>(column, end - ox, y, width * pitch, pitch);
                        continue;
                    }
                    let mut results = MaybeUninit::<[[[u8; 64]; TILE]; 2]>::uninit();
                    let at = results.as_mut_ptr().cast();
                    let columns = self.tile::<K, S, R>(column, end - ox, at, 64 * TILE, 64);
                    V::within(Spread::<V, R, G, FULL> {
                        results: &*results.as_ptr(),
                        target: &target,
                        first: ox,
                        columns,
                        count: self.count,
                        lanes: PhantomData,
                    });
                    ox += columns;
                }
            }
        }
    }

    /// Computes rows of a kernel of 3.
    ///
    /// # Safety
    /// As for [`Rows::run`]; where `INNER`, the source has rows of the image alone, and the target has all rows.
    unsafe fn sweep<const S: usize, const R: usize, const G: usize, const FULL: bool, const INNER: bool>(
        &self,
        source: &Source<G>,
        target: &Target<G>,
    ) {
        let h = &self.job.shape.horizontal;
        // SAFETY: as the caller promises.
        unsafe {
            V::within(Sweep::<V, S, R, G, FULL, INNER> {
                block: &*self.block.as_ptr(),
                source,
                zeros: self.zeros,
                count: self.count,
                first: h.first(0),
                width: h.input,
                columns: h.output,
                target,
            });
        }
    }

    /// Where the results of some output rows go.
    fn target<const R: usize, const G: usize>(&mut self, row: usize, rows: usize) -> Target<G> {
        let (h, y) = (&self.job.shape.horizontal, &self.job.operands.y);
        let waste = self.waste.as_mut_ptr().cast::<u8>();
        let mut target = Target { at: [[waste; G]; 2], step: [[0; G]; 2], waste };
        for (g, r) in (0..G).flat_map(|g| (0..R).map(move |r| (g, r))) {
            let at = g * R + r;
            if at < rows {
                target.at[r][g] = y.as_ptr().wrapping_add((row + at) * h.output * y.pitch() + self.c);
                target.step[r][g] = y.pitch();
            }
        }
        target
    }

    /// Computes up to [`TILE`] columns of `R` rows; gives their number.
    ///
    /// # Safety
    /// As for [`Tile`].
    unsafe fn tile<const K: usize, const S: usize, const R: usize>(
        &self,
        column: usize,
        left: usize,
        y: *mut u8,
        row: usize,
        pitch: usize,
    ) -> usize {
        let (block, line) = (self.block, &*self.line);
        // SAFETY: as the caller promises.
        unsafe {
            match left {
                1 => V::within(Tile::<V, K, S, R, 1> { block, line, column, y, row, pitch }),
                2 | 3 => V::within(Tile::<V, K, S, R, 2> { block, line, column, y, row, pitch }),
                _ => V::within(Tile::<V, K, S, R, TILE> { block, line, column, y, row, pitch }),
            }
        }
        match left {
            1 => 1,
            2 | 3 => 2,
            _ => TILE,
        }
    }

    /// Where the input rows lie that some output rows see.
    fn source<const K: usize, const S: usize, const R: usize, const G: usize>(
        &self,
        row: usize,
        rows: usize,
    ) -> Source<G> {
        let (v, h, x) = (&self.job.shape.vertical, &self.job.shape.horizontal, &self.job.operands.x);
        let (image, oy) = (row / v.output, row % v.output);
        let mut source =
            Source { at: [[self.zeros.as_ptr(); G]; 6], step: [[0; G]; 6], row: h.input * x.pitch(), is_inside: true };
        // The last rows are seen by the second output row of a group alone; what else meets weights of zero.
        let seen = K + (R - 1) * S;
        for k in 0..seen {
            for g in 0..G {
                let y = v.first(oy + g * R) + k as isize;
                if g * R >= rows || (y as usize) >= v.input {
                    source.is_inside = false;
                    continue;
                }
                let pixel = (image * v.input + y as usize) * h.input;
                source.at[k][g] = x.as_ptr().wrapping_add(pixel * x.pitch() + self.c);
                source.step[k][g] = x.pitch();
            }
        }
        source
    }
}

/// Looks finished channels up in the table, if there is one.
///
/// # Safety
/// As for [`run`].
unsafe fn look_up(job: &Job<'_>, rows: &Range<usize>, channels: Range<usize>) {
    let (Some(table), y) = (job.operands.epilogue.table, &job.operands.y) else { return };
    let width = job.shape.horizontal.output;
    for pixel in rows.start * width..rows.end * width {
        for c in channels.clone() {
            // SAFETY: a byte of the rows, and one of the table's 256.
            unsafe {
                let y = y.as_ptr().add(pixel * y.pitch() + c);
                y.write(*table.get_unchecked(usize::from(y.read())));
            }
        }
    }
}
