//! Square kernels of 3 and 5 without residual: strips of output rows, in two stages.
//!
//! First four input rows (of a kernel of 5 also the two below, at every column and the next) are interleaved byte by
//! byte, so that each 32-bit word holds neighbours of one channel; padding becomes `x_zero` here. Then every word is
//! multiplied with weights that lie in the same order. Two output rows below each other share the words: the weights of
//! the second are those of the first moved down by one row.

use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::lanes::{Lanes, Task};
use super::{Job, PANEL, QUAD};

/// Input columns of a strip.
const COLUMNS: usize = 36;
/// Output columns of a strip times the stride.
const LENGTH: usize = 32;
/// Output columns at a time.
pub(super) const TILE: usize = 4;
/// Input rows that two output rows see.
const ROWS: usize = 6;
/// Words by which a kernel of 5 is multiplied: five of the four upper rows and three of the lowest.
const WORDS: usize = 8;

/// Words of an input column: quarters of four rows, and of a kernel of 5 those of the rows below.
const fn planes(kernel: usize) -> usize {
    if kernel == 3 { 1 } else { 2 }
}

/// What belongs to some channels, in the order of interleaved words.
pub(super) struct Block<V: Lanes> {
    /// By quarter and output row.
    pub(super) weights: [[[V::Weights; WORDS]; 2]; 4],
    pub(super) bias: [V::Ints; 4],
    pub(super) multiplier: [V::Floats; 4],
    pub(super) zero: V,
    pub(super) low: V,
    pub(super) high: V,
}

/// Brings what belongs to the channels from `c` on into a block.
pub(super) struct Prepare<'a, V: Lanes, const K: usize, const G: usize> {
    pub(super) job: &'a Job<'a>,
    pub(super) c: usize,
    pub(super) block: &'a mut MaybeUninit<Block<V>>,
}

impl<V: Lanes, const K: usize, const G: usize> Task for Prepare<'_, V, K, G> {
    /// Safety: the kernel is K × K, the channel is one of the job's that begins a panel.
    #[inline(always)]
    unsafe fn run(self) {
        let operands = self.job.operands;
        let padded = self.job.shape.channels.next_multiple_of(PANEL);
        let panels = (padded - self.c) / PANEL;
        let block = self.block.as_mut_ptr();
        // SAFETY: weights, bias and multiplier have whole panels; every field that is read later is written.
        unsafe {
            let words = operands.weights.as_ptr().cast::<[u8; QUAD]>().add(self.c);
            let at = |quad: usize, kx: usize| words.wrapping_add((quad * K + kx) * padded);
            // The zero point where a quad has rows.
            let zero = u32::from(operands.w_zero as u8);
            let zeros = |rows: usize| {
                let word = (0x0101_0101_u32 >> (8 * (QUAD - rows))) * zero;
                V::spread::<1>([word.to_le_bytes(); 4 * PANEL].as_ptr(), 4)[0]
            };
            let zeros = [zeros(K.min(QUAD)), zeros(1)];
            for kx in 0..K {
                let words = V::spread::<G>(at(0, kx), panels);
                for q in 0..4 {
                    put(block, [q, 0, kx], words[q], zeros[0]);
                    put(block, [q, 1, kx], words[q].up::<1>(), zeros[0].up::<1>());
                }
            }
            if K == 5 {
                for i in 0..3 {
                    let none = [V::splat(0); 2];
                    let upper = V::spread::<G>(at(0, 2 * i), panels);
                    let lower = V::spread::<G>(at(1, 2 * i), panels);
                    let (mut next_upper, mut next_lower, mut next_zeros) = ([none[0]; 4], [none[0]; 4], none);
                    if 2 * i + 1 < K {
                        next_upper = V::spread::<G>(at(0, 2 * i + 1), panels);
                        next_lower = V::spread::<G>(at(1, 2 * i + 1), panels);
                        next_zeros = zeros;
                    }
                    let [first_zeros, second_zeros] = lower_words(zeros, next_zeros);
                    for q in 0..4 {
                        let [first, second] = lower_words([upper[q], lower[q]], [next_upper[q], next_lower[q]]);
                        put(block, [q, 0, K + i], first, first_zeros);
                        put(block, [q, 1, K + i], second, second_zeros);
                    }
                }
            }
            let r = &operands.epilogue.requantize;
            let bias = V::spread::<G>(operands.epilogue.bias.as_ptr().add(self.c).cast(), panels);
            let mut bias = bias.map(|bias| bias.ints());
            if V::SHIFTS {
                for i in 0..planes(K) * K {
                    let words = V::spread::<G>(at(i / K, i % K), panels);
                    for q in 0..4 {
                        bias[q] = V::shifted(bias[q], words[q].weights());
                    }
                }
            }
            let multiplier = V::spread::<G>(operands.epilogue.multiplier.as_ptr().add(self.c).cast(), panels);
            for q in 0..4 {
                (&raw mut (*block).bias[q]).write(bias[q]);
                (&raw mut (*block).multiplier[q]).write(multiplier[q].floats());
            }
            (&raw mut (*block).zero).write(V::splat_word(r.zero.into()));
            (&raw mut (*block).low).write(V::splat(r.low));
            (&raw mut (*block).high).write(V::splat(r.high));
        }
    }
}

/// What the rows below the first four, of a column and the next, are multiplied with for two output rows: of the words of
/// the four weights above and of those below.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
unsafe fn lower_words<V: Lanes>([upper, lower]: [V; 2], [next_upper, next_lower]: [V; 2]) -> [V; 2] {
    // SAFETY: as the caller promises.
    unsafe {
        let both = upper.down::<3>().or(lower.up::<1>());
        let next = next_upper.down::<3>().or(next_lower.up::<1>());
        [lower.or(next_lower.up::<2>()), both.or(next.up::<2>())]
    }
}

/// Writes the weights of a quarter, an output row and a word, less their zero points.
///
/// # Safety
/// As for [`Lanes`]; the block may be written.
#[inline(always)]
unsafe fn put<V: Lanes>(block: *mut Block<V>, [q, row, word]: [usize; 3], weights: V, zeros: V) {
    // SAFETY: as the caller promises.
    unsafe { (&raw mut (*block).weights[q][row][word]).write(weights.weights_less(zeros)) }
}

/// Interleaved columns.
pub(super) struct Line<V: Lanes>([V::Quads; COLUMNS * 2 * 4]);

/// Input rows that four groups of two output rows see.
const ALL_ROWS: usize = 12;

/// Where the rows lie that `G` groups of output rows see: addresses at the first column of the image, and the distance
/// from a pixel to the next, which is 0 for rows of padding.
pub(super) struct Source<const G: usize> {
    pub(super) at: [[*const u8; G]; ROWS],
    pub(super) step: [[usize; G]; ROWS],
    /// The same rows one after another, rows of padding being as long as others, where there is room for that.
    pub(super) lines: [*const u8; ALL_ROWS],
    /// Distance from a pixel of the image to the next.
    pub(super) pitch: usize,
}

/// Where the results of the first column go, by row of a group, and the distances to the next column, which are 0 for
/// rows that are not there: what is written for those is never read.
pub(super) struct Target<const G: usize> {
    pub(super) at: [[*mut u8; G]; 2],
    pub(super) step: [[usize; G]; 2],
}

/// Interleaves input columns.
pub(super) struct Fill<'a, V: Lanes, const K: usize, const G: usize, const FULL: bool> {
    pub(super) source: &'a Source<G>,
    /// Channels of a group.
    pub(super) count: usize,
    /// The first column, negative in the padding.
    pub(super) first: isize,
    pub(super) columns: usize,
    /// Columns of the image.
    pub(super) width: usize,
    pub(super) x_zero: u8,
    pub(super) line: &'a mut MaybeUninit<Line<V>>,
}

impl<V: Lanes, const K: usize, const G: usize, const FULL: bool> Task for Fill<'_, V, K, G, FULL> {
    /// Safety: the rows of the source are valid, and a line has room for the columns.
    #[inline(always)]
    unsafe fn run(self) {
        let line = self.line.as_mut_ptr().cast::<V::Quads>();
        let before = ((-self.first).max(0) as usize).min(self.columns);
        let inside = (self.width as isize - self.first.max(0)).max(0) as usize;
        let inside = inside.min(self.columns - before);
        // SAFETY: columns inside are those of the image; there is room for all.
        unsafe {
            let zeros = [V::splat(self.x_zero); ROWS];
            let mut writer = Writer::<V, K> { line, last: zeros };
            let mut column = 0;
            while column < before {
                writer.put(column, zeros);
                column += 1;
            }
            let mut at = self.source.at;
            let skipped = self.first.max(0) as usize;
            if skipped > 0 {
                for (at, step) in at.iter_mut().zip(&self.source.step) {
                    for g in 0..G {
                        at[g] = at[g].wrapping_add(skipped * step[g]);
                    }
                }
            }
            while column < before + inside {
                let mut rows = zeros;
                for k in 0..if K == 3 { 4 } else { ROWS } {
                    rows[k] = V::gather::<G, FULL>(at[k], self.count);
                    for g in 0..G {
                        at[k][g] = at[k][g].wrapping_add(self.source.step[k][g]);
                    }
                }
                writer.put(column, rows);
                column += 1;
            }
            while column < self.columns {
                writer.put(column, zeros);
                column += 1;
            }
            // What would be the column after the last meets weights of zero.
            writer.lower(column, writer.last);
        }
    }
}

/// Writes columns one after another.
struct Writer<V: Lanes, const K: usize> {
    line: *mut V::Quads,
    /// The rows of the column before.
    last: [V; ROWS],
}

impl<V: Lanes, const K: usize> Writer<V, K> {
    /// # Safety
    /// There is room for the column.
    #[inline(always)]
    unsafe fn put(&mut self, column: usize, rows: [V; ROWS]) {
        // SAFETY: as the caller promises.
        unsafe {
            let quads = V::interleave([rows[0], rows[1], rows[2], rows[3]]);
            self.line.add(column * planes(K) * 4).cast::<[V::Quads; 4]>().write(quads);
            if column > 0 {
                self.lower(column, rows);
            }
        }
        self.last = rows;
    }

    /// The lower rows of the column before `column`, with those of that.
    ///
    /// # Safety
    /// There is room.
    #[inline(always)]
    unsafe fn lower(&self, column: usize, rows: [V; ROWS]) {
        if K == 3 {
            return;
        }
        // SAFETY: as the caller promises.
        unsafe {
            let quads = V::interleave([self.last[4], self.last[5], rows[4], rows[5]]);
            self.line.add((column * 2 - 1) * 4).cast::<[V::Quads; 4]>().write(quads);
        }
    }
}

/// `R` rows of `T` output columns.
pub(super) struct Tile<'a, V: Lanes, const K: usize, const S: usize, const R: usize, const T: usize> {
    pub(super) block: &'a MaybeUninit<Block<V>>,
    pub(super) line: &'a MaybeUninit<Line<V>>,
    /// Column of the line that the first output column begins at.
    pub(super) column: usize,
    /// Where results go, and the distances of rows and columns there.
    pub(super) y: *mut u8,
    pub(super) row: usize,
    pub(super) pitch: usize,
}

impl<V: Lanes, const K: usize, const S: usize, const R: usize, const T: usize> Task for Tile<'_, V, K, S, R, T> {
    /// Safety: the block was prepared and the line filled for this kernel, and there is room for whole vectors.
    #[inline(always)]
    unsafe fn run(self) {
        // SAFETY: as the caller promises.
        unsafe {
            let block = &*self.block.as_ptr();
            let line = self.line.as_ptr().cast::<V::Quads>().add(self.column * planes(K) * 4);
            let mut halves = [[[block.zero; T]; R]; 2];
            unrolled!(half < 2, of 2 => {
                let first = quarter::<V, K, S, R, T>(block, line, 2 * half);
                let second = quarter::<V, K, S, R, T>(block, line, 2 * half + 1);
                for r in 0..R {
                    for t in 0..T {
                        halves[half][r][t] = V::pack(first[r][t], second[r][t]).add_words(block.zero);
                    }
                }
            });
            for r in 0..R {
                for t in 0..T {
                    let bytes = finish(block, halves[0][r][t], halves[1][r][t]);
                    bytes.scatter::<1, true>([self.y.add(r * self.row + t * self.pitch)], 16 * V::LANES);
                }
            }
        }
    }
}

/// Rounded sums of a quarter.
///
/// # Safety
/// As for [`Tile`].
#[inline(always)]
unsafe fn quarter<V: Lanes, const K: usize, const S: usize, const R: usize, const T: usize>(
    block: &Block<V>,
    line: *const V::Quads,
    q: usize,
) -> [[V::Ints; T]; R] {
    // SAFETY: as the caller promises.
    unsafe {
        let mut sums = [[block.bias[q]; T]; R];
        unrolled!(column < (T - 1) * S + K => {
            let quads = line.add(column * planes(K) * 4 + q).read();
            unrolled!(t < T, of 4 => {
                if column >= t * S && column - t * S < K {
                    for r in 0..R {
                        sums[r][t] = V::dot(sums[r][t], quads, block.weights[q][r][column - t * S]);
                    }
                }
            });
        });
        if K == 5 {
            unrolled!(column < (T - 1) * S + K => {
                let quads = line.add((column * 2 + 1) * 4 + q).read();
                unrolled!(t < T, of 4 => {
                    if column >= t * S && column - t * S < K && (column - t * S).is_multiple_of(2) {
                        for r in 0..R {
                            sums[r][t] = V::dot(sums[r][t], quads, block.weights[q][r][K + (column - t * S) / 2]);
                        }
                    }
                });
            });
        }
        let mut rounded = sums;
        for r in 0..R {
            for t in 0..T {
                rounded[r][t] = scaled(block, q, sums[r][t]);
            }
        }
        rounded
    }
}

/// A quarter's sums, scaled and rounded.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
pub(super) unsafe fn scaled<V: Lanes>(block: &Block<V>, q: usize, sums: V::Ints) -> V::Ints {
    // SAFETY: as the caller promises.
    unsafe { V::round(V::mul(V::to_float(sums), block.multiplier[q])) }
}

/// Bytes of two pairs of quarters.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
pub(super) unsafe fn finish<V: Lanes>(block: &Block<V>, first: V, second: V) -> V {
    // SAFETY: as the caller promises.
    unsafe { V::pack_words(first, second).clamp(block.low, block.high) }
}

/// Output columns of a strip.
pub(super) const fn strip(stride: usize) -> usize {
    LENGTH / stride
}

/// Moves results of several groups of rows to their places.
pub(super) struct Spread<'a, V: Lanes, const R: usize, const G: usize, const FULL: bool> {
    /// By row of a group and column.
    pub(super) results: &'a [[[u8; 64]; TILE]; 2],
    pub(super) target: &'a Target<G>,
    /// The first output column, and their number.
    pub(super) first: usize,
    pub(super) columns: usize,
    pub(super) count: usize,
    pub(super) lanes: PhantomData<V>,
}

impl<V: Lanes, const R: usize, const G: usize, const FULL: bool> Task for Spread<'_, V, R, G, FULL> {
    /// Safety: there are results, and there is room for the channels at the places.
    #[inline(always)]
    unsafe fn run(self) {
        for r in 0..R {
            for t in 0..self.columns {
                // SAFETY: as the caller promises; results have 64 bytes.
                unsafe {
                    let bytes = V::gather::<1, true>([self.results[r][t].as_ptr()], 16 * V::LANES);
                    let mut at = self.target.at[r];
                    for g in 0..G {
                        at[g] = at[g].wrapping_add((self.first + t) * self.target.step[r][g]);
                    }
                    bytes.scatter::<G, FULL>(at, self.count);
                }
            }
        }
    }
}
