//! See [`coulter_plan::ops::qwinograd_conv2d`]: which convolutions are computed so, and their weights.

use coulter_plan::DType;
use coulter_plan::ops::qconv2d;
use coulter_plan::ops::qwinograd_conv2d::{Params, scratch_len};

use super::winograd_conv2d::{Cost, Form, Sizes};
use super::{Lowering, Refusal, constant, epilogue, packing};
use crate::graph::Node;

/// Where tiles are wanted, 16-bit products take the time of 8-bit ones, which have to be widened.
const COST: Cost = Cost {
    product: 1,
    read: 2,
    transform: 8,
    weight: 2,
    many_tiles: 12,
    little_scratch: 48 * 1024,
    scratch_len: |inputs, _| scratch_len(inputs),
    most_tenths: 9,
};

/// What sums have to stay below in magnitude.
const BOUND: i64 = 1 << 25;

/// Adds the step of a convolution if it takes less time in tiles, and if its sums cannot leave the bounds; tells whether
/// it did.
pub(super) fn lower_if_it_pays(
    lowering: &mut Lowering<'_>,
    node: &Node,
    params: &qconv2d::Params,
) -> Result<bool, Refusal> {
    let graph = lowering.graph();
    let qconv2d::Params { kernel, stride, dilation, groups, w_zero, .. } = *params;
    let Some(sizes) = Sizes::if_it_pays(graph, node, &Form { kernel, stride, dilation, groups }, &COST)? else {
        return Ok(false);
    };
    let weights = constant(graph, node, 1, DType::I8)?;
    let weights: Vec<i32> = weights.0.iter().map(|&w| i32::from(w as i8) - w_zero).collect();
    if !weights.chunks_exact(9 * sizes.channels).all(is_within_bounds) {
        return Ok(false);
    }
    let weights = packing::winograd_pairs(&weights, sizes.outputs, sizes.channels);
    let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
    let stored = lowering.stored(bytes.into(), DType::I16, &[weights.len()])?;
    let [bias, multiplier, residual, table] = epilogue::lower(lowering, node, sizes.outputs)?;
    let x = lowering.input(node, 0)?;
    let scratch = lowering.scratch(Some(sizes.scratch(&COST)))?;
    let output = lowering.output(node, 0)?;
    let qconv2d::Params { pad, x_zero, requantize, residual: how, .. } = *params;
    let params = Params { pad, x_zero, requantize, residual: how };
    let inputs = vec![x, stored, bias, multiplier, residual, table, scratch];
    lowering.step(node, params, inputs, vec![output], sizes.macs())?;
    Ok(true)
}

/// Whether no bytes, multiplied by a channel's weights, add up to too much.
fn is_within_bounds(weights: &[i32]) -> bool {
    let greatest = |sign: i64| weights.iter().map(|&w| (sign * i64::from(w)).max(0) * 255).sum::<i64>();
    greatest(1) < BOUND && greatest(-1) < BOUND
}

#[cfg(test)]
mod tests {
    use super::{COST, is_within_bounds};
    use crate::lower::winograd_conv2d::Sizes;

    fn pays(lines: usize, channels: usize, outputs: usize) -> bool {
        Sizes { batch: 1, lines, columns: lines, channels, outputs }.pays(&COST)
    }

    #[test]
    fn tiles_are_chosen_where_they_pay() {
        let layers =
            [(32, 16, 16), (16, 32, 32), (8, 64, 64), (56, 16, 64), (28, 32, 128), (14, 48, 192), (13, 64, 256)];
        for (lines, channels, outputs) in layers {
            assert!(pays(lines, channels, outputs), "{lines}: {channels} to {outputs}");
        }
        for (lines, channels, outputs) in [(7, 512, 512), (5, 16, 16), (5, 64, 64), (1, 64, 64)] {
            assert!(!pays(lines, channels, outputs), "{lines}: {channels} to {outputs}");
        }
    }

    #[test]
    fn sums_beyond_the_bounds_stay_direct() {
        // 131586 · 255 is 2²⁵ − 2; what is below zero does not add to what is above.
        let weights = |more: i32, sign: i32| {
            let mut weights = vec![sign * 255; 2 * 516];
            weights[516..].fill(-sign);
            weights.push(sign * (6 + more));
            weights
        };
        for sign in [-1, 1] {
            assert!(is_within_bounds(&weights(0, sign)));
            assert!(!is_within_bounds(&weights(1, sign)));
        }
    }
}
