//! See [`coulter_plan::ops::winograd_conv2d`]: which convolutions are computed so, and their weights.

use coulter_plan::ops::conv2d;
use coulter_plan::ops::winograd_conv2d::{POINTS, Params, scratch_len};

use super::{Lowering, Refusal, constant_f32, input_tensor, optional_constant_f32, output_tensor, packing};
use crate::graph::{Graph, Node};

/// Lines and columns of a tile.
const TILE: usize = 4;
/// Channels are worked off in panels of so many.
const PANEL: usize = 16;
/// Most bytes of scratch: what second-level caches hold besides the weights.
const SCRATCH: usize = 256 * 1024;
/// Most bytes of weights: more would not be read that fast, and make plans long.
const MOST_WEIGHTS: usize = 4 * 1024 * 1024;

/// What tiles cost, in multiplications of the direct form.
pub(super) struct Cost {
    /// A multiplication.
    pub(super) product: usize,
    /// Reading a weight.
    pub(super) read: usize,
    /// Transforming an element of a patch or of the sums.
    pub(super) transform: usize,
    /// Bytes of a weight.
    pub(super) weight: usize,
    /// Tiles for which the weights are read together without loss: the rows of the highest register tile.
    pub(super) many_tiles: usize,
    /// Bytes of scratch that suffice where they hold so many tiles.
    pub(super) little_scratch: usize,
    /// Elements of scratch of a tile of C input and O output channels.
    pub(super) scratch_len: fn(u32, u32) -> u64,
    /// Tenths of the direct form's cost that tiles may take: what is not counted must not turn a gain into a loss.
    pub(super) most_tenths: usize,
}

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

/// Sizes of a convolution.
pub(super) struct Sizes {
    pub(super) batch: usize,
    /// Output lines and columns.
    pub(super) lines: usize,
    pub(super) columns: usize,
    /// C.
    pub(super) channels: usize,
    /// O.
    pub(super) outputs: usize,
}

/// The form of a convolution.
pub(super) struct Form {
    pub(super) kernel: [u32; 2],
    pub(super) stride: [u32; 2],
    pub(super) dilation: [u32; 2],
    pub(super) groups: u32,
}

impl Sizes {
    /// Those of a convolution that can be computed in tiles and takes less time so.
    pub(super) fn if_it_pays(graph: &Graph, node: &Node, form: &Form, cost: &Cost) -> Result<Option<Self>, Refusal> {
        let (w, y) = (input_tensor(graph, node, 1)?, output_tensor(graph, node, 0)?);
        let is_plain = (form.kernel, form.stride, form.dilation, form.groups) == ([3, 3], [1, 1], [1, 1], 1);
        let (&[outputs, _, _, channels], &[batch, lines, columns, _]) = (&w.shape[..], &y.shape[..]) else {
            return Ok(None);
        };
        let is_whole = |count: usize| count > 0 && count.is_multiple_of(PANEL);
        let sizes = Self { batch, lines, columns, channels, outputs };
        Ok((is_plain && is_whole(channels) && is_whole(outputs) && sizes.pays(cost)).then_some(sizes))
    }

    fn tiles(&self) -> usize {
        self.batch * self.lines.div_ceil(TILE) * self.columns.div_ceil(TILE)
    }

    /// Elements of scratch of a tile.
    fn of_tile(&self, cost: &Cost) -> usize {
        (cost.scratch_len)(self.channels as u32, self.outputs as u32) as usize
    }

    /// Tiles to work off together.
    fn block(&self, cost: &Cost) -> usize {
        let fit = |bytes: usize| bytes / (4 * self.of_tile(cost));
        fit(cost.little_scratch).max(cost.many_tiles).min(fit(SCRATCH)).min(self.tiles()).max(1)
    }

    /// Elements of scratch of the tiles that are worked off together.
    pub(super) fn scratch(&self, cost: &Cost) -> u64 {
        (self.block(cost) * self.of_tile(cost)) as u64
    }

    /// Multiplications of the direct form.
    pub(super) fn macs(&self) -> u64 {
        (self.batch * self.lines * self.columns * 9 * self.channels * self.outputs) as u64
    }

    /// Whether tiles take less time than sums of nine products for each pixel: what is multiplied; the weights, read
    /// once for each block of tiles, or once; and the transformations.
    pub(super) fn pays(&self, cost: &Cost) -> bool {
        let (points, pairs, tiles) = (POINTS as usize, self.channels * self.outputs, self.tiles());
        let reads = tiles.div_ceil(self.block(cost));
        let transformed = (self.channels + self.outputs) * tiles;
        let in_tiles =
            points * (cost.product * pairs * tiles + cost.read * pairs * reads + cost.transform * transformed);
        let direct = 9 * pairs * (self.batch * self.lines * self.columns + cost.read);
        cost.weight * points * pairs <= MOST_WEIGHTS && in_tiles * 10 <= direct * cost.most_tenths
    }
}

/// Adds the step of a convolution if it takes less time in tiles; tells whether it did.
pub(super) fn lower_if_it_pays(
    lowering: &mut Lowering<'_>,
    node: &Node,
    params: &conv2d::Params,
) -> Result<bool, Refusal> {
    let graph = lowering.graph();
    let conv2d::Params { kernel, stride, dilation, groups, .. } = *params;
    let Some(sizes) = Sizes::if_it_pays(graph, node, &Form { kernel, stride, dilation, groups }, &COST)? else {
        return Ok(false);
    };
    let weights = packing::winograd_filters(&constant_f32(graph, node, 1)?, sizes.outputs, sizes.channels);
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

    fn pays(lines: usize, channels: usize, outputs: usize) -> bool {
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

    #[test]
    fn scratch_is_bounded() {
        for (channels, outputs) in [(16, 16), (16, 64), (64, 256), (512, 512)] {
            let sizes = Sizes { batch: 9, lines: 100, columns: 100, channels, outputs };
            let bytes = 4 * sizes.scratch(&COST);
            assert!(sizes.block(&COST) == 1 || bytes <= super::SCRATCH as u64, "{bytes} bytes");
        }
    }
}
