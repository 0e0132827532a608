//! Products with weights of 16 bits: half the bytes to store, and to read where no cache holds them.
//!
//! Weights are widened as many at a time as stay in the first-level cache, and then multiplied as others are, in the same
//! order: results are those of the widened weights, bit for bit.

use core::mem::MaybeUninit;

use super::drive::{DEPTH, Product, for_each_part, run_part_by};
use super::tile::{MAX_SUMS, Store, Tile, TileFn};
use super::{Gemm, GemmKernel, PANEL};
use crate::sight::Segment;
use crate::widen_f16::WidenKernel;
use crate::{Parallel, RowsMut};

/// Weights that are widened at a time.
const ROOM: usize = if cfg!(target_pointer_width = "64") { 4096 } else { 512 };

impl GemmKernel {
    /// Computes `y` with weights of 16 bits, which `widen` widens.
    ///
    /// # Panics
    /// If shapes or lengths do not match.
    pub fn run_halves(
        &self,
        widen: &WidenKernel,
        gemm: &Gemm<'_, u16>,
        y: &mut RowsMut<'_, f32>,
        parallel: &dyn Parallel,
    ) {
        let product = Product::new(gemm, y);
        let halves = Halves { widen, panels: gemm.w };
        for_each_part(&product, parallel, &|part| {
            // SAFETY: views and slices cover what the product addresses, as just checked; parts write different elements of
            // `y`, borrowed mutably; owning the kernels proves that the processor has their instruction sets.
            unsafe {
                run_part_by(self, &product, part, |run, rows, panel, count, store| {
                    halves.tile(run, &product, rows, [panel, count], store);
                });
            }
        });
    }
}

struct Halves<'a> {
    widen: &'a WidenKernel,
    panels: &'a [u16],
}

impl Halves<'_> {
    /// Computes a tile of `count` panels from `panel` on, whose rows are those of `whole`.
    ///
    /// # Safety
    /// As [`TileFn`], for the whole depth of the product, but for the weights: these are in the panels.
    unsafe fn tile(&self, run: TileFn, p: &Product, whole: &Segment<f32>, [panel, count]: [usize; 2], store: Store) {
        let mut room = MaybeUninit::<[f32; ROOM]>::uninit();
        let room = room.as_mut_ptr().cast::<f32>();
        let depth = ROOM / (count * PANEL);
        let (mut sums, mut part) = ([0f32; MAX_SUMS], [0f32; MAX_SUMS]);
        let mut segment = *whole;
        let mut tile = Tile {
            segments: core::ptr::null(),
            count: 1,
            w: room,
            panel: depth * PANEL,
            step: PANEL as isize,
            before: core::ptr::null(),
            after: core::ptr::null_mut(),
            store,
        };
        for begin in (0..p.k).step_by(DEPTH) {
            let end = (begin + DEPTH).min(p.k);
            for at in (begin..end).step_by(depth) {
                let len = depth.min(end - at);
                for j in 0..count {
                    let from = (panel + j) * p.panel + at * PANEL;
                    let halves = &self.panels[from..from + len * PANEL];
                    // SAFETY: there is room for `depth` elements of each of the tile's panels; whole rows are multiples of 16.
                    unsafe { (self.widen.line)(halves.as_ptr(), room.add(j * depth * PANEL), halves.len()) };
                }
                (segment.offset, segment.len) = (whole.offset + at, len);
                tile.segments = &raw const segment;
                tile.before = if at == begin { core::ptr::null() } else { part.as_ptr() };
                tile.after = part.as_mut_ptr();
                // SAFETY: the rows go on for the product's depth, the weights were just widened, and a tile has no more sums
                // than there is room for.
                unsafe { run(&tile) };
            }
            if p.k <= DEPTH {
                sums = part;
            } else {
                sums.iter_mut().zip(&part).for_each(|(sum, part)| *sum += part);
            }
        }
        (tile.count, tile.before, tile.after) = (0, sums.as_ptr(), core::ptr::null_mut());
        // SAFETY: no more of the sum is to come; `before` holds a tile's sums.
        unsafe { run(&tile) };
    }
}
