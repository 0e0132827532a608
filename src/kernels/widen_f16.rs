//! From 16-bit floats (IEEE binary16) to f32. Every one of them is an f32, so that nothing is rounded; only the payload of
//! what is not a number may differ.

#[cfg(test)]
mod tests;

use crate::Isa;

crate::kernels! { WidenKernel:
    #[cfg(target_arch = "x86_64")] avx2;
    #[cfg(target_arch = "aarch64")] neon;
    generic;
}

/// Elements come in multiples of this.
pub const STEP: usize = 16;

/// A kernel that widens.
#[derive(Debug)]
pub struct WidenKernel {
    /// Name, with the instruction set.
    pub name: &'static str,
    /// The instruction set.
    pub isa: Isa,
    /// Widens so many contiguous elements, a multiple of [`STEP`].
    ///
    /// # Safety
    /// The elements are valid to read and to write respectively and share no byte; the processor has the kernel's
    /// instruction set.
    pub(crate) line: unsafe fn(x: *const u16, y: *mut f32, len: usize),
}

impl WidenKernel {
    /// Widens `x`, given by its bits.
    ///
    /// # Panics
    /// If the lengths differ or are no multiple of [`STEP`].
    pub fn run(&self, x: &[u16], y: &mut [f32]) {
        assert!(x.len() == y.len() && x.len().is_multiple_of(STEP), "{} elements of {}", x.len(), y.len());
        // SAFETY: the slices have so many elements, as just checked, and one is borrowed mutably; owning a kernel selected
        // from a set of instruction sets proves that the processor has it.
        unsafe { (self.line)(x.as_ptr(), y.as_mut_ptr(), x.len()) }
    }
}
