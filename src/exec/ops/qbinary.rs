//! See [`coulter_plan::ops::qbinary`].

use coulter_kernels::binary_i8::{self, Binary, BinaryKernel, Operand, select};
use coulter_plan::ops::qbinary::{Kind, Params};
use coulter_plan::requantize::Requantize;
use coulter_plan::{DType, OpError};

use crate::arena::Slot;
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::merge::merged;
use crate::requantize::{byte, bytes};
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static BinaryKernel,
    how: Binary,
    a: Slot,
    b: Slot,
    y: Slot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let Params { kind, a_scale, b_scale, a_zero, b_zero, y_zero, low, high } = context.params()?;
    let (a, b) = (context.input_slot(0, DType::U8)?, context.input_slot(1, DType::U8)?);
    let [y, a, b] = merged([context.output_slot(0, DType::U8)?, a, b])?;
    let how = Binary {
        kind: match kind {
            Kind::Add => binary_i8::Kind::Add,
            Kind::Mul => binary_i8::Kind::Mul,
        },
        a: Operand { scale: a_scale, zero: byte(a_zero)? },
        b: Operand { scale: b_scale, zero: byte(b_zero)? },
        requantize: bytes(&Requantize { zero: y_zero, low, high })?,
    };
    Ok(Args { kernel: select(context.isas), how, a, b, y })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let (a, b, mut y) = (memory.view(&args.a), memory.view(&args.b), memory.view_mut(&args.y));
    args.kernel.run(&args.how, &a, &b, &mut y, context.parallel);
    Ok(())
}
