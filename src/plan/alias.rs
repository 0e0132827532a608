//! Whether tensors share memory.

use crate::dtype::DType;
use crate::tensor::{MAX_RANK, Tensor};

impl Tensor {
    /// First and one past the last byte that the tensor addresses, from the start of its space; `None` when one of
    /// them is negative or does not fit. Empty tensors address nothing: `(offset, offset)`.
    pub fn byte_range(&self) -> Option<(u64, u64)> {
        let (low, high) = self.extent()?;
        let size = self.dtype.size() as i64;
        let start = self.offset.checked_add_signed(low.checked_mul(size)?)?;
        let end = self.offset.checked_add_signed(high.checked_mul(size)?)?;
        Some((start, end))
    }

    /// Whether the two address the same elements in the same order: what an operator that works in place asks
    /// of its output and its input. Bytes may be signed in one and unsigned in the other.
    pub fn coincides_with(&self, other: &Tensor) -> bool {
        let same_strides = || {
            let pairs = self.strides.iter().zip(other.strides.iter());
            self.dims.iter().zip(pairs).all(|(&dim, (a, b))| dim == 1 || a == b)
        };
        let are_bytes = || [self.dtype, other.dtype].iter().all(|dtype| matches!(dtype, DType::I8 | DType::U8));
        (self.dtype == other.dtype || are_bytes())
            && self.space == other.space
            && self.offset == other.offset
            && self.dims == other.dims
            && same_strides()
    }

    /// Whether no byte is shared, as far as this can be told quickly: tensors in different spaces or byte ranges,
    /// and tensors that interleave, such as columns of one matrix. `false` may be wrong, `true` is not.
    pub fn is_disjoint_from(&self, other: &Tensor) -> bool {
        if self.space != other.space || self.is_empty() || other.is_empty() {
            return true;
        }
        let (Some(a), Some(b)) = (self.byte_range(), other.byte_range()) else {
            return false;
        };
        if a.1 <= b.0 || b.1 <= a.0 {
            return true;
        }
        // Two dense tensors fill their ranges.
        if self.is_dense() && other.is_dense() {
            return false;
        }
        self.pitches().chain(other.pitches()).any(|pitch| {
            let arcs = self.arc(pitch).zip(other.arc(pitch));
            arcs.is_some_and(|(a, b)| arcs_are_disjoint(a, b, pitch))
        })
    }

    /// Whether two different indices never address one element, as far as this can be told quickly: each stride
    /// must lead past all that the smaller ones reach. `false` may be wrong, `true` is not.
    pub fn is_injective(&self) -> bool {
        if self.is_empty() {
            return true;
        }
        let mut steps = [(0u64, 0u64); MAX_RANK];
        let mut count = 0;
        for (&dim, &stride) in self.dims.iter().zip(self.strides.iter()) {
            if dim > 1 {
                steps[count] = (u64::from(stride.unsigned_abs()), u64::from(dim) - 1);
                count += 1;
            }
        }
        let steps = &mut steps[..count];
        steps.sort_unstable();
        let mut reach = 0u64;
        for &(stride, last) in steps.iter() {
            if stride <= reach {
                return false;
            }
            reach = reach.saturating_add(stride.saturating_mul(last));
        }
        true
    }

    /// Byte distances along the dimensions that have more than one index.
    fn pitches(&self) -> impl Iterator<Item = i64> {
        let size = self.dtype.size() as i64;
        let moving = self.dims.iter().zip(self.strides.iter()).filter(|(dim, stride)| **dim > 1 && **stride != 0);
        moving.map(move |(_, &stride)| i64::from(stride).abs() * size)
    }

    /// Where the tensor's bytes lie modulo `pitch`: begin and length of an arc that holds all of them; `None`
    /// when it would be the whole circle.
    fn arc(&self, pitch: i64) -> Option<(i64, i64)> {
        let size = self.dtype.size() as i64;
        let (mut low, mut high) = (0i64, size);
        for (&dim, &stride) in self.dims.iter().zip(self.strides.iter()) {
            let step = i64::from(stride) * size;
            if step % pitch == 0 {
                continue;
            }
            let reach = i64::from(dim - 1).checked_mul(step)?;
            if reach < 0 {
                low = low.checked_add(reach)?;
            } else {
                high = high.checked_add(reach)?;
            }
        }
        let length = high.checked_sub(low)?;
        let begin = i64::try_from(self.offset).ok()?.checked_add(low)?.rem_euclid(pitch);
        (length < pitch).then_some((begin, length))
    }
}

/// Whether two arcs of a circle of `pitch` bytes have no byte in common.
fn arcs_are_disjoint(a: (i64, i64), b: (i64, i64), pitch: i64) -> bool {
    let from_a_to_b = (b.0 - a.0).rem_euclid(pitch);
    a.1 <= from_a_to_b && from_a_to_b + b.1 <= pitch
}
