//! What each operator takes and refuses.

use super::checker;
use super::samples::{self, Aligned, Draft, conv_params, pool_params, recurrent_params, resize_params};
use crate::builder::TensorId;
use crate::format::SectionKind;
use crate::ops::*;
use crate::requantize::{Requantize, Residual};
use crate::{Activation, ActivationKind, DType, OpCode, OpError, Plan, PlanError};

/// What is wrong with the first wrong step of a plan.
pub(super) fn cause(build: impl FnOnce(&mut Draft)) -> Option<OpError> {
    let mut draft = Draft::new("case");
    build(&mut draft);
    let bytes = Aligned::new(&draft.finish());
    match Plan::parse(&bytes) {
        Ok(plan) => {
            checker::assert_sound(&plan);
            None
        }
        Err(PlanError::Step { cause, .. }) => Some(cause),
        Err(other) => panic!("{other}"),
    }
}

/// A step of one input and one output.
fn simple<P: Params>(params: P, x: (DType, &[u32]), y: (DType, &[u32])) -> Option<OpError> {
    cause(|d| {
        let (x, y) = (d.room(x.0, x.1), d.room(y.0, y.1));
        d.step(&params, &[x], &[y]);
    })
}

#[test]
fn every_operator_has_a_plan_that_parses() {
    for (op, bytes) in samples::all() {
        let bytes = Aligned::new(&bytes);
        let plan = Plan::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", op.name()));
        assert!(plan.steps().any(|step| step.code == op));
        checker::assert_sound(&plan);
    }
}

/// A convolution of x [1, 5, 4, 4] with all operands given by their dims.
fn conv(params: conv2d::Params, y: &[u32], weights: u32, bias: u32) -> Option<OpError> {
    cause(|d| {
        let (x, y) = (d.f32(&[1, 5, 4, 4]), d.f32(y));
        let (w, b) = (d.weights(&[weights]), d.weights(&[bias]));
        d.step(&params, &[x, w, b], &[y]);
    })
}

#[test]
fn conv2d_holds_its_geometry_and_packing() {
    let p = conv_params();
    let y = [1, 3, 4, 6];
    assert_eq!(conv(p, &y, 384, 32), None);
    for wrong in [[2, 3, 4, 6], [1, 2, 4, 6], [1, 3, 5, 6], [1, 3, 4, 5]] {
        assert_eq!(conv(p, &wrong, 384, 32), Some(OpError::Shape), "{wrong:?}");
    }
    assert_eq!(conv(p, &y, 383, 32), Some(OpError::Shape));
    assert_eq!(conv(p, &y, 385, 32), Some(OpError::Shape));
    assert_eq!(conv(p, &y, 384, 16), Some(OpError::Shape));
    for groups in [0, 3, 4, u32::MAX] {
        assert_eq!(conv(conv2d::Params { groups, ..p }, &y, 384, 32), Some(OpError::Shape), "{groups} groups");
    }
    let huge = u32::MAX;
    for wrong in [
        conv2d::Params { kernel: [0, 2], ..p },
        conv2d::Params { stride: [2, 0], ..p },
        conv2d::Params { dilation: [0, 2], ..p },
        conv2d::Params { kernel: [huge, 2], ..p },
        conv2d::Params { dilation: [huge, 2], ..p },
        conv2d::Params { stride: [huge, 1], ..p },
        conv2d::Params { pad: [huge, 0, huge, 2], ..p },
    ] {
        assert_eq!(conv(wrong, &y, 384, 32), Some(OpError::Params), "{wrong:?}");
    }
    assert_eq!(conv(conv2d::Params { kernel: [8, 2], ..p }, &y, 384, 32), Some(OpError::Shape));
}

#[test]
fn winograd_conv2d_holds_its_geometry_packing_and_room() {
    let run = |pad: [u32; 4], x: [u32; 2], y: [u32; 4], weights: u32, bias: u32, scratch: u32| {
        cause(|d| {
            let (x, y) = (d.f32(&[2, 7, x[0], x[1]]), d.f32(&y));
            let (w, b, s) = (d.weights(&[weights]), d.weights(&[bias]), d.f32(&[scratch]));
            d.step(&winograd_conv2d::Params { pad, activation: Activation::RELU }, &[x, w, b, y, s], &[y]);
        })
    };
    let (pad, x, y) = ([1, 0, 0, 2], [9, 16], [2, 6, 9, 32]);
    assert_eq!(run(pad, x, y, 18432, 32, 1728), None);
    assert_eq!(run(pad, x, y, 18432, 32, 9000), None);
    assert_eq!(run(pad, x, y, 18432, 32, 1727), Some(OpError::Shape));
    assert_eq!(run(pad, x, y, 18431, 32, 1728), Some(OpError::Shape));
    assert_eq!(run(pad, x, y, 18433, 32, 1728), Some(OpError::Shape));
    assert_eq!(run(pad, x, y, 18432, 16, 1728), Some(OpError::Shape));
    for wrong in [[1, 6, 9, 32], [2, 5, 9, 32], [2, 6, 8, 32], [2, 7, 9, 32]] {
        assert_eq!(run(pad, x, wrong, 18432, 32, 1728), Some(OpError::Shape), "{wrong:?}");
    }
    // Whole panels of channels.
    assert_eq!(run(pad, [9, 8], y, 36 * 8 * 32, 32, 1728), Some(OpError::Shape));
    assert_eq!(run(pad, x, [2, 6, 9, 24], 36 * 16 * 24, 24, 1728), Some(OpError::Shape));
    // Lengths that kernels could not count, and kernels that do not fit.
    assert_eq!(run([u32::MAX, 0, 0, 2], x, y, 18432, 32, 1728), Some(OpError::Params));
    assert_eq!(run([1, 0, 0, 0], [2, 16], y, 18432, 32, 1728), Some(OpError::Shape));
    assert_eq!(winograd_conv2d::packed_len(u32::MAX, u32::MAX), None);
}

#[test]
fn winograd_conv2d_works_in_the_arena() {
    let run = |scratch: fn(&mut Draft) -> TensorId, is_given: bool| {
        cause(|d| {
            let (x, y) = (d.f32(&[1, 4, 4, 16]), d.f32(&[1, 2, 2, 16]));
            let (w, b, s) = (d.weights(&[36 * 256]), d.weights(&[16]), scratch(d));
            d.f32(&[36 * 32]);
            let params = winograd_conv2d::Params { pad: [0; 4], activation: Activation::RELU };
            let inputs = [x, w, b, y, s];
            d.step(&params, &inputs[..if is_given { 5 } else { 4 }], &[y]);
        })
    };
    let room = |d: &mut Draft| d.f32(&[36 * 32]);
    assert_eq!(run(room, true), None);
    assert_eq!(run(room, false), Some(OpError::Arity));
    assert_eq!(run(|d| d.weights(&[36 * 32]), true), Some(OpError::Storage));
    assert_eq!(run(|d| d.view(DType::F32, 0, &[36 * 32], &[1]), true), Some(OpError::Alias));
    assert_eq!(run(|d| d.room(DType::I32, &[36 * 32]), true), Some(OpError::Type));
}

#[test]
fn qwinograd_conv2d_holds_its_geometry_packing_and_room() {
    let sound = qwinograd_conv2d::Params {
        pad: [1, 0, 0, 2],
        x_zero: 255,
        requantize: Requantize { zero: 3, low: 3, high: 250 },
        residual: Residual::default(),
    };
    let run = |params: qwinograd_conv2d::Params, x: [u32; 2], y: [u32; 4], weights: (DType, u32), lengths: [u32; 3]| {
        cause(|d| {
            let (x, y) = (d.room(DType::U8, &[2, 7, x[0], x[1]]), d.room(DType::U8, &y));
            let (w, b) = (d.constants(weights.0, &[weights.1]), d.constants(DType::I32, &[lengths[0]]));
            let (m, table) = (d.constants(DType::F32, &[lengths[0]]), d.constants(DType::U8, &[lengths[1]]));
            let s = d.f32(&[lengths[2]]);
            d.step(&params, &[x, w, b, m, y, table, s], &[y]);
        })
    };
    let (x, y, w, lengths) = ([9, 16], [2, 6, 9, 32], (DType::I16, 18432), [32, 256, 864]);
    assert_eq!(run(sound, x, y, w, lengths), None);
    assert_eq!(run(sound, x, y, w, [32, 256, 9000]), None);
    for wrong in [[32, 256, 863], [16, 256, 864], [32, 255, 864]] {
        assert_eq!(run(sound, x, y, w, wrong), Some(OpError::Shape), "{wrong:?}");
    }
    for wrong in [18431, 18433] {
        assert_eq!(run(sound, x, y, (DType::I16, wrong), lengths), Some(OpError::Shape), "{wrong}");
    }
    assert_eq!(run(sound, x, y, (DType::I8, 18432), lengths), Some(OpError::Type));
    for wrong in [[1, 6, 9, 32], [2, 5, 9, 32], [2, 6, 8, 32], [2, 6, 9, 24]] {
        assert_eq!(run(sound, x, wrong, w, lengths), Some(OpError::Shape), "{wrong:?}");
    }
    assert_eq!(run(sound, [9, 8], y, (DType::I16, 36 * 8 * 32), lengths), Some(OpError::Shape));
    let with = |change: fn(&mut qwinograd_conv2d::Params)| {
        let mut params = sound;
        change(&mut params);
        run(params, x, y, w, lengths)
    };
    assert_eq!(with(|p| p.x_zero = 256), Some(OpError::Params));
    assert_eq!(with(|p| p.pad[0] = u32::MAX), Some(OpError::Params));
    assert_eq!(with(|p| p.requantize.low = 251), Some(OpError::Params));
    assert_eq!(with(|p| p.residual.zero = 256), Some(OpError::Params));
}

#[test]
fn qwinograd_conv2d_works_in_the_arena() {
    let run = |scratch: fn(&mut Draft) -> TensorId, is_given: bool| {
        cause(|d| {
            let [x, y] = [4, 2].map(|size| d.room(DType::U8, &[1, size, size, 16]));
            let w = d.constants(DType::I16, &[36 * 256]);
            let [b, m] = [DType::I32, DType::F32].map(|dtype| d.constants(dtype, &[16]));
            let (table, s) = (d.constants(DType::U8, &[256]), scratch(d));
            d.f32(&[36 * 24]);
            let params = qwinograd_conv2d::Params {
                pad: [0; 4],
                x_zero: 0,
                requantize: Requantize { zero: 0, low: 0, high: 255 },
                residual: Residual::default(),
            };
            let inputs = [x, w, b, m, y, table, s];
            d.step(&params, &inputs[..if is_given { 7 } else { 6 }], &[y]);
        })
    };
    let room = |d: &mut Draft| d.f32(&[36 * 24]);
    assert_eq!(run(room, true), None);
    assert_eq!(run(room, false), Some(OpError::Arity));
    assert_eq!(run(|d| d.weights(&[36 * 24]), true), Some(OpError::Storage));
    assert_eq!(run(|d| d.view(DType::F32, 0, &[36 * 24], &[1]), true), Some(OpError::Alias));
    assert_eq!(run(|d| d.room(DType::I32, &[36 * 24]), true), Some(OpError::Type));
}

#[test]
fn conv2d_wants_rows_and_constant_weights() {
    let run = |x_strides: [i32; 4], weights: fn(&mut Draft) -> TensorId| {
        cause(|d| {
            let y = d.f32(&[1, 3, 4, 6]);
            let x = d.view(DType::F32, 0, &[1, 5, 4, 4], &x_strides);
            d.f32(&[400]);
            let w = weights(d);
            d.step(&conv_params(), &[x, w], &[y]);
        })
    };
    let constant = |d: &mut Draft| d.weights(&[384]);
    // Overlapping the output is found last.
    assert_eq!(run([0, 16, 4, 1], constant), Some(OpError::Alias));
    assert_eq!(run([0, 17, 4, 1], constant), Some(OpError::Layout));
    assert_eq!(run([0, 16, 4, 0], constant), Some(OpError::Layout));
    assert_eq!(run([0, 16, 4, 1], |d| d.f32(&[384])), Some(OpError::Storage));
    assert_eq!(run([0, 16, 4, 1], |d| d.weights(&[16, 24])), Some(OpError::Shape));
}

#[test]
fn depthwise_weights_are_padded_channels_by_taps() {
    let run = |weights: &[u32], bias: u32, kernel: [u32; 2]| {
        cause(|d| {
            let (x, y) = (d.f32(&[1, 4, 4, 5]), d.f32(&[1, 2, 2, 5]));
            let (w, b) = (d.weights(weights), d.weights(&[bias]));
            let params = depthwise_conv2d::Params {
                kernel,
                stride: [1, 1],
                dilation: [1, 1],
                pad: [0; 4],
                activation: Activation::IDENTITY,
            };
            d.step(&params, &[x, w, b], &[y]);
        })
    };
    assert_eq!(run(&[9, 16], 16, [3, 3]), None);
    assert_eq!(run(&[9, 5], 16, [3, 3]), Some(OpError::Shape));
    assert_eq!(run(&[9, 16], 5, [3, 3]), Some(OpError::Shape));
    assert_eq!(run(&[6, 16], 16, [3, 2]), Some(OpError::Shape));
}

#[test]
fn conv_transpose2d_holds_its_geometry() {
    let run = |y: &[u32], pad: [u32; 4], weights: &[u32]| {
        cause(|d| {
            let (x, y) = (d.f32(&[1, 2, 3, 4]), d.f32(y));
            let w = d.weights(weights);
            let params = conv_transpose2d::Params {
                kernel: [3, 3],
                stride: [2, 2],
                dilation: [1, 1],
                pad,
                output_pad: [0, 0],
                groups: 1,
                activation: Activation::IDENTITY,
            };
            d.step(&params, &[x, w], &[y]);
        })
    };
    assert_eq!(run(&[1, 5, 7, 2], [0; 4], &[1, 3, 3, 2, 4]), None);
    assert_eq!(run(&[1, 3, 5, 2], [1; 4], &[1, 3, 3, 2, 4]), None);
    assert_eq!(run(&[1, 4, 7, 2], [0; 4], &[1, 3, 3, 2, 4]), Some(OpError::Shape));
    assert_eq!(run(&[1, 5, 7, 2], [0; 4], &[1, 3, 3, 4, 2]), Some(OpError::Shape));
    assert_eq!(run(&[1, 5, 7, 2], [4; 4], &[1, 3, 3, 2, 4]), Some(OpError::Shape));
}

#[test]
fn fully_connected_holds_rows_and_packing() {
    let run = |x: &[u32], y: &[u32], weights: u32, bias: u32| {
        cause(|d| {
            let (x, y) = (d.f32(x), d.f32(y));
            let (w, b) = (d.weights(&[weights]), d.weights(&[bias]));
            d.step(&fully_connected::Params { activation: samples::RELU }, &[x, w, b], &[y]);
        })
    };
    assert_eq!(run(&[5], &[20], 160, 32), None);
    assert_eq!(run(&[2, 5], &[2, 20], 160, 32), None);
    assert_eq!(run(&[2, 5], &[3, 20], 160, 32), Some(OpError::Shape));
    assert_eq!(run(&[2, 5], &[20], 160, 32), Some(OpError::Shape));
    assert_eq!(run(&[2, 5], &[2, 20], 100, 32), Some(OpError::Shape));
    assert_eq!(run(&[2, 5], &[2, 20], 160, 20), Some(OpError::Shape));
    assert_eq!(run(&[], &[], 0, 0), Some(OpError::Layout));
    let stored_as = |dtype: DType| {
        cause(|d| {
            let (x, w, y) = (d.f32(&[5]), d.constants(dtype, &[160]), d.f32(&[20]));
            d.step(&fully_connected::Params { activation: samples::RELU }, &[x, w], &[y]);
        })
    };
    assert_eq!(stored_as(DType::F16), None);
    assert_eq!(stored_as(DType::BF16), Some(OpError::Type));
    assert_eq!(stored_as(DType::U16), Some(OpError::Type));
}

#[test]
fn matmul_wants_matching_matrices_and_room() {
    let run = |a: &[u32], b: &[u32], y: &[u32], scratch: u32| {
        cause(|d| {
            let (a, b, y, s) = (d.f32(a), d.f32(b), d.f32(y), d.f32(&[scratch]));
            d.step(&matmul::Params { alpha: 1.0, activation: samples::RELU }, &[a, b, s], &[y]);
        })
    };
    assert_eq!(run(&[2, 3, 5], &[2, 5, 7], &[2, 3, 7], 80), None);
    assert_eq!(run(&[2, 3, 5], &[2, 5, 7], &[2, 3, 7], 79), Some(OpError::Shape));
    assert_eq!(run(&[2, 3, 5], &[1, 5, 7], &[2, 3, 7], 80), Some(OpError::Shape));
    assert_eq!(run(&[3, 5], &[4, 7], &[3, 7], 80), Some(OpError::Shape));
    assert_eq!(run(&[5], &[5], &[1], 80), Some(OpError::Shape));
}

#[test]
fn attention_wants_matching_heads_and_room() {
    let run = |t: u32, mask: &[u32], causal: bool, scratch: u32| {
        cause(|d| {
            let (q, k, v) = (d.f32(&[1, 2, 3, 4]), d.f32(&[1, 2, t, 4]), d.f32(&[1, 2, t, 6]));
            let (y, mask, s) = (d.f32(&[1, 2, 3, 6]), d.f32(mask), d.f32(&[scratch]));
            d.step(&attention::Params { scale: 1.0, causal }, &[q, k, v, mask, s], &[y]);
        })
    };
    assert_eq!(run(5, &[1, 2, 3, 5], false, 400), None);
    assert_eq!(run(5, &[1, 2, 3, 5], false, 399), Some(OpError::Shape));
    assert_eq!(run(5, &[1, 1, 3, 5], false, 400), Some(OpError::Shape));
    assert_eq!(run(2, &[1, 2, 3, 2], false, 400), None);
    assert_eq!(run(2, &[1, 2, 3, 2], true, 400), Some(OpError::Shape));
    assert_eq!(run(0, &[1, 2, 3, 0], false, 400), Some(OpError::Shape));
}

#[test]
fn pool2d_rounds_as_told_and_bounds_its_padding() {
    let run = |params: pool2d::Params, y: &[u32]| simple(params, (DType::F32, &[1, 5, 6, 3]), (DType::F32, y));
    let p = pool_params();
    assert_eq!(run(p, &[1, 3, 4, 3]), None);
    assert_eq!(run(pool2d::Params { ceil: false, ..p }, &[1, 3, 3, 3]), None);
    assert_eq!(run(pool2d::Params { ceil: false, ..p }, &[1, 3, 4, 3]), Some(OpError::Shape));
    assert_eq!(run(p, &[1, 3, 3, 3]), Some(OpError::Shape));
    assert_eq!(run(pool2d::Params { pad: [3, 1, 1, 1], ..p }, &[1, 3, 4, 3]), Some(OpError::Params));
    assert_eq!(run(pool2d::Params { kernel: [1 << 13, 1 << 12], ..p }, &[1, 3, 4, 3]), Some(OpError::Params));
    assert_eq!(run(pool2d::Params { kernel: [1 << 16, 1 << 16], ..p }, &[1, 3, 4, 3]), Some(OpError::Params));
    // A window that would begin in the padding at the end does not count: 2 and not 3.
    let late = pool2d::Params { kernel: [1, 1], stride: [3, 3], pad: [0; 4], ..p };
    assert_eq!(simple(late, (DType::F32, &[1, 4, 4, 1]), (DType::F32, &[1, 2, 2, 1])), None);
}

#[test]
fn reduce_keeps_the_rank_and_knows_its_types() {
    let params = |kind, axes| reduce::Params { kind, axes, activation: Activation::IDENTITY };
    let (sum, arg) = (reduce::Kind::Sum, reduce::Kind::ArgMin);
    let x: &[u32] = &[2, 3];
    let run = |p, x_type, y: (DType, &[u32])| simple(p, (x_type, x), y);
    assert_eq!(run(params(sum, 0b10), DType::I64, (DType::I64, &[2, 1])), None);
    assert_eq!(run(params(reduce::Kind::Mean, 0b10), DType::I64, (DType::I64, &[2, 1])), Some(OpError::Type));
    assert_eq!(run(params(sum, 0b10), DType::F32, (DType::F32, &[2])), Some(OpError::Shape));
    assert_eq!(run(params(sum, 0b10), DType::F32, (DType::F32, &[1, 3])), Some(OpError::Shape));
    assert_eq!(run(params(sum, 0b100), DType::F32, (DType::F32, &[2, 3])), Some(OpError::Params));
    assert_eq!(run(params(arg, 0b10), DType::F32, (DType::I64, &[2, 1])), None);
    assert_eq!(run(params(arg, 0b10), DType::F32, (DType::F32, &[2, 1])), Some(OpError::Type));
    assert_eq!(run(params(arg, 0b11), DType::F32, (DType::I64, &[1, 1])), Some(OpError::Params));
    assert_eq!(simple(params(arg, 0b1), (DType::F32, &[0]), (DType::I64, &[1])), Some(OpError::Shape));
    let relu = reduce::Params { activation: samples::RELU, ..params(sum, 1) };
    assert_eq!(run(relu, DType::I32, (DType::I32, &[1, 3])), Some(OpError::Type));
}

#[test]
fn clamp_bounds_are_numbers() {
    let clamp = |a, b| unary::Params { function: Activation { kind: ActivationKind::Clamp, a, b } };
    let run = |params| simple(params, (DType::F32, &[3]), (DType::F32, &[3]));
    assert_eq!(run(clamp(f32::NEG_INFINITY, 1.0)), None);
    assert_eq!(run(clamp(f32::NAN, 1.0)), Some(OpError::Params));
    assert_eq!(run(clamp(0.0, f32::NAN)), Some(OpError::Params));
    assert_eq!(simple(clamp(0.0, 1.0), (DType::I32, &[3]), (DType::I32, &[3])), Some(OpError::Type));
    assert_eq!(simple(clamp(0.0, 1.0), (DType::F32, &[3]), (DType::F32, &[4])), Some(OpError::Shape));
}

#[test]
fn binary_types_follow_the_function() {
    let run = |kind, activation, of: DType, y: DType| {
        cause(|d| {
            let (a, b, y) = (d.room(of, &[2]), d.room(of, &[2]), d.room(y, &[2]));
            d.step(&binary::Params { kind, activation }, &[a, b], &[y]);
        })
    };
    use binary::Kind::*;
    let none = Activation::IDENTITY;
    assert_eq!(run(Add, none, DType::I64, DType::I64), None);
    assert_eq!(run(Less, none, DType::I32, DType::Bool), None);
    assert_eq!(run(Equal, none, DType::Bool, DType::Bool), None);
    assert_eq!(run(Less, none, DType::Bool, DType::Bool), Some(OpError::Type));
    assert_eq!(run(Less, none, DType::F32, DType::F32), Some(OpError::Type));
    assert_eq!(run(And, none, DType::F32, DType::F32), Some(OpError::Type));
    assert_eq!(run(Add, none, DType::U8, DType::U8), Some(OpError::Type));
    assert_eq!(run(Add, samples::RELU, DType::I32, DType::I32), Some(OpError::Type));
    assert_eq!(run(Add, samples::RELU, DType::F32, DType::F32), None);
}

#[test]
fn pad_stays_within_what_can_be_mirrored() {
    let params = |mode, before| pad::Params { mode, value: [0; 2], before: [before, 0, 0, 0, 0, 0, 0, 0] };
    let run = |mode, before, x: u32, y: u32| simple(params(mode, before), (DType::U8, &[x]), (DType::U8, &[y]));
    assert_eq!(run(pad::Mode::Constant, 9, 0, 20), None);
    assert_eq!(run(pad::Mode::Constant, 9, 3, 11), Some(OpError::Shape));
    assert_eq!(run(pad::Mode::Constant, u32::MAX, 3, 11), Some(OpError::Shape));
    assert_eq!(run(pad::Mode::Reflect, 2, 3, 7), None);
    assert_eq!(run(pad::Mode::Reflect, 3, 3, 8), Some(OpError::Shape));
    assert_eq!(run(pad::Mode::Reflect, 0, 3, 6), Some(OpError::Shape));
    assert_eq!(run(pad::Mode::Wrap, 3, 3, 9), None);
    assert_eq!(run(pad::Mode::Wrap, 4, 3, 9), Some(OpError::Shape));
    assert_eq!(run(pad::Mode::Edge, 4, 1, 9), None);
    assert_eq!(run(pad::Mode::Edge, 1, 0, 1), Some(OpError::Shape));
    let past_rank = pad::Params { before: [0, 1, 0, 0, 0, 0, 0, 0], ..params(pad::Mode::Edge, 0) };
    assert_eq!(simple(past_rank, (DType::U8, &[3]), (DType::U8, &[3])), Some(OpError::Params));
}

#[test]
fn gather_inserts_the_indices_dims() {
    let run = |axis, indices: DType, y: &[u32]| {
        cause(|d| {
            let (x, i, y) = (d.f32(&[2, 5, 3]), d.room(indices, &[4]), d.f32(y));
            d.step(&gather::Params { axis }, &[x, i], &[y]);
        })
    };
    assert_eq!(run(0, DType::I32, &[4, 5, 3]), None);
    assert_eq!(run(2, DType::I64, &[2, 5, 4]), None);
    assert_eq!(run(2, DType::I64, &[2, 4, 3]), Some(OpError::Shape));
    assert_eq!(run(3, DType::I64, &[2, 5, 3]), Some(OpError::Params));
    assert_eq!(run(0, DType::U8, &[4, 5, 3]), Some(OpError::Type));
}

#[test]
fn resize_scales_are_sane() {
    let run = |params| simple(params, (DType::F32, &[1, 2, 2, 3]), (DType::F32, &[1, 4, 3, 3]));
    let p = resize_params();
    assert_eq!(run(p), None);
    for scale in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-30] {
        assert_eq!(run(resize::Params { scales: [2.0, scale], ..p }), Some(OpError::Params), "{scale}");
    }
    assert_eq!(run(resize::Params { cubic_a: f32::NAN, ..p }), Some(OpError::Params));
    let corners = resize::Coordinates::AlignCorners;
    assert_eq!(run(resize::Params { scales: [1e-3; 2], coordinates: corners, ..p }), None);
}

#[test]
fn recurrent_wants_its_packing_and_only_an_lstm_has_a_cell() {
    let run = |kind, bias: u32, scratch: u32, cell: bool, clip: f32| {
        cause(|d| {
            let gates = if kind == recurrent::Kind::Rnn { 16 } else { 32 };
            let (x, h, c) = (d.f32(&[4, 2, 3]), d.f32(&[2, 5]), d.f32(&[2, 5]));
            let (w, r, b) = (d.weights(&[gates * 3]), d.weights(&[gates * 5]), d.weights(&[bias]));
            let inputs = [Some(x), Some(w), Some(r), Some(b), None, None, None, Some(d.f32(&[scratch]))];
            let params = recurrent::Params { clip, ..recurrent_params(kind) };
            d.builder.step("cell", &params, &inputs, &[None, Some(h), cell.then_some(c)], 0);
        })
    };
    use recurrent::Kind::*;
    let none = f32::INFINITY;
    assert_eq!(run(Lstm, 32, 350, true, none), None);
    assert_eq!(run(Rnn, 16, 190, false, none), None);
    assert_eq!(run(Rnn, 16, 190, true, none), Some(OpError::Arity));
    assert_eq!(run(Lstm, 16, 350, true, none), Some(OpError::Shape));
    assert_eq!(run(Lstm, 32, 349, true, none), Some(OpError::Shape));
    assert_eq!(run(Lstm, 32, 350, true, f32::NAN), Some(OpError::Params));
    assert_eq!(run(Lstm, 32, 350, true, -1.0), Some(OpError::Params));
}

#[test]
fn fallback_operands_are_dense_few_and_its_model_in_place() {
    let run = |inputs: usize, offset: u32, length: u32, strides: &[i32]| {
        cause(|d| {
            d.builder.fallback(&[0; 100]);
            let (y, x) = (d.f32(&[2]), d.f32(&[2, 2]));
            let view = d.view(DType::F32, 64, &[2, 2], strides);
            let _ = x;
            d.step(&fallback::Params { offset, length }, &alloc::vec![view; inputs], &[y]);
        })
    };
    assert_eq!(run(32, 0, 100, &[2, 1]), None);
    assert_eq!(run(33, 0, 100, &[2, 1]), Some(OpError::Arity));
    assert_eq!(run(1, 0, 100, &[1, 2]), Some(OpError::Layout));
    assert_eq!(run(1, 1, 100, &[2, 1]), Some(OpError::Params));
    assert_eq!(run(1, 0, 0, &[2, 1]), Some(OpError::Params));
    assert_eq!(run(1, u32::MAX, u32::MAX, &[2, 1]), Some(OpError::Params));
}

#[test]
fn elementwise_operators_want_equal_shapes() {
    let (x, y): (&[u32], &[u32]) = (&[2, 3], &[3, 2]);
    assert_eq!(simple(cast::Params {}, (DType::U8, x), (DType::F16, y)), Some(OpError::Shape));
    assert_eq!(simple(copy::Params {}, (DType::U8, x), (DType::U8, y)), Some(OpError::Shape));
    assert_eq!(simple(copy::Params {}, (DType::U8, x), (DType::I8, x)), Some(OpError::Type));
    let select = |c: DType, a: DType| {
        cause(|d| {
            let (c, a, b, y) = (d.room(c, x), d.room(a, x), d.f32(x), d.f32(x));
            d.step(&select::Params {}, &[c, a, b], &[y]);
        })
    };
    assert_eq!(select(DType::Bool, DType::F32), None);
    assert_eq!(select(DType::U8, DType::F32), Some(OpError::Type));
    assert_eq!(select(DType::Bool, DType::I32), Some(OpError::Type));
    let softmax = softmax::Params { log: true };
    assert_eq!(simple(softmax, (DType::F32, x), (DType::F32, y)), Some(OpError::Shape));
    assert_eq!(simple(softmax, (DType::F32, &[]), (DType::F32, &[])), Some(OpError::Layout));
}

#[test]
fn every_operator_refuses_missing_and_surplus_operands() {
    for (op, bytes) in samples::all() {
        let bytes = Aligned::new(&bytes);
        let plan = Plan::parse(&bytes).unwrap();
        let step = plan.steps().find(|step| step.code == op).unwrap();
        assert!(step.operands.input_count() <= 8 && step.operands.output_count() <= 3);
        let at = record_of(&bytes, &plan, step.index);
        for field in [2, 3] {
            let mut mutated = Aligned::new(&bytes);
            mutated[at + field] = 0;
            if op == OpCode::Fallback && field == 2 {
                // A sub-model may have no inputs; its first input is then its output.
                assert!(Plan::parse(&mutated).is_ok());
                continue;
            }
            let expected = PlanError::Step { step: step.index as u32, op, cause: OpError::Arity };
            assert_eq!(Plan::parse(&mutated).unwrap_err(), expected);
        }
    }
}

/// Where the record of a step lies in the file.
fn record_of(bytes: &[u8], plan: &Plan<'_>, step: usize) -> usize {
    let steps = plan.section(SectionKind::Steps).as_ptr().addr() - bytes.as_ptr().addr();
    steps + step * crate::format::STEP_BYTES
}
