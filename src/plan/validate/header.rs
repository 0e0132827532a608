//! The header's own fields.

use crate::error::PlanError;
use crate::format::{ALIGN, HEADER_BYTES, MAGIC, MAJOR, MINOR};
use crate::plan::{u16_at, u64_at};

pub(super) fn check(bytes: &[u8]) -> Result<(), PlanError> {
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
    let reserved_is_zero = bytes[52..64].iter().chain(&bytes[96..128]).all(|&b| b == 0);
    if reserved_is_zero && memory_fits(u64_at(bytes, 24), u64_at(bytes, 32)) { Ok(()) } else { Err(PlanError::Header) }
}

/// Arena and state are whole blocks, and one buffer can hold both.
fn memory_fits(arena: u64, state: u64) -> bool {
    let whole = arena.is_multiple_of(ALIGN as u64) && state.is_multiple_of(ALIGN as u64);
    let sum = arena.checked_add(state).and_then(|n| isize::try_from(n).ok());
    whole && sum.is_some_and(|n| n <= isize::MAX - ALIGN as isize)
}
