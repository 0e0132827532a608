//! See [`coulter_plan::ops::gather`].

use coulter_plan::ops::gather::Params;

use super::{Lowering, Refusal};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let (x, indices) = (lowering.input(node, 0)?, lowering.input(node, 1)?);
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![x, indices], vec![output], 0)
}
