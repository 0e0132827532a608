//! Tensor records.

use crate::dtype::DType;

/// Highest rank of a tensor.
pub const MAX_RANK: usize = 8;

/// Where a tensor lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Space {
    /// The working buffer.
    Arena = 0,
    /// The plan's weights section.
    Weights = 1,
    /// The region that survives between runs.
    State = 2,
}

impl Space {
    /// The space stored as `number`.
    pub fn from_number(number: u8) -> Option<Self> {
        [Space::Arena, Space::Weights, Space::State].get(usize::from(number)).copied()
    }
}

/// Dimensions or strides with their rank.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Dims<T> {
    rank: u8,
    values: [T; MAX_RANK],
}

impl<T: Copy + Default> Dims<T> {
    /// Copies `values`; `None` if there are more than [`MAX_RANK`].
    pub fn new(values: &[T]) -> Option<Self> {
        let mut dims = Self { rank: values.len() as u8, values: [T::default(); MAX_RANK] };
        dims.values.get_mut(..values.len())?.copy_from_slice(values);
        Some(dims)
    }
}

impl<T> core::ops::Deref for Dims<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.values[..usize::from(self.rank)]
    }
}

impl<T: core::fmt::Debug> core::fmt::Debug for Dims<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A tensor: a strided window onto one of the plan's spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Element type.
    pub dtype: DType,
    /// Where it lies.
    pub space: Space,
    /// Byte offset of element (0, …, 0) from the start of the space.
    pub offset: u64,
    /// Dimensions.
    pub dims: Dims<u32>,
    /// Distance between neighbours along each dimension, in elements; may be 0 (broadcast) or negative (reversed).
    pub strides: Dims<i32>,
}

impl Tensor {
    /// Number of elements; `None` when it does not fit `usize`.
    pub fn len(&self) -> Option<usize> {
        self.dims.iter().try_fold(1usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?))
    }

    /// Whether a dimension is 0.
    pub fn is_empty(&self) -> bool {
        self.dims.contains(&0)
    }

    /// Whether the elements lie row-major without gaps.
    pub fn is_dense(&self) -> bool {
        let mut expected = 1i64;
        for (&dim, &stride) in self.dims.iter().zip(self.strides.iter()).rev() {
            if dim > 1 && i64::from(stride) != expected {
                return false;
            }
            expected = expected.saturating_mul(i64::from(dim));
        }
        true
    }

    /// Views the tensor as a matrix of rows along its last dimension: `(rows, cols, pitch)`, with row `r`
    /// beginning `r · pitch` elements after the first. `None` when the strides do not allow it.
    pub fn as_rows(&self) -> Option<(usize, usize, usize)> {
        let (&cols, outer) = self.dims.split_last()?;
        let (&step, outer_strides) = self.strides.split_last()?;
        if cols > 1 && step != 1 {
            return None;
        }
        let mut rows = 1i64;
        let mut pitch = None;
        for (&dim, &stride) in outer.iter().zip(outer_strides).rev() {
            if dim == 1 {
                continue;
            }
            match pitch {
                None if stride >= 0 => pitch = Some(i64::from(stride)),
                Some(p) if rows.checked_mul(p) == Some(i64::from(stride)) => {}
                _ => return None,
            }
            rows = rows.checked_mul(i64::from(dim))?;
        }
        let pitch = pitch.unwrap_or(i64::from(cols));
        Some((rows.try_into().ok()?, cols as usize, pitch.try_into().ok()?))
    }

    /// Lowest and one past the highest element offset that the strides reach, relative to `offset`;
    /// `None` on overflow. Empty tensors reach nothing: `(0, 0)`.
    pub fn extent(&self) -> Option<(i64, i64)> {
        if self.is_empty() {
            return Some((0, 0));
        }
        let (mut low, mut high) = (0i64, 1i64);
        for (&dim, &stride) in self.dims.iter().zip(self.strides.iter()) {
            let reach = i64::from(dim - 1).checked_mul(i64::from(stride))?;
            if reach < 0 {
                low = low.checked_add(reach)?;
            } else {
                high = high.checked_add(reach)?;
            }
        }
        Some((low, high))
    }
}
