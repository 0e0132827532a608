//! Which elements of the input belong to which of the output.

use crate::parallel::share;
use crate::view::MAX_RANK;
use crate::walk::{Loops, TASK_ELEMENTS};
use crate::{Element, Parallel, ViewMut};

/// Most outputs of a part.
pub(super) const WIDTH: usize = 64;

/// The kept dimensions, merged, and the reduced ones.
pub(super) struct Geometry {
    /// Operand 0 is the output.
    kept: Loops<2>,
    pub(super) reduced: Loops<1>,
    /// Length of the innermost kept dimension.
    row: usize,
    /// Stride of the input along it.
    step: isize,
    /// Whether elements along it are neighbours and those reduced are not.
    side_by_side: bool,
    output_dims: [usize; MAX_RANK],
    rank: usize,
}

/// Neighbouring elements of the output.
pub(super) struct Part {
    /// Where the first of the elements lies that the first is made of.
    pub(super) x: isize,
    /// Place of the first.
    pub(super) y: usize,
    pub(super) width: usize,
    /// From what the first is made of to what the next is made of.
    pub(super) step: isize,
    /// Whether the step is 1 and the elements of one output are farther apart.
    pub(super) side_by_side: bool,
}

impl Geometry {
    /// Of an input, and a bit for each dimension that is reduced.
    pub(super) fn new(dims: &[usize], strides: &[isize], axes: u32) -> Self {
        let (mut kept, mut reduced) = (Dims::default(), Dims::default());
        let mut output_dims = [1; MAX_RANK];
        for (i, (&dim, &stride)) in dims.iter().zip(strides).enumerate() {
            if axes >> i & 1 == 1 {
                reduced.push(dim, stride);
            } else {
                kept.push(dim, stride);
                output_dims[i] = dim;
            }
        }
        let kept = Loops::dense(kept.dims(), kept.strides()).merged();
        let reduced = Loops::new(reduced.dims(), [reduced.strides()]).merged();
        let row = kept.dims().last().copied().unwrap_or(1);
        let step = kept.strides(1).last().unwrap_or(0);
        let side_by_side = step == 1 && reduced.strides(0).last() != Some(1);
        Self { kept, reduced, row, step, side_by_side, output_dims, rank: dims.len() }
    }

    /// # Panics
    /// If the output has another shape or is not dense.
    pub(super) fn check_output<T: Element>(&self, y: &ViewMut<'_, T>) {
        let fits = y.dims() == &self.output_dims[..self.rank] && y.is_dense();
        assert!(fits, "the output is dense and has 1 in place of every reduced dimension");
    }

    /// Calls `body` for all parts of the output, in tasks of `parallel`.
    pub(super) fn each(&self, parallel: &dyn Parallel, body: &(dyn Fn(&Part) + Sync)) {
        let outputs = self.kept.len();
        if outputs == 0 {
            return;
        }
        let (row, step, side_by_side) = (self.row, self.step, self.side_by_side);
        let parts_of_row = row.div_ceil(WIDTH);
        let parts = outputs / row * parts_of_row;
        let work = outputs.saturating_mul(self.reduced.len().max(1));
        let tasks = parallel.threads().min(work / TASK_ELEMENTS).clamp(1, parts);
        parallel.run(tasks, &|task| {
            for i in share(parts, 1, task, tasks) {
                let column = i % parts_of_row * WIDTH;
                let [y, x] = self.kept.offset_of(i / parts_of_row * row + column);
                let width = WIDTH.min(row - column);
                body(&Part { x, y: y as usize, width, step, side_by_side });
            }
        });
    }
}

/// Dimensions with strides.
#[derive(Default)]
struct Dims {
    rank: usize,
    dims: [usize; MAX_RANK],
    strides: [isize; MAX_RANK],
}

impl Dims {
    fn push(&mut self, dim: usize, stride: isize) {
        (self.dims[self.rank], self.strides[self.rank]) = (dim, stride);
        self.rank += 1;
    }

    fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    fn strides(&self) -> &[isize] {
        &self.strides[..self.rank]
    }
}
