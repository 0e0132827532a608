//! See [`coulter_plan::ops::qconv2d`].

use coulter_plan::DType;
use coulter_plan::ops::qconv2d::Params;
use coulter_repack::weights::quad_filters;

use super::qwinograd_conv2d::lower_if_it_pays;
use super::{Lowering, Refusal, constant, epilogue, input_tensor, output_tensor};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (w, y) = (input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
    let &[outputs, kernel_h, kernel_w, depth] = &w.shape[..] else {
        return Err(Refusal(format!("weights have the shape {:?}, [O, kh, kw, C/groups] is expected", w.shape)));
    };
    let (taps, groups) = (kernel_h * kernel_w, params.groups as usize);
    if groups == 0 || outputs % groups != 0 {
        return Err(Refusal(format!("{groups} groups do not divide {outputs} outputs")));
    }
    if lowering.choices.winograd_int8 && lower_if_it_pays(lowering, node, params)? {
        return Ok(());
    }
    let weights = quad_filters(&constant(graph, node, 1, DType::I8)?.0, outputs, [taps, depth], groups);
    let weights = lowering.stored(weights.as_slice().into(), DType::I8, &[weights.len()])?;
    let [bias, multiplier, residual, table] = epilogue::lower(lowering, node, outputs / groups)?;
    let x = lowering.input(node, 0)?;
    let output = lowering.output(node, 0)?;
    let macs = (y.len() * taps * depth) as u64;
    lowering.step(node, *params, vec![x, weights, bias, multiplier, residual, table], vec![output], macs)
}
