//! What kernels for the DSP extension share: the end of four sums at a time.

use crate::requantize::{Requantize, Residual};

/// Sums at a time.
pub(crate) const SUMS: usize = 4;

/// What becomes of sums, prepared for four at a time.
#[derive(Clone, Copy)]
pub(crate) struct End<'a> {
    requantize: Requantize,
    /// The bounds in each byte.
    #[cfg_attr(not(target_abi = "eabihf"), expect(dead_code, reason = "for the floating-point unit's form"))]
    bounds: [u32; 2],
    residual: Option<&'a Residual>,
}

impl<'a> End<'a> {
    #[inline(always)]
    pub(crate) fn new(requantize: Requantize, residual: Option<&'a Residual>) -> Self {
        let bounds = [requantize.low, requantize.high].map(|byte| u32::from_ne_bytes([byte; 4]));
        Self { requantize, bounds, residual }
    }

    /// The bytes of four sums, those of rows of `COLS` columns, the first being the lowest; `residual` reads the numbered
    /// one where there are residuals.
    ///
    /// # Safety
    /// The columns' multipliers are valid for reading, and the processor has the instruction set.
    #[inline(always)]
    pub(crate) unsafe fn bytes<const COLS: usize>(
        &self,
        sums: [i32; SUMS],
        multipliers: *const f32,
        residual: impl Fn(usize) -> u8,
    ) -> u32 {
        // SAFETY: as the caller promises.
        unsafe {
            let Some(how) = self.residual else { return self.plain::<COLS>(sums, multipliers) };
            let (mut multiplier, mut others) = ([0.0; SUMS], [0; SUMS]);
            for i in 0..SUMS {
                (multiplier[i], others[i]) = (multipliers.add(i % COLS).read(), residual(i));
            }
            added(&self.requantize, how, &sums, &multiplier, others)
        }
    }

    /// The bytes where nothing is added.
    ///
    /// # Safety
    /// As [`End::bytes`].
    #[cfg(not(target_abi = "eabihf"))]
    #[inline(always)]
    pub(crate) unsafe fn plain<const COLS: usize>(&self, sums: [i32; SUMS], multipliers: *const f32) -> u32 {
        let mut bytes = [0; SUMS];
        for (i, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: as the caller promises.
            *byte = self.requantize.round(sums[i] as f32 * unsafe { multipliers.add(i % COLS).read() });
        }
        u32::from_le_bytes(bytes)
    }

    /// The bytes where nothing is added, by the floating-point unit that the ABI needs, whose rounding mode programs leave
    /// as it is. What is too great for an i32 saturates.
    ///
    /// # Safety
    /// As [`End::bytes`].
    #[cfg(target_abi = "eabihf")]
    #[inline(always)]
    pub(crate) unsafe fn plain<const COLS: usize>(&self, sums: [i32; SUMS], multipliers: *const f32) -> u32 {
        const { assert!(COLS == 2 || COLS == 4) };
        let [mut bytes, b, c, d] = sums;
        macro_rules! end {
            ($load:literal, $mc:literal, $md:literal) => {
                // Compilers offer no registers of the unit on Cortex-M, so these are saved here.
                core::arch::asm!(
                    "vpush {{s0, s1, s2, s3, s4, s5, s6, s7}}",
                    $load,
                    "vmov s0, {a}",
                    "vmov s1, {b}",
                    "vmov s2, {c}",
                    "vmov s3, {d}",
                    "vcvt.f32.s32 s0, s0",
                    "vcvt.f32.s32 s1, s1",
                    "vcvt.f32.s32 s2, s2",
                    "vcvt.f32.s32 s3, s3",
                    "vmul.f32 s0, s0, s4",
                    "vmul.f32 s1, s1, s5",
                    concat!("vmul.f32 s2, s2, ", $mc),
                    concat!("vmul.f32 s3, s3, ", $md),
                    "vcvtr.s32.f32 s0, s0",
                    "vcvtr.s32.f32 s1, s1",
                    "vcvtr.s32.f32 s2, s2",
                    "vcvtr.s32.f32 s3, s3",
                    "vmov {a}, s0",
                    "vmov {b}, s1",
                    "vmov {c}, s2",
                    "vmov {d}, s3",
                    "vpop {{s0, s1, s2, s3, s4, s5, s6, s7}}",
                    "qadd {a}, {a}, {zero}",
                    "qadd {b}, {b}, {zero}",
                    "qadd {c}, {c}, {zero}",
                    "qadd {d}, {d}, {zero}",
                    "usat {a}, #8, {a}",
                    "usat {b}, #8, {b}",
                    "usat {c}, #8, {c}",
                    "usat {d}, #8, {d}",
                    "orr {a}, {a}, {b}, lsl #8",
                    "orr {a}, {a}, {c}, lsl #16",
                    "orr {a}, {a}, {d}, lsl #24",
                    "usub8 {b}, {a}, {low}",
                    "sel {a}, {a}, {low}",
                    "usub8 {b}, {high}, {a}",
                    "sel {a}, {a}, {high}",
                    a = inout(reg) bytes,
                    b = inout(reg) b => _,
                    c = inout(reg) c => _,
                    d = inout(reg) d => _,
                    m = in(reg) multipliers,
                    zero = in(reg) u32::from(self.requantize.zero),
                    low = in(reg) self.bounds[0],
                    high = in(reg) self.bounds[1],
                    options(readonly),
                )
            };
        }
        // SAFETY: as the caller promises.
        unsafe {
            if COLS == 2 {
                end!("vldm {m}, {{s4, s5}}", "s4", "s5");
            } else {
                end!("vldm {m}, {{s4, s5, s6, s7}}", "s6", "s7");
            }
        }
        bytes as u32
    }
}

/// The bytes of sums with residuals.
#[inline(never)]
fn added(
    requantize: &Requantize,
    how: &Residual,
    sums: &[i32; SUMS],
    multipliers: &[f32; SUMS],
    residuals: [u8; SUMS],
) -> u32 {
    let scaled = sums.iter().zip(multipliers).map(|(sum, multiplier)| *sum as f32 * multiplier);
    let bytes = scaled.zip(residuals).map(|(v, r)| requantize.round(how.add(v, r)));
    bytes.rev().fold(0, |word, byte| word << 8 | u32::from(byte))
}
