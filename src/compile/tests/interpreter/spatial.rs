//! Operators on height and width, NHWC.

use coulter_plan::ops::{conv_transpose2d, conv2d, depthwise_conv2d, pool2d, resize};

use super::Array;
use super::elementwise::activate;

/// Output length of a sliding window.
fn slid(input: usize, kernel: u32, stride: u32, dilation: u32, pad: [u32; 2]) -> usize {
    let padded = input + (pad[0] + pad[1]) as usize;
    (padded - (dilation * (kernel - 1)) as usize - 1) / stride as usize + 1
}

/// Where a tap of the window at `output` falls, if it falls inside.
fn tap(output: usize, tap: usize, stride: u32, dilation: u32, pad: u32, input: usize) -> Option<usize> {
    (output * stride as usize + tap * dilation as usize).checked_sub(pad as usize).filter(|&place| place < input)
}

/// How a window slides.
#[derive(Clone, Copy)]
pub(super) struct Sliding {
    pub(super) kernel: [u32; 2],
    pub(super) stride: [u32; 2],
    pub(super) dilation: [u32; 2],
    pub(super) pad: [u32; 4],
}

pub(super) fn conv2d(
    p: &conv2d::Params,
    x: &Array,
    w: &Array,
    bias: Option<&Array>,
    residual: Option<&Array>,
) -> Array {
    let (outputs, depth) = (w.shape[0], w.shape[3]);
    let of_group = outputs / p.groups as usize;
    convolved(p.kernel, p.stride, p.dilation, p.pad, x, outputs, |[n, o], taps| {
        let first = o / of_group * depth;
        let mut sum = 0.0;
        for &[i, j, ih, iw] in taps {
            sum += (0..depth).map(|c| x.at(&[n, ih, iw, first + c]) * w.at(&[o, i, j, c])).sum::<f64>();
        }
        sum
    })
    .finished(bias, residual, &p.activation)
}

pub(super) fn depthwise_conv2d(
    p: &depthwise_conv2d::Params,
    x: &Array,
    w: &Array,
    bias: Option<&Array>,
    residual: Option<&Array>,
) -> Array {
    convolved(p.kernel, p.stride, p.dilation, p.pad, x, x.shape[3], |[n, c], taps| {
        taps.iter().map(|&[i, j, ih, iw]| x.at(&[n, ih, iw, c]) * w.at(&[i, j, c])).sum()
    })
    .finished(bias, residual, &p.activation)
}

/// For each output the sum that `value` makes of batch, channel and the taps `[i, j, ih, iw]` inside.
fn convolved(
    kernel: [u32; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
    pad: [u32; 4],
    x: &Array,
    channels: usize,
    value: impl Fn([usize; 2], &[[usize; 4]]) -> f64,
) -> Array {
    let sliding = Sliding { kernel, stride, dilation, pad };
    Array::fill(x.dtype, &sliding.output(x, channels), |index| {
        let inside = |&[_, _, row, column]: &[usize; 4]| row != usize::MAX && column != usize::MAX;
        let taps: Vec<_> = sliding.taps(x, index).into_iter().filter(inside).collect();
        value([index[0], index[3]], &taps)
    })
}

/// For each output the sum of what `value` makes of batch, channel and each tap `[i, j, ih, iw]`; ih or iw is
/// `usize::MAX` in the padding.
pub(super) fn convolved_padded(
    sliding: Sliding,
    x: &Array,
    channels: usize,
    value: impl Fn([usize; 2], [usize; 4]) -> f64,
) -> Array {
    Array::fill(coulter_plan::DType::I32, &sliding.output(x, channels), |index| {
        sliding.taps(x, index).into_iter().map(|tap| value([index[0], index[3]], tap)).sum()
    })
}

impl Sliding {
    fn output(&self, x: &Array, channels: usize) -> [usize; 4] {
        let Self { kernel, stride, dilation, pad } = *self;
        let oh = slid(x.shape[1], kernel[0], stride[0], dilation[0], [pad[0], pad[2]]);
        let ow = slid(x.shape[2], kernel[1], stride[1], dilation[1], [pad[1], pad[3]]);
        [x.shape[0], oh, ow, channels]
    }

    /// Every tap `[i, j, ih, iw]` of the window at an output; ih or iw is `usize::MAX` in the padding.
    fn taps(&self, x: &Array, index: &[usize]) -> Vec<[usize; 4]> {
        let Self { kernel, stride, dilation, pad } = *self;
        let mut taps = Vec::new();
        for i in 0..kernel[0] as usize {
            for j in 0..kernel[1] as usize {
                let row = tap(index[1], i, stride[0], dilation[0], pad[0], x.shape[1]);
                let column = tap(index[2], j, stride[1], dilation[1], pad[1], x.shape[2]);
                taps.push([i, j, row.unwrap_or(usize::MAX), column.unwrap_or(usize::MAX)]);
            }
        }
        taps
    }
}

impl Array {
    fn finished(
        mut self,
        bias: Option<&Array>,
        residual: Option<&Array>,
        activation: &coulter_plan::Activation,
    ) -> Array {
        let channels = self.shape[3];
        for (i, value) in self.values.iter_mut().enumerate() {
            let added = bias.map_or(0.0, |bias| bias.values[i % channels]) + residual.map_or(0.0, |r| r.values[i]);
            *value = activate(activation, *value + added);
        }
        self
    }
}

pub(super) fn conv_transpose2d(p: &conv_transpose2d::Params, x: &Array, w: &Array, bias: Option<&Array>) -> Array {
    let &[groups, kh, kw, of_group, depth] = &w.shape[..] else { panic!("weights have five dimensions") };
    let &[n, h, wide, _] = &x.shape[..] else { panic!("x has four dimensions") };
    let length = |input: usize, i: usize, pad: u32| {
        p.stride[i] as usize * (input - 1) + (p.output_pad[i] + p.dilation[i] * (p.kernel[i] - 1)) as usize + 1
            - pad as usize
    };
    let shape = [n, length(h, 0, p.pad[0] + p.pad[2]), length(wide, 1, p.pad[1] + p.pad[3]), groups * of_group];
    let mut y = Array::new(x.dtype, &shape, vec![0.0; shape.iter().product()]);
    for place in super::indices(&[n, h, wide, kh, kw]) {
        let &[b, ih, iw, i, j] = &place[..] else { continue };
        let row = (ih * p.stride[0] as usize + i * p.dilation[0] as usize).checked_sub(p.pad[0] as usize);
        let column = (iw * p.stride[1] as usize + j * p.dilation[1] as usize).checked_sub(p.pad[1] as usize);
        let (Some(row), Some(column)) = (row.filter(|&r| r < shape[1]), column.filter(|&c| c < shape[2])) else {
            continue;
        };
        for o in 0..shape[3] {
            let (group, within) = (o / of_group, o % of_group);
            let products = (0..depth).map(|c| x.at(&[b, ih, iw, group * depth + c]) * w.at(&[group, i, j, within, c]));
            y.values[((b * shape[1] + row) * shape[2] + column) * shape[3] + o] += products.sum::<f64>();
        }
    }
    y.finished(bias, None, &p.activation)
}

pub(super) fn pool2d(p: &pool2d::Params, x: &Array, shape: &[usize]) -> Array {
    let sliding = Sliding { kernel: p.kernel, stride: p.stride, dilation: p.dilation, pad: p.pad };
    Array::fill(x.dtype, shape, |index| {
        let (values, in_padded) = pooled(sliding, x, index);
        let sum: f64 = values.iter().sum();
        let value = match p.kind {
            pool2d::Kind::Max => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            pool2d::Kind::Average => sum / values.len() as f64,
            pool2d::Kind::AverageWithPad => sum / in_padded as f64,
        };
        activate(&p.activation, value)
    })
}

/// The elements of a pool's window at an output, and how many elements of the window lie in the padded input.
pub(super) fn pooled(p: Sliding, x: &Array, index: &[usize]) -> (Vec<f64>, usize) {
    let (h, w) = (x.shape[1], x.shape[2]);
    let mut values = Vec::new();
    let mut in_padded = 0;
    for i in 0..p.kernel[0] as usize {
        for j in 0..p.kernel[1] as usize {
            let row = index[1] * p.stride[0] as usize + i * p.dilation[0] as usize;
            let column = index[2] * p.stride[1] as usize + j * p.dilation[1] as usize;
            let padded = [h + (p.pad[0] + p.pad[2]) as usize, w + (p.pad[1] + p.pad[3]) as usize];
            in_padded += usize::from(row < padded[0] && column < padded[1]);
            let row = row.checked_sub(p.pad[0] as usize).filter(|&r| r < h);
            let column = column.checked_sub(p.pad[1] as usize).filter(|&c| c < w);
            values.extend(row.zip(column).map(|(r, c)| x.at(&[index[0], r, c, index[3]])));
        }
    }
    (values, in_padded)
}

pub(super) fn resize(p: &resize::Params, x: &Array, shape: &[usize]) -> Array {
    let taps = |axis: usize, i: usize| taps(p, p.scales[axis], x.shape[axis + 1], shape[axis + 1], i);
    Array::fill(x.dtype, shape, |index| {
        let (rows, columns) = (taps(0, index[1]), taps(1, index[2]));
        let mut sum = 0.0;
        for &(row, of_row) in &rows {
            for &(column, of_column) in &columns {
                sum += of_row * of_column * x.at(&[index[0], row, column, index[3]]);
            }
        }
        sum
    })
}

/// Source places with their weights.
fn taps(p: &resize::Params, scale: f32, input: usize, output: usize, i: usize) -> Vec<(usize, f64)> {
    use resize::{Coordinates, Mode, Nearest};
    let (scale, i) = (f64::from(scale), i as f64);
    let place = match p.coordinates {
        Coordinates::PytorchHalfPixel if output == 1 => 0.0,
        Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => (i + 0.5) / scale - 0.5,
        Coordinates::Asymmetric => i / scale,
        Coordinates::AlignCorners if output == 1 => 0.0,
        Coordinates::AlignCorners => i * (input - 1) as f64 / (output - 1) as f64,
    };
    let clamped = |at: f64| at.clamp(0.0, (input - 1) as f64) as usize;
    let (base, part) = (place.floor(), place - place.floor());
    match p.mode {
        Mode::Nearest => {
            let at = match p.nearest {
                Nearest::RoundPreferFloor => (place - 0.5).ceil(),
                Nearest::RoundPreferCeil => (place + 0.5).floor(),
                Nearest::Floor => place.floor(),
                Nearest::Ceil => place.ceil(),
            };
            vec![(clamped(at), 1.0)]
        }
        Mode::Linear => vec![(clamped(base), 1.0 - part), (clamped(base + 1.0), part)],
        Mode::Cubic => {
            let a = f64::from(p.cubic_a);
            let near = |d: f64| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
            let far = |d: f64| ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
            let weights = [far(1.0 + part), near(part), near(1.0 - part), far(2.0 - part)];
            weights.iter().enumerate().map(|(k, &w)| (clamped(base + k as f64 - 1.0), w)).collect()
        }
    }
}
