//! Random strided layouts for the tests of kernels that take any strides.

use std::vec::Vec;

use coulter_testkit::rng::Rng;

use crate::{Element, View, ViewMut};

/// Where a tensor's elements lie in a buffer.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) dims: Vec<usize>,
    pub(crate) strides: Vec<isize>,
    first: usize,
    len: usize,
}

impl Layout {
    /// Row-major without gaps.
    pub(crate) fn dense(dims: &[usize]) -> Self {
        let mut strides = std::vec![1; dims.len()];
        for i in (1..dims.len()).rev() {
            strides[i - 1] = strides[i] * dims[i] as isize;
        }
        Self { dims: dims.to_vec(), strides, first: 0, len: dims.iter().product() }
    }

    /// Dimensions in any order in memory, some reversed, some with gaps; every index has its own element.
    pub(crate) fn random(rng: &mut Rng, dims: &[usize]) -> Self {
        let mut order: Vec<usize> = (0..dims.len()).collect();
        if rng.coin() {
            for i in 1..order.len() {
                order.swap(i, rng.in_range(0..=i));
            }
        }
        let mut layout = Self { dims: dims.to_vec(), strides: std::vec![0; dims.len()], first: 0, len: 0 };
        let mut stride = if rng.in_range(0..=4) == 0 { 2 } else { 1 };
        for &i in order.iter().rev() {
            layout.strides[i] = if rng.in_range(0..=5) == 0 { -stride } else { stride };
            stride *= dims[i].max(1) as isize;
            stride += if rng.in_range(0..=3) == 0 { rng.in_range(1..=3) as isize } else { 0 };
        }
        layout.place();
        layout
    }

    /// As [`Layout::random`], with some dimensions broadcast.
    pub(crate) fn random_broadcast(rng: &mut Rng, dims: &[usize]) -> Self {
        let mut layout = Self::random(rng, dims);
        for stride in &mut layout.strides {
            if rng.in_range(0..=2) == 0 {
                *stride = 0;
            }
        }
        layout.place();
        layout
    }

    /// Dimension `i` broadcast.
    pub(crate) fn broadcast(mut self, i: usize) -> Self {
        self.strides[i] = 0;
        self.place();
        self
    }

    fn place(&mut self) {
        (self.first, self.len) = (0, 0);
        if self.dims.contains(&0) {
            return;
        }
        for (&dim, &stride) in self.dims.iter().zip(&self.strides) {
            let reach = (dim - 1) * stride.unsigned_abs();
            self.len += reach;
            self.first += if stride < 0 { reach } else { 0 };
        }
        self.len += 1;
    }

    /// Elements of the buffer.
    pub(crate) fn buffer_len(&self) -> usize {
        self.len
    }

    /// Each index's place in the buffer, in row-major order of the indices.
    pub(crate) fn places(&self) -> Vec<usize> {
        let mut places = std::vec![self.first as isize];
        for (&dim, &stride) in self.dims.iter().zip(&self.strides) {
            places = places.iter().flat_map(|&p| (0..dim as isize).map(move |i| p + i * stride)).collect();
        }
        places.into_iter().map(|p| p as usize).collect()
    }

    /// The elements in row-major order of the indices.
    pub(crate) fn read<T: Element>(&self, buffer: &[T]) -> Vec<T> {
        self.places().into_iter().map(|p| buffer[p]).collect()
    }

    pub(crate) fn view<'a, T: Element>(&self, buffer: &'a [T]) -> View<'a, T> {
        assert_eq!(buffer.len(), self.len);
        // SAFETY: the layout's places lie in the buffer.
        unsafe { View::from_raw(buffer.as_ptr().wrapping_add(self.first), &self.dims, &self.strides) }
    }

    pub(crate) fn view_mut<'a, T: Element>(&self, buffer: &'a mut [T]) -> ViewMut<'a, T> {
        assert_eq!(buffer.len(), self.len);
        // SAFETY: as above, and each index has its own.
        unsafe { ViewMut::from_raw(buffer.as_mut_ptr().wrapping_add(self.first), &self.dims, &self.strides) }
    }
}

/// Dimensions of a rank from 0 to 8 with no more than some thousands of elements, now and then with a 0.
pub(crate) fn random_dims(rng: &mut Rng) -> Vec<usize> {
    let rank = rng.in_range(0..=8);
    let mut left = rng.pick(&[40, 600, 5000]);
    let mut dims: Vec<usize> = (0..rank)
        .map(|_| {
            let most = rng.pick(&[1, 2, 3, 5, 9, 40, 600]);
            let dim = rng.in_range(1..=most.min(left));
            left /= dim;
            dim
        })
        .collect();
    if rank > 0 && rng.in_range(0..=30) == 0 {
        let at = rng.in_range(0..=rank - 1);
        dims[at] = 0;
    }
    dims
}

/// The view's dimensions merged with those of others, as binding does it.
macro_rules! merge {
    ($first:ident $(, $other:ident)*) => {{
        let loops = $crate::walk::loops_of!($first $(, $other)*).merged();
        let mut k = 0;
        $crate::test_layouts::merge!(@one $first, loops, k, ViewMut);
        $($crate::test_layouts::merge!(@one $other, loops, k, View);)*
        ($first $(, $other)*)
    }};
    (@one $view:ident, $loops:ident, $k:ident, $type:ident) => {
        let strides: std::vec::Vec<isize> = $loops.strides($k).collect();
        // SAFETY: merging keeps the elements that are addressed.
        let $view = unsafe { $crate::$type::from_raw($view.as_ptr(), $loops.dims(), &strides) };
        #[allow(unused_assignments, reason = "the last operand has no successor")]
        { $k += 1; }
    };
}
pub(crate) use merge;
