//! See [`coulter_plan::ops::winograd_conv2d`]: which convolutions are computed so, and their weights.

use coulter_plan::ops::conv2d;
use coulter_plan::ops::winograd_conv2d::{Params, scratch_len};
use coulter_repack::tiles::{Cost, Sizes};

use super::{Lowering, Refusal, constant_f32, input_tensor, optional_constant_f32, output_tensor, packing};
use crate::graph::{Graph, Node};

const COST: Cost = Cost {
    product: 1,
    read: 4,
    transform: 8,
    weight: 4,
    many_tiles: 14,
    little_scratch: 128 * 1024,
    scratch_len,
    most_tenths: 8,
};

/// The form of a convolution.
pub(super) struct Form {
    pub(super) kernel: [u32; 2],
    pub(super) stride: [u32; 2],
    pub(super) dilation: [u32; 2],
    pub(super) groups: u32,
}

/// The sizes of a convolution that can be computed in tiles and takes less time so.
pub(super) fn sizes_if_it_pays(graph: &Graph, node: &Node, form: &Form, cost: &Cost) -> Result<Option<Sizes>, Refusal> {
    let (w, y) = (input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
    let is_plain = (form.kernel, form.stride, form.dilation, form.groups) == ([3, 3], [1, 1], [1, 1], 1);
    let (&[outputs, _, _, channels], &[batch, lines, columns, _]) = (&w.shape[..], &y.shape[..]) else {
        return Ok(None);
    };
    let [Ok(batch), Ok(lines), Ok(columns), Ok(channels), Ok(outputs)] =
        [batch, lines, columns, channels, outputs].map(u32::try_from)
    else {
        return Ok(None);
    };
    let sizes = Sizes { batch, lines, columns, channels, outputs };
    Ok((is_plain && sizes.are_whole() && sizes.pays(cost)).then_some(sizes))
}

/// Adds the step of a convolution if it takes less time in tiles; tells whether it did.
pub(super) fn lower_if_it_pays(
    lowering: &mut Lowering<'_>,
    node: &Node,
    params: &conv2d::Params,
) -> Result<bool, Refusal> {
    let graph = lowering.graph();
    let conv2d::Params { kernel, stride, dilation, groups, .. } = *params;
    let Some(sizes) = sizes_if_it_pays(graph, node, &Form { kernel, stride, dilation, groups }, &COST)? else {
        return Ok(false);
    };
    let weights =
        packing::winograd_filters(&constant_f32(graph, node, 1)?, sizes.outputs as usize, sizes.channels as usize);
    let weights = lowering.packed(&weights, &[weights.len()])?;
    let bias = match optional_constant_f32(graph, node, 2)? {
        Some(bias) => lowering.packed(&bias, &[bias.len()])?,
        None => None,
    };
    let (x, residual) = (lowering.input(node, 0)?, lowering.optional_input(node, 3)?);
    let scratch = lowering.scratch(Some(sizes.scratch(&COST)))?;
    let output = lowering.output(node, 0)?;
    let params = Params { pad: params.pad, activation: params.activation };
    lowering.step(node, params, vec![x, weights, bias, residual, scratch], vec![output], sizes.macs())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::{COST, Sizes};

    fn pays(lines: u32, channels: u32, outputs: u32) -> bool {
        Sizes { batch: 1, lines, columns: lines, channels, outputs }.pays(&COST)
    }

    #[test]
    fn tiles_are_chosen_where_they_pay() {
        let layers =
            [(32, 16, 16), (16, 32, 32), (8, 64, 64), (56, 16, 64), (28, 32, 128), (14, 48, 192), (14, 64, 256)];
        for (lines, channels, outputs) in layers {
            assert!(pays(lines, channels, outputs), "{lines}: {channels} to {outputs}");
        }
        // Few pixels for many weights; mostly past the image.
        for (lines, channels, outputs) in [(7, 512, 512), (4, 256, 256), (5, 16, 16), (1, 64, 64)] {
            assert!(!pays(lines, channels, outputs), "{lines}: {channels} to {outputs}");
        }
    }
}
