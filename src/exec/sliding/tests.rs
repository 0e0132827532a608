//! Outputs over their inputs are those that lie apart, to the bit.

use std::vec;
use std::vec::Vec;

use coulter_kernels::{IsaSet, SingleThread};
use coulter_plan::ops::{self, Params, conv2d::packed_bias_len, pool2d::Kind};
use coulter_plan::overlap::{Gaps, Sliding};
use coulter_plan::requantize::{Requantize, Residual, ResidualKind};
use coulter_plan::{Activation, DType, Dims, Space, Tensor};
use coulter_testkit::cases::cases;
use coulter_testkit::rng::Rng;

use crate::testing::{Backwards, Draft, Operand};

/// Sizes of an operator from x [1, H, W, C] to y [1, OH, OW, O].
struct Case {
    x: [u32; 4],
    y: [u32; 4],
    kernel: [u32; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
    /// Top, left, bottom, right: less than the extent of the kernel.
    pad: [u32; 4],
}

impl Case {
    fn random(rng: &mut Rng, has_outputs: bool) -> Self {
        let mut pick = |range: core::ops::RangeInclusive<usize>| rng.in_range(range) as u32;
        loop {
            let (kernel, stride) = ([pick(1..=4), pick(1..=3)], [pick(1..=3), pick(1..=2)]);
            let (dilation, size) = ([pick(1..=2), 1], [pick(1..=9), pick(1..=7)]);
            let extent = [0, 1].map(|i| dilation[i] * (kernel[i] - 1) + 1);
            let pad = [0, 1, 0, 1].map(|i| pick(0..=extent[i] as usize - 1));
            let room = [0, 1].map(|i| (size[i] + pad[i] + pad[i + 2]).checked_sub(extent[i]));
            let channels = pick(1..=24);
            let outputs = if has_outputs { pick(1..=24) } else { channels };
            if let [Some(down), Some(right)] = room {
                let x = [1, size[0], size[1], channels];
                let y = [1, down / stride[0] + 1, right / stride[1] + 1, outputs];
                return Self { x, y, kernel, stride, dilation, pad };
            }
        }
    }

    fn gaps(&self, dtype: DType) -> Gaps {
        let tensor = |dims: [u32; 4]| {
            let (dims, strides) = (Dims::new(&dims).unwrap(), Dims::new(&strides(dims)).unwrap());
            Tensor { dtype, space: Space::Arena, offset: 0, dims, strides }
        };
        let (kernel, stride, dilation) = (self.kernel[0], self.stride[0], self.dilation[0]);
        let sliding = Sliding { kernel, stride, dilation, pad: [self.pad[0], self.pad[2]] };
        sliding.gaps(&tensor(self.x), &tensor(self.y)).expect("one image, no window in the padding alone")
    }
}

fn strides([_, h, w, c]: [u32; 4]) -> [i32; 4] {
    [(h * w * c) as i32, (w * c) as i32, c as i32, 1]
}

fn elements(dims: [u32; 4]) -> usize {
    dims.iter().product::<u32>() as usize
}

/// Random bytes, or those of small f32 numbers.
fn random(rng: &mut Rng, dtype: DType, count: usize) -> Vec<u8> {
    match dtype {
        DType::F32 => (0..count).flat_map(|_| rng.f32().to_le_bytes()).collect(),
        DType::I32 => (0..count).flat_map(|_| (rng.in_range(0..=4000) as i32 - 2000).to_le_bytes()).collect(),
        _ => (0..count).map(|_| rng.next_u64() as u8).collect(),
    }
}

/// What a step reads beside x: constants and a residual, after which inputs it stands, and its parameters.
struct Step<P> {
    params: P,
    constants: Vec<(DType, Vec<u32>, Vec<u8>)>,
    /// Whether the input behind the constants is a residual.
    has_residual: bool,
}

/// Runs the step with y apart from x, below it and above it.
fn compare<P: Params>(rng: &mut Rng, dtype: DType, case: &Case, step: &Step<P>) {
    let size = dtype.size();
    let (of_x, of_y) = (elements(case.x), elements(case.y));
    let Gaps { forward, backward } = case.gaps(dtype);
    let [forward, backward] = [forward, backward].map(|gap| (gap as usize).div_ceil(size) + rng.in_range(0..=3));
    let values = random(rng, dtype, of_x);
    let coincides = rng.coin();
    for [x_at, y_at] in [[forward, 0], [0, backward]] {
        let len = (x_at + of_x).max(y_at + of_y);
        let mut arena = random(rng, dtype, len);
        arena[x_at * size..][..of_x * size].copy_from_slice(&values);
        let residual = arena[y_at * size..][..of_y * size].to_vec();
        let add = |d: &mut Draft, x: Operand, y: Operand, residual: Option<Operand>| {
            let constants = step.constants.iter().map(|(dtype, dims, bytes)| Some(d.constant(*dtype, dims, bytes)));
            let mut inputs: Vec<_> = [Some(x)].into_iter().chain(constants.collect::<Vec<_>>()).collect();
            inputs.extend(residual.map(Some));
            d.step(&step.params, &inputs, &[Some(y)]);
        };
        let beside = |d: &mut Draft| step.has_residual.then(|| d.filled(dtype, &case.y, &residual));
        let apart = || {
            let mut d = Draft::new();
            let (x, y) = (d.filled(dtype, &case.x, &values), d.room(dtype, &case.y));
            let residual = beside(&mut d);
            add(&mut d, x, y, residual);
            (d, y)
        };
        let over = || {
            let mut d = Draft::new();
            let base = d.filled(dtype, &[len as u32], &arena);
            let x = d.view(base, x_at, &case.x, &strides(case.x));
            let y = d.view(base, y_at, &case.y, &strides(case.y));
            let residual = if coincides { step.has_residual.then_some(y) } else { beside(&mut d) };
            add(&mut d, x, y, residual);
            (d, y)
        };
        for isas in [IsaSet::GENERIC, IsaSet::detect()] {
            let (d, y) = apart();
            let expected = d.run(isas, &SingleThread).bytes(y).to_vec();
            let (d, y) = over();
            assert!(d.run(isas, &SingleThread).bytes(y) == expected, "{:?}: {:?}", P::CODE, case.x);
            let (d, y) = over();
            assert!(d.run(isas, &Backwards(2)).bytes(y) == expected, "{:?}: {:?}, two threads", P::CODE, case.x);
        }
    }
}

const CASES: usize = 60;

fn requantize() -> (Requantize, Residual) {
    let residual = Residual { kind: ResidualKind::Plain, scale: 0.5, zero: 100, ..Residual::default() };
    (Requantize { zero: 120, low: 3, high: 250 }, residual)
}

/// Weights in quads, bias and multiplier of a quantized product, of so many elements; `is_there` tells of the place of a
/// weight whether it is one.
fn quantized(
    rng: &mut Rng,
    weights: u64,
    columns: u64,
    is_there: impl Fn(usize) -> bool,
) -> Vec<(DType, Vec<u32>, Vec<u8>)> {
    let mut constant = |dtype, len: u64| (dtype, vec![len as u32], random(rng, dtype, len as usize));
    let [mut weights, bias] = [constant(DType::I8, weights), constant(DType::I32, columns)];
    weights.2.iter_mut().enumerate().filter(|(at, _)| !is_there(*at)).for_each(|(_, weight)| *weight = 0);
    let multiplier = (0..columns).flat_map(|i| (0.002 + i as f32 * 1e-4).to_le_bytes()).collect();
    vec![weights, bias, (DType::F32, vec![columns as u32], multiplier)]
}

#[test]
fn quantized_convolutions_overlap() {
    for seed in 0..cases(CASES) as u64 {
        let rng = &mut Rng::new(seed);
        let case = Case::random(rng, true);
        let (c, o) = (case.x[3], case.y[3]);
        let (requantize, residual) = requantize();
        let &Case { kernel, stride, dilation, pad, .. } = &case;
        let (groups, x_zero, w_zero) = (1, 130, rng.in_range(0..=1) as i32);
        let params =
            ops::qconv2d::Params { kernel, stride, dilation, pad, groups, x_zero, w_zero, requantize, residual };
        let weights = ops::qconv2d::packed_len(o, c, groups, kernel).unwrap();
        let depth = c.next_multiple_of(4) as usize;
        let is_there = |at: usize| at / 64 * 4 % depth + at % 4 < c as usize;
        let constants = quantized(rng, weights, packed_bias_len(o, groups).unwrap(), is_there);
        let has_residual = rng.coin();
        compare(rng, DType::U8, &case, &Step { params, constants, has_residual });
    }
}

#[test]
fn quantized_depthwise_convolutions_overlap() {
    for seed in 0..cases(CASES) as u64 {
        let rng = &mut Rng::new(seed);
        let case = Case::random(rng, false);
        let (requantize, residual) = requantize();
        let &Case { kernel, stride, dilation, pad, .. } = &case;
        let (x_zero, w_zero) = (130, rng.in_range(0..=1) as i32);
        let params =
            ops::qdepthwise_conv2d::Params { kernel, stride, dilation, pad, x_zero, w_zero, requantize, residual };
        let weights = ops::qdepthwise_conv2d::packed_len(case.x[3], kernel).unwrap();
        let padded = u64::from(case.x[3]).next_multiple_of(16);
        let of_quad = kernel[1] as usize * padded as usize * 4;
        let constants = quantized(rng, weights, padded, |at| at / of_quad * 4 + at % 4 < kernel[0] as usize);
        let has_residual = rng.coin();
        compare(rng, DType::U8, &case, &Step { params, constants, has_residual });
    }
}

#[test]
fn f32_convolutions_overlap() {
    for seed in 0..cases(CASES) as u64 {
        let rng = &mut Rng::new(seed);
        let mut case = Case::random(rng, true);
        let &Case { kernel, stride, dilation, pad, .. } = &case;
        let activation = Activation::RELU6;
        let (c, o) = (case.x[3], case.y[3]);
        let mut f32s = |dims: &[u32]| {
            let len = dims.iter().product::<u32>() as usize;
            (DType::F32, dims.to_vec(), random(rng, DType::F32, len))
        };
        let len = ops::conv2d::packed_len(o, c, 1, kernel).unwrap() as u32;
        let constants = vec![f32s(&[len]), f32s(&[packed_bias_len(o, 1).unwrap() as u32])];
        let padded = c.next_multiple_of(16);
        let by_channel = vec![f32s(&[kernel[0] * kernel[1], padded]), f32s(&[padded])];
        let has_residual = rng.coin();
        let params = ops::conv2d::Params { kernel, stride, dilation, pad, groups: 1, activation };
        compare(rng, DType::F32, &case, &Step { params, constants, has_residual });
        case.y[3] = c;
        let params = ops::depthwise_conv2d::Params { kernel, stride, dilation, pad, activation };
        compare(rng, DType::F32, &case, &Step { params, constants: by_channel, has_residual });
    }
}

#[test]
fn pools_overlap() {
    for seed in 0..cases(CASES) as u64 {
        let rng = &mut Rng::new(seed);
        let mut case = Case::random(rng, false);
        let &Case { kernel, stride, dilation, pad, .. } = &case;
        let kind = rng.pick(&[Kind::Max, Kind::Average, Kind::AverageWithPad]);
        let ceil = rng.coin();
        if ceil {
            for i in 0..2 {
                let padded = case.x[1 + i] + pad[i] + pad[i + 2];
                let room = padded - (dilation[i] * (kernel[i] - 1) + 1);
                let inside = (case.x[1 + i] + pad[i]).div_ceil(stride[i]);
                case.y[1 + i] = (room.div_ceil(stride[i]) + 1).min(inside);
            }
        }
        let activation = Activation::IDENTITY;
        let params = ops::pool2d::Params { kind, kernel, stride, dilation, pad, ceil, activation };
        compare(rng, DType::F32, &case, &Step { params, constants: vec![], has_residual: false });
        let (scale, x_zero, y_zero, low, high) = (1.25, 130, 120, 5, 240);
        let x_scale = rng.pick(&[0.0, 0.3]);
        let params = ops::qpool2d::Params {
            kind,
            kernel,
            stride,
            dilation,
            pad,
            ceil,
            scale,
            x_zero,
            y_zero,
            low,
            high,
            x_scale,
        };
        compare(rng, DType::U8, &case, &Step { params, constants: vec![], has_residual: false });
    }
}
