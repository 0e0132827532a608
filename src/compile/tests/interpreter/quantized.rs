//! Operators on bytes, in exact integers and single f32 operations, as the plan's operators tell.

use coulter_plan::DType;
use coulter_plan::ops::pool2d::Kind as Pool;
use coulter_plan::ops::{
    dequantize, dynamic_fully_connected, qbinary, qconv2d, qdepthwise_conv2d, qfully_connected, qpool2d, qsoftmax,
    quantize,
};
use coulter_plan::requantize::{Requantize, Residual, ResidualKind};

use super::spatial::{self, Sliding};
use super::{Array, elementwise, indices};

/// rne(v) + zero, between `low` and `high`. NaN counts as 0.
fn rounded(v: f32, zero: u32, low: u32, high: u32) -> f64 {
    let q = i64::from(v.round_ties_even() as i32) + i64::from(zero);
    q.clamp(low.into(), high.into()) as f64
}

/// The exact difference of a byte and a zero point.
fn centered(byte: f64, zero: u32) -> f32 {
    (byte - f64::from(zero)) as f32
}

pub(super) fn quantize(p: &quantize::Params, x: &Array, shape: &[usize]) -> Array {
    Array::fill(DType::U8, shape, |index| {
        let inside = index.last().zip(x.shape.last()).is_none_or(|(&i, &dim)| i < dim);
        if inside { rounded(x.at(index) as f32 * p.inverse_scale, p.zero_point, 0, 255) } else { p.zero_point.into() }
    })
}

pub(super) fn dequantize(p: &dequantize::Params, x: &Array) -> Array {
    let values = x.values.iter().map(|&q| f64::from(centered(q, p.zero_point) * p.scale)).collect();
    Array::new(DType::F32, &x.shape, values)
}

pub(super) fn table(x: &Array, table: &Array, to: DType) -> Array {
    Array::fill(to, &x.shape, |index| {
        let byte = f64::from(x.at(index) as i16 as u8);
        let entry =
            if table.shape.len() == 1 { vec![byte as usize] } else { vec![index[index.len() - 1], byte as usize] };
        let entry = table.at(&entry);
        if to == DType::I8 { f64::from(entry as u8 as i8) } else { entry }
    })
}

/// What follows a sum.
pub(super) struct Ending<'a> {
    pub(super) bias: &'a Array,
    pub(super) multiplier: &'a Array,
    pub(super) residual: Option<&'a Array>,
    pub(super) table: Option<&'a Array>,
}

impl Ending<'_> {
    fn of(&self, sum: f64, index: &[usize], requantize: &Requantize, residual: &Residual) -> f64 {
        let channel = index[index.len() - 1];
        let sum = sum + self.bias.values[channel];
        assert!(sum.abs() < f64::from(i32::MAX), "sums fit in 32 bits");
        let mut v = sum as i32 as f32 * self.multiplier.values[channel] as f32;
        if let Some(r) = self.residual {
            if residual.kind == ResidualKind::Rounded {
                let Requantize { zero, low, high } = residual.inner;
                v = centered(rounded(v, zero, low, high), zero) * residual.inner_scale;
            }
            v += centered(r.at(index), residual.zero) * residual.scale;
        }
        let y = rounded(v, requantize.zero, requantize.low, requantize.high);
        self.table.map_or(y, |table| table.values[y as usize])
    }

    fn finish(&self, sums: Array, requantize: &Requantize, residual: &Residual) -> Array {
        let shape = sums.shape.clone();
        Array::fill(DType::U8, &shape, |index| self.of(sums.at(index), index, requantize, residual))
    }
}

pub(super) fn conv2d(p: &qconv2d::Params, x: &Array, w: &Array, ending: &Ending<'_>) -> Array {
    let (outputs, depth) = (w.shape[0], w.shape[3]);
    let of_group = outputs / p.groups as usize;
    let sliding = Sliding { kernel: p.kernel, stride: p.stride, dilation: p.dilation, pad: p.pad };
    let sums = spatial::convolved_padded(sliding, x, outputs, |[n, o], [i, j, ih, iw]| {
        let first = o / of_group * depth;
        let of = |c| {
            let byte = padded(x, p.x_zero, [n, ih, iw, first + c]);
            byte * (w.at(&[o, i, j, c]) - f64::from(p.w_zero))
        };
        (0..depth).map(of).sum()
    });
    ending.finish(sums, &p.requantize, &p.residual)
}

pub(super) fn depthwise_conv2d(p: &qdepthwise_conv2d::Params, x: &Array, w: &Array, ending: &Ending<'_>) -> Array {
    let sliding = Sliding { kernel: p.kernel, stride: p.stride, dilation: p.dilation, pad: p.pad };
    let sums = spatial::convolved_padded(sliding, x, x.shape[3], |[n, c], [i, j, ih, iw]| {
        padded(x, p.x_zero, [n, ih, iw, c]) * (w.at(&[i, j, c]) - f64::from(p.w_zero))
    });
    ending.finish(sums, &p.requantize, &p.residual)
}

/// An element of an image, whose padding, at `usize::MAX`, holds the zero point.
fn padded(x: &Array, zero: u32, place: [usize; 4]) -> f64 {
    if place[1..3].contains(&usize::MAX) { f64::from(zero) } else { x.at(&place) }
}

pub(super) fn fully_connected(p: &qfully_connected::Params, x: &Array, w: &Array, ending: &Ending<'_>) -> Array {
    let (depth, columns) = (w.shape[0], w.shape[1]);
    let mut shape = x.shape.clone();
    *shape.last_mut().expect("x has a dimension") = columns;
    let sums = Array::fill(DType::I32, &shape, |index| {
        let (&column, outer) = index.split_last().expect("y has a dimension");
        (0..depth).map(|k| x.at(&[outer, &[k]].concat()) * (w.at(&[k, column]) - f64::from(p.w_zero))).sum()
    });
    ending.finish(sums, &p.requantize, &p.residual)
}

pub(super) fn binary(p: &qbinary::Params, a: &Array, b: &Array, shape: &[usize]) -> Array {
    Array::fill(DType::U8, shape, |index| {
        let (a, b) = (centered(a.at(index), p.a_zero), centered(b.at(index), p.b_zero));
        let r = match p.kind {
            qbinary::Kind::Add => a * p.a_scale + b * p.b_scale,
            qbinary::Kind::Mul => (a * b) * p.a_scale,
        };
        rounded(r, p.y_zero, p.low, p.high)
    })
}

pub(super) fn pool2d(p: &qpool2d::Params, x: &Array, shape: &[usize]) -> Array {
    let sliding = Sliding { kernel: p.kernel, stride: p.stride, dilation: p.dilation, pad: p.pad };
    Array::fill(DType::U8, shape, |index| {
        let (values, in_padded) = spatial::pooled(sliding, x, index);
        let mean = |count: usize| {
            if p.x_scale != 0.0 {
                let real = |v: &f64| centered(*v, p.x_zero) * p.x_scale;
                let sum = values.iter().map(real).fold(0.0_f32, |sum, v| sum + v);
                return rounded(sum / count as f32 / p.scale, p.y_zero, p.low, p.high);
            }
            let sum: f64 = values.iter().map(|v| v - f64::from(p.x_zero)).sum();
            rounded(sum as f32 * (p.scale / count as f32), p.y_zero, p.low, p.high)
        };
        match p.kind {
            Pool::Max => values.iter().copied().fold(0.0, f64::max).clamp(p.low.into(), p.high.into()),
            Pool::Average => mean(values.len()),
            Pool::AverageWithPad => mean(in_padded),
        }
    })
}

pub(super) fn softmax(p: &qsoftmax::Params, x: &Array, exponentials: &Array) -> Array {
    let columns = *x.shape.last().expect("x has a dimension");
    let rows = indices(&x.shape[..x.shape.len() - 1]).flat_map(|outer| {
        let row: Vec<f64> = (0..columns).map(|c| x.at(&[&outer[..], &[c]].concat())).collect();
        let most = row.iter().copied().fold(0.0, f64::max);
        let e = |v: &f64| exponentials.values[(255.0 - most + v) as usize];
        let factor = p.inverse_scale / row.iter().map(e).sum::<f64>() as f32;
        row.iter().map(|v| rounded(e(v) as f32 * factor, p.zero, 0, 255)).collect::<Vec<_>>()
    });
    Array::new(DType::U8, &x.shape, rows.collect())
}

pub(super) fn dynamic(
    p: &dynamic_fully_connected::Params,
    x: &Array,
    w: &Array,
    scale: &Array,
    bias: Option<&Array>,
) -> Array {
    let (depth, columns) = (w.shape[0], w.shape[1]);
    let rows: Vec<&[f64]> = x.values.chunks_exact(depth).collect();
    let quantization = |values: &mut dyn Iterator<Item = &f64>| {
        let (least, greatest) = values.fold((0f32, 0f32), |(l, g), &v| (l.min(v as f32), g.max(v as f32)));
        let s = if greatest == least { 1.0 } else { (greatest - least) / 255.0 };
        (s, rounded(0.0 - least / s, 0, 0, 255) as u32)
    };
    let of_all = quantization(&mut x.values.iter());
    let mut values = Vec::new();
    for row in rows {
        let (s, z) = if p.per_row { quantization(&mut row.iter()) } else { of_all };
        let q: Vec<f64> = row.iter().map(|&v| f64::from(centered(rounded(v as f32 / s, z, 0, 255), z))).collect();
        for c in 0..columns {
            let sum: f64 = q.iter().enumerate().map(|(k, q)| q * (w.at(&[k, c]) - f64::from(p.w_zero))).sum();
            let mut v = sum as i32 as f32 * (s * scale.values[c] as f32);
            if let Some(bias) = bias {
                v += bias.values[c] as f32;
            }
            values.push(elementwise::activate(&p.activation, v.into()));
        }
    }
    let shape: Vec<usize> = x.shape.iter().rev().skip(1).rev().copied().chain([columns]).collect();
    Array::new(DType::F32, &shape, values)
}
