//! Products whose sums become something else than bytes.

use core::mem::MaybeUninit;

use super::drive::{Starts, sum_up};
use super::tile::{How, MAX_SUMS, Store, Tile};
use super::{GemmKernel, PANEL, QUAD, RowSight, Sights, packed_len};
use crate::gemm_f32::{Part, split};
use crate::requantize::{Epilogue, Requantize};
use crate::sight::{MAX_ROWS, Segment};
use crate::{IsaSet, Parallel, Rows, RowsMut, table};

/// A product with packed weights.
#[derive(Clone, Copy)]
pub(crate) struct Sums<'a> {
    /// `[M, K]`.
    pub(crate) x: Rows<'a, u8>,
    /// Panels, [`packed_len`] elements.
    pub(crate) w: &'a [i8],
    /// Zero point of the weights; 0 for symmetric ones.
    pub(crate) w_zero: i32,
    /// For every column of every panel: what its sums begin with.
    pub(crate) bias: &'a [i32],
    /// Number of columns.
    pub(crate) n: usize,
}

impl GemmKernel {
    /// Computes sums and gives them to `take`, side by side, those of some whole panels in one row at a time: the row, the
    /// first column, the sums. Every sum is taken once, some on other threads; those of columns that there are not are
    /// without meaning.
    ///
    /// # Panics
    /// If shapes or lengths do not match.
    pub(crate) fn sums(&self, p: &Sums<'_>, parallel: &dyn Parallel, take: impl Fn(usize, usize, &[i32]) + Sync) {
        let (m, k, n) = (p.x.rows(), p.x.cols(), p.n);
        assert!(packed_len(k, n) <= p.w.len() && n.next_multiple_of(PANEL) <= p.bias.len(), "operands of {m}×{k}×{n}");
        // SAFETY: the rows and slices cover what the product addresses, as just checked. Owning a kernel selected from a
        // set of instruction sets proves that the processor has it.
        split([m, k.div_ceil(QUAD), n.div_ceil(PANEL)], parallel, &|part| unsafe { self.sum_part(p, part, &take) });
    }

    /// # Safety
    /// Rows and panels are those of the product, whose slices are long enough, and the processor has the kernel's
    /// instruction set.
    unsafe fn sum_part(&self, p: &Sums<'_>, part: Part, take: &impl Fn(usize, usize, &[i32])) {
        let bytes = Requantize { zero: 0, low: 0, high: 255 };
        let look_up = table::select(IsaSet::GENERIC);
        let epilogue =
            Epilogue { bias: p.bias, multiplier: &[], requantize: bytes, residual: None, table: None, look_up };
        let mut nothing = RowsMut::of(&mut [], 0, 0, 0);
        let how = How::new(&epilogue, &nothing);
        let k = p.x.cols();
        let (tiles, panel) = (self.tiles_for(part.rows.len(), part.panels.len()), packed_len(k, PANEL));
        let block = self.block(panel, part.rows.len(), tiles[0].by_rows.len(), tiles[0].panels);
        let mut starts = Starts::new();
        let pointers = [core::ptr::null(); MAX_ROWS];
        let segment = Segment { len: k, ..Segment::EMPTY };
        let mut sight = RowSight { x: p.x.as_ptr(), pitch: p.x.pitch(), rows: pointers, segment };
        let (mut offsets, mut sums) = ([0; MAX_ROWS], MaybeUninit::<[i32; MAX_SUMS]>::uninit());
        let sums = sums.as_mut_ptr().cast::<i32>();
        let mut tile = Tile {
            segments: core::ptr::null(),
            count: 0,
            is_wide: false,
            panel,
            before: core::ptr::null(),
            after: sums,
            offsets: core::ptr::null(),
            store: Store::new(&epilogue, &mut nothing, &how, p.n),
        };
        for first in part.panels.clone().step_by(block) {
            let end = (first + block).min(part.panels.end);
            let w = (p.w.as_ptr(), k.div_ceil(QUAD), sight.run());
            // SAFETY: the panels are those of the product.
            tile.store.bias = unsafe { starts.of(self, w, p.bias.as_ptr(), first..end) };
            let mut row = part.rows.start;
            while row < part.rows.end {
                let rows = sight.tile(row, tiles[0].by_rows.len(), part.rows.end - row);
                sight.place(row, rows);
                (tile.count, tile.segments) = (sight.prepare(0).end, sight.segments());
                if p.w_zero != 0 {
                    // SAFETY: the rows have been placed.
                    unsafe { sum_up(p.w_zero, rows, &mut sight, &mut offsets) };
                    tile.offsets = offsets.as_ptr();
                }
                let mut at = first;
                for group in tiles {
                    while at + group.panels <= end {
                        let cols = group.panels * PANEL;
                        // SAFETY: rows and panels are the part's; a tile writes its sums, of which there is room for as
                        // many, row by row.
                        let sums = unsafe {
                            (group.by_rows[rows - 1])(&tile, p.w.as_ptr().add(at * panel), at * PANEL, group.panels);
                            core::slice::from_raw_parts(sums, rows * cols)
                        };
                        sums.chunks_exact(cols).enumerate().for_each(|(i, sums)| take(row + i, at * PANEL, sums));
                        at += group.panels;
                    }
                }
                row += rows;
            }
        }
    }
}
