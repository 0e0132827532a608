//! See [`coulter_plan::ops::dequantize`].

use coulter_plan::ops::dequantize::Params;

use super::{Lowering, Refusal};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let x = lowering.input(node, 0)?;
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![x], vec![output], 0)
}
