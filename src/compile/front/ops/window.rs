//! What convolutions and pools share: windows over spatial dimensions, and the way to NHWC and back.

use crate::front::importer::Importer;
use crate::front::node::{Decline, OnnxNode};
use crate::graph::TensorId;

/// Windows over height and width; a single dimension is the width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub kernel: [u32; 2],
    pub stride: [u32; 2],
    pub dilation: [u32; 2],
    /// Top, left, bottom, right.
    pub pad: [u32; 4],
}

/// Largest of all numbers of a window: sums of a few of them fit into 32 bits.
const MAX: i64 = 1 << 28;

/// One number for each of the spatial dimensions, from an attribute.
pub(super) fn spatial(
    node: &OnnxNode<'_>,
    name: &str,
    dims: usize,
    least: i64,
    default: i64,
) -> Result<Vec<i64>, Decline> {
    let given = node.ints(name)?.map_or_else(|| vec![default; dims], <[i64]>::to_vec);
    if given.len() != dims || given.iter().any(|n| !(least..MAX).contains(n)) {
        return Err(Decline::broken(format!("{name} {given:?} for {dims} spatial dimensions")));
    }
    Ok(given)
}

/// Two numbers of which the first is for the height.
pub(super) fn pair(values: &[i64], height: u32) -> [u32; 2] {
    match *values {
        [w] => [height, w as u32],
        [h, w, ..] => [h as u32, w as u32],
        [] => [height; 2],
    }
}

/// How far a window reaches.
fn extent(kernel: i64, dilation: i64) -> i64 {
    dilation * (kernel - 1) + 1
}

/// Windows along one dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    pub kernel: i64,
    pub stride: i64,
    pub dilation: i64,
    pub before: i64,
    pub after: i64,
}

impl Axis {
    /// Number of windows in a dimension of this size, rounded down or, with `ceil`, up to windows that begin in it.
    pub(super) fn outputs(&self, size: usize, ceil: bool) -> usize {
        let free = size as i64 + self.before + self.after - extent(self.kernel, self.dilation);
        let count = free / self.stride + 1;
        let more = ceil && free % self.stride != 0 && count * self.stride < size as i64 + self.before;
        (count + i64::from(more)) as usize
    }
}

/// Reads strides, dilations and pads over spatial dimensions of this kernel and these sizes.
pub(super) fn windows(node: &OnnxNode<'_>, kernel: &[i64], sizes: &[usize]) -> Result<Vec<Axis>, Decline> {
    let dims = sizes.len();
    if kernel.len() != dims || kernel.iter().any(|k| !(1..MAX).contains(k)) {
        return Err(Decline::broken(format!("a kernel of {kernel:?} for {dims} spatial dimensions")));
    }
    let strides = spatial(node, "strides", dims, 1, 1)?;
    let dilations = spatial(node, "dilations", dims, 1, 1)?;
    let auto = node.string_or("auto_pad", "NOTSET")?;
    let pads = if matches!(auto, "NOTSET" | "") { explicit(node, dims)? } else { vec![0; 2 * dims] };
    let mut axes = Vec::new();
    for (i, &size) in sizes.iter().enumerate() {
        let (kernel, stride, dilation) = (kernel[i], strides[i], dilations[i]);
        let (reach, size) = (extent(kernel, dilation), size as i64);
        let (before, after) = match auto {
            "NOTSET" | "" => (pads[i], pads[i + dims]),
            "VALID" => (0, 0),
            "SAME_UPPER" | "SAME_LOWER" => {
                let total = (((size - 1) / stride) * stride + reach - size).max(0);
                if auto == "SAME_UPPER" { (total / 2, total - total / 2) } else { (total - total / 2, total / 2) }
            }
            other => return Err(Decline::broken(format!("auto_pad is {other:?}"))),
        };
        let whole = size + before + after;
        if size == 0 || whole >= MAX || reach > whole {
            return Err(Decline::broken(format!("a window of {reach} does not fit into {whole}")));
        }
        axes.push(Axis { kernel, stride, dilation, before, after });
    }
    Ok(axes)
}

/// As [`windows`], over one dimension or two.
pub(super) fn window(node: &OnnxNode<'_>, kernel: &[i64], sizes: &[usize]) -> Result<Window, Decline> {
    if !(1..=2).contains(&sizes.len()) {
        let dims = sizes.len();
        return Err(Decline::fallback(format!("windows over {dims} dimensions have no native form")));
    }
    Ok(Window::over(&windows(node, kernel, sizes)?))
}

/// The attribute `pads`: before each dimension, then after each.
pub(super) fn explicit(node: &OnnxNode<'_>, dims: usize) -> Result<Vec<i64>, Decline> {
    let pads = node.ints("pads")?.map_or_else(|| vec![0; 2 * dims], <[i64]>::to_vec);
    if pads.len() != 2 * dims || pads.iter().any(|n| n.abs() >= MAX) {
        return Err(Decline::broken(format!("pads {pads:?} for {dims} spatial dimensions")));
    }
    if pads.iter().any(|&n| n < 0) {
        return Err(Decline::fallback("negative pads have no native form"));
    }
    Ok(pads)
}

impl Window {
    /// Over the last one or two of these dimensions.
    pub(super) fn over(axes: &[Axis]) -> Self {
        let each = |of: fn(&Axis) -> i64, height| pair(&axes.iter().map(of).collect::<Vec<_>>(), height);
        let (before, after) = (each(|a| a.before, 0), each(|a| a.after, 0));
        Self {
            kernel: each(|a| a.kernel, 1),
            stride: each(|a| a.stride, 1),
            dilation: each(|a| a.dilation, 1),
            pad: [before[0], before[1], after[0], after[1]],
        }
    }

    /// Height and width of the result: see [`Axis::outputs`].
    pub(super) fn outputs(&self, sizes: [usize; 2], ceil: bool) -> [usize; 2] {
        [0, 1].map(|i| {
            let [kernel, stride, dilation, before, after] =
                [self.kernel[i], self.stride[i], self.dilation[i], self.pad[i], self.pad[i + 2]].map(i64::from);
            Axis { kernel, stride, dilation, before, after }.outputs(sizes[i], ceil)
        })
    }
}

/// Height and width of spatial dimensions.
pub(super) fn height_width(sizes: &[usize]) -> [usize; 2] {
    match *sizes {
        [w] => [1, w],
        [h, w, ..] => [h, w],
        [] => [1, 1],
    }
}

#[expect(clippy::wrong_self_convention, reason = "the names tell layouts, and the methods build")]
impl Importer<'_> {
    /// N, C, then one or two spatial dimensions to NHWC.
    pub(super) fn to_nhwc(&mut self, x: TensorId) -> Result<TensorId, Decline> {
        match self.shape(x)[..] {
            [n, c, w] => {
                let moved = self.transpose(x, &[0, 2, 1])?;
                self.reshape(moved, &[n, 1, w, c])
            }
            [_, _, _, _] => self.transpose(x, &[0, 2, 3, 1]),
            ref other => Err(Decline::broken(format!("{other:?} has no two dimensions besides N and C"))),
        }
    }

    /// NHWC to N, C and `dims` spatial dimensions.
    pub(super) fn from_nhwc(&mut self, x: TensorId, dims: usize) -> Result<TensorId, Decline> {
        match (dims, &self.shape(x)[..]) {
            (1, &[n, _, w, c]) => {
                let flat = self.reshape(x, &[n, w, c])?;
                self.transpose(flat, &[0, 2, 1])
            }
            _ => self.transpose(x, &[0, 3, 1, 2]),
        }
    }
}
