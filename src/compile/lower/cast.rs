//! See [`coulter_plan::ops::cast`].

use coulter_plan::ops::cast::Params;

use super::{Lowering, Refusal};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let x = lowering.input(node, 0)?;
    let output = lowering.output(node, 0)?;
    lowering.step(node, Params {}, vec![x], vec![output], 0)
}
