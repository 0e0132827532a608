//! Operands as windows onto memory: the only unsafe part of this crate.
//!
//! A [`Slot`] is made from a tensor of a parsed plan, which proved that all it addresses lies inside its space,
//! that a step's outputs do not overlap each other or its inputs (unless its operator works in place, or row by row: see
//! `sliding`), and that offsets are aligned to the element. [`Memory`] joins it to the base addresses. Arena bytes are initialized
//! before the first run, and every bit pattern is a value of the element types in use.
#![allow(unsafe_code)]

use core::marker::PhantomData;

use coulter_kernels::{Element, Rows, RowsMut, View, ViewMut};
use coulter_plan::{Dims, Space, Tensor};

/// An operand, ready to be joined to memory.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    space: Space,
    offset: usize,
    element: usize,
    rank: usize,
    dims: [u32; coulter_plan::MAX_RANK],
    strides: [i32; coulter_plan::MAX_RANK],
}

/// An operand whose elements lie one after another: weights, tables, room to work in.
#[derive(Clone, Copy, Debug)]
pub struct DenseSlot {
    space: Space,
    element: u8,
    offset: usize,
    len: usize,
}

/// An operand that is rows; see [`Tensor::as_rows`].
#[derive(Clone, Copy, Debug)]
pub struct RowSlot {
    space: Space,
    offset: usize,
    element: usize,
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub cols: usize,
    /// Elements from one row to the next.
    pub pitch: usize,
}

impl Slot {
    pub(crate) fn new(tensor: &Tensor) -> Self {
        let mut slot = Self {
            space: tensor.space,
            offset: tensor.offset as usize,
            element: tensor.dtype.size(),
            rank: tensor.dims.len(),
            dims: [1; coulter_plan::MAX_RANK],
            strides: [0; coulter_plan::MAX_RANK],
        };
        slot.dims[..slot.rank].copy_from_slice(&tensor.dims);
        slot.strides[..slot.rank].copy_from_slice(&tensor.strides);
        slot
    }

    /// Dimensions.
    pub fn dims(&self) -> &[u32] {
        &self.dims[..self.rank]
    }

    /// Strides in elements.
    pub fn strides(&self) -> &[i32] {
        &self.strides[..self.rank]
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.dims().iter().map(|&d| d as usize).product()
    }

    /// Whether the elements lie row-major without gaps.
    pub(crate) fn is_dense(&self) -> bool {
        let mut expected = 1i64;
        self.dims().iter().zip(self.strides()).rev().all(|(&dim, &stride)| {
            let fits = dim <= 1 || i64::from(stride) == expected;
            expected = expected.saturating_mul(dim.into());
            fits
        })
    }

    /// The same without its shape.
    ///
    /// # Panics
    /// If its elements do not lie one after another.
    pub(crate) fn dense(&self) -> DenseSlot {
        assert!(self.is_dense(), "only a dense slot is a slice");
        DenseSlot { space: self.space, element: self.element as u8, offset: self.offset, len: self.len() }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.dims().contains(&0)
    }

    /// Replaces dimensions and strides by others that address a subset of the same elements (merged or
    /// dropped dimensions); the caller in this crate answers for that.
    pub(crate) fn reshaped(&self, dims: &[u32], strides: &[i32]) -> Option<Self> {
        let (dims, strides) = (Dims::new(dims)?, Dims::new(strides)?);
        let mut slot = *self;
        slot.rank = dims.len();
        slot.dims[..slot.rank].copy_from_slice(&dims);
        slot.strides[..slot.rank].copy_from_slice(&strides);
        Some(slot)
    }
}

impl DenseSlot {
    /// `None` where the elements do not lie one after another.
    pub(crate) fn new(tensor: &Tensor) -> Option<Self> {
        let len = tensor.len().filter(|_| tensor.is_dense())?;
        Some(Self { space: tensor.space, element: tensor.dtype.size() as u8, offset: tensor.offset as usize, len })
    }
}

impl RowSlot {
    pub(crate) fn new(tensor: &Tensor) -> Option<Self> {
        let (rows, cols, pitch) = tensor.as_rows()?;
        Some(Self {
            space: tensor.space,
            offset: tensor.offset as usize,
            element: tensor.dtype.size(),
            rows,
            cols,
            pitch,
        })
    }

    /// Some of the rows, which are there.
    pub(crate) fn part(&self, rows: core::ops::Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "a part of the rows");
        Self { offset: self.offset + rows.start * self.pitch * self.element, rows: rows.len(), ..*self }
    }
}

/// Where the spaces of a bound plan lie.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a> {
    arena: *mut u8,
    state: *mut u8,
    weights: &'a [u8],
    life: PhantomData<&'a mut [u8]>,
}

// SAFETY: a `Memory` is a mutable borrow of the arena; threads that share one write disjoint parts of it, as
// the kernels that they run promise.
unsafe impl Send for Memory<'_> {}
// SAFETY: as above.
unsafe impl Sync for Memory<'_> {}

impl<'a> Memory<'a> {
    /// `arena` holds the working buffer and, after it, the state; the plan was checked against both lengths.
    pub(crate) fn new(arena: &'a mut [u8], arena_bytes: usize, weights: &'a [u8]) -> Self {
        let (arena, state) = arena.split_at_mut(arena_bytes);
        Self { arena: arena.as_mut_ptr(), state: state.as_mut_ptr(), weights, life: PhantomData }
    }

    fn base(&self, space: Space) -> *mut u8 {
        match space {
            Space::Arena => self.arena,
            Space::State => self.state,
            Space::Weights => self.weights.as_ptr().cast_mut(),
        }
    }

    /// A slot to read.
    pub(crate) fn view<T: Element>(&self, slot: &Slot) -> View<'a, T> {
        assert_eq!(size_of::<T>(), slot.element, "a slot is read as its own type");
        let mut dims = [1usize; coulter_plan::MAX_RANK];
        let mut strides = [0isize; coulter_plan::MAX_RANK];
        for i in 0..slot.rank {
            (dims[i], strides[i]) = (slot.dims[i] as usize, slot.strides[i] as isize);
        }
        // SAFETY: the slot comes from the plan that this memory is bound to, which proved the range.
        unsafe {
            let ptr = self.base(slot.space).add(slot.offset).cast::<T>();
            View::from_raw(ptr, &dims[..slot.rank], &strides[..slot.rank])
        }
    }

    /// A slot to write.
    pub(crate) fn view_mut<T: Element>(&self, slot: &Slot) -> ViewMut<'a, T> {
        assert_eq!(size_of::<T>(), slot.element, "a slot is written as its own type");
        let mut dims = [1usize; coulter_plan::MAX_RANK];
        let mut strides = [0isize; coulter_plan::MAX_RANK];
        for i in 0..slot.rank {
            (dims[i], strides[i]) = (slot.dims[i] as usize, slot.strides[i] as isize);
        }
        // SAFETY: as in `view`; a parsed plan has no output in the weights, and a step's outputs overlap
        // nothing else that the step touches unless its operator works in place or is given the rows that overlap nowhere.
        unsafe {
            let ptr = self.base(slot.space).add(slot.offset).cast::<T>();
            ViewMut::from_raw(ptr, &dims[..slot.rank], &strides[..slot.rank])
        }
    }

    /// Rows to read.
    pub(crate) fn rows<T: Element>(&self, slot: &RowSlot) -> Rows<'a, T> {
        assert_eq!(size_of::<T>(), slot.element, "a slot is read as its own type");
        // SAFETY: as in `view`.
        unsafe { Rows::from_raw(self.base(slot.space).add(slot.offset).cast(), slot.rows, slot.cols, slot.pitch) }
    }

    /// Rows to write.
    pub(crate) fn rows_mut<T: Element>(&self, slot: &RowSlot) -> RowsMut<'a, T> {
        assert_eq!(size_of::<T>(), slot.element, "a slot is written as its own type");
        // SAFETY: as in `view_mut`.
        unsafe { RowsMut::from_raw(self.base(slot.space).add(slot.offset).cast(), slot.rows, slot.cols, slot.pitch) }
    }

    /// The elements of a dense slot.
    pub(crate) fn slice<T: Element>(&self, slot: &DenseSlot) -> &'a [T] {
        assert_eq!(size_of::<T>(), usize::from(slot.element), "a slot is read as its own type");
        // SAFETY: dense, in range, and not written by this step: only operators without in-place forms ask.
        unsafe { core::slice::from_raw_parts(self.base(slot.space).add(slot.offset).cast(), slot.len) }
    }

    /// The elements of a dense slot, to write.
    #[allow(clippy::mut_from_ref, reason = "a memory hands out disjoint parts, as the plan proved")]
    pub(crate) fn slice_mut<T: Element>(&self, slot: &DenseSlot) -> &'a mut [T] {
        assert_eq!(size_of::<T>(), usize::from(slot.element), "a slot is written as its own type");
        // SAFETY: dense, in range, and a step's outputs overlap nothing else that it touches.
        unsafe { core::slice::from_raw_parts_mut(self.base(slot.space).add(slot.offset).cast(), slot.len) }
    }

    /// The bytes of a dense tensor of any type.
    pub(crate) fn bytes(&self, tensor: &Tensor) -> &'a [u8] {
        let (offset, len) = byte_range(tensor);
        // SAFETY: dense, in range, and not written by this step: only operators without in-place forms ask.
        unsafe { core::slice::from_raw_parts(self.base(tensor.space).add(offset), len) }
    }

    /// The bytes of a dense tensor of any type, to write.
    #[allow(clippy::mut_from_ref, reason = "a memory hands out disjoint parts, as the plan proved")]
    pub(crate) fn bytes_mut(&self, tensor: &Tensor) -> &'a mut [u8] {
        let (offset, len) = byte_range(tensor);
        // SAFETY: dense, in range, and a step's outputs overlap nothing else that it touches.
        unsafe { core::slice::from_raw_parts_mut(self.base(tensor.space).add(offset), len) }
    }
}

/// Where the bytes of a dense tensor begin in its space, and how many there are; `(0, 0)` when it is empty.
fn byte_range(tensor: &Tensor) -> (usize, usize) {
    assert!(tensor.is_dense(), "only a dense tensor is bytes");
    match tensor.len() {
        Some(len) if len > 0 => (tensor.offset as usize, len * tensor.dtype.size()),
        _ => (0, 0),
    }
}

/// Heap bytes aligned as plans and arenas need them.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct AlignedBytes {
    blocks: alloc::vec::Vec<Block>,
    len: usize,
}

#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Block([u8; 64]);

#[cfg(feature = "alloc")]
impl AlignedBytes {
    /// Zeros.
    pub fn zeroed(len: usize) -> Self {
        Self { blocks: alloc::vec![Block([0; 64]); len.div_ceil(64)], len }
    }

    /// A copy of `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut aligned = Self::zeroed(bytes.len());
        aligned.copy_from_slice(bytes);
        aligned
    }
}

#[cfg(feature = "alloc")]
impl core::ops::Deref for AlignedBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: the blocks are `len` initialized bytes or more, without padding between them.
        unsafe { core::slice::from_raw_parts(self.blocks.as_ptr().cast(), self.len) }
    }
}

#[cfg(feature = "alloc")]
impl core::ops::DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.blocks.as_mut_ptr().cast(), self.len) }
    }
}
