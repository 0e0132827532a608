//! See [`coulter_plan::ops::qsoftmax`].

use coulter_kernels::softmax_i8::{Softmax, SoftmaxKernel, select};
use coulter_kernels::table::{self, TableKernel};
use coulter_plan::ops::qsoftmax::Params;
use coulter_plan::{DType, OpError};

use crate::arena::{DenseSlot, RowSlot};
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::requantize::byte;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernel: &'static SoftmaxKernel,
    tables: &'static TableKernel,
    inverse_scale: f32,
    zero: u8,
    exponentials: DenseSlot,
    x: RowSlot,
    y: RowSlot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    Ok(Args {
        kernel: select(context.isas),
        tables: table::select(context.isas),
        inverse_scale: params.inverse_scale,
        zero: byte(params.zero)?,
        exponentials: context.input_dense(1, DType::U32)?,
        x: context.input_rows(0, DType::U8)?,
        y: context.output_rows(0, DType::U8)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let exponentials = memory.slice(&args.exponentials).try_into().map_err(|_| RunErrorKind::Internal)?;
    let how = Softmax { exponentials, inverse_scale: args.inverse_scale, zero: args.zero };
    let (x, mut y) = (memory.rows(&args.x), memory.rows_mut(&args.y));
    args.kernel.apply(&how, args.tables, &x, &mut y, context.parallel);
    Ok(())
}
