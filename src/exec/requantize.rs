//! What follows the sums of a quantized product, as bound steps keep it.

use coulter_kernels::IsaSet;
use coulter_kernels::requantize::{Epilogue, Inner, Requantize, Residual};
use coulter_kernels::table::{self, TableKernel};
use coulter_plan::requantize::{self as plan, ResidualKind};
use coulter_plan::{DType, OpError};

use crate::arena::{DenseSlot, Memory, RowSlot};
use crate::bind::BindContext;
use crate::sliding::Strip;

/// Operands 2 to 5 of a quantized product, and the parameters that go with them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finish {
    bias: DenseSlot,
    multiplier: DenseSlot,
    requantize: Requantize,
    residual: Option<RowSlot>,
    how: Residual,
    table: Option<DenseSlot>,
    look_up: &'static TableKernel,
}

impl Finish {
    pub(crate) fn bind(
        context: &BindContext<'_>,
        requantize: &plan::Requantize,
        residual: &plan::Residual,
    ) -> Result<Self, OpError> {
        let inner = match residual.kind {
            ResidualKind::Plain => None,
            ResidualKind::Rounded => Some(Inner { scale: residual.inner_scale, requantize: bytes(&residual.inner)? }),
        };
        Ok(Self {
            bias: context.input_dense(2, DType::I32)?,
            multiplier: context.input_dense(3, DType::F32)?,
            requantize: bytes(requantize)?,
            residual: context.optional_rows(4, DType::U8)?,
            how: Residual { scale: residual.scale, zero: byte(residual.zero)?, inner },
            table: context.optional_dense(5, DType::U8)?,
            look_up: table::select(context.isas),
        })
    }

    /// The same as kernels take it.
    pub(crate) fn epilogue<'a>(&self, memory: &Memory<'a>) -> Epilogue<'a> {
        self.with(memory, self.residual.as_ref())
    }

    /// The same for some output rows.
    pub(crate) fn epilogue_of<'a>(&self, strip: &Strip, memory: &Memory<'a>) -> Epilogue<'a> {
        let residual = self.residual.as_ref().map(|residual| strip.residual(residual));
        self.with(memory, residual.as_ref())
    }

    fn with<'a>(&self, memory: &Memory<'a>, residual: Option<&RowSlot>) -> Epilogue<'a> {
        Epilogue {
            bias: memory.slice(&self.bias),
            multiplier: memory.slice(&self.multiplier),
            requantize: self.requantize,
            residual: residual.map(|residual| (memory.rows(residual), self.how)),
            table: self.table.as_ref().map(|table| memory.slice(table)),
            look_up: self.look_up,
        }
    }
}

/// The instruction sets whose kernels may round the results of a product with sums of `terms` elements: all, or where a
/// hostile plan scales sums past 2³¹, the generic one. Vectors convert such a number to the least integer, whatever its
/// sign, where the contract wants the nearest.
pub(crate) fn isas(context: &BindContext<'_>, terms: usize, residual: &plan::Residual) -> Result<IsaSet, OpError> {
    /// Greatest product of a byte and a weight less its zero point.
    const PRODUCT: f32 = 255.0 * 255.0;
    const WRAPS: f32 = (1_u32 << 31) as f32;
    let (bias, multiplier) = (context.weights(2)?, context.weights(3)?);
    let added = match (context.step.operands.input(4), residual.kind) {
        (None, _) => 0.0,
        (Some(_), ResidualKind::Plain) => 255.0 * residual.scale.abs(),
        (Some(_), ResidualKind::Rounded) => 255.0 * (residual.scale.abs() + residual.inner_scale.abs()),
    };
    let is_bounded = |(bias, multiplier): (&[u8; 4], &[u8; 4])| {
        let sum = terms as f32 * PRODUCT + (i32::from_le_bytes(*bias) as f32).abs();
        // Not so for NaN.
        sum.min(WRAPS) * f32::from_le_bytes(*multiplier).abs() + added < WRAPS
    };
    let are_bounded = bias.as_chunks().0.iter().zip(multiplier.as_chunks().0).all(is_bounded);
    Ok(if are_bounded { context.isas } else { IsaSet::GENERIC })
}

/// A parameter that is a byte.
pub(crate) fn byte(value: u32) -> Result<u8, OpError> {
    u8::try_from(value).map_err(|_| OpError::Params)
}

/// A quantization whose numbers are bytes.
pub(crate) fn bytes(requantize: &plan::Requantize) -> Result<Requantize, OpError> {
    let plan::Requantize { zero, low, high } = *requantize;
    Ok(Requantize { zero: byte(zero)?, low: byte(low)?, high: byte(high)? })
}
