//! The section table.

use crate::error::PlanError;
use crate::format::{ALIGN, HEADER_BYTES, PORT_BYTES, SECTION_ENTRY_BYTES, STEP_BYTES, SectionKind, TENSOR_BYTES};
use crate::plan::{Sections, u32_at, u64_at};

/// Most sections of a plan.
const MAX_SECTIONS: usize = 64;

/// Reads the table: kinds occur once, bodies stand in the table's order, aligned, apart and inside the file.
pub(super) fn read(bytes: &[u8]) -> Result<Sections<'_>, PlanError> {
    let count = u32_at(bytes, 12) as usize;
    if count > MAX_SECTIONS {
        return Err(PlanError::Header);
    }
    let mut free_from = HEADER_BYTES + count * SECTION_ENTRY_BYTES;
    let table = bytes.get(HEADER_BYTES..free_from).ok_or(PlanError::Header)?;
    let mut sections = Sections::default();
    for (i, entry) in table.chunks_exact(SECTION_ENTRY_BYTES).enumerate() {
        let kind = u32_at(entry, 0);
        let mut before = table.chunks_exact(SECTION_ENTRY_BYTES).take(i);
        if u32_at(entry, 4) != 0 || before.any(|other| u32_at(other, 0) == kind) {
            return Err(PlanError::Section(kind));
        }
        let range = body_range(entry, free_from).ok_or(PlanError::Section(kind))?;
        let body = bytes.get(range.clone()).ok_or(PlanError::Section(kind))?;
        free_from = range.end;
        place(&mut sections, kind, body)?;
    }
    check_text(&sections)?;
    Ok(sections)
}

/// Where a body lies: aligned, not empty, behind what comes before it.
fn body_range(entry: &[u8], free_from: usize) -> Option<core::ops::Range<usize>> {
    let at = usize::try_from(u64_at(entry, 8)).ok()?;
    let length = usize::try_from(u64_at(entry, 16)).ok()?;
    let fits = at.is_multiple_of(ALIGN) && at >= free_from && length > 0;
    fits.then_some(at..at.checked_add(length)?)
}

/// Notes the body of a known kind.
fn place<'a>(sections: &mut Sections<'a>, kind: u32, body: &'a [u8]) -> Result<(), PlanError> {
    const OPTIONAL: u32 = 0x8000_0000;
    let (slot, unit) = match SectionKind::from_number(kind) {
        Some(SectionKind::Tensors) => (&mut sections.tensors, TENSOR_BYTES),
        Some(SectionKind::Steps) => (&mut sections.steps, STEP_BYTES),
        Some(SectionKind::Operands) => (&mut sections.operands, 4),
        Some(SectionKind::Params) => (&mut sections.params, 4),
        Some(SectionKind::Ports) => (&mut sections.ports, PORT_BYTES),
        Some(SectionKind::Strings) => (&mut sections.strings, 1),
        Some(SectionKind::Weights) => (&mut sections.weights, 1),
        Some(SectionKind::Fallback) => (&mut sections.fallback, 1),
        Some(SectionKind::Golden) => (&mut sections.golden, ALIGN),
        Some(SectionKind::Checksums) => (&mut sections.checksums, 4),
        Some(SectionKind::Metadata) => (&mut sections.metadata, 1),
        None if kind >= OPTIONAL => return Ok(()),
        None => return Err(PlanError::Section(kind)),
    };
    // Indices into a section fit 32 bits, and one of them stands for "none".
    if !body.len().is_multiple_of(unit) || body.len() / unit >= u32::MAX as usize && unit > 1 {
        return Err(PlanError::Section(kind));
    }
    *slot = body;
    Ok(())
}

/// Strings and metadata are UTF-8; the strings end with a zero.
fn check_text(sections: &Sections<'_>) -> Result<(), PlanError> {
    let terminated = sections.strings.last().is_none_or(|&b| b == 0);
    if !terminated || core::str::from_utf8(sections.strings).is_err() {
        return Err(PlanError::Section(SectionKind::Strings as u32));
    }
    if core::str::from_utf8(sections.metadata).is_err() {
        return Err(PlanError::Section(SectionKind::Metadata as u32));
    }
    let steps = sections.steps.len() / STEP_BYTES;
    if !sections.checksums.is_empty() && sections.checksums.len() / 4 != steps {
        return Err(PlanError::Section(SectionKind::Checksums as u32));
    }
    Ok(())
}
