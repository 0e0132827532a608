//! See [`coulter_plan::ops::qbinary`].

use coulter_plan::ops::qbinary::Params;

use super::{Lowering, Refusal, output_tensor};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let shape = &output_tensor(lowering.graph(), node, 0)?.shape;
    let a = lowering.broadcast_input(node, 0, shape)?;
    let b = lowering.broadcast_input(node, 1, shape)?;
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![a, b], vec![output], 0)
}
