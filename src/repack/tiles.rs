//! Which convolutions take less time in tiles of 4×4 output pixels.

use coulter_plan::ops::qwinograd_conv2d::scratch_len;
use coulter_plan::ops::winograd_conv2d::POINTS;

/// Lines and columns of a tile.
const TILE: u64 = 4;
/// Channels are worked off in panels of so many.
const PANEL: u64 = 16;
/// Most bytes of scratch: what second-level caches hold besides the weights.
const SCRATCH: u64 = 256 * 1024;
/// Most bytes of weights: more would not be read that fast, and make plans long.
const MOST_WEIGHTS: u64 = 4 * 1024 * 1024;

/// What tiles cost, in multiplications of the direct form.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// A multiplication.
    pub product: u64,
    /// Reading a weight.
    pub read: u64,
    /// Transforming an element of a patch or of the sums.
    pub transform: u64,
    /// Bytes of a weight.
    pub weight: u64,
    /// Tiles for which the weights are read together without loss: the rows of the highest register tile.
    pub many_tiles: u64,
    /// Bytes of scratch that suffice where they hold so many tiles.
    pub little_scratch: u64,
    /// Elements of scratch of a tile of C input and O output channels.
    pub scratch_len: fn(u32, u32) -> u64,
    /// Tenths of the direct form's cost that tiles may take: what is not counted must not turn a gain into a loss.
    pub most_tenths: u64,
}

/// Of 8-bit convolutions. Where tiles are wanted, 16-bit products take the time of 8-bit ones, which have to be widened.
pub const INT8: Cost = Cost {
    product: 1,
    read: 2,
    transform: 8,
    weight: 2,
    many_tiles: 12,
    little_scratch: 48 * 1024,
    scratch_len: |inputs, _| scratch_len(inputs),
    most_tenths: 9,
};

/// Sizes of a convolution with 3×3 kernels, stride 1, dilation 1 and one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// N.
    pub batch: u32,
    /// Output lines.
    pub lines: u32,
    /// Output columns.
    pub columns: u32,
    /// C.
    pub channels: u32,
    /// O.
    pub outputs: u32,
}

impl Sizes {
    /// Whether channels fill panels, as tiles need them to.
    pub fn are_whole(&self) -> bool {
        [self.channels, self.outputs].iter().all(|&count| count > 0 && u64::from(count).is_multiple_of(PANEL))
    }

    fn tiles(&self) -> u64 {
        let across = |pixels: u32| u64::from(pixels).div_ceil(TILE);
        u64::from(self.batch).saturating_mul(across(self.lines)).saturating_mul(across(self.columns))
    }

    /// Elements of scratch of a tile.
    fn of_tile(&self, cost: &Cost) -> u64 {
        (cost.scratch_len)(self.channels, self.outputs)
    }

    /// Tiles to work off together.
    fn block(&self, cost: &Cost) -> u64 {
        let fit = |bytes: u64| bytes / (4 * self.of_tile(cost));
        fit(cost.little_scratch).max(cost.many_tiles).min(fit(SCRATCH)).min(self.tiles()).max(1)
    }

    /// Elements of scratch of the tiles that are worked off together.
    pub fn scratch(&self, cost: &Cost) -> u64 {
        self.block(cost) * self.of_tile(cost)
    }

    /// Multiplications of the direct form.
    pub fn macs(&self) -> u64 {
        [self.batch, self.lines, self.columns, self.channels, self.outputs]
            .iter()
            .fold(9, |product: u64, &size| product.saturating_mul(size.into()))
    }

    /// Whether tiles take less time than sums of nine products for each pixel: what is multiplied; the weights, read
    /// once for each block of tiles, or once; and the transformations.
    pub fn pays(&self, cost: &Cost) -> bool {
        // Sizes of plans from outside may be any.
        let wide = |count: u64| u128::from(count);
        let (points, tiles) = (wide(POINTS), wide(self.tiles()));
        let (channels, outputs) = (u128::from(self.channels), u128::from(self.outputs));
        let pairs = channels * outputs;
        let reads = wide(self.tiles().div_ceil(self.block(cost)));
        let transformed = (channels + outputs).saturating_mul(tiles);
        let products = (wide(cost.product) * pairs).saturating_mul(tiles);
        let read = (wide(cost.read) * pairs).saturating_mul(reads);
        let in_tiles = products.saturating_add(read).saturating_add(transformed.saturating_mul(wide(cost.transform)));
        let direct = wide(self.macs()).saturating_add(9 * pairs * wide(cost.read));
        wide(cost.weight) * points * pairs <= wide(MOST_WEIGHTS)
            && in_tiles.saturating_mul(points * 10) <= direct.saturating_mul(wide(cost.most_tenths))
    }
}

#[cfg(test)]
mod tests {
    use coulter_plan::ops::winograd_conv2d;

    use super::{Cost, INT8, SCRATCH, Sizes};

    fn pays(lines: u32, channels: u32, outputs: u32) -> bool {
        Sizes { batch: 1, lines, columns: lines, channels, outputs }.pays(&INT8)
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
    fn scratch_is_bounded() {
        for (channels, outputs) in [(16, 16), (16, 64), (64, 256), (512, 512)] {
            let sizes = Sizes { batch: 9, lines: 100, columns: 100, channels, outputs };
            for cost in [INT8, Cost { scratch_len: winograd_conv2d::scratch_len, many_tiles: 14, ..INT8 }] {
                let bytes = 4 * sizes.scratch(&cost);
                assert!(sizes.block(&cost) == 1 || bytes <= SCRATCH, "{bytes} bytes");
            }
        }
    }

    #[test]
    fn sizes_of_any_plan_can_be_counted() {
        const MOST: u32 = u32::MAX - 15;
        let sizes = Sizes { batch: MOST, lines: MOST, columns: MOST, channels: MOST, outputs: MOST };
        assert!(!sizes.pays(&INT8));
        assert_eq!(sizes.macs(), u64::MAX);
    }
}
