//! What convolutions and pools share: windows over one or two dimensions, and the way to NHWC and back.

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

/// Reads strides, dilations and pads over spatial dimensions of this kernel and these sizes, one or two.
pub(super) fn window(node: &OnnxNode<'_>, kernel: &[i64], sizes: &[usize]) -> Result<Window, Decline> {
    let dims = sizes.len();
    if !(1..=2).contains(&dims) {
        return Err(Decline::fallback(format!("windows over {dims} dimensions have no native form")));
    }
    if kernel.len() != dims || kernel.iter().any(|k| !(1..MAX).contains(k)) {
        return Err(Decline::broken(format!("a kernel of {kernel:?} for {dims} spatial dimensions")));
    }
    let strides = spatial(node, "strides", dims, 1, 1)?;
    let dilations = spatial(node, "dilations", dims, 1, 1)?;
    let pads = match node.string_or("auto_pad", "NOTSET")? {
        "NOTSET" | "" => explicit(node, dims)?,
        "VALID" => vec![0; 2 * dims],
        same @ ("SAME_UPPER" | "SAME_LOWER") => {
            let mut pads = vec![0; 2 * dims];
            for i in 0..dims {
                let size = sizes[i] as i64;
                let outputs = (size + strides[i] - 1) / strides[i];
                let reach = (outputs - 1) * strides[i] + extent(kernel[i], dilations[i]);
                let total = (reach - size).max(0);
                let less = total / 2;
                let before = if same == "SAME_UPPER" { less } else { total - less };
                (pads[i], pads[i + dims]) = (before, total - before);
            }
            pads
        }
        other => return Err(Decline::broken(format!("auto_pad is {other:?}"))),
    };
    for i in 0..dims {
        let whole = sizes[i] as i64 + pads[i] + pads[i + dims];
        if sizes[i] == 0 || whole >= MAX || extent(kernel[i], dilations[i]) > whole {
            let reach = extent(kernel[i], dilations[i]);
            return Err(Decline::broken(format!("a window of {reach} does not fit into {whole}")));
        }
    }
    let (before, after) = (pair(&pads[..dims], 0), pair(&pads[dims..], 0));
    Ok(Window {
        kernel: pair(kernel, 1),
        stride: pair(&strides, 1),
        dilation: pair(&dilations, 1),
        pad: [before[0], before[1], after[0], after[1]],
    })
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
    /// Height and width of the result, rounded down or, with `ceil`, up to windows that begin in the input.
    pub(super) fn outputs(&self, sizes: [usize; 2], ceil: bool) -> [usize; 2] {
        [0, 1].map(|i| {
            let size = sizes[i] as i64;
            let (before, after) = (i64::from(self.pad[i]), i64::from(self.pad[i + 2]));
            let stride = i64::from(self.stride[i]);
            let free = size + before + after - extent(self.kernel[i].into(), self.dilation[i].into());
            let mut count = free / stride + 1;
            if ceil && free % stride != 0 && count * stride < size + before {
                count += 1;
            }
            count as usize
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
