//! Extending a tensor at its edges.

#[cfg(test)]
mod tests;

use crate::parallel::share;
use crate::view::MAX_RANK;
use crate::walk::TASK_ELEMENTS;
use crate::{Element, Parallel, View, ViewMut};

/// What is put around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode<T> {
    /// A constant.
    Constant(T),
    /// Mirrored without repeating the edge: at most d − 1 elements of a dimension d on either side.
    Reflect,
    /// The edge repeated, of dimensions that are not 0.
    Edge,
    /// The other side: at most d elements of a dimension d.
    Wrap,
}

/// One dimension: where `y` goes on before and after `x`.
#[derive(Clone, Copy, Default)]
struct Axis {
    before: usize,
    x_dim: usize,
    x_stride: isize,
    y_dim: usize,
}

impl Axis {
    fn is_padded(&self) -> bool {
        self.x_dim != self.y_dim
    }

    /// The element of `x` that stands at place `i` of `y`; `None` for the constant.
    fn source<T>(&self, mode: &Mode<T>, i: usize) -> Option<usize> {
        let (before, dim) = (self.before, self.x_dim);
        match mode {
            _ if i >= before && i - before < dim => Some(i - before),
            Mode::Constant(_) => None,
            Mode::Reflect if i < before => Some(before - i),
            Mode::Reflect => Some(2 * (dim - 1) - (i - before)),
            Mode::Edge if i < before => Some(0),
            Mode::Edge => Some(dim - 1),
            Mode::Wrap if i < before => Some(i + dim - before),
            Mode::Wrap => Some(i - before - dim),
        }
    }

    fn allows<T>(&self, mode: &Mode<T>) -> bool {
        let Some(after) = self.y_dim.checked_sub(self.before + self.x_dim) else { return false };
        let most = match mode {
            Mode::Reflect => self.x_dim.saturating_sub(1),
            Mode::Edge if self.x_dim == 0 => 0,
            Mode::Wrap => self.x_dim,
            Mode::Constant(_) | Mode::Edge => usize::MAX,
        };
        self.before.max(after) <= most
    }
}

/// y = x with `before` elements before it along each dimension, and as many after it as the shapes tell. `y` is dense.
///
/// # Panics
/// If the ranks differ, `y` is not dense, or the mode does not allow so many elements.
pub fn pad<T: Element>(
    x: &View<'_, T>,
    mode: Mode<T>,
    before: &[usize],
    y: &mut ViewMut<'_, T>,
    parallel: &dyn Parallel,
) {
    let rank = x.dims().len();
    assert!(
        y.dims().len() == rank && before.len() == rank && y.is_dense(),
        "ranks are the same and the output is dense"
    );
    let (axes, rank) = axes(x, &mode, before, y.dims());
    let (axes, cols) = axes[..rank].split_at(rank - 1);
    let (cols, rows) = (cols[0], axes.iter().map(|axis| axis.y_dim).product::<usize>());
    if rows * cols.y_dim == 0 {
        return;
    }
    let tasks = parallel.threads().min(rows * cols.y_dim / TASK_ELEMENTS).clamp(1, rows);
    let y = &*y;
    parallel.run(tasks, &|task| {
        for r in share(rows, 1, task, tasks) {
            // SAFETY: every place along an axis of `x` is below its dimension; row `r` of `y` is this task's.
            unsafe {
                let y = y.as_ptr().add(r * cols.y_dim);
                match offset(axes, &mode, r) {
                    Some(from) => row(x.as_ptr().offset(from), &mode, &cols, y),
                    None => fill(&mode, y, cols.y_dim),
                }
            }
        }
    });
}

/// At least one axis, merged where what lies within an axis is whole and contiguous.
fn axes<T: Element>(x: &View<'_, T>, mode: &Mode<T>, before: &[usize], y_dims: &[usize]) -> ([Axis; MAX_RANK], usize) {
    let mut axes = [Axis { before: 0, x_dim: 1, x_stride: 1, y_dim: 1 }; MAX_RANK];
    let mut rank = 0;
    for i in 0..before.len() {
        let inner = Axis { before: before[i], x_dim: x.dims()[i], x_stride: x.strides()[i], y_dim: y_dims[i] };
        assert!(inner.allows(mode), "padding {} of a dimension {}", inner.before, inner.x_dim);
        if inner.x_dim == 1 && inner.y_dim == 1 {
            continue;
        }
        let outer = axes[rank.max(1) - 1];
        let whole = matches!(mode, Mode::Constant(_)) || !outer.is_padded();
        let joins = outer.x_dim <= 1 || outer.x_stride == inner.x_stride * inner.x_dim as isize;
        if rank > 0 && !inner.is_padded() && whole && joins && outer.x_dim > 0 {
            axes[rank - 1] = Axis {
                before: outer.before * inner.x_dim,
                x_dim: outer.x_dim * inner.x_dim,
                x_stride: inner.x_stride,
                y_dim: outer.y_dim * inner.y_dim,
            };
        } else {
            axes[rank] = inner;
            rank += 1;
        }
    }
    (axes, rank.max(1))
}

/// Where row `r` of `y` begins in `x`; `None` for a row of the constant.
fn offset<T>(axes: &[Axis], mode: &Mode<T>, mut r: usize) -> Option<isize> {
    let mut offset = 0;
    for axis in axes.iter().rev() {
        offset += axis.source(mode, r % axis.y_dim)? as isize * axis.x_stride;
        r /= axis.y_dim;
    }
    Some(offset)
}

/// # Safety
/// The axis' elements from `x` on are valid to read and `y_dim` from `y` on to write, and share no byte.
unsafe fn row<T: Element>(x: *const T, mode: &Mode<T>, axis: &Axis, y: *mut T) {
    let (begin, end) = (axis.before, axis.before + axis.x_dim);
    // SAFETY: places in `y` are below `y_dim`, those in `x` below `x_dim`.
    unsafe {
        if axis.x_stride == 1 {
            core::ptr::copy_nonoverlapping(x, y.add(begin), axis.x_dim);
        } else {
            for i in 0..axis.x_dim {
                y.add(begin + i).write(x.offset(i as isize * axis.x_stride).read());
            }
        }
        if let Mode::Constant(_) = mode {
            fill(mode, y, begin);
            fill(mode, y.add(end), axis.y_dim - end);
            return;
        }
        for i in (0..begin).chain(end..axis.y_dim) {
            if let Some(source) = axis.source(mode, i) {
                y.add(i).write(x.offset(source as isize * axis.x_stride).read());
            }
        }
    }
}

/// # Safety
/// `len` elements from `y` on are valid to write.
unsafe fn fill<T: Element>(mode: &Mode<T>, y: *mut T, len: usize) {
    if let Mode::Constant(value) = *mode {
        for i in 0..len {
            // SAFETY: `i` is below `len`.
            unsafe { y.add(i).write(value) };
        }
    }
}
