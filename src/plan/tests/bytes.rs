//! What the operators on bytes take and refuse.

use super::operators::cause;
use super::samples::{Draft, dynamic_params, qbinary_params, qpool_params};
use crate::builder::TensorId;
use crate::ops::*;
use crate::{DType, OpError};

/// A step of one input and one output.
fn simple<P: Params>(params: P, x: (DType, &[u32]), y: (DType, &[u32])) -> Option<OpError> {
    cause(|d| {
        let (x, y) = (d.room(x.0, x.1), d.room(y.0, y.1));
        d.step(&params, &[x], &[y]);
    })
}

#[test]
fn quantization_may_widen_the_last_dimension_alone() {
    let p = quantize::Params { inverse_scale: 1.0, zero_point: 255 };
    let to = |y: &[u32]| simple(p, (DType::F32, &[2, 3]), (DType::U8, y));
    assert_eq!(to(&[2, 3]), None);
    assert_eq!(to(&[2, 8]), None);
    for wrong in [&[2, 2][..], &[3, 3], &[6], &[2, 3, 1]] {
        assert_eq!(to(wrong), Some(OpError::Shape), "{wrong:?}");
    }
    assert_eq!(simple(p, (DType::F32, &[2]), (DType::I8, &[2])), Some(OpError::Type));
    assert_eq!(simple(p, (DType::U8, &[2]), (DType::U8, &[2])), Some(OpError::Type));
    let beyond = quantize::Params { zero_point: 256, ..p };
    assert_eq!(simple(beyond, (DType::F32, &[2]), (DType::U8, &[2])), Some(OpError::Params));
    let apart = cause(|d| {
        let (x, _) = (d.f32(&[3]), d.room(DType::U8, &[6]));
        let y = d.view(DType::U8, 64, &[3], &[2]);
        d.step(&p, &[x], &[y]);
    });
    assert_eq!(apart, Some(OpError::Layout));
}

#[test]
fn dequantization_keeps_the_shape() {
    let p = dequantize::Params { scale: 1.0, zero_point: 0 };
    assert_eq!(simple(p, (DType::U8, &[2, 3]), (DType::F32, &[2, 3])), None);
    assert_eq!(simple(p, (DType::U8, &[2, 3]), (DType::F32, &[2, 4])), Some(OpError::Shape));
    assert_eq!(simple(p, (DType::I8, &[2]), (DType::F32, &[2])), Some(OpError::Type));
    let beyond = dequantize::Params { zero_point: 256, ..p };
    assert_eq!(simple(beyond, (DType::U8, &[2]), (DType::F32, &[2])), Some(OpError::Params));
}

/// A table of these dims, made by `table`, for x [2, 3].
fn looked_up(x: DType, table: impl FnOnce(&mut Draft) -> TensorId) -> Option<OpError> {
    cause(|d| {
        let (x, y) = (d.room(x, &[2, 3]), d.room(DType::U8, &[2, 3]));
        let table = table(d);
        d.step(&table::Params {}, &[x, table], &[y]);
    })
}

#[test]
fn tables_are_constant_and_whole() {
    assert_eq!(looked_up(DType::U8, |d| d.constants(DType::U8, &[256])), None);
    assert_eq!(looked_up(DType::I8, |d| d.constants(DType::U8, &[3, 256])), None);
    assert_eq!(looked_up(DType::F32, |d| d.constants(DType::U8, &[256])), Some(OpError::Type));
    assert_eq!(looked_up(DType::U8, |d| d.constants(DType::I8, &[256])), Some(OpError::Type));
    assert_eq!(looked_up(DType::U8, |d| d.room(DType::U8, &[256])), Some(OpError::Storage));
    for wrong in [&[255][..], &[2, 256], &[3, 255], &[1, 3, 256]] {
        assert_eq!(looked_up(DType::U8, |d| d.constants(DType::U8, wrong)), Some(OpError::Shape), "{wrong:?}");
    }
}

#[test]
fn two_tensors_of_bytes_have_bytes_as_parameters() {
    let p = qbinary_params();
    let of = |p: qbinary::Params, b: (DType, &[u32])| {
        cause(|d| {
            let (a, b, y) = (d.room(DType::U8, &[2, 3]), d.room(b.0, b.1), d.room(DType::U8, &[2, 3]));
            d.step(&p, &[a, b], &[y]);
        })
    };
    let like = (DType::U8, &[2, 3][..]);
    assert_eq!(of(p, like), None);
    assert_eq!(of(p, (DType::U8, &[1, 3])), Some(OpError::Shape));
    assert_eq!(of(p, (DType::I8, &[2, 3])), Some(OpError::Type));
    for wrong in [
        qbinary::Params { a_zero: 256, ..p },
        qbinary::Params { b_zero: 256, ..p },
        qbinary::Params { y_zero: u32::MAX, ..p },
        qbinary::Params { low: 201, ..p },
        qbinary::Params { high: 256, ..p },
    ] {
        assert_eq!(of(wrong, like), Some(OpError::Params), "{wrong:?}");
    }
}

#[test]
fn pools_of_bytes_hold_their_geometry() {
    let p = qpool_params();
    let of = |p, y: (DType, &[u32])| simple(p, (DType::U8, &[1, 5, 6, 3]), y);
    let y = (DType::U8, &[1, 3, 4, 3][..]);
    assert_eq!(of(p, y), None);
    assert_eq!(of(p, (DType::U8, &[1, 3, 3, 3])), Some(OpError::Shape));
    assert_eq!(of(p, (DType::F32, &[1, 3, 4, 3])), Some(OpError::Type));
    for wrong in [
        qpool2d::Params { kernel: [0, 3], ..p },
        qpool2d::Params { pad: [3, 1, 1, 1], ..p },
        qpool2d::Params { x_zero: 256, ..p },
        qpool2d::Params { y_zero: 256, ..p },
        qpool2d::Params { low: 9, high: 8, ..p },
    ] {
        assert_eq!(of(wrong, y), Some(OpError::Params), "{wrong:?}");
    }
}

#[test]
fn softmax_of_bytes_has_256_exponentials() {
    let of = |zero, cols: u32, e: fn(&mut Draft) -> TensorId| {
        cause(|d| {
            let (x, y, e) = (d.room(DType::U8, &[3, cols]), d.room(DType::U8, &[3, cols]), e(d));
            d.step(&qsoftmax::Params { inverse_scale: 1.0, zero }, &[x, e], &[y]);
        })
    };
    assert_eq!(of(0, 5, |d| d.constants(DType::U32, &[256])), None);
    assert_eq!(of(256, 5, |d| d.constants(DType::U32, &[256])), Some(OpError::Params));
    assert_eq!(of(0, 0, |d| d.constants(DType::U32, &[256])), Some(OpError::Shape));
    assert_eq!(of(0, 5, |d| d.constants(DType::U32, &[255])), Some(OpError::Shape));
    assert_eq!(of(0, 5, |d| d.constants(DType::F32, &[256])), Some(OpError::Type));
    assert_eq!(of(0, 5, |d| d.room(DType::U32, &[256])), Some(OpError::Storage));
}

#[test]
fn products_quantized_as_they_come_have_all_their_constants_and_room() {
    let p = dynamic_params();
    let of = |p, lengths: [u32; 5]| {
        cause(|d| {
            let [weights, sums, scale, bias, scratch] = lengths;
            let (x, y, scratch) = (d.f32(&[2, 3, 5]), d.f32(&[2, 3, 20]), d.f32(&[scratch]));
            let (w, sums) = (d.constants(DType::I8, &[weights]), d.constants(DType::I32, &[sums]));
            let (scale, bias) = (d.weights(&[scale]), d.weights(&[bias]));
            d.step(&p, &[x, w, sums, scale, bias, scratch], &[y]);
        })
    };
    let lengths = [256, 32, 32, 32, 24];
    assert_eq!(of(p, lengths), None);
    for i in 0..5 {
        let mut less = lengths;
        less[i] -= 1;
        assert_eq!(of(p, less), Some(OpError::Shape), "{i}");
    }
    let beyond = dynamic_fully_connected::Params { w_zero: 128, ..p };
    assert_eq!(of(beyond, lengths), Some(OpError::Params));
    let without_bias = cause(|d| {
        let (x, y, scratch) = (d.f32(&[3, 5]), d.f32(&[3, 20]), d.f32(&[12]));
        let (w, sums) = (d.constants(DType::I8, &[256]), d.constants(DType::I32, &[32]));
        let scale = d.weights(&[32]);
        let inputs = [Some(x), Some(w), Some(sums), Some(scale), None, Some(scratch)];
        d.builder.step("step", &p, &inputs, &[Some(y)], 1);
    });
    assert_eq!(without_bias, None);
}
