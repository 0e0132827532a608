//! Operators that gather many elements into one.

use coulter_plan::ops::{normalize, reduce, softmax};

use super::elementwise::activate;
use super::{Array, indices};

pub(super) fn reduce(params: &reduce::Params, x: &Array) -> Array {
    let is_reduced = |d: usize| params.axes >> d & 1 == 1;
    let along = |reduced: bool| -> Vec<usize> {
        x.shape.iter().enumerate().map(|(d, &dim)| if is_reduced(d) == reduced { dim } else { 1 }).collect()
    };
    Array::fill(x.dtype, &along(false), |index| {
        let values: Vec<f64> = indices(&along(true))
            .map(|inner| {
                let place: Vec<usize> = inner
                    .iter()
                    .zip(index)
                    .enumerate()
                    .map(|(d, (&i, &o))| if is_reduced(d) { i } else { o })
                    .collect();
                x.at(&place)
            })
            .collect();
        let value = reduced(params.kind, &values);
        if x.dtype == coulter_plan::DType::F32 && !params.kind.is_index() {
            activate(&params.activation, value)
        } else {
            value
        }
    })
}

fn reduced(kind: reduce::Kind, values: &[f64]) -> f64 {
    use reduce::Kind;
    let count = values.len() as f64;
    let sum = |f: fn(f64) -> f64| values.iter().map(|&v| f(v)).sum::<f64>();
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let first = |wanted: f64| values.iter().position(|&v| v == wanted).unwrap_or(0) as f64;
    match kind {
        Kind::Sum => sum(|v| v),
        Kind::Mean => sum(|v| v) / count,
        Kind::Max => greatest,
        Kind::Min => least,
        Kind::Prod => values.iter().product(),
        Kind::SumSquare => sum(|v| v * v),
        Kind::L1 => sum(f64::abs),
        Kind::L2 => sum(|v| v * v).sqrt(),
        Kind::LogSum => sum(|v| v).ln(),
        Kind::LogSumExp => greatest + values.iter().map(|v| (v - greatest).exp()).sum::<f64>().ln(),
        Kind::ArgMax => first(greatest),
        Kind::ArgMin => first(least),
        Kind::MeanSquare => sum(|v| v * v) / count,
    }
}

/// Applies `function` to every row.
fn rows(x: &Array, function: impl Fn(&[f64]) -> Vec<f64>) -> Array {
    let columns = x.shape.last().copied().expect("x has a dimension").max(1);
    Array::new(x.dtype, &x.shape, x.values.chunks(columns).flat_map(function).collect())
}

pub(super) fn softmax(params: &softmax::Params, x: &Array) -> Array {
    rows(x, |row| {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|v| (v - most).exp()).sum();
        let of = |v: f64| if params.log { v - most - sum.ln() } else { (v - most).exp() / sum };
        row.iter().map(|&v| of(v)).collect()
    })
}

pub(super) fn normalize(params: &normalize::Params, x: &Array, scale: Option<&Array>, shift: Option<&Array>) -> Array {
    rows(x, |row| {
        let count = row.len() as f64;
        let mean = if params.kind == normalize::Kind::Layer { row.iter().sum::<f64>() / count } else { 0.0 };
        let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let factor = 1.0 / (variance + f64::from(params.epsilon)).sqrt();
        let of = |(c, v): (usize, &f64)| {
            let scaled = (v - mean) * factor * scale.map_or(1.0, |scale| scale.values[c]);
            activate(&params.activation, scaled + shift.map_or(0.0, |shift| shift.values[c]))
        };
        row.iter().enumerate().map(of).collect()
    })
}
