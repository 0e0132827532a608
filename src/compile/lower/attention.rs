//! See [`coulter_plan::ops::attention`].

use coulter_plan::ops::attention::{Params, scratch_len};

use super::{Lowering, Refusal, input_tensor};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (q, v) = (input_tensor(graph, node, 0)?, input_tensor(graph, node, 2)?);
    let (&[batch, heads, queries, depth], &[.., keys, width]) = (&q.shape[..], &v.shape[..]) else {
        return Err(Refusal(format!(
            "q and v have the shapes {:?} and {:?}, four dimensions are expected",
            q.shape, v.shape
        )));
    };
    let inputs = [0, 1, 2].map(|i| lowering.input(node, i));
    let [q, k, v] = inputs;
    let mask = match node.inputs.get(3) {
        Some(Some(_)) => lowering.broadcast_input(node, 3, &[batch, heads, queries, keys])?,
        _ => None,
    };
    let scratch = lowering.scratch(scratch_len(keys as u32, depth as u32, width as u32))?;
    let output = lowering.output(node, 0)?;
    let macs = (batch * heads * queries * keys * (depth + width)) as u64;
    lowering.step(node, *params, vec![q?, k?, v?, mask, scratch], vec![output], macs)
}
