//! See [`coulter_plan::ops::conv_transpose2d`].

use coulter_plan::ops::conv_transpose2d::Params;

use super::{Lowering, Refusal, constant_f32, input_tensor, optional_constant_f32};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (x, w) = (input_tensor(graph, node, 0)?, input_tensor(graph, node, 1)?);
    let weights = lowering.packed(&constant_f32(graph, node, 1)?, &w.shape)?;
    let bias = match optional_constant_f32(graph, node, 2)? {
        Some(bias) => lowering.packed(&bias, &[bias.len()])?,
        None => None,
    };
    let of_element: usize = w.shape.iter().skip(1).take(3).product();
    let macs = (x.len() * of_element) as u64;
    let input = lowering.input(node, 0)?;
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![input, weights, bias], vec![output], macs)
}
