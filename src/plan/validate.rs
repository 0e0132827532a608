//! What makes bytes a plan.

use crate::error::PlanError;
use crate::format::{
    ALIGN, HEADER_BYTES, MAGIC, MAJOR, MINOR, PORT_BYTES, SECTION_ENTRY_BYTES, STEP_BYTES, TENSOR_BYTES,
};
use crate::ops::OpCode;
use crate::plan::{Plan, Sections, operands_of, u16_at, u32_at, u64_at};

pub(crate) fn parse(bytes: &[u8]) -> Result<Plan<'_>, PlanError> {
    if bytes.get(..8) != Some(&MAGIC[..]) {
        return Err(PlanError::NotAPlan);
    }
    if !(bytes.as_ptr() as usize).is_multiple_of(ALIGN) {
        return Err(PlanError::Unaligned);
    }
    if bytes.len() < HEADER_BYTES {
        return Err(PlanError::Length { expected: HEADER_BYTES as u64, found: bytes.len() as u64 });
    }
    let (major, minor) = (u16_at(bytes, 8), u16_at(bytes, 10));
    if major != MAJOR || minor > MINOR {
        return Err(PlanError::Version { major, minor });
    }
    let expected = u64_at(bytes, 16);
    if expected != bytes.len() as u64 {
        return Err(PlanError::Length { expected, found: bytes.len() as u64 });
    }
    let sections = sections(bytes)?;
    let plan = Plan { bytes, sections };
    steps(&plan)?;
    Ok(plan)
}

fn sections(bytes: &[u8]) -> Result<Sections<'_>, PlanError> {
    let count = u32_at(bytes, 12) as usize;
    let table = bytes
        .get(HEADER_BYTES..)
        .and_then(|t| t.get(..count.checked_mul(SECTION_ENTRY_BYTES)?))
        .ok_or(PlanError::Header)?;
    let mut sections = Sections::default();
    for entry in table.chunks_exact(SECTION_ENTRY_BYTES) {
        let kind = u32_at(entry, 0);
        let range = usize::try_from(u64_at(entry, 8)).ok().zip(usize::try_from(u64_at(entry, 16)).ok());
        let body = range
            .filter(|(at, _)| at % ALIGN == 0)
            .and_then(|(at, len)| bytes.get(at..)?.get(..len))
            .ok_or(PlanError::Section(kind))?;
        let (slot, unit) = match kind {
            1 => (&mut sections.tensors, TENSOR_BYTES),
            2 => (&mut sections.steps, STEP_BYTES),
            3 => (&mut sections.operands, 4),
            4 => (&mut sections.params, 4),
            5 => (&mut sections.ports, PORT_BYTES),
            6 => (&mut sections.strings, 1),
            7 => (&mut sections.weights, 1),
            8 => (&mut sections.fallback, 1),
            9 => (&mut sections.golden, 1),
            10 => (&mut sections.checksums, 4),
            0x8000_0001 => (&mut sections.metadata, 1),
            0x8000_0000.. => continue,
            _ => return Err(PlanError::Section(kind)),
        };
        if !slot.is_empty() || !body.len().is_multiple_of(unit) {
            return Err(PlanError::Section(kind));
        }
        *slot = body;
    }
    Ok(sections)
}

fn steps(plan: &Plan<'_>) -> Result<(), PlanError> {
    for (i, record) in plan.sections.steps.chunks_exact(STEP_BYTES).enumerate() {
        let step = i as u32;
        let code = u16_at(record, 0);
        let op = OpCode::from_number(code).ok_or(PlanError::UnknownOp { step, code })?;
        let at = u32_at(record, 8) as usize;
        let params = plan
            .sections
            .params
            .get(at..)
            .and_then(|p| p.get(..u32_at(record, 12) as usize))
            .ok_or(PlanError::StepRecord(step))?;
        op.check(params, &operands_of(&plan.sections, record)).map_err(|cause| PlanError::Step { step, op, cause })?;
    }
    Ok(())
}
