//! Windows onto memory that kernels read and write.
//!
//! A view addresses `dims` elements by `strides` from a first one. Its constructor's caller promises that each
//! addressed element is valid for the view's life; different views of a step may interleave (columns of one
//! buffer) and an output may coincide with an input where the operator says so, so kernels reach elements by
//! pointer and never make slices of what they do not own alone.

use core::marker::PhantomData;

/// Highest rank of a view.
pub const MAX_RANK: usize = 8;

/// Plain element types that views may hold.
pub trait Element: Copy + Send + Sync + 'static {}
impl Element for f32 {}
impl Element for f64 {}
impl Element for i8 {}
impl Element for u8 {}
impl Element for i16 {}
impl Element for u16 {}
impl Element for i32 {}
impl Element for u32 {}
impl Element for i64 {}
impl Element for u64 {}

/// Pointer, dims and strides (in elements) of a view.
#[derive(Clone, Copy, Debug)]
struct Window<P> {
    ptr: P,
    rank: usize,
    dims: [usize; MAX_RANK],
    strides: [isize; MAX_RANK],
}

impl<P: Copy> Window<P> {
    fn new(ptr: P, dims: &[usize], strides: &[isize]) -> Self {
        assert!(dims.len() == strides.len() && dims.len() <= MAX_RANK, "a view has at most {MAX_RANK} dimensions");
        let mut window = Self { ptr, rank: dims.len(), dims: [1; MAX_RANK], strides: [0; MAX_RANK] };
        window.dims[..dims.len()].copy_from_slice(dims);
        window.strides[..dims.len()].copy_from_slice(strides);
        window
    }

    fn dense(ptr: P, dims: &[usize]) -> Self {
        let mut strides = [0isize; MAX_RANK];
        let mut stride = 1isize;
        for i in (0..dims.len()).rev() {
            strides[i] = stride;
            stride *= dims[i] as isize;
        }
        Self::new(ptr, dims, &strides[..dims.len()])
    }

    fn rows(&self) -> Option<(usize, usize, usize)> {
        let (&cols, outer) = self.dims[..self.rank].split_last()?;
        let (&step, outer_strides) = self.strides[..self.rank].split_last()?;
        if cols > 1 && step != 1 {
            return None;
        }
        let mut rows = 1usize;
        let mut pitch: Option<usize> = None;
        for (&dim, &stride) in outer.iter().zip(outer_strides).rev() {
            if dim == 1 {
                continue;
            }
            match pitch {
                None if stride >= 0 => pitch = Some(stride as usize),
                Some(p) if (rows * p) as isize == stride => {}
                _ => return None,
            }
            rows *= dim;
        }
        Some((rows, cols, pitch.unwrap_or(cols)))
    }
}

macro_rules! view {
    ($(#[$meta:meta])* $name:ident, $rows:ident, $ptr:ident, $($mutability:ident)?) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name<'a, T> {
            window: Window<*$ptr T>,
            life: PhantomData<&'a $($mutability)? T>,
        }

        // SAFETY: a view is a borrow of plain elements: like `&[T]` and `&mut [T]`.
        unsafe impl<T: Sync + Send> Send for $name<'_, T> {}
        // SAFETY: as above; writing through a shared view needs unsafe code of this crate.
        unsafe impl<T: Sync + Send> Sync for $name<'_, T> {}

        impl<'a, T: Element> $name<'a, T> {
            /// A strided window.
            ///
            /// # Safety
            /// For every index below `dims`, the element at `ptr + Σ index · stride` is initialized and valid
            /// for reads (and writes, for a view that writes) during `'a`, and no other view alive writes
            /// it, except an operator's input that coincides with its output element for element.
            ///
            /// # Panics
            /// If `dims` and `strides` differ in length or there are more than [`MAX_RANK`].
            pub unsafe fn from_raw(ptr: *$ptr T, dims: &[usize], strides: &[isize]) -> Self {
                Self { window: Window::new(ptr, dims, strides), life: PhantomData }
            }

            /// Dimensions.
            pub fn dims(&self) -> &[usize] {
                &self.window.dims[..self.window.rank]
            }

            /// Strides in elements.
            pub fn strides(&self) -> &[isize] {
                &self.window.strides[..self.window.rank]
            }

            /// Number of elements.
            pub fn len(&self) -> usize {
                self.dims().iter().product()
            }

            /// Whether there are no elements.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// The first element's address.
            pub fn as_ptr(&self) -> *$ptr T {
                self.window.ptr
            }

            /// Whether elements lie row-major without gaps.
            pub fn is_dense(&self) -> bool {
                let mut expected = 1isize;
                for (&dim, &stride) in self.dims().iter().zip(self.strides()).rev() {
                    if dim > 1 && stride != expected {
                        return false;
                    }
                    expected *= dim as isize;
                }
                true
            }
        }
    };
}

view!(
    /// A window that is read.
    View, Rows, const,
);
view!(
    /// A window that is written.
    ViewMut, RowsMut, mut, mut
);

impl<T: Copy> Clone for View<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Copy> Copy for View<'_, T> {}

impl<'a, T: Element> View<'a, T> {
    /// A dense view of a slice.
    ///
    /// # Panics
    /// If the slice does not have exactly the elements that `dims` tell.
    pub fn dense(slice: &'a [T], dims: &[usize]) -> Self {
        assert_eq!(slice.len(), dims.iter().product::<usize>(), "a dense view covers its slice");
        Self { window: Window::dense(slice.as_ptr(), dims), life: PhantomData }
    }

    /// Calls `f` with every element, in row-major order.
    pub fn for_each(&self, mut f: impl FnMut(T)) {
        let rank = self.dims().len();
        let mut index = [0; MAX_RANK];
        while !self.is_empty() {
            f(self.read(&index[..rank]));
            let Some(i) = (0..rank).rev().find(|&i| index[i] + 1 < self.dims()[i]) else { return };
            index[i] += 1;
            index[i + 1..rank].fill(0);
        }
    }

    /// The element at an index.
    ///
    /// # Panics
    /// If the index is not below the dimensions.
    pub fn read(&self, index: &[usize]) -> T {
        let below = index.len() == self.dims().len() && index.iter().zip(self.dims()).all(|(i, dim)| i < dim);
        assert!(below, "an index lies below the dimensions");
        let offset: isize = index.iter().zip(self.strides()).map(|(&i, &stride)| i as isize * stride).sum();
        // SAFETY: the index was checked, and every index below the dimensions addresses a valid element.
        unsafe { *self.window.ptr.offset(offset) }
    }

    /// A window onto a slice whose element `first` is its own first.
    ///
    /// # Panics
    /// If `dims` and `strides` differ in length, there are more than [`MAX_RANK`], or an element lies outside.
    pub fn of(slice: &'a [T], first: usize, dims: &[usize], strides: &[isize]) -> Self {
        let reach = |sign: isize| {
            let reaches = dims.iter().zip(strides).map(|(&dim, &stride)| (dim as isize - 1) * stride);
            reaches.filter(|reach| reach.signum() == sign).sum::<isize>().unsigned_abs()
        };
        let inside = dims.contains(&0) || reach(-1) <= first && first + reach(1) < slice.len();
        assert!(inside, "the window lies inside its slice");
        Self { window: Window::new(slice.as_ptr().wrapping_add(first), dims, strides), life: PhantomData }
    }

    /// As rows along the last dimension, where the strides allow it.
    pub fn rows(&self) -> Option<Rows<'a, T>> {
        let (rows, cols, pitch) = self.window.rows()?;
        Some(Rows { ptr: self.window.ptr, rows, cols, pitch, life: PhantomData })
    }
}

impl<'a, T: Element> ViewMut<'a, T> {
    /// A dense view of a slice.
    ///
    /// # Panics
    /// If the slice does not have exactly the elements that `dims` tell.
    pub fn dense(slice: &'a mut [T], dims: &[usize]) -> Self {
        assert_eq!(slice.len(), dims.iter().product::<usize>(), "a dense view covers its slice");
        Self { window: Window::dense(slice.as_mut_ptr(), dims), life: PhantomData }
    }

    /// As rows along the last dimension, where the strides allow it.
    pub fn rows(self) -> Option<RowsMut<'a, T>> {
        let (rows, cols, pitch) = self.window.rows()?;
        Some(RowsMut { ptr: self.window.ptr, rows, cols, pitch, life: PhantomData })
    }

    /// The same window for reading (an operator working in place).
    pub fn as_view(&self) -> View<'_, T> {
        let Window { ptr, rank, dims, strides } = self.window;
        View { window: Window { ptr: ptr.cast_const(), rank, dims, strides }, life: PhantomData }
    }
}

/// Rows of equal length: row `r` begins `r · pitch` elements after the first.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    ptr: *const T,
    rows: usize,
    cols: usize,
    pitch: usize,
    life: PhantomData<&'a T>,
}

/// Rows that are written; see [`Rows`].
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    ptr: *mut T,
    rows: usize,
    cols: usize,
    pitch: usize,
    life: PhantomData<&'a mut T>,
}

// SAFETY: borrows of plain elements, like `&[T]`.
unsafe impl<T: Sync + Send> Send for Rows<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync + Send> Sync for Rows<'_, T> {}
// SAFETY: as above; writing through a shared one needs unsafe code of this crate.
unsafe impl<T: Sync + Send> Send for RowsMut<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync + Send> Sync for RowsMut<'_, T> {}

macro_rules! rows_accessors {
    ($name:ident, $ptr:ident) => {
        impl<'a, T: Element> $name<'a, T> {
            /// Rows from an address on.
            ///
            /// # Safety
            /// For all elements of the rows what the constructor of views by address demands.
            pub unsafe fn from_raw(ptr: *$ptr T, rows: usize, cols: usize, pitch: usize) -> Self {
                Self { ptr, rows, cols, pitch, life: PhantomData }
            }

            /// Number of rows.
            pub fn rows(&self) -> usize {
                self.rows
            }
            /// Elements of a row.
            pub fn cols(&self) -> usize {
                self.cols
            }
            /// Elements from the beginning of a row to that of the next.
            pub fn pitch(&self) -> usize {
                self.pitch
            }
            /// The first element's address.
            pub fn as_ptr(&self) -> *$ptr T {
                self.ptr
            }
        }
    };
}
rows_accessors!(Rows, const);
rows_accessors!(RowsMut, mut);

impl<'a, T: Element> Rows<'a, T> {
    /// Rows of a slice.
    ///
    /// # Panics
    /// If the slice ends before the last row does.
    pub fn of(slice: &'a [T], rows: usize, cols: usize, pitch: usize) -> Self {
        assert!(rows == 0 || (rows - 1) * pitch + cols <= slice.len(), "the slice ends before its last row");
        Self { ptr: slice.as_ptr(), rows, cols, pitch, life: PhantomData }
    }
}

impl<'a, T: Element> RowsMut<'a, T> {
    /// Rows of a slice.
    ///
    /// # Panics
    /// If rows overlap, or the slice ends before the last row does.
    pub fn of(slice: &'a mut [T], rows: usize, cols: usize, pitch: usize) -> Self {
        assert!(rows <= 1 || cols <= pitch, "rows overlap");
        assert!(rows == 0 || (rows - 1) * pitch + cols <= slice.len(), "the slice ends before its last row");
        Self { ptr: slice.as_mut_ptr(), rows, cols, pitch, life: PhantomData }
    }

    /// The same rows for reading.
    pub fn as_rows(&self) -> Rows<'_, T> {
        Rows { ptr: self.ptr.cast_const(), rows: self.rows, cols: self.cols, pitch: self.pitch, life: PhantomData }
    }
}
