//! See [`coulter_plan::ops::winograd_conv2d`]: which convolutions are computed so, and their weights.

use coulter_plan::ops::conv2d;
use coulter_plan::ops::winograd_conv2d::{POINTS, Params, scratch_len};

use super::{Lowering, Refusal, constant_f32, input_tensor, optional_constant_f32, output_tensor, packing};
use crate::graph::Node;

/// Lines and columns of a tile.
const TILE: usize = 4;
/// Channels are worked off in panels of so many.
const PANEL: usize = 16;
/// Most bytes of scratch: what second-level caches hold besides the weights.
const SCRATCH: usize = 256 * 1024;
/// Bytes of scratch that suffice where they hold [`MANY_TILES`].
const LITTLE_SCRATCH: usize = 128 * 1024;
/// Tiles for which the weights are read together without loss: the rows of the highest register tile.
const MANY_TILES: usize = 14;
/// Multiplications that transforming an element of a patch or of the sums costs.
const TRANSFORM: usize = 8;
/// Multiplications that reading a weight costs.
const READ: usize = 4;
/// Most bytes of weights: more would not be read that fast, and make plans long.
const MOST_WEIGHTS: usize = 4 * 1024 * 1024;

/// Sizes of a convolution.
struct Sizes {
    batch: usize,
    /// Output lines and columns.
    lines: usize,
    columns: usize,
    /// C.
    channels: usize,
    /// O.
    outputs: usize,
}

impl Sizes {
    fn tiles(&self) -> usize {
        self.batch * self.lines.div_ceil(TILE) * self.columns.div_ceil(TILE)
    }

    /// Elements of scratch of a tile.
    fn of_tile(&self) -> usize {
        scratch_len(self.channels as u32, self.outputs as u32) as usize
    }

    /// Tiles to work off together.
    fn block(&self) -> usize {
        let fit = |bytes: usize| bytes / (4 * self.of_tile());
        fit(LITTLE_SCRATCH).max(MANY_TILES).min(fit(SCRATCH)).min(self.tiles()).max(1)
    }

    /// Whether tiles take less time than sums of nine products for each pixel. Both are counted in multiplications:
    /// what is multiplied; the weights, read once for each block of tiles, or once; and the transformations.
    fn pays(&self) -> bool {
        let (points, pairs, tiles) = (POINTS as usize, self.channels * self.outputs, self.tiles());
        let reads = tiles.div_ceil(self.block());
        let in_tiles =
            points * (pairs * tiles + READ * pairs * reads + TRANSFORM * (self.channels + self.outputs) * tiles);
        let direct = 9 * pairs * (self.batch * self.lines * self.columns + READ);
        // What is not counted must not turn a gain into a loss.
        4 * points * pairs <= MOST_WEIGHTS && in_tiles * 5 <= direct * 4
    }
}

/// Adds the step of a convolution if it takes less time in tiles; tells whether it did.
pub(super) fn lower_if_it_pays(
    lowering: &mut Lowering<'_>,
    node: &Node,
    params: &conv2d::Params,
) -> Result<bool, Refusal> {
    let graph = lowering.graph();
    let (w, y) = (input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
    let is_plain = (params.kernel, params.stride, params.dilation, params.groups) == ([3, 3], [1, 1], [1, 1], 1);
    let (&[outputs, _, _, channels], &[batch, lines, columns, _]) = (&w.shape[..], &y.shape[..]) else {
        return Ok(false);
    };
    let is_whole = |count: usize| count > 0 && count.is_multiple_of(PANEL);
    let sizes = Sizes { batch, lines, columns, channels, outputs };
    if !(is_plain && is_whole(channels) && is_whole(outputs) && sizes.pays()) {
        return Ok(false);
    }
    let weights = packing::winograd_filters(&constant_f32(graph, node, 1)?, outputs, channels);
    let weights = lowering.packed(&weights, &[weights.len()])?;
    let bias = match optional_constant_f32(graph, node, 2)? {
        Some(bias) => lowering.packed(&bias, &[bias.len()])?,
        None => None,
    };
    let (x, residual) = (lowering.input(node, 0)?, lowering.optional_input(node, 3)?);
    let scratch = lowering.scratch(Some((sizes.block() * sizes.of_tile()) as u64))?;
    let output = lowering.output(node, 0)?;
    let params = Params { pad: params.pad, activation: params.activation };
    let macs = (y.len() * 9 * channels) as u64;
    lowering.step(node, params, vec![x, weights, bias, residual, scratch], vec![output], macs)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::Sizes;

    fn pays(lines: usize, channels: usize, outputs: usize) -> bool {
        Sizes { batch: 1, lines, columns: lines, channels, outputs }.pays()
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

    #[test]
    fn scratch_is_bounded() {
        for (channels, outputs) in [(16, 16), (16, 64), (64, 256), (512, 512)] {
            let sizes = Sizes { batch: 9, lines: 100, columns: 100, channels, outputs };
            let bytes = 4 * sizes.of_tile() * sizes.block();
            assert!(sizes.block() == 1 || bytes <= super::SCRATCH, "{bytes} bytes");
        }
    }
}
