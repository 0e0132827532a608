//! Tensor records, one by one.

use super::check_name;
use crate::error::PlanError;
use crate::format::{NONE, SectionKind, TENSOR_BYTES};
use crate::plan::{Plan, tensor_at, u32_at};
use crate::tensor::{MAX_RANK, Space, Tensor};

/// Most elements of a tensor, so that kernels may count them in 32 bits.
const MAX_ELEMENTS: u64 = i32::MAX as u64;

pub(super) fn check(plan: &Plan<'_>) -> Result<(), PlanError> {
    let tensors = plan.section(SectionKind::Tensors);
    for (index, record) in tensors.chunks_exact(TENSOR_BYTES).enumerate() {
        let tensor = tensor_at(tensors, index);
        let valid = reserved_is_blank(record)
            && tensor.is_some_and(|tensor| has_countable_elements(&tensor) && lies_in_its_space(plan, &tensor));
        if !valid {
            return Err(PlanError::Tensor(index as u32));
        }
        check_name(plan, u32_at(record, 4))?;
    }
    Ok(())
}

/// Fields without a meaning in this version, and dims and strides past the rank.
fn reserved_is_blank(record: &[u8]) -> bool {
    let rank = usize::from(record[1]);
    rank <= MAX_RANK
        && record[3] == 0
        && u32_at(record, 8) == NONE
        && u32_at(record, 12) == 0
        && (rank..MAX_RANK).all(|i| u32_at(record, 24 + 4 * i) == 0 && u32_at(record, 56 + 4 * i) == 0)
        && record[88..].iter().all(|&b| b == 0)
}

/// Dims are plain numbers (the top bit is kept for symbolic ones), their product without zeros is small enough,
/// and strides can be negated.
fn has_countable_elements(tensor: &Tensor) -> bool {
    let count = tensor.dims.iter().try_fold(1u64, |n, &dim| {
        let n = n * u64::from(dim.max(1));
        (dim >> 31 == 0 && n <= MAX_ELEMENTS).then_some(n)
    });
    count.is_some() && tensor.strides.iter().all(|&stride| stride != i32::MIN)
}

/// Every element addressed lies in the tensor's space, aligned to its size.
fn lies_in_its_space(plan: &Plan<'_>, tensor: &Tensor) -> bool {
    let length = match tensor.space {
        Space::Arena => plan.arena_bytes(),
        Space::Weights => plan.section(SectionKind::Weights).len(),
        Space::State => plan.state_bytes(),
    };
    let aligned = tensor.offset.is_multiple_of(tensor.dtype.size() as u64);
    aligned && tensor.byte_range().is_some_and(|(_, end)| end <= length as u64)
}
