//! Two-dimensional convolution of 8-bit numbers, NHWC, without patch buffers.
//!
//! Weights lie, for each group, in panels of 16 output channels, each `[kernel_h][kernel_w][D/4][16][4]`, D being
//! C/groups rounded up to 4: see [`gemm_i8`](crate::gemm_i8), whose arithmetic holds and whose micro-kernels do the work.
//! Padding counts as elements that are `x_zero`.

mod columns;
mod patch;
#[cfg(test)]
mod tests;

use self::columns::ColumnSight;
use self::patch::{Layout, PatchSight};
pub use crate::conv_f32::Shape;
use crate::gemm_f32::{Part, split};
use crate::gemm_i8::{Gemm, GemmKernel, How, PANEL, Product, QUAD, Sights, Store, run_part};
use crate::requantize::Epilogue;
use crate::sight::{Cursor, Prepared, Runs, Segment, Sight};
use crate::{Parallel, Rows, RowsMut};

/// Operands of a convolution beside its output `y [N, OH, OW, O]`.
#[derive(Clone, Copy, Debug)]
pub struct Conv<'a> {
    /// Sizes.
    pub shape: Shape,
    /// `[N, H, W, C]`, as rows of channels.
    pub x: Rows<'a, u8>,
    /// What the padding holds.
    pub x_zero: u8,
    /// Packed weights.
    pub w: &'a [i8],
    /// Zero point of the weights; 0 for symmetric ones.
    pub w_zero: i32,
    /// What becomes of the sums; bias and multiplier are padded to the panels of each group.
    pub epilogue: Epilogue<'a>,
}

/// What pixels see of one group's channels.
struct PixelSight<'a> {
    runs: &'a Runs,
    x: *const u8,
    sight: Sight<u8>,
    cursor: Cursor,
    /// The pixel that the cursor is at.
    next: usize,
}

impl Sights for PixelSight<'_> {
    fn tile(&mut self, row: usize, high: usize, left: usize) -> usize {
        if row != self.next {
            (self.cursor, self.next) = (Cursor::at(&self.runs.shape, row), row);
        }
        self.cursor.tile(&self.runs.shape, high, left)
    }

    fn place(&mut self, row: usize, rows: usize) {
        self.sight.place(self.runs, self.x, rows, &mut self.cursor);
        self.next = row + rows;
    }

    fn prepare(&mut self, begin: usize) -> Prepared {
        self.sight.prepare(self.runs, begin)
    }

    fn segments(&self) -> *const Segment<u8> {
        self.sight.segments()
    }

    fn count(&self) -> usize {
        self.runs.segments
    }

    fn run(&self) -> usize {
        self.runs.len.div_ceil(QUAD)
    }

    fn is_wide(&self) -> bool {
        false
    }
}

/// Whether there is a stack for copies of whole rows, and a cache that they stay in.
const WHOLE_ROWS: bool = cfg!(target_pointer_width = "64");

/// A convolution, ready to run in parts.
struct Job<'a> {
    kernel: &'a GemmKernel,
    runs: Runs,
    /// Where rows are copied.
    layout: Option<&'a Layout>,
    /// Elements from one input pixel to the next.
    pitch: usize,
    x: *const u8,
    x_zero: u8,
    w: *const i8,
    w_zero: i32,
    /// Of the first group.
    store: Store<'a>,
}

// SAFETY: addresses of plain elements; parts write different ones.
unsafe impl Sync for Job<'_> {}

/// Quads of each sum.
fn quads(s: &Shape) -> usize {
    s.vertical.kernel * s.horizontal.kernel * (s.channels / s.groups).div_ceil(QUAD)
}

impl Conv<'_> {
    /// Computes `y`, as rows of channels.
    ///
    /// # Panics
    /// If sizes or lengths do not match.
    pub fn run(&self, kernel: &GemmKernel, y: &mut RowsMut<'_, u8>, parallel: &dyn Parallel) {
        let s = &self.shape;
        self.check(y);
        if s.is_pointwise() {
            let Conv { x, w, w_zero, epilogue, .. } = *self;
            return kernel.run(&Gemm { x, w, w_zero, epilogue }, y, parallel);
        }
        let how = How::new(&self.epilogue, y);
        let layout = if WHOLE_ROWS { Layout::new(s, self.x.pitch(), self.x_zero, kernel) } else { None };
        let job = Job {
            kernel,
            runs: Runs::new::<u8>(s, self.x.pitch(), QUAD),
            layout: layout.as_ref(),
            pitch: self.x.pitch(),
            x: self.x.as_ptr(),
            x_zero: self.x_zero,
            w: self.w.as_ptr(),
            w_zero: self.w_zero,
            store: Store::new(&self.epilogue, y, &how, s.outputs / s.groups),
        };
        split([s.pixels(), quads(s), s.groups * s.group_panels()], parallel, &|part| {
            // SAFETY: checked above: views and slices cover the sizes, `y` overlaps a coinciding residual at most, parts are
            // disjoint; owning a kernel selected from a set of instruction sets proves that the processor has it.
            unsafe { job.run(part) }
        });
    }

    fn check(&self, y: &RowsMut<'_, u8>) {
        let (s, groups) = (&self.shape, self.shape.groups);
        let (v, h) = (&s.vertical, &s.horizontal);
        assert!(groups > 0 && s.channels.is_multiple_of(groups) && s.outputs.is_multiple_of(groups), "groups of {s:?}");
        assert!(quads(s) > 0 && v.stride > 0 && h.stride > 0, "kernel of {s:?}");
        assert!(self.x.rows() == s.batch * v.input * h.input && self.x.cols() == s.channels, "input of {s:?}");
        assert!(y.rows() == s.pixels() && y.cols() == s.outputs, "output of {s:?}");
        let columns = groups * s.group_panels() * PANEL;
        assert!(columns * quads(s) * QUAD <= self.w.len(), "weights of {s:?}");
        assert!(self.epilogue.fits(columns, y.rows(), s.outputs), "epilogue of {s:?}");
    }
}

impl Job<'_> {
    /// Computes a part: pixels by panels, those of all groups being counted.
    ///
    /// # Safety
    /// The job's addresses are valid for what the sizes tell, nothing else touches the part's outputs meanwhile, and the
    /// processor has the kernel's instruction set.
    unsafe fn run(&self, part: Part) {
        // SAFETY: as the caller promises.
        unsafe {
            match self.layout {
                Some(layout) if WHOLE_ROWS => self.run_patches(layout, part),
                _ if ColumnSight::pays(&self.runs.shape) => self.run_columns(part),
                _ => self.run_pixels(part),
            }
        }
    }

    /// [`Job::run`] by patches; apart from the other ways, so that one of them at a time takes room on the stack.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    unsafe fn run_patches(&self, layout: &Layout, part: Part) {
        let mut sight = PatchSight::new(layout);
        // SAFETY: as the caller promises, and each group's part is one of it.
        unsafe {
            self.for_each_group(part, |x, product, part| {
                sight.turn_to(x);
                run_part(product, part, &mut sight);
            });
        }
    }

    /// [`Job::run`] by columns.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    unsafe fn run_columns(&self, part: Part) {
        let mut sight = ColumnSight::new(&self.runs.shape, self.pitch, self.x_zero);
        // SAFETY: as the caller promises, and each group's part is one of it.
        unsafe {
            self.for_each_group(part, |x, product, part| {
                sight.x = x;
                run_part(product, part, &mut sight);
            });
        }
    }

    /// [`Job::run`] without copies.
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    unsafe fn run_pixels(&self, part: Part) {
        let cursor = Cursor::at(&self.runs.shape, part.rows.start);
        let (sight, next) = (Sight::new(self.x_zero), part.rows.start);
        let mut sight = PixelSight { runs: &self.runs, x: self.x, sight, cursor, next };
        // SAFETY: as the caller promises, and each group's part is one of it.
        unsafe {
            self.for_each_group(part, |x, product, part| {
                sight.x = x;
                run_part(product, part, &mut sight);
            });
        }
    }

    /// Calls `run` with each group that a part has panels of: its first channel, the product, and the part.
    ///
    /// # Safety
    /// The part is one of the convolution.
    unsafe fn for_each_group(&self, part: Part, mut run: impl FnMut(*const u8, &Product<'_>, Part)) {
        let s = &self.runs.shape;
        let of_group = s.group_panels();
        let mut first = part.panels.start;
        while first < part.panels.end {
            let (group, panel) = (first / of_group, first % of_group);
            let end = part.panels.end.min((group + 1) * of_group);
            let part = Part { rows: part.rows.clone(), panels: panel..panel + (end - first) };
            // SAFETY: each group has its channels and panels.
            unsafe { run(self.x.add(group * (s.channels / s.groups)), &self.group(group), part) };
            first = end;
        }
    }

    /// # Safety
    /// The group is one of the convolution's.
    unsafe fn group(&self, group: usize) -> Product<'_> {
        let s = &self.runs.shape;
        let (channels, columns) = (s.outputs / s.groups, s.group_panels() * PANEL);
        let (quads, mut store) = (quads(s), self.store);
        // SAFETY: each group has its channels and panels.
        unsafe {
            store.y = store.y.add(group * channels);
            if !store.residual.is_null() {
                store.residual = store.residual.add(group * channels);
            }
            store.bias = store.bias.add(group * columns);
            store.multiplier = store.multiplier.add(group * columns);
            let w = self.w.add(group * columns * quads * QUAD);
            Product { kernel: self.kernel, quads, w, w_zero: self.w_zero, store }
        }
    }
}
