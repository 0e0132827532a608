//! Graph inputs and outputs.

use super::check_name;
use crate::error::PlanError;
use crate::format::{PORT_BYTES, SectionKind};
use crate::plan::{Plan, tensor_at, u32_at};
use crate::tensor::Space;

/// Most graph inputs, and most graph outputs.
pub(crate) const MAX_PORTS: usize = 1024;

pub(super) fn check(plan: &Plan<'_>) -> Result<(), PlanError> {
    let (inputs, outputs) = (plan.input_count(), plan.output_count());
    if inputs > MAX_PORTS || outputs > MAX_PORTS {
        return Err(PlanError::Header);
    }
    if plan.section(SectionKind::Ports).len() / PORT_BYTES != inputs + outputs {
        return Err(PlanError::Section(SectionKind::Ports as u32));
    }
    for (index, record) in plan.section(SectionKind::Ports).chunks_exact(PORT_BYTES).enumerate() {
        check_name(plan, u32_at(record, 4))?;
        let (start, end) = range(plan, index).ok_or(PlanError::Port(index as u32))?;
        let first = if index < inputs { 0 } else { inputs };
        let clash = (first..index).filter_map(|other| range(plan, other)).any(|(other_start, other_end)| {
            let same_output = index >= inputs && (start, end) == (other_start, other_end);
            start < other_end && other_start < end && !same_output
        });
        if clash {
            return Err(PlanError::Port(index as u32));
        }
    }
    Ok(())
}

/// The bytes of a port's tensor, which is dense and in the arena.
fn range(plan: &Plan<'_>, index: usize) -> Option<(u64, u64)> {
    let tensor = tensor_at(
        plan.section(SectionKind::Tensors),
        u32_at(plan.section(SectionKind::Ports), index * PORT_BYTES) as usize,
    )?;
    let usable = tensor.space == Space::Arena && tensor.is_dense();
    tensor.byte_range().filter(|_| usable)
}
