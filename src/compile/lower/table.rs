//! See [`coulter_plan::ops::table`].

use coulter_plan::ops::table::Params;

use super::{Lowering, Refusal};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let (x, table) = (lowering.input(node, 0)?, lowering.input(node, 1)?);
    let output = lowering.output(node, 0)?;
    lowering.step(node, Params {}, vec![x, table], vec![output], 0)
}
