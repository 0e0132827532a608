//! See [`coulter_plan::ops::qwinograd_conv2d`]: which convolutions are computed so, and their weights.

use coulter_plan::DType;
use coulter_plan::ops::qconv2d;
use coulter_plan::ops::qwinograd_conv2d::Params;
use coulter_repack::tiles::INT8;
use coulter_repack::weights::{is_within_bounds, winograd_pairs};

use super::winograd_conv2d::{Form, sizes_if_it_pays};
use super::{Lowering, Refusal, constant, epilogue};
use crate::graph::Node;

/// Adds the step of a convolution if it takes less time in tiles, and if its sums cannot leave the bounds; tells whether
/// it did.
pub(super) fn lower_if_it_pays(
    lowering: &mut Lowering<'_>,
    node: &Node,
    params: &qconv2d::Params,
) -> Result<bool, Refusal> {
    let graph = lowering.graph();
    let qconv2d::Params { kernel, stride, dilation, groups, w_zero, .. } = *params;
    let Some(sizes) = sizes_if_it_pays(graph, node, &Form { kernel, stride, dilation, groups }, &INT8)? else {
        return Ok(false);
    };
    let weights = constant(graph, node, 1, DType::I8)?;
    let weights: Vec<i32> = weights.0.iter().map(|&w| i32::from(w as i8) - w_zero).collect();
    let (outputs, channels) = (sizes.outputs as usize, sizes.channels as usize);
    if !weights.chunks_exact(9 * channels).all(is_within_bounds) {
        return Ok(false);
    }
    let weights = winograd_pairs(&weights, outputs, channels);
    let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
    let stored = lowering.stored(bytes.into(), DType::I16, &[weights.len()])?;
    let [bias, multiplier, residual, table] = epilogue::lower(lowering, node, outputs)?;
    let x = lowering.input(node, 0)?;
    let scratch = lowering.scratch(Some(sizes.scratch(&INT8)))?;
    let output = lowering.output(node, 0)?;
    let qconv2d::Params { pad, x_zero, requantize, residual: how, .. } = *params;
    let params = Params { pad, x_zero, requantize, residual: how };
    let inputs = vec![x, stored, bias, multiplier, residual, table, scratch];
    lowering.step(node, params, inputs, vec![output], sizes.macs())?;
    Ok(true)
}
