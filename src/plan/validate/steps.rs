//! Step records: their places, their operators' rules, and what their operands share.

use super::check_name;
use crate::error::{OpError, PlanError};
use crate::format::{NONE, STEP_BYTES, SectionKind};
use crate::ops::{self, OpCode, Rule, fallback};
use crate::overlap::Sliding;
use crate::plan::{Operands, Plan, operands_of, u16_at, u32_at};
use crate::tensor::{Space, Tensor};

pub(super) fn check(plan: &Plan<'_>, rules: &dyn Fn(OpCode) -> Option<Rule>) -> Result<(), PlanError> {
    let mut first_operand = 0;
    for (index, record) in plan.section(SectionKind::Steps).chunks_exact(STEP_BYTES).enumerate() {
        let step = index as u32;
        let code = u16_at(record, 0);
        let known = OpCode::from_number(code).and_then(|op| Some((op, rules(op)?)));
        let (op, rule) = known.ok_or(PlanError::UnknownOp { step, code })?;
        let (params, operands) = places(plan, record, &mut first_operand).ok_or(PlanError::StepRecord(step))?;
        check_name(plan, u32_at(record, 16))?;
        (rule.check)(params, &operands)
            .and_then(|()| check_fallback(plan, op, params))
            .and_then(|()| check_sharing(op, params, &operands))
            .map_err(|cause| PlanError::Step { step, op, cause })?;
    }
    Ok(())
}

/// Parameters and operands of a record. The operands of all steps stand one after another, so that the work of
/// checking steps is bounded by the size of the file.
fn places<'a>(plan: &Plan<'a>, record: &[u8], first_operand: &mut usize) -> Option<(&'a [u8], Operands<'a>)> {
    let count = usize::from(record[2]) + usize::from(record[3]);
    let (first, reserved) = (u32_at(record, 4) as usize, u32_at(record, 20));
    if first != *first_operand || reserved != 0 {
        return None;
    }
    *first_operand = first.checked_add(count)?;
    let indices = plan.section(SectionKind::Operands).get(first.checked_mul(4)?..first_operand.checked_mul(4)?)?;
    let tensors = plan.tensor_count();
    let known = |index: u32| index == NONE || (index as usize) < tensors;
    if !indices.chunks_exact(4).all(|index| known(u32_at(index, 0))) {
        return None;
    }
    let (at, length) = (u32_at(record, 8) as usize, u32_at(record, 12) as usize);
    if !at.is_multiple_of(4) || !length.is_multiple_of(4) {
        return None;
    }
    let params = plan.section(SectionKind::Params).get(at..at.checked_add(length)?)?;
    Some((params, operands_of(plan, record)))
}

/// A fallback step's sub-model lies in its section.
fn check_fallback(plan: &Plan<'_>, op: OpCode, params: &[u8]) -> Result<(), OpError> {
    if op != OpCode::Fallback {
        return Ok(());
    }
    let fallback::Params { offset, length } = ops::read(params)?;
    let end = u64::from(offset) + u64::from(length);
    if length > 0 && end <= plan.section(SectionKind::Fallback).len() as u64 { Ok(()) } else { Err(OpError::Params) }
}

/// Most operands of a step; the operators' rules on their counts are tighter.
const MAX_OPERANDS: usize = 2 * fallback::MAX_OPERANDS;

/// The bytes that an operand addresses.
#[derive(Clone, Copy)]
struct Span {
    space: Space,
    start: u64,
    end: u64,
}

impl Span {
    fn of(tensor: &Tensor) -> Option<Self> {
        let (start, end) = tensor.byte_range()?;
        Some(Self { space: tensor.space, start, end })
    }

    fn meets(&self, other: &Self) -> bool {
        self.space == other.space && self.start < other.end && other.start < self.end
    }
}

/// What a step writes lies outside the weights, has one place an element, and shares no byte with its other
/// operands, save where the operator works in place or overlaps its input by rows.
fn check_sharing(op: OpCode, params: &[u8], operands: &Operands<'_>) -> Result<(), OpError> {
    match operands.input_count() + operands.output_count() {
        0..=FEW_OPERANDS => check_spans::<FEW_OPERANDS>(op, params, operands),
        _ => check_spans::<MAX_OPERANDS>(op, params, operands),
    }
}

/// Operands of most steps: a list for the greatest number of them would need more stack than all else on a small device.
const FEW_OPERANDS: usize = 12;

/// The same of at most `N` operands.
#[inline(never)]
fn check_spans<const N: usize>(op: OpCode, params: &[u8], operands: &Operands<'_>) -> Result<(), OpError> {
    let (inputs, outputs) = (operands.input_count(), operands.output_count());
    let count = inputs + outputs;
    let mut spans = [None; N];
    if count > spans.len() {
        return Err(OpError::Arity);
    }
    for (i, span) in spans.iter_mut().enumerate().take(count) {
        *span = operands.at(i).as_ref().and_then(Span::of);
    }
    for written in (0..count).filter(|&i| i >= inputs || op.scratch() == Some(i)) {
        let Some(tensor) = operands.at(written) else { continue };
        if tensor.space == Space::Weights {
            return Err(OpError::Storage);
        }
        if !tensor.is_injective() {
            return Err(OpError::Alias);
        }
        for (other, span) in spans.iter().enumerate().take(count) {
            let meets = other != written && spans[written].zip(*span).is_some_and(|(a, b)| a.meets(&b));
            if meets && !may_meet(op, params, operands, written, other) {
                return Err(OpError::Alias);
            }
        }
    }
    Ok(())
}

/// Whether two operands whose byte ranges meet, the first being written, may stand as they are.
fn may_meet(op: OpCode, params: &[u8], operands: &Operands<'_>, written: usize, other: usize) -> bool {
    let (Some(a), Some(b)) = (operands.at(written), operands.at(other)) else { return true };
    if a.is_disjoint_from(&b) {
        return true;
    }
    let output = operands.input_count();
    let input = if written == output { other } else { written };
    let is_pair = input < output && (written == output || other == output);
    let in_place = || op.in_place().contains(&input) && a.coincides_with(&b);
    // Only its output is written by an operator that slides: y is `a`.
    let by_rows = || input == 0 && Sliding::of(op, params).is_some_and(|sliding| sliding.order(&b, &a).is_some());
    is_pair && (in_place() || by_rows())
}
