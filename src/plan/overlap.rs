//! Outputs that lie over their inputs by rows.
//!
//! An operator whose windows slide over the rows of one image may write output row r over input rows that neither it nor
//! a row yet to come reads: forward, from the first row on, where y lies below x; backward where it lies above. How far
//! apart the two have to lie is told here, to whom places tensors, to whom checks plans and to whom runs them.

use crate::ops::{self, OpCode};
use crate::tensor::Tensor;

/// How the windows of an operator slide over the rows of its input 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sliding {
    /// Rows of the window.
    pub kernel: u32,
    /// Rows from one window to the next.
    pub stride: u32,
    /// Rows from one row of the window to the next.
    pub dilation: u32,
    /// Padding above and below the input.
    pub pad: [u32; 2],
}

/// Least distances in bytes between element (0, …, 0) of x and that of y at which y may overlap x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gaps {
    /// From y to x, for rows computed from the first on.
    pub forward: u64,
    /// From x to y, for rows computed from the last on.
    pub backward: u64,
}

/// In which order output rows are computed that overlap the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first row first.
    Forward,
    /// The last row first.
    Backward,
}

impl Sliding {
    /// That of a step; `None` for operators that do not slide over rows, or whose parameters cannot be read.
    pub fn of(op: OpCode, params: &[u8]) -> Option<Self> {
        macro_rules! windows {
            ($($variant:ident $module:ident,)*) => {
                match op {
                    $(OpCode::$variant => {
                        let ops::$module::Params { kernel, stride, dilation, pad, .. } = ops::read(params).ok()?;
                        (kernel, stride, dilation, pad)
                    })*
                    _ => return None,
                }
            };
        }
        let (kernel, stride, dilation, [top, _, bottom, _]) = windows! {
            Conv2d conv2d,
            DepthwiseConv2d depthwise_conv2d,
            Pool2d pool2d,
            QConv2d qconv2d,
            QDepthwiseConv2d qdepthwise_conv2d,
            QPool2d qpool2d,
        };
        Some(Self { kernel: kernel[0], stride: stride[0], dilation: dilation[0], pad: [top, bottom] })
    }

    /// How far x and y have to lie apart; `None` where they may not overlap at all: there is more than one image, or a
    /// window that lies in the padding as a whole. Their offsets do not matter.
    pub fn gaps(&self, x: &Tensor, y: &Tensor) -> Option<Gaps> {
        let (x, y) = (Lines::of(x)?, Lines::of(y)?);
        let [kernel, stride, dilation] = [self.kernel, self.stride, self.dilation].map(u64::from);
        let [top, bottom] = self.pad.map(u64::from);
        let extent = dilation.checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
        let last = y.count - 1;
        let below = last.checked_mul(stride)?.saturating_sub(top);
        if stride == 0 || top.max(bottom) >= extent || below >= x.count {
            return None;
        }
        // The first input row that output row r reads, and one past the last. Both grow with r as r·stride does but where
        // padding cuts them off, so that what lies between y and x is least at the ends or beside such a place.
        let first = |r: u64| Some(r.checked_mul(stride)?.saturating_sub(top));
        let end = |r: u64| Some(r.checked_mul(stride)?.checked_add(extent - top)?.min(x.count));
        let greatest = |bend: u64, gap: &dyn Fn(u64) -> Option<u64>| {
            let rows = [0, bend.saturating_sub(1), bend, bend + 1, last];
            rows.into_iter().filter(|&r| r <= last).try_fold(0, |most: u64, r| Some(most.max(gap(r)?)))
        };
        let forward = greatest(top.div_ceil(stride), &|r| Some(y.end(r)?.saturating_sub(x.begin(first(r)?)?)))?;
        let backward = greatest((x.count + top).saturating_sub(extent) / stride, &|r| {
            Some(x.end(end(r)?.checked_sub(1)?)?.saturating_sub(y.begin(r)?))
        })?;
        Some(Gaps { forward, backward })
    }

    /// The order in which output rows may be computed where y overlaps x; `None` where it may not.
    pub fn order(&self, x: &Tensor, y: &Tensor) -> Option<Order> {
        let Gaps { forward, backward } = self.gaps(x, y).filter(|_| x.space == y.space)?;
        if x.offset.checked_sub(y.offset).is_some_and(|gap| gap >= forward) {
            Some(Order::Forward)
        } else if y.offset.checked_sub(x.offset).is_some_and(|gap| gap >= backward) {
            Some(Order::Backward)
        } else {
            None
        }
    }
}

/// Where the rows of one image lie, in bytes from its first element.
struct Lines {
    /// Number of rows, at least 1.
    count: u64,
    /// From one row to the next.
    pitch: u64,
    /// From a row's first byte to one past its last.
    len: u64,
}

impl Lines {
    fn of(tensor: &Tensor) -> Option<Self> {
        let &[1, lines, pixels, channels] = &tensor.dims[..] else { return None };
        if lines == 0 || pixels == 0 || channels == 0 {
            return None;
        }
        let (_, _, pitch) = tensor.as_rows()?;
        let (pixels, channels) = (u64::from(pixels), u64::from(channels));
        let (pitch, size) = (u64::try_from(pitch).ok()?, tensor.dtype.size() as u64);
        let len = (pixels - 1).checked_mul(pitch)?.checked_add(channels)?.checked_mul(size)?;
        Some(Self { count: u64::from(lines), pitch: pixels.checked_mul(pitch)?.checked_mul(size)?, len })
    }

    fn begin(&self, line: u64) -> Option<u64> {
        self.pitch.checked_mul(line)
    }

    fn end(&self, line: u64) -> Option<u64> {
        self.begin(line)?.checked_add(self.len)
    }
}
