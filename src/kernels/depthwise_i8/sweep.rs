//! Kernels of 3 × 3 without residual: output rows from left to right, two columns at a time.
//!
//! Four input rows are interleaved byte by byte, so that each 32-bit word holds neighbours of one channel, and multiplied
//! with weights in the same order. Interleaved columns stay in registers for the output columns that share them. With
//! stride 1 two output rows share the words: the weights of the second are those of the first moved down by one row.

use super::lanes::{Lanes, Task};
use super::strip::{Block, Source, Target, finish, scaled};

/// Output columns at a time.
const TILE: usize = 2;
/// Columns that such a tile sees with stride 2.
const COLUMNS: usize = 2 * (TILE - 1) + 3;

/// `R` output rows of each of `G` groups, with stride `S`; where `LINED`, all rows are as long as those of
/// the image.
pub(super) struct Sweep<
    'a,
    V: Lanes,
    const S: usize,
    const R: usize,
    const G: usize,
    const FULL: bool,
    const LINED: bool,
> {
    pub(super) block: &'a Block<V>,
    pub(super) source: &'a Source<G>,
    /// What columns of padding hold, 64 bytes.
    pub(super) zeros: *const u8,
    /// Channels of a group.
    pub(super) count: usize,
    /// The first column, negative in the padding.
    pub(super) first: isize,
    /// Columns of the image.
    pub(super) width: usize,
    /// Output columns.
    pub(super) columns: usize,
    pub(super) target: &'a Target<G>,
}

/// Where a sweep is: the next input column.
struct Cursor<const G: usize> {
    at: [[*const u8; G]; 4],
    /// From where lines begin.
    offset: usize,
    x: isize,
}

impl<V: Lanes, const S: usize, const R: usize, const G: usize, const FULL: bool, const LINED: bool> Task
    for Sweep<'_, V, S, R, G, FULL, LINED>
{
    /// Safety: the block was prepared for kernels of 3, the rows of the source are valid, and there is room for the
    /// channels at the places of the results.
    #[inline(always)]
    unsafe fn run(self) {
        let mut cursor = Cursor {
            at: [[self.zeros; G]; 4],
            offset: (self.first as usize).wrapping_mul(self.source.pitch),
            x: self.first,
        };
        for k in 0..4 {
            for g in 0..G {
                let skipped = self.first.wrapping_mul(self.source.step[k][g] as isize);
                cursor.at[k][g] = self.source.at[k][g].wrapping_offset(skipped);
            }
        }
        // SAFETY: as the caller promises.
        unsafe {
            let first = self.column::<true>(&mut cursor);
            let second = if S == 1 { self.column::<true>(&mut cursor) } else { first };
            let mut seen = [first, second];
            let mut ox = 0;
            while ox < self.columns {
                let inside = cursor.x >= 0 && cursor.x + (TILE * S) as isize <= self.width as isize;
                if ox + TILE > self.columns {
                    self.tile::<true, 1>(&mut cursor, &mut seen, ox);
                } else if inside {
                    self.tile::<false, TILE>(&mut cursor, &mut seen, ox);
                } else {
                    self.tile::<true, TILE>(&mut cursor, &mut seen, ox);
                }
                ox += TILE;
            }
        }
    }
}

impl<V: Lanes, const S: usize, const R: usize, const G: usize, const FULL: bool, const LINED: bool>
    Sweep<'_, V, S, R, G, FULL, LINED>
{
    /// The next column, interleaved; with `EDGE` it may lie in the padding.
    ///
    /// # Safety
    /// As for [`Task::run`].
    #[inline(always)]
    unsafe fn column<const EDGE: bool>(&self, cursor: &mut Cursor<G>) -> [V::Quads; 4] {
        let inside = !EDGE || (cursor.x as usize) < self.width;
        // A single output row sees three rows: the fourth meets weights of zero.
        let seen = if R == 1 { 3 } else { 4 };
        // SAFETY: as the caller promises.
        unsafe {
            let mut rows = [V::splat(0); 4];
            unrolled!(k < seen, of 4 => {
                let mut at = [self.zeros; G];
                for g in 0..G {
                    if inside {
                        at[g] = match LINED {
                            true => self.source.lines[k + g * R * S].wrapping_add(cursor.offset),
                            false => cursor.at[k][g],
                        };
                    }
                    if !LINED {
                        cursor.at[k][g] = cursor.at[k][g].wrapping_add(self.source.step[k][g]);
                    }
                }
                rows[k] = V::gather::<G, FULL>(at, self.count);
            });
            if R == 1 {
                rows[3] = rows[2];
            }
            cursor.x += 1;
            cursor.offset = cursor.offset.wrapping_add(self.source.pitch);
            V::interleave(rows)
        }
    }

    /// `T` output columns from `ox` on. `seen` holds the columns that they share with those before, and then with those
    /// after. With `EDGE` they may see padding.
    ///
    /// # Safety
    /// As for [`Task::run`].
    #[inline(always)]
    unsafe fn tile<const EDGE: bool, const T: usize>(
        &self,
        cursor: &mut Cursor<G>,
        seen: &mut [[V::Quads; 4]; 2],
        ox: usize,
    ) {
        let block = self.block;
        // SAFETY: as the caller promises.
        unsafe {
            let mut columns = [seen[0]; COLUMNS];
            let shared = 3 - S;
            if S == 1 {
                columns[1] = seen[1];
            }
            unrolled!(new < T * S, of 4 => {
                columns[shared + new] = self.column::<EDGE>(cursor);
            });
            *seen = if S == 1 { [columns[2], columns[3]] } else { [columns[4], columns[4]] };
            let mut halves = [[[block.zero; T]; R]; 2];
            unrolled!(half < 2, of 2 => {
                let mut sums = [[[block.bias[0]; T]; R]; 2];
                unrolled!(i < 2, of 2 => {
                    let q = 2 * half + i;
                    unrolled!(r < R, of 2 => {
                        let weights = &block.weights[q][r];
                        unrolled!(t < T, of 2 => {
                            let mut sum = block.bias[q];
                            unrolled!(kx < 3, of 4 => {
                                sum = V::dot(sum, columns[t * S + kx][q], weights[kx]);
                            });
                            sums[i][r][t] = scaled(block, q, sum);
                        });
                    });
                });
                unrolled!(r < R, of 2 => {
                    unrolled!(t < T, of 2 => {
                        halves[half][r][t] = V::pack(sums[0][r][t], sums[1][r][t]).add_words(block.zero);
                    });
                });
            });
            unrolled!(t < T, of 2 => {
                unrolled!(r < R, of 2 => {
                    let bytes = finish(block, halves[0][r][t], halves[1][r][t]);
                    let mut at = self.target.at[r];
                    for g in 0..G {
                        let step = if LINED { self.target.step[0][0] } else { self.target.step[r][g] };
                        at[g] = at[g].wrapping_add((ox + t) * step);
                    }
                    bytes.scatter::<G, FULL>(at, self.count);
                });
            });
        }
    }
}
