//! See [`coulter_plan::ops::depthwise_conv2d`].

use coulter_plan::ops::depthwise_conv2d::Params;

use super::{Lowering, Refusal, constant_f32, input_tensor, optional_constant_f32, output_tensor, packing};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (w, y) = (input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
    let &[kernel_h, kernel_w, channels] = &w.shape[..] else {
        return Err(Refusal(format!("weights have the shape {:?}, [kh, kw, C] is expected", w.shape)));
    };
    let taps = kernel_h * kernel_w;
    let weights = packing::padded_rows(&constant_f32(graph, node, 1)?, channels);
    let weights = lowering.packed(&weights, &[taps, weights.len() / taps.max(1)])?;
    let bias = match optional_constant_f32(graph, node, 2)? {
        Some(bias) => {
            let bias = packing::padded_rows(&bias, channels);
            lowering.packed(&bias, &[bias.len()])?
        }
        None => None,
    };
    let (x, residual) = (lowering.input(node, 0)?, lowering.optional_input(node, 3)?);
    let output = lowering.output(node, 0)?;
    lowering.step(node, *params, vec![x, weights, bias, residual], vec![output], (y.len() * taps) as u64)
}
