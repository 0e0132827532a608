//! LSTM, GRU and RNN, as the ONNX operators define them.

use coulter_plan::ops::recurrent::{Kind, Params};

use super::Array;
use super::elementwise::activate;

/// `y`, `h` and, for an LSTM, `c`; `states` are bias, h0, c0 and peephole.
pub(super) fn recurrent(p: &Params, x: &Array, w: &Array, r: &Array, states: [Option<&Array>; 4]) -> Vec<Array> {
    let [bias, h0, c0, peephole] = states;
    let (steps, batch, hidden) = (x.shape[0], x.shape[1], r.shape[0]);
    let columns = r.shape[1];
    let initial = |state: Option<&Array>| state.map_or_else(|| vec![0.0; batch * hidden], |state| state.values.clone());
    let (mut h, mut c) = (initial(h0), initial(c0));
    let mut y = vec![0.0; steps * batch * hidden];
    for step in 0..steps {
        let t = if p.reverse { steps - 1 - step } else { step };
        for b in 0..batch {
            let row = |of: &[f64]| of[b * hidden..][..hidden].to_vec();
            let before = row(&h);
            let input: Vec<f64> = (0..columns)
                .map(|j| (0..w.shape[0]).map(|i| x.at(&[t, b, i]) * w.at(&[i, j])).sum::<f64>() + at(bias, j))
                .collect();
            let cell = Cell { p, r, hidden, input, bias, peephole };
            let (next, next_cell) = match p.kind {
                Kind::Rnn => (cell.rnn(&before), vec![0.0; hidden]),
                Kind::Gru => (cell.gru(&before), vec![0.0; hidden]),
                Kind::Lstm => cell.lstm(&before, &row(&c)),
            };
            y[(t * batch + b) * hidden..][..hidden].copy_from_slice(&next);
            h[b * hidden..][..hidden].copy_from_slice(&next);
            c[b * hidden..][..hidden].copy_from_slice(&next_cell);
        }
    }
    let state = |values| Array::new(x.dtype, &[batch, hidden], values);
    vec![Array::new(x.dtype, &[steps, batch, hidden], y), state(h), state(c)]
}

fn at(array: Option<&Array>, i: usize) -> f64 {
    array.and_then(|array| array.values.get(i)).copied().unwrap_or(0.0)
}

/// One batch element at one step; `input` is x·w + bias.
struct Cell<'a> {
    p: &'a Params,
    r: &'a Array,
    hidden: usize,
    input: Vec<f64>,
    bias: Option<&'a Array>,
    peephole: Option<&'a Array>,
}

impl Cell<'_> {
    fn recurrent(&self, h: &[f64], column: usize) -> f64 {
        h.iter().enumerate().map(|(k, h)| h * self.r.at(&[k, column])).sum()
    }

    /// Activation f, g or h of a clipped value.
    fn act(&self, which: usize, value: f64) -> f64 {
        let clip = f64::from(self.p.clip);
        activate(&self.p.activations[which], value.max(-clip).min(clip))
    }

    fn rnn(&self, h: &[f64]) -> Vec<f64> {
        (0..self.hidden).map(|j| self.act(0, self.input[j] + self.recurrent(h, j))).collect()
    }

    fn gru(&self, h: &[f64]) -> Vec<f64> {
        let n = self.hidden;
        let gate = |g: usize, j: usize| self.act(0, self.input[g * n + j] + self.recurrent(h, g * n + j));
        let update: Vec<f64> = (0..n).map(|j| gate(0, j)).collect();
        let reset: Vec<f64> = (0..n).map(|j| gate(1, j)).collect();
        let scaled: Vec<f64> = h.iter().zip(&reset).map(|(h, r)| h * r).collect();
        let candidate = |j: usize| {
            let apart = at(self.bias, 3 * n + j);
            let state = if self.p.linear_before_reset {
                reset[j] * (self.recurrent(h, 2 * n + j) + apart)
            } else {
                self.recurrent(&scaled, 2 * n + j) + apart
            };
            self.act(1, self.input[2 * n + j] + state)
        };
        (0..n).map(|j| (1.0 - update[j]) * candidate(j) + update[j] * h[j]).collect()
    }

    fn lstm(&self, h: &[f64], c: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let n = self.hidden;
        let sum = |g: usize, j: usize| self.input[g * n + j] + self.recurrent(h, g * n + j);
        let peep = |g: usize, j: usize, c: f64| at(self.peephole, g * n + j) * c;
        let (mut next, mut cell) = (Vec::new(), Vec::new());
        for j in 0..n {
            let input = self.act(0, sum(0, j) + peep(0, j, c[j]));
            let forget = self.act(0, sum(2, j) + peep(2, j, c[j]));
            cell.push(forget * c[j] + input * self.act(1, sum(3, j)));
            let output = self.act(0, sum(1, j) + peep(1, j, cell[j]));
            next.push(output * activate(&self.p.activations[2], cell[j]));
        }
        (next, cell)
    }
}
