//! What follows the weights of a quantized product: bias, multiplier, residual, table.

use coulter_plan::DType;

use super::{Lowering, Operand, Refusal, constant, packing};
use crate::graph::Node;

/// Inputs 2 to 5; bias and multiplier are padded to the panels of each group of so many outputs.
pub(super) fn lower(
    lowering: &mut Lowering<'_>,
    node: &Node,
    of_group: usize,
) -> Result<[Option<Operand>; 4], Refusal> {
    let mut padded = |i, dtype| {
        let words: Vec<[u8; 4]> = constant(lowering.graph(), node, i, dtype)?.0.as_chunks().0.to_vec();
        let padded = packing::padded_rows(&words, of_group);
        lowering.stored(padded.as_flattened().into(), dtype, &[padded.len()])
    };
    let (bias, multiplier) = (padded(2, DType::I32)?, padded(3, DType::F32)?);
    Ok([bias, multiplier, lowering.optional_input(node, 4)?, lowering.optional_input(node, 5)?])
}
