//! Golden cases.

use crate::error::PlanError;
use crate::format::{ALIGN, SectionKind};
use crate::plan::{Plan, port_bytes, u32_at};

/// Bytes of the golden section's header.
pub(crate) const GOLDEN_HEADER_BYTES: usize = ALIGN;

pub(super) fn check(plan: &Plan<'_>) -> Result<(), PlanError> {
    let golden = plan.section(SectionKind::Golden);
    if golden.is_empty() {
        return Ok(());
    }
    let count = u32_at(golden, 0);
    let tolerance = plan.golden_tolerance();
    let header_is_valid = tolerance.is_finite()
        && tolerance >= 0.0
        && golden.get(8..GOLDEN_HEADER_BYTES).is_some_and(|reserved| reserved.iter().all(|&b| b == 0));
    let case = plan.inputs().chain(plan.outputs()).try_fold(0u64, |sum, port| {
        sum.checked_add((port_bytes(&port) as u64).checked_next_multiple_of(ALIGN as u64)?)
    });
    let body = (golden.len() - GOLDEN_HEADER_BYTES.min(golden.len())) as u64;
    let fits = case.and_then(|case| case.checked_mul(u64::from(count))) == Some(body);
    // Cases without bytes could be any number.
    if header_is_valid && fits && count > 0 && body > 0 { Ok(()) } else { Err(PlanError::Golden(count)) }
}
