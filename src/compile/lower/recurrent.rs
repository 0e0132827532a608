//! See [`coulter_plan::ops::recurrent`].

use coulter_plan::ops::recurrent::Params;

use super::{Lowering, Operand, Refusal, constant_f32, input_tensor, optional_constant_f32, packing};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (x, r) = (input_tensor(graph, node, 0)?, input_tensor(graph, node, 2)?);
    let (&[steps, batch, width], &[hidden, columns]) = (&x.shape[..], &r.shape[..]) else {
        return Err(Refusal(format!(
            "x and r have the shapes {:?} and {:?}, [T, B, I] and [H, G·H] are expected",
            x.shape, r.shape
        )));
    };
    let w = packing::panels(&constant_f32(graph, node, 1)?, width, columns);
    let w = lowering.packed(&w, &[w.len()])?;
    let r = packing::panels(&constant_f32(graph, node, 2)?, hidden, columns);
    let r = lowering.packed(&r, &[r.len()])?;
    let len = params.kind.bias_len(hidden as u32).ok_or_else(|| Refusal("the hidden size is too large".into()))?;
    let mut bias = optional_constant_f32(graph, node, 3)?.unwrap_or_default();
    bias.resize(len as usize, 0.0);
    let bias = lowering.packed(&bias, &[bias.len()])?;
    let input = lowering.input(node, 0)?;
    let [h0, c0, peephole] = [4, 5, 6].map(|i| lowering.optional_input(node, i));
    let scratch = lowering.scratch(params.kind.scratch_len(steps as u32, batch as u32, hidden as u32))?;
    let outputs: Result<Vec<Option<Operand>>, Refusal> =
        node.outputs.iter().map(|id| id.map(|id| lowering.result(id)).transpose()).collect();
    let macs = (steps * batch * (width + hidden) * columns) as u64;
    lowering.step(node, *params, vec![input, w, r, bias, h0?, c0?, peephole?, scratch], outputs?, macs)
}
