//! Windows: where tensors lie before the arena is laid out.

use coulter_plan::{DType, Dims, Space, Tensor};

/// Index of a buffer of [`super::Program::buffers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BufferId(pub(crate) usize);

/// Index of a constant of [`super::Program::constants`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConstantId(pub(crate) usize);

/// What a window looks onto.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// A part of the arena, to be placed by the memory planner.
    Buffer(BufferId),
    /// Bytes of the weights section.
    Constant(ConstantId),
}

/// A strided window onto a buffer or a constant; the tensor's offset counts from the beginning of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) base: Base,
    pub(crate) tensor: Tensor,
}

/// Dims and strides that no plan can hold: rank above 8, or numbers above 31 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Window {
    /// Row-major without gaps, from the beginning of `base`.
    pub(crate) fn dense(base: Base, dtype: DType, shape: &[usize]) -> Result<Self, TooLarge> {
        let mut strides = vec![0i64; shape.len()];
        let mut stride = 1i64;
        for (i, &dim) in shape.iter().enumerate().rev() {
            strides[i] = stride;
            stride = stride.checked_mul(dim as i64).ok_or(TooLarge)?;
        }
        Self::new(base, dtype, 0, shape, &strides)
    }

    fn new(base: Base, dtype: DType, offset: u64, shape: &[usize], strides: &[i64]) -> Result<Self, TooLarge> {
        let dims = shape.iter().map(|&d| i32::try_from(d).map(|d| d as u32)).collect::<Result<Vec<_>, _>>();
        let dims = dims.ok().and_then(|dims| Dims::new(&dims)).ok_or(TooLarge)?;
        let strides = strides.iter().map(|&s| i32::try_from(s)).collect::<Result<Vec<_>, _>>();
        let strides = strides.ok().and_then(|strides| Dims::new(&strides)).ok_or(TooLarge)?;
        let space = match base {
            Base::Buffer(_) => Space::Arena,
            Base::Constant(_) => Space::Weights,
        };
        Ok(Self { base, tensor: Tensor { dtype, space, offset, dims, strides } })
    }

    /// The buffer it looks onto, unless it is a constant.
    pub(crate) fn buffer(&self) -> Option<BufferId> {
        match self.base {
            Base::Buffer(id) => Some(id),
            Base::Constant(_) => None,
        }
    }

    /// Dimensions.
    pub(crate) fn shape(&self) -> Vec<usize> {
        self.tensor.dims.iter().map(|&d| d as usize).collect()
    }

    fn strides(&self) -> Vec<i64> {
        self.tensor.strides.iter().map(|&s| i64::from(s)).collect()
    }

    fn with(&self, skipped: i64, shape: &[usize], strides: &[i64]) -> Result<Self, TooLarge> {
        let bytes = skipped.checked_mul(self.tensor.dtype.size() as i64).ok_or(TooLarge)?;
        let offset = self.tensor.offset.checked_add_signed(bytes).ok_or(TooLarge)?;
        Self::new(self.base, self.tensor.dtype, offset, shape, strides)
    }

    /// Dimension i of the result is dimension `permutation[i]` of this one.
    pub(crate) fn transpose(&self, permutation: &[usize]) -> Result<Self, TooLarge> {
        let (shape, strides) = (self.shape(), self.strides());
        let shape: Vec<_> = permutation.iter().map(|&p| shape[p]).collect();
        let strides: Vec<_> = permutation.iter().map(|&p| strides[p]).collect();
        self.with(0, &shape, &strides)
    }

    /// The elements at `start + i·step` of each dimension, `shape` of them.
    pub(crate) fn slice(&self, start: &[usize], step: &[isize], shape: &[usize]) -> Result<Self, TooLarge> {
        let strides = self.strides();
        let skipped = if shape.contains(&0) {
            0
        } else {
            start.iter().zip(&strides).map(|(&from, &stride)| from as i64 * stride).sum()
        };
        let strides: Vec<_> = strides.iter().zip(step).map(|(&stride, &step)| stride * step as i64).collect();
        self.with(skipped, shape, &strides)
    }

    /// `len` indices from `from` on along one dimension.
    pub(crate) fn part(&self, axis: usize, from: usize, len: usize) -> Result<Self, TooLarge> {
        let mut shape = self.shape();
        let mut start = vec![0; shape.len()];
        (start[axis], shape[axis]) = (from, len);
        self.slice(&start, &vec![1; shape.len()], &shape)
    }

    /// Repeats dimensions of 1 to `shape`, whose further dimensions come first.
    pub(crate) fn broadcast(&self, shape: &[usize]) -> Result<Self, TooLarge> {
        let (own, own_strides) = (self.shape(), self.strides());
        let added = shape.len().checked_sub(own.len()).ok_or(TooLarge)?;
        let mut strides = vec![0; shape.len()];
        for (i, (&dim, &stride)) in own.iter().zip(&own_strides).enumerate() {
            if dim == shape[added + i] {
                strides[added + i] = stride;
            }
        }
        self.with(0, shape, &strides)
    }

    /// The same elements in row-major order under other dimensions, where strides can tell that.
    pub(crate) fn reshape(&self, shape: &[usize]) -> Result<Option<Self>, TooLarge> {
        if self.tensor.is_empty() || self.tensor.is_dense() {
            let dense = Self::dense(self.base, self.tensor.dtype, shape)?;
            return dense
                .with(self.tensor.offset as i64 / self.tensor.dtype.size() as i64, shape, &dense.strides())
                .map(Some);
        }
        match reshaped_strides(&self.shape(), &self.strides(), shape) {
            Some(strides) => self.with(0, shape, &strides).map(Some),
            None => Ok(None),
        }
    }

    /// First and one past the last byte, from the beginning of the base.
    pub(crate) fn byte_range(&self) -> (u64, u64) {
        self.tensor.byte_range().unwrap_or((0, 0))
    }

    /// Whether no byte is shared, as far as this can be told.
    pub(crate) fn is_disjoint_from(&self, other: &Self) -> bool {
        self.base != other.base || self.tensor.is_disjoint_from(&other.tensor)
    }

    /// Whether both address the same elements in the same order.
    pub(crate) fn coincides_with(&self, other: &Self) -> bool {
        self.base == other.base && self.tensor.coincides_with(&other.tensor)
    }
}

/// Strides that walk the same elements in the same order under `to`; `None` where there are none. No dimension is 0.
fn reshaped_strides(from: &[usize], strides: &[i64], to: &[usize]) -> Option<Vec<i64>> {
    let moving: Vec<(usize, i64)> =
        from.iter().copied().zip(strides.iter().copied()).filter(|&(dim, _)| dim != 1).collect();
    let mut result = vec![0; to.len()];
    let (mut old, mut new) = (0, 0);
    while old < moving.len() {
        // The shortest runs of old and new dimensions that have equally many elements.
        let (old_begin, new_begin) = (old, new);
        let (mut old_len, mut new_len) = (moving[old].0, 1);
        old += 1;
        while old_len != new_len {
            if new_len < old_len {
                new_len *= to.get(new)?;
                new += 1;
            } else {
                old_len *= moving.get(old)?.0;
                old += 1;
            }
        }
        let run = &moving[old_begin..old];
        if !run.windows(2).all(|pair| pair[0].1 == pair[1].1 * pair[1].0 as i64) {
            return None;
        }
        let mut stride = run.last()?.1;
        for i in (new_begin..new).rev() {
            result[i] = stride;
            stride *= to[i] as i64;
        }
    }
    Some(result)
}

/// What an operator asks of an operand's strides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing.
    Any,
    /// Neighbours along the last dimension lie side by side.
    LastContiguous,
    /// Rows along the last dimension at one pitch.
    Rows,
    /// Row-major without gaps.
    Dense,
}

impl Need {
    /// Whether a window will do.
    pub(crate) fn is_met_by(self, window: &Window) -> bool {
        let tensor = &window.tensor;
        match self {
            Need::Any => true,
            Need::LastContiguous => {
                tensor.dims.last().zip(tensor.strides.last()).is_some_and(|(&dim, &stride)| dim <= 1 || stride == 1)
            }
            Need::Rows => tensor.as_rows().is_some(),
            Need::Dense => tensor.is_dense(),
        }
    }
}
