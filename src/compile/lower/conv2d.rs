//! See [`coulter_plan::ops::conv2d`].

use coulter_plan::ops::conv2d::Params;

use super::winograd_conv2d::lower_if_it_pays;
use super::{Lowering, Refusal, constant_f32, input_tensor, optional_constant_f32, output_tensor, packing};
use crate::graph::Node;

pub(super) fn lower(lowering: &mut Lowering<'_>, node: &Node, params: &Params) -> Result<(), Refusal> {
    let graph = lowering.graph();
    let (w, y) = (input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
    let &[outputs, kernel_h, kernel_w, depth] = &w.shape[..] else {
        return Err(Refusal(format!("weights have the shape {:?}, [O, kh, kw, C/groups] is expected", w.shape)));
    };
    let (taps, groups) = (kernel_h * kernel_w * depth, params.groups as usize);
    if groups == 0 || outputs % groups != 0 {
        return Err(Refusal(format!("{groups} groups do not divide {outputs} outputs")));
    }
    if lowering.choices.winograd_f32 && lower_if_it_pays(lowering, node, params)? {
        return Ok(());
    }
    let weights = packing::filters(&constant_f32(graph, node, 1)?, outputs, taps, groups);
    let weights = lowering.packed(&weights, &[weights.len()])?;
    let bias = match optional_constant_f32(graph, node, 2)? {
        Some(bias) => {
            let bias = packing::padded_rows(&bias, outputs / groups);
            lowering.packed(&bias, &[bias.len()])?
        }
        None => None,
    };
    let (x, residual) = (lowering.input(node, 0)?, lowering.optional_input(node, 3)?);
    let output = lowering.output(node, 0)?;
    let macs = (y.len() * taps) as u64;
    lowering.step(node, *params, vec![x, weights, bias, residual], vec![output], macs)
}
