//! See [`coulter_plan::ops::qdepthwise_conv2d`].

use coulter_plan::DType;
use coulter_plan::ops::qdepthwise_conv2d::Params;

use super::{Lowering, Refusal, constant, epilogue, input_tensor, output_tensor, packing};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (w, y) = (input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
    let &[kernel_h, kernel_w, channels] = &w.shape[..] else {
        return Err(Refusal(format!("weights have the shape {:?}, [kh, kw, C] is expected", w.shape)));
    };
    let weights = packing::quad_rows(&constant(graph, node, 1, DType::I8)?.0, [kernel_h, kernel_w, channels]);
    let weights = lowering.stored(weights.as_slice().into(), DType::I8, &[weights.len()])?;
    let [bias, multiplier, residual, table] = epilogue::lower(lowering, node, channels)?;
    let x = lowering.input(node, 0)?;
    let output = lowering.output(node, 0)?;
    let macs = (y.len() * kernel_h * kernel_w) as u64;
    lowering.step(node, *params, vec![x, weights, bias, multiplier, residual, table], vec![output], macs)
}
