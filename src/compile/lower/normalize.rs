//! See [`coulter_plan::ops::normalize`].

use coulter_plan::ops::normalize::Params;

use super::{Lowering, Refusal};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let x = lowering.input(node, 0)?;
    let (scale, shift) = (lowering.optional_input(node, 1)?, lowering.optional_input(node, 2)?);
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![x, scale, shift], vec![output], 0)
}
