//! The section table.

use crate::error::PlanError;
use crate::format::{ALIGN, HEADER_BYTES, PORT_BYTES, SECTION_ENTRY_BYTES, STEP_BYTES, SectionKind, TENSOR_BYTES};
use crate::plan::{Places, Plan, u32_at, u64_at};

/// Most sections of a plan.
const MAX_SECTIONS: usize = 64;

/// Reads the table: kinds occur once, bodies stand in the table's order, aligned, apart and inside the file.
pub(super) fn read(bytes: &[u8]) -> Result<Plan<'_>, PlanError> {
    let count = u32_at(bytes, 12) as usize;
    if count > MAX_SECTIONS {
        return Err(PlanError::Header);
    }
    let mut free_from = HEADER_BYTES + count * SECTION_ENTRY_BYTES;
    let table = bytes.get(HEADER_BYTES..free_from).ok_or(PlanError::Header)?;
    let mut plan = Plan { bytes, places: Default::default() };
    for (i, entry) in table.chunks_exact(SECTION_ENTRY_BYTES).enumerate() {
        let kind = u32_at(entry, 0);
        let mut before = table.chunks_exact(SECTION_ENTRY_BYTES).take(i);
        if u32_at(entry, 4) != 0 || before.any(|other| u32_at(other, 0) == kind) {
            return Err(PlanError::Section(kind));
        }
        let range = body_range(entry, free_from).ok_or(PlanError::Section(kind))?;
        let body = bytes.get(range.clone()).ok_or(PlanError::Section(kind))?;
        free_from = range.end;
        place(&mut plan.places, kind, body, i + 1)?;
    }
    check_text(&plan)?;
    Ok(plan)
}

/// Where a body lies: aligned, not empty, behind what comes before it.
fn body_range(entry: &[u8], free_from: usize) -> Option<core::ops::Range<usize>> {
    let at = usize::try_from(u64_at(entry, 8)).ok()?;
    let length = usize::try_from(u64_at(entry, 16)).ok()?;
    let fits = at.is_multiple_of(ALIGN) && at >= free_from && length > 0;
    fits.then_some(at..at.checked_add(length)?)
}

/// Notes the number of the entry of a known kind.
fn place(places: &mut Places, kind: u32, body: &[u8], number: usize) -> Result<(), PlanError> {
    const OPTIONAL: u32 = 0x8000_0000;
    let known = SectionKind::ALL.iter().zip(places).find(|(known, _)| **known as u32 == kind);
    let Some((known, place)) = known else {
        return if kind >= OPTIONAL { Ok(()) } else { Err(PlanError::Section(kind)) };
    };
    let unit = match known {
        SectionKind::Tensors => TENSOR_BYTES,
        SectionKind::Steps => STEP_BYTES,
        SectionKind::Operands | SectionKind::Params | SectionKind::Checksums => 4,
        SectionKind::Ports => PORT_BYTES,
        SectionKind::Golden => ALIGN,
        SectionKind::Strings | SectionKind::Weights | SectionKind::Fallback | SectionKind::Metadata => 1,
    };
    // Indices into a section fit 32 bits, and one of them stands for "none".
    if !body.len().is_multiple_of(unit) || body.len() / unit >= u32::MAX as usize && unit > 1 {
        return Err(PlanError::Section(kind));
    }
    *place = u8::try_from(number).map_err(|_| PlanError::Header)?;
    Ok(())
}

/// Strings and metadata are UTF-8; the strings end with a zero.
fn check_text(plan: &Plan<'_>) -> Result<(), PlanError> {
    let terminated = plan.section(SectionKind::Strings).last().is_none_or(|&b| b == 0);
    if !terminated || core::str::from_utf8(plan.section(SectionKind::Strings)).is_err() {
        return Err(PlanError::Section(SectionKind::Strings as u32));
    }
    if core::str::from_utf8(plan.section(SectionKind::Metadata)).is_err() {
        return Err(PlanError::Section(SectionKind::Metadata as u32));
    }
    let steps = plan.section(SectionKind::Steps).len() / STEP_BYTES;
    if !plan.section(SectionKind::Checksums).is_empty() && plan.section(SectionKind::Checksums).len() / 4 != steps {
        return Err(PlanError::Section(SectionKind::Checksums as u32));
    }
    Ok(())
}
