//! The index space of kernels that touch elements one by one, and how it is walked.

use crate::parallel::{Parallel, share};
use crate::view::MAX_RANK;

/// Below so many elements a task is not worth its start; tests split small cases too.
pub(crate) const TASK_ELEMENTS: usize = if cfg!(test) { 64 } else { 16_384 };

/// Shares along a dimension are multiples of this, so that vectors stay whole.
const SHARE_UNIT: usize = 16;

/// Dimensions, outermost first, and the strides of `N` operands along each.
#[derive(Clone, Copy, Debug)]
pub struct Loops<const N: usize> {
    rank: usize,
    dims: [usize; MAX_RANK],
    strides: [[isize; N]; MAX_RANK],
}

/// The two innermost dimensions at one place of the others; offsets and steps are in elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile<const N: usize> {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Where each operand's first element lies.
    pub(crate) offset: [isize; N],
    /// From one row to the next.
    pub(crate) row: [isize; N],
    /// From one column to the next.
    pub(crate) col: [isize; N],
}

impl Loops<2> {
    /// A dense operand 0, and operand 1 of these strides.
    ///
    /// # Panics
    /// As [`Loops::new`].
    pub(crate) fn dense(dims: &[usize], strides: &[isize]) -> Self {
        let mut dense = [1isize; MAX_RANK];
        for i in (1..dims.len()).rev() {
            dense[i - 1] = dense[i] * dims[i] as isize;
        }
        Self::new(dims, [&dense[..dims.len()], strides])
    }
}

impl<const N: usize> Loops<N> {
    /// Dimensions as they are.
    ///
    /// # Panics
    /// If there are more than [`MAX_RANK`], or not as many strides of each operand.
    pub fn new(dims: &[usize], strides: [&[isize]; N]) -> Self {
        assert!(dims.len() <= MAX_RANK && strides.iter().all(|s| s.len() == dims.len()), "one stride a dimension");
        let mut loops = Self { rank: dims.len(), dims: [1; MAX_RANK], strides: [[0; N]; MAX_RANK] };
        for (i, &dim) in dims.iter().enumerate() {
            loops.dims[i] = dim;
            loops.strides[i] = strides.map(|s| s[i]);
        }
        loops
    }

    /// The same elements in as few dimensions as can be, in the order in which operand 0 lies in memory. The elements
    /// of the other operands are paired with those of operand 0 as before.
    #[must_use]
    pub fn merged(mut self) -> Self {
        if self.dims().contains(&0) {
            return Self { rank: 1, dims: [0; MAX_RANK], strides: [[1; N]; MAX_RANK] };
        }
        self.drop_ones();
        self.sort();
        let mut rank = self.rank.min(1);
        for i in 1..self.rank {
            let (inner, outer) = (self.strides[i], self.strides[rank - 1]);
            let dim = self.dims[i];
            if (0..N).all(|k| outer[k] == inner[k].wrapping_mul(dim as isize)) {
                self.dims[rank - 1] *= dim;
                self.strides[rank - 1] = inner;
            } else {
                (self.dims[rank], self.strides[rank]) = (dim, inner);
                rank += 1;
            }
        }
        self.rank = rank;
        self
    }

    fn drop_ones(&mut self) {
        let mut rank = 0;
        for i in 0..self.rank {
            if self.dims[i] != 1 {
                (self.dims[rank], self.strides[rank]) = (self.dims[i], self.strides[i]);
                rank += 1;
            }
        }
        self.rank = rank;
    }

    /// Insertion sort, stable: strides of operand 0 descend in magnitude.
    fn sort(&mut self) {
        for i in 1..self.rank {
            let mut at = i;
            while at > 0 && self.strides[at - 1][0].unsigned_abs() < self.strides[at][0].unsigned_abs() {
                self.swap(at - 1, at);
                at -= 1;
            }
        }
    }

    fn swap(&mut self, i: usize, k: usize) {
        self.dims.swap(i, k);
        self.strides.swap(i, k);
    }

    /// Dimensions.
    pub fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    /// Strides of operand `k`, in elements.
    pub fn strides(&self, k: usize) -> impl Iterator<Item = isize> {
        self.strides[..self.rank].iter().map(move |s| s[k])
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.dims().iter().product()
    }

    /// Where the element lies that is the `index`th in row-major order, which must be below the number of elements.
    pub(crate) fn offset_of(&self, mut index: usize) -> [isize; N] {
        let mut offset = [0; N];
        for (&dim, strides) in self.dims().iter().zip(&self.strides).rev() {
            let place = (index % dim) as isize;
            for (offset, stride) in offset.iter_mut().zip(strides) {
                *offset += place * stride;
            }
            index /= dim;
        }
        offset
    }

    /// Moves dimension `i` to the place before the last, keeping the others' order.
    pub(crate) fn bring_to_rows(&mut self, i: usize) {
        for at in i..self.rank.saturating_sub(2) {
            self.swap(at, at + 1);
        }
    }

    /// Calls `body` for every tile, in tasks of `parallel` that walk disjoint parts.
    pub(crate) fn each(&self, parallel: &dyn Parallel, body: &(dyn Fn(&Tile<N>) + Sync)) {
        let len = self.len();
        if len == 0 {
            return;
        }
        let tasks = parallel.threads().min(len / TASK_ELEMENTS);
        if tasks < 2 {
            return self.walk(body);
        }
        let longest = (0..self.rank).rev().max_by_key(|&i| self.dims[i]).unwrap_or(0);
        let unit = if longest + 1 == self.rank { SHARE_UNIT } else { 1 };
        parallel.run(tasks, &|task| {
            let range = share(self.dims[longest], unit, task, tasks);
            let mut part = *self;
            part.dims[longest] = range.len();
            if !range.is_empty() {
                part.walk(&|tile| {
                    let mut tile = *tile;
                    for (offset, stride) in tile.offset.iter_mut().zip(self.strides[longest]) {
                        *offset += range.start as isize * stride;
                    }
                    body(&tile);
                });
            }
        });
    }

    /// The lines along the innermost dimension, in order.
    #[inline]
    pub(crate) fn lines(&self) -> Lines<'_, N> {
        let (len, step) = match self.rank {
            0 => (1, [0; N]),
            rank => (self.dims[rank - 1], self.strides[rank - 1]),
        };
        let outer = self.rank.saturating_sub(1);
        let left = if len == 0 { 0 } else { self.dims[..outer].iter().product() };
        Lines { loops: self, outer, left, index: [0; MAX_RANK], line: Line { offset: [0; N], len, step } }
    }

    /// Calls `body` for every tile in order; no dimension is 0.
    pub(crate) fn walk(&self, body: &dyn Fn(&Tile<N>)) {
        let (inner, outer) = (self.rank.min(2), self.rank.saturating_sub(2));
        let mut tile = Tile { rows: 1, cols: 1, offset: [0; N], row: [0; N], col: [0; N] };
        if inner > 0 {
            (tile.cols, tile.col) = (self.dims[self.rank - 1], self.strides[self.rank - 1]);
        }
        if inner > 1 {
            (tile.rows, tile.row) = (self.dims[outer], self.strides[outer]);
        }
        let mut index = [0usize; MAX_RANK];
        loop {
            body(&tile);
            if !self.advance(outer, &mut index, &mut tile.offset) {
                return;
            }
        }
    }

    /// Goes on to the next index of the first `outer` dimensions; `false` after the last.
    fn advance(&self, outer: usize, index: &mut [usize; MAX_RANK], offset: &mut [isize; N]) -> bool {
        for i in (0..outer).rev() {
            index[i] += 1;
            let wraps = index[i] == self.dims[i];
            let steps = if wraps { 1 - self.dims[i] as isize } else { 1 };
            for (offset, stride) in offset.iter_mut().zip(self.strides[i]) {
                *offset += steps * stride;
            }
            if !wraps {
                return true;
            }
            index[i] = 0;
        }
        false
    }
}

/// One line along the innermost dimension; offset and step are in elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<const N: usize> {
    pub(crate) offset: [isize; N],
    pub(crate) len: usize,
    pub(crate) step: [isize; N],
}

/// See [`Loops::lines`].
pub(crate) struct Lines<'l, const N: usize> {
    loops: &'l Loops<N>,
    /// Dimensions that are not the innermost.
    outer: usize,
    left: usize,
    index: [usize; MAX_RANK],
    line: Line<N>,
}

impl<const N: usize> Iterator for Lines<'_, N> {
    type Item = Line<N>;

    #[inline]
    fn next(&mut self) -> Option<Line<N>> {
        self.left = self.left.checked_sub(1)?;
        let line = self.line;
        if self.left > 0 {
            self.loops.advance(self.outer, &mut self.index, &mut self.line.offset);
        }
        Some(line)
    }
}

/// The loops over views of equal dimensions: `loops_of!(y, a, b)`.
///
/// # Panics
/// If dimensions differ.
macro_rules! loops_of {
    ($first:expr $(, $other:expr)*) => {{
        $(assert!($first.dims() == $other.dims(), "operands have the same dimensions");)*
        $crate::walk::Loops::new($first.dims(), [$first.strides() $(, $other.strides())*])
    }};
}
pub(crate) use loops_of;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::vec::Vec;

    use super::Loops;
    use crate::SingleThread;
    use crate::parallel::Parallel;

    fn visits(loops: &Loops<2>, parallel: &dyn Parallel) -> Vec<(isize, isize)> {
        let all = Mutex::new(Vec::new());
        loops.each(parallel, &|tile| {
            for r in 0..tile.rows as isize {
                for c in 0..tile.cols as isize {
                    let at = |k: usize| tile.offset[k] + r * tile.row[k] + c * tile.col[k];
                    all.lock().unwrap().push((at(0), at(1)));
                }
            }
        });
        let mut all = all.into_inner().unwrap();
        all.sort_unstable();
        all
    }

    #[test]
    fn merging_joins_what_is_contiguous_in_all_operands() {
        let loops = Loops::new(&[2, 3, 1, 4, 5], [&[60, 20, 7, 5, 1], &[0, 20, 9, 5, 1]]).merged();
        assert_eq!(loops.dims(), [2, 60]);
        assert_eq!(loops.strides(1).collect::<Vec<_>>(), [0, 1]);
        let permuted = Loops::new(&[4, 5], [&[1, 4], &[1, 4]]).merged();
        assert_eq!(permuted.dims(), [20]);
        let reversed = Loops::new(&[4, 5], [&[-5, -1], &[-5, -1]]).merged();
        assert_eq!((reversed.dims(), reversed.strides(0).next()), (&[20][..], Some(-1)));
        assert_eq!(Loops::new(&[], [&[], &[]]).merged().dims(), []);
        assert_eq!(Loops::new(&[3, 0], [&[1, 1], &[0, 0]]).merged().dims(), [0]);
    }

    #[test]
    fn merged_loops_and_their_shares_visit_the_same_pairs() {
        let cases: [(&[usize], [&[isize]; 2]); 4] = [
            (&[3, 50, 7, 41], [&[14350, 287, 41, 1], &[0, 41, 0, 1]]),
            (&[40_000], [&[-1], &[0]]),
            (&[2, 3, 2, 3, 2, 3, 2, 3], [&[1, 2, 6, 12, 36, 72, 216, 432], &[648, 216, 108, 36, 18, 6, 3, 1]]),
            (&[5, 0], [&[1, 1], &[1, 1]]),
        ];
        for (dims, strides) in cases {
            let loops = Loops::new(dims, strides);
            let expected = visits(&loops, &SingleThread);
            assert_eq!(expected.len(), dims.iter().product::<usize>());
            assert_eq!(visits(&loops.merged(), &SingleThread), expected, "{dims:?}");
            assert_eq!(visits(&loops.merged(), &crate::parallel::Backwards(4)), expected, "{dims:?}");
        }
    }
}
