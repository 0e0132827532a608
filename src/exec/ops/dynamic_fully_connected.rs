//! See [`coulter_plan::ops::dynamic_fully_connected`].

use coulter_kernels::activation::Function;
use coulter_kernels::dynamic_i8::{self, Columns, Kernels, Product};
use coulter_kernels::{activation_f32, gemm_i8, quantize};
use coulter_plan::ops::dynamic_fully_connected::Params;
use coulter_plan::{DType, OpError};

use crate::activation::function;
use crate::arena::{DenseSlot, RowSlot};
use crate::bind::BindContext;
use crate::error::RunErrorKind;
use crate::session::RunContext;

#[cfg(test)]
mod tests;

/// What a bound step keeps.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    kernels: Kernels,
    per_row: bool,
    w_zero: i32,
    activation: Function,
    x: RowSlot,
    weights: DenseSlot,
    sums: DenseSlot,
    scale: DenseSlot,
    bias: Option<DenseSlot>,
    scratch: DenseSlot,
    y: RowSlot,
}

pub(crate) fn bind(context: &BindContext<'_>) -> Result<Args, OpError> {
    let params: Params = context.params()?;
    let isas = context.isas;
    Ok(Args {
        kernels: Kernels {
            quantize: quantize::select(isas),
            gemm: gemm_i8::select(isas),
            finish: dynamic_i8::select(isas),
            activation: activation_f32::select(isas),
        },
        per_row: params.per_row,
        w_zero: params.w_zero,
        activation: function(params.activation)?,
        x: context.input_rows(0, DType::F32)?,
        weights: context.input_dense(1, DType::I8)?,
        sums: context.input_dense(2, DType::I32)?,
        scale: context.input_dense(3, DType::F32)?,
        bias: context.optional_dense(4, DType::F32)?,
        scratch: context.input_dense(5, DType::F32)?,
        y: context.output_rows(0, DType::F32)?,
    })
}

pub(crate) fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
    let memory = &context.memory;
    let columns = Columns {
        sums: memory.slice(&args.sums),
        scale: memory.slice(&args.scale),
        bias: args.bias.as_ref().map(|bias| memory.slice(bias)),
    };
    let (x, w) = (memory.rows(&args.x), memory.slice(&args.weights));
    let Args { w_zero, per_row, activation, .. } = *args;
    let product = Product { x, w, w_zero, columns, per_row, activation };
    let scratch = memory.slice_mut(&args.scratch);
    args.kernels.run(&product, &mut memory.rows_mut(&args.y), scratch, context.parallel);
    Ok(())
}
