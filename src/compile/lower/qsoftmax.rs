//! See [`coulter_plan::ops::qsoftmax`].

use coulter_plan::ops::qsoftmax::Params;

use super::{Lowering, Refusal};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let (x, exponentials) = (lowering.input(node, 0)?, lowering.input(node, 1)?);
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![x, exponentials], vec![output], 0)
}
