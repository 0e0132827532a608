//! See [`coulter_plan::ops::fully_connected`].

use coulter_plan::ops::fully_connected::Params;

use super::{Lowering, Refusal, constant_f32, input_tensor, optional_constant_f32, output_tensor, packing};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (w, y) = (input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
    let &[depth, columns] = &w.shape[..] else {
        return Err(Refusal(format!("weights have the shape {:?}, [K, N] is expected", w.shape)));
    };
    let weights = packing::panels(&constant_f32(graph, node, 1)?, depth, columns);
    let weights = lowering.packed(&weights, &[weights.len()])?;
    let bias = match optional_constant_f32(graph, node, 2)? {
        Some(bias) => {
            let bias = packing::padded_rows(&bias, columns);
            lowering.packed(&bias, &[bias.len()])?
        }
        None => None,
    };
    let (x, residual) = (lowering.input(node, 0)?, lowering.optional_input(node, 3)?);
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![x, weights, bias, residual], vec![output], (y.len() * depth) as u64)
}
