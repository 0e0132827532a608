//! Matrix products.

use coulter_plan::ops::{attention, fully_connected, matmul};

use super::Array;
use super::elementwise::activate;

pub(super) fn fully_connected(
    params: &fully_connected::Params,
    x: &Array,
    w: &Array,
    bias: Option<&Array>,
    residual: Option<&Array>,
) -> Array {
    let (depth, columns) = (w.shape[0], w.shape[1]);
    let mut shape = x.shape.clone();
    *shape.last_mut().expect("x has a dimension") = columns;
    Array::fill(x.dtype, &shape, |index| {
        let (&column, outer) = index.split_last().expect("y has a dimension");
        let products = (0..depth).map(|k| x.at(&[outer, &[k]].concat()) * w.at(&[k, column]));
        let sum = products.sum::<f64>() + bias.map_or(0.0, |b| b.at(&[column])) + residual.map_or(0.0, |r| r.at(index));
        activate(&params.activation, sum)
    })
}

pub(super) fn matmul(params: &matmul::Params, a: &Array, b: &Array, shape: &[usize]) -> Array {
    let depth = *a.shape.last().expect("a is a matrix");
    Array::fill(a.dtype, shape, |index| {
        let (batch, place) = index.split_at(index.len() - 2);
        let inner = |of: &Array, place: [usize; 2]| {
            let index = [batch, &place].concat();
            of.at(&index[index.len() - of.shape.len()..])
        };
        let sum: f64 = (0..depth).map(|k| inner(a, [place[0], k]) * inner(b, [k, place[1]])).sum();
        activate(&params.activation, f64::from(params.alpha) * sum)
    })
}

pub(super) fn attention(params: &attention::Params, q: &Array, k: &Array, v: &Array, mask: Option<&Array>) -> Array {
    let &[batch, heads, queries, depth] = &q.shape[..] else { panic!("q has four dimensions") };
    let (keys, width) = (v.shape[2], v.shape[3]);
    let weights = |b: usize, h: usize, s: usize| -> Vec<f64> {
        let scores = (0..keys).map(|t| {
            let dot: f64 = (0..depth).map(|d| q.at(&[b, h, s, d]) * k.at(&[b, h, t, d])).sum();
            let masked = params.causal && t + queries > s + keys;
            let bias = mask.map_or(0.0, |mask| mask.at(&[b, h, s, t]));
            if masked { f64::NEG_INFINITY } else { f64::from(params.scale) * dot + bias }
        });
        let scores: Vec<f64> = scores.collect();
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.iter().map(|power| power / sum).collect()
    };
    let mut values = Vec::new();
    for row in super::indices(&[batch, heads, queries]) {
        let weights = weights(row[0], row[1], row[2]);
        values.extend((0..width).map(|e| (0..keys).map(|t| weights[t] * v.at(&[row[0], row[1], t, e])).sum::<f64>()));
    }
    Array::new(q.dtype, &[batch, heads, queries, width], values)
}
