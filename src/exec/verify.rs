//! Replays the golden vectors of a plan.

use coulter_kernels::Element;
use coulter_plan::{DType, GoldenCase, Plan, Step, Tensor};

use crate::error::RunError;
use crate::session::{Observer, Session, Values};

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
    if golden_exact(session, case)?.is_none() {
        return Ok(None);
    }
    let case = plan.golden(case);
    let differs = |(output, port): (usize, coulter_plan::Port<'_>)| {
        let difference = difference(port.tensor.dtype, session.output(output), case.output(output));
        (difference > plan.golden_tolerance()).then_some(Mismatch { output, difference })
    };
    Ok(plan.outputs().enumerate().find_map(differs))
}

/// Runs golden case `case` and tells the first output that differs from the golden one in any bit, for devices that spare
/// themselves the arithmetic that a tolerance takes: in plans whose steps are all exact it is 0.
///
/// # Errors
/// When the run fails.
///
/// # Panics
/// If the plan has no such case.
pub fn golden_exact(session: &mut Session<'_>, case: usize) -> Result<Option<usize>, RunError> {
    let plan: Plan<'_> = *session.plan();
    feed(session, &plan.golden(case));
    session.run()?;
    let case = plan.golden(case);
    Ok((0..plan.output_count()).find(|&i| session.try_output(i) != Some(case.output(i))))
}

/// Copies the inputs of a golden case in, and forgets what was kept from run to run.
///
/// # Panics
/// If the case is another plan's with inputs of other sizes.
pub fn feed(session: &mut Session<'_>, case: &GoldenCase<'_>) {
    for i in 0..session.plan().input_count() {
        session.input_mut(i).copy_from_slice(case.input(i));
    }
    session.reset();
}

/// Runs the first golden case and tells the first step whose outputs do not have the checksum that the plan has for
/// it: where a wrong answer begins.
///
/// # Errors
/// When the run fails.
///
/// # Panics
/// If the plan has no golden case.
pub fn first_wrong_step(session: &mut Session<'_>) -> Result<Option<usize>, RunError> {
    let plan: Plan<'_> = *session.plan();
    feed(session, &plan.golden(0));
    let mut search = Search { plan, found: None };
    session.observe(&mut search)?;
    Ok(search.found)
}

struct Search<'p> {
    plan: Plan<'p>,
    found: Option<usize>,
}

impl Observer for Search<'_> {
    fn after(&mut self, step: &Step<'_>, values: &Values<'_, '_>) {
        let wanted = self.plan.checksum(step.index).filter(|&sum| sum != 0);
        if self.found.is_none() && wanted.is_some_and(|sum| sum != checksum(step, values)) {
            self.found = Some(step.index);
        }
    }
}

/// CRC-32 of the elements of a step's outputs, each in row-major order, little-endian; 1 where that is 0, which stands
/// for "no checksum".
pub fn checksum(step: &Step<'_>, values: &Values<'_, '_>) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    for output in (0..step.operands.output_count()).filter_map(|i| step.operands.output(i)) {
        match output.dtype.size() {
            1 => add::<u8, 1>(&mut hash, &output, values, u8::to_le_bytes),
            2 => add::<u16, 2>(&mut hash, &output, values, u16::to_le_bytes),
            4 => add::<u32, 4>(&mut hash, &output, values, u32::to_le_bytes),
            _ => add::<u64, 8>(&mut hash, &output, values, u64::to_le_bytes),
        }
    }
    hash.finalize().max(1)
}

fn add<T: Element, const N: usize>(
    hash: &mut crc32fast::Hasher,
    tensor: &Tensor,
    values: &Values<'_, '_>,
    bytes: fn(T) -> [u8; N],
) {
    let view = values.view::<T>(tensor);
    // In runs, since a hasher takes few bytes slowly.
    let (mut run, mut used) = ([0; 512], 0);
    view.for_each(|value| {
        run[used..used + N].copy_from_slice(&bytes(value));
        used += N;
        if used == run.len() {
            hash.update(&run);
            used = 0;
        }
    });
    hash.update(&run[..used]);
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
