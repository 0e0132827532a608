//! How deep the stack gets: what lies below it is painted, and looked at afterwards.

use core::arch::asm;

// SAFETY: the linker script defines it; its address alone is taken.
unsafe extern "C" {
    /// Where the stack begins; cortex-m-rt's linker script says.
    static _stack_start: u32;
}

const PAINT: u32 = 0x5aa5_c33c;
/// Bytes that are painted.
const PAINTED: usize = 16 << 10;
/// Bytes next to the stack that are not: what the painter itself may still put there.
const OWN: usize = 64;

/// A stack that was painted.
pub struct Stack {
    lowest: *mut u32,
}

impl Stack {
    /// Paints what lies below the stack.
    #[inline(never)]
    pub fn paint() -> Self {
        let top: *mut u32;
        // SAFETY: reads a register.
        unsafe { asm!("mov {}, sp", out(reg) top, options(nomem, nostack, preserves_flags)) };
        let (lowest, end) = (top.wrapping_byte_sub(PAINTED), top.wrapping_byte_sub(OWN));
        let mut at = lowest;
        while at < end {
            // SAFETY: below what this function uses, which calls none, is memory that nothing uses; boards have more of it.
            unsafe { at.write_volatile(PAINT) };
            at = at.wrapping_add(1);
        }
        Self { lowest }
    }

    /// Bytes of stack that were in use at most since it was painted, those of `main` and its callers included.
    #[inline(never)]
    pub fn used(&self) -> usize {
        let top = &raw const _stack_start;
        let mut at = self.lowest.cast_const();
        // SAFETY: from what was painted up to the beginning of the stack is memory.
        while at < top && unsafe { at.read_volatile() } == PAINT {
            at = at.wrapping_add(1);
        }
        top as usize - at as usize
    }
}
