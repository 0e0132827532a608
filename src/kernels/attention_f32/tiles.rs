//! One batch and head, in tiles of rows.

use core::ops::Range;

use super::{Attention, AttentionKernel};
use crate::activation::Function;
use crate::gemm_f32::{Matrix, PANEL, Part, Product, Store, pack_panel, run_part};
use crate::parallel::{Parallel, share};
use crate::{View, ViewMut};

/// Rows that are worked on at the same time, on all threads together.
const ROWS: usize = 16;

/// Multiply-accumulates that are worth a task of their own.
const TASK_MACS: usize = 64 * 1024;

/// Elements whose packing is worth a task of its own.
const TASK_ELEMENTS: usize = 16 * 1024;

/// The first row of a matrix whose rows are contiguous, and the elements from one row to the next.
#[derive(Clone, Copy)]
struct Lines<P> {
    first: P,
    pitch: isize,
}

/// A batch and head.
///
/// Whoever makes one promises that all it addresses is there, that y and the scratch overlap nothing else, and that
/// the processor has the kernels' instruction sets.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    kernel: &'a AttentionKernel,
    causal: bool,
    scale: f32,
    s: usize,
    t: usize,
    d: usize,
    e: usize,
    q: Lines<*const f32>,
    keys: Matrix,
    values: Matrix,
    /// With the elements from column to column.
    mask: Option<(Lines<*const f32>, isize)>,
    y: Lines<*mut f32>,
    /// T′ elements for each of [`ROWS`] rows.
    scores: *mut f32,
    packed_keys: *mut f32,
    packed_values: *mut f32,
}

// SAFETY: addresses of plain elements, used as the maker promised; tasks write different ones.
unsafe impl Sync for Head<'_> {}

impl<'a> Head<'a> {
    /// # Safety
    /// The views have the shapes that [`Attention`] tells, the scratch [`super::scratch_len`] elements, and batch and
    /// head are among theirs.
    pub(super) unsafe fn new(
        kernel: &'a AttentionKernel,
        a: &Attention<'_>,
        scratch: &mut [f32],
        y: &ViewMut<'_, f32>,
        batch: usize,
        head: usize,
    ) -> Self {
        let &[.., t, d] = a.k.dims() else { unreachable!("rank 4") };
        let &[.., s, e] = y.dims() else { unreachable!("rank 4") };
        let at = |strides: &[isize]| batch as isize * strides[0] + head as isize * strides[1];
        // SAFETY: batch and head are among those of the views, as the caller promises.
        let lines = |view: &View<'_, f32>| unsafe {
            Lines { first: view.as_ptr().offset(at(view.strides())), pitch: view.strides()[2] }
        };
        let (k, v) = (lines(&a.k), lines(&a.v));
        let scores = scratch.as_mut_ptr();
        let padded = t.next_multiple_of(PANEL);
        // SAFETY: the scratch holds scores, keys and values, as the caller promises; `y` as above.
        unsafe {
            let packed_keys = scores.add(ROWS * padded);
            Self {
                kernel,
                causal: a.causal,
                scale: a.scale,
                s,
                t,
                d,
                e,
                q: lines(&a.q),
                keys: Matrix { ptr: k.first, k: d, n: t, k_stride: 1, n_stride: k.pitch },
                values: Matrix { ptr: v.first, k: t, n: e, k_stride: v.pitch, n_stride: 1 },
                mask: a.mask.map(|mask| (lines(&mask), mask.strides()[3])),
                y: Lines { first: y.as_ptr().offset(at(y.strides())), pitch: y.strides()[2] },
                scores,
                packed_keys,
                packed_values: packed_keys.add(padded * d),
            }
        }
    }

    /// Computes all rows.
    ///
    /// # Safety
    /// As [`Head`] says; nothing else touches the scratch and this part of y meanwhile.
    pub(super) unsafe fn run(&self, parallel: &dyn Parallel) {
        // SAFETY: as the caller promises; the second pass begins when the first has ended, and tasks write different
        // panels, or different rows of y with rows of scores of their own.
        unsafe {
            self.pack(parallel);
            let macs = self.s.saturating_mul(self.t).saturating_mul(self.d + self.e);
            // A power of two divides the rows of scores, and lets no tile reach over a multiple of their number.
            let tasks = 1 << parallel.threads().min(macs / TASK_MACS).clamp(1, ROWS).ilog2();
            let height = ROWS / tasks;
            parallel.run(tasks, &|task| {
                let scores = self.scores.add(task * height * self.score_pitch());
                let rows = share(self.s, height, task, tasks);
                for first in rows.clone().step_by(height) {
                    self.tile(first..(first + height).min(rows.end), scores);
                }
            });
        }
    }

    fn score_pitch(&self) -> usize {
        self.t.next_multiple_of(PANEL)
    }

    /// Whether the values lie as panels of whole vectors.
    fn values_are_panels(&self) -> bool {
        self.e.is_multiple_of(PANEL)
    }

    /// Packs the keys, and the values if they need it.
    unsafe fn pack(&self, parallel: &dyn Parallel) {
        let key_panels = self.t.div_ceil(PANEL);
        let value_panels = if self.values_are_panels() { 0 } else { self.e.div_ceil(PANEL) };
        let elements = key_panels * PANEL * self.d + value_panels * PANEL * self.t;
        let panels = key_panels + value_panels;
        let tasks = parallel.threads().min(elements / TASK_ELEMENTS).clamp(1, panels);
        parallel.run(tasks, &|task| {
            for panel in share(panels, 1, task, tasks) {
                // SAFETY: the panel is one of the keys' or of the values', for which the scratch has room.
                unsafe {
                    match panel.checked_sub(key_panels) {
                        None => pack_panel(&self.keys, panel, self.packed_keys.add(panel * PANEL * self.d)),
                        Some(p) => pack_panel(&self.values, p, self.packed_values.add(p * PANEL * self.t)),
                    }
                }
            }
        });
    }

    /// Keys that row `s` attends to.
    fn limit(&self, s: usize) -> usize {
        if self.causal { s + self.t - self.s + 1 } else { self.t }
    }

    /// Computes some rows, of which none but the first is a multiple of [`ROWS`].
    unsafe fn tile(&self, rows: Range<usize>, scores: *mut f32) {
        // The same for a row whatever the height of its tile.
        let keys = self.limit(((rows.start / ROWS + 1) * ROWS).min(self.s) - 1);
        // SAFETY: the rows are those of this head; `scores` has room for as many.
        unsafe {
            self.score(rows.clone(), keys, scores);
            for (i, s) in rows.clone().enumerate() {
                let (row, limit) = (scores.add(i * self.score_pitch()), self.limit(s));
                self.add_broadcast_mask(s, row, limit);
                (self.kernel.softmax.run_masked)(row, limit);
                row.add(limit).write_bytes(0, keys - limit);
            }
            self.weigh(rows, keys, scores);
        }
    }

    /// scores = scale · q·kᵀ, with the mask if its rows are contiguous.
    unsafe fn score(&self, rows: Range<usize>, keys: usize, scores: *mut f32) {
        let first = rows.start as isize;
        let mask = self.mask.filter(|&(_, step)| step == 1).map(|(lines, _)| lines);
        // SAFETY: the first row is one of the queries' and of the mask's.
        let (x, residual) = unsafe {
            let residual = mask.map_or(core::ptr::null(), |mask| mask.first.offset(first * mask.pitch));
            (self.q.first.offset(first * self.q.pitch), residual)
        };
        let store = Store {
            alpha: self.scale,
            residual,
            residual_pitch: mask.map_or(0, |mask| mask.pitch),
            ..store(scores, self.score_pitch() as isize, keys)
        };
        let panels = Panels { first: self.packed_keys, panel: self.d * PANEL, step: PANEL as isize };
        // SAFETY: rows of queries, packed keys, and scores, as the caller promises.
        unsafe { self.multiply(rows.len(), self.d, Lines { first: x, pitch: self.q.pitch }, panels, store) };
    }

    /// Adds a mask whose neighbours along a row are not neighbours in memory.
    unsafe fn add_broadcast_mask(&self, s: usize, row: *mut f32, limit: usize) {
        let Some((mask, step)) = self.mask.filter(|&(_, step)| step != 1) else { return };
        for t in 0..limit {
            // SAFETY: (s, t) is in the mask, and `t` in the row of scores.
            unsafe { *row.add(t) += mask.first.offset(s as isize * mask.pitch + t as isize * step).read() };
        }
    }

    /// y = scores · v
    unsafe fn weigh(&self, rows: Range<usize>, keys: usize, scores: *const f32) {
        let panels = if self.values_are_panels() {
            Panels { first: self.values.ptr, panel: PANEL, step: self.values.k_stride }
        } else {
            Panels { first: self.packed_values, panel: self.t * PANEL, step: PANEL as isize }
        };
        let x = Lines { first: scores, pitch: self.score_pitch() as isize };
        // SAFETY: rows of scores, values and rows of y, as the caller promises.
        unsafe {
            let y = self.y.first.offset(rows.start as isize * self.y.pitch);
            self.multiply(rows.len(), keys, x, panels, store(y, self.y.pitch, self.e));
        }
    }

    /// # Safety
    /// Rows, panels and what `store` addresses are there for m rows and k products, and nothing else touches the
    /// results meanwhile.
    unsafe fn multiply(&self, m: usize, k: usize, x: Lines<*const f32>, w: Panels, store: Store) {
        let product = Product {
            m,
            k,
            n: store.cols,
            x: x.first,
            x_pitch: x.pitch,
            w: w.first,
            panel: w.panel,
            step: w.step,
            store,
            activation: Function::IDENTITY,
        };
        let part = Part { rows: 0..m, panels: 0..store.cols.div_ceil(PANEL) };
        // SAFETY: as the caller promises.
        unsafe { run_part(self.kernel.gemm, &product, part) };
    }
}

/// The right factor of a product.
struct Panels {
    first: *const f32,
    panel: usize,
    step: isize,
}

/// Stores products as they are.
fn store(y: *mut f32, y_pitch: isize, cols: usize) -> Store {
    Store {
        alpha: 1.0,
        bias: core::ptr::null(),
        residual: core::ptr::null(),
        residual_pitch: 0,
        y,
        y_pitch,
        cols,
        low: f32::NEG_INFINITY,
        high: f32::INFINITY,
    }
}
