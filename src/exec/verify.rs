//! Replays the golden vectors of a plan.

use coulter_plan::{DType, Plan};

use crate::error::RunError;
use crate::session::Session;

/// An output that is not the golden one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mismatch {
    /// Index of the graph output.
    pub output: usize,
    /// Greatest difference relative to the greatest absolute value of the golden output; infinite where integers differ
    /// or a number is missing.
    pub difference: f32,
}

/// Runs golden case `case` and tells the first output that is further from the golden one than the plan allows.
/// Integers and booleans must be equal.
///
/// # Errors
/// When the run fails.
///
/// # Panics
/// If the plan has no such case.
pub fn golden(session: &mut Session<'_>, case: usize) -> Result<Option<Mismatch>, RunError> {
    let plan: Plan<'_> = *session.plan();
    let case = plan.golden(case);
    for i in 0..plan.input_count() {
        session.input_mut(i).copy_from_slice(case.input(i));
    }
    session.run()?;
    let differs = |(output, port): (usize, coulter_plan::Port<'_>)| {
        let difference = difference(port.tensor.dtype, session.output(output), case.output(output));
        (difference > plan.golden_tolerance()).then_some(Mismatch { output, difference })
    };
    Ok(plan.outputs().enumerate().find_map(differs))
}

/// Greatest difference between two tensors of equal length, relative to the greatest absolute value of `wanted`.
pub fn difference(dtype: DType, got: &[u8], wanted: &[u8]) -> f32 {
    if got == wanted {
        return 0.0;
    }
    if !dtype.is_float() {
        return f32::INFINITY;
    }
    let size = dtype.size();
    let mut largest = f64::MIN_POSITIVE;
    let mut worst = 0.0f64;
    for (g, w) in got.chunks_exact(size).zip(wanted.chunks_exact(size)) {
        let (g, w) = (number(dtype, g), number(dtype, w));
        if g == w || g.is_nan() && w.is_nan() {
            largest = if w.is_finite() { largest.max(w.abs()) } else { largest };
            continue;
        }
        if !(g.is_finite() && w.is_finite()) {
            return f32::INFINITY;
        }
        largest = largest.max(w.abs());
        worst = worst.max((g - w).abs());
    }
    (worst / largest) as f32
}

/// A floating-point element; the others are compared as bytes.
fn number(dtype: DType, bytes: &[u8]) -> f64 {
    match (dtype, bytes) {
        (DType::F64, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
        (DType::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]).into(),
        (DType::BF16, &[a, b]) => f32::from_le_bytes([0, 0, a, b]).into(),
        (DType::F16, &[a, b]) => half(u16::from_le_bytes([a, b])).into(),
        _ => f64::NAN,
    }
}

/// A 16-bit IEEE float: the bits moved to where a 32-bit one has them, and its exponent's offset made up for by an
/// exact multiplication.
fn half(bits: u16) -> f32 {
    const REBIAS: f32 = f32::from_bits((254 - 15) << 23);
    let sign = u32::from(bits & 0x8000) << 16;
    let rest = u32::from(bits & 0x7fff) << 13;
    let magnitude = f32::from_bits(rest) * REBIAS;
    let special = bits & 0x7c00 == 0x7c00;
    let magnitude = if special { f32::from_bits(rest | 0x7f80_0000) } else { magnitude };
    f32::from_bits(magnitude.to_bits() | sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(got: &[f32], wanted: &[f32]) -> f32 {
        let bytes = |v: &[f32]| v.iter().flat_map(|x| x.to_le_bytes()).collect::<alloc::vec::Vec<u8>>();
        difference(DType::F32, &bytes(got), &bytes(wanted))
    }

    #[test]
    fn differences_are_relative_to_the_greatest_value() {
        assert_eq!(of(&[1.0, 2.0], &[1.0, 2.0]), 0.0);
        assert_eq!(of(&[1.0, 3.0], &[1.0, 4.0]), 0.25);
        assert_eq!(of(&[f32::NAN, 1.0], &[f32::NAN, 1.0]), 0.0);
        assert_eq!(of(&[f32::NAN], &[1.0]), f32::INFINITY);
        assert_eq!(of(&[1.0], &[f32::INFINITY]), f32::INFINITY);
        assert_eq!(difference(DType::I64, &1i64.to_le_bytes(), &2i64.to_le_bytes()), f32::INFINITY);
    }

    #[test]
    fn halves() {
        for (bits, value) in [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 5.960_464_5e-8), (0x7bff, 65504.0)] {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7c01).is_nan() && half(0xfc00) == f32::NEG_INFINITY);
    }
}
