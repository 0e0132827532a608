use std::vec;
use std::vec::Vec;

use coulter_plan::ops::recurrent::{Kind, Params};
use coulter_plan::{Activation, ActivationKind, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, Operand, is_untouched, run_all};

const STEPS: usize = 3;
const BATCH: usize = 2;
const WIDTH: usize = 4;
const HIDDEN: usize = 5;

fn params(kind: Kind, reverse: bool) -> Params {
    let [f, g] = [ActivationKind::Sigmoid, ActivationKind::Tanh].map(Activation::new);
    let activations = if kind == Kind::Rnn { [g, g, g] } else { [f, g, g] };
    Params { kind, reverse, linear_before_reset: true, activations, clip: f32::INFINITY }
}

/// Weights of one direction: `[I, G·H]`, `[H, G·H]`, bias and peepholes.
struct Weights {
    kind: Kind,
    w: Vec<f32>,
    r: Vec<f32>,
    bias: Vec<f32>,
    peephole: Vec<f32>,
}

impl Weights {
    fn random(rng: &mut Rng, kind: Kind) -> Self {
        let columns = kind.gates() as usize * HIDDEN;
        let biases = if kind == Kind::Gru { columns + HIDDEN } else { columns };
        let [w, r, bias, peephole] = [WIDTH * columns, HIDDEN * columns, biases, 3 * HIDDEN].map(|len| rng.f32s(len));
        Self { kind, w, r, bias, peephole }
    }

    /// w, r and bias as the operator wants them.
    fn operands(&self, d: &mut Draft) -> [Option<Operand>; 3] {
        let columns = self.kind.gates() as usize * HIDDEN;
        let mut panels = |matrix: &[f32], k: usize| {
            let padded = columns.next_multiple_of(16);
            let at = |i: usize| (i / 16 / k * 16 + i % 16, i / 16 % k);
            let packed: Vec<f32> = (0..k * padded)
                .map(|i| match at(i) {
                    (col, row) if col < columns => matrix[row * columns + col],
                    _ => 0.0,
                })
                .collect();
            Some(d.weights(&[packed.len() as u32], &packed))
        };
        let (w, r) = (panels(&self.w, WIDTH), panels(&self.r, HIDDEN));
        let mut bias = self.bias.clone();
        bias.resize(bias.len().next_multiple_of(16), 0.0);
        [w, r, Some(d.weights(&[bias.len() as u32], &bias))]
    }

    /// States after each step, in the order of x, and the last cell.
    fn oracle(&self, reverse: bool, x: &[f32], h0: &[f32], c0: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let columns = self.kind.gates() as usize * HIDDEN;
        let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let (mut h, mut c, p) = (wide(h0), wide(c0), wide(&self.peephole));
        let mut y = vec![0.0; STEPS * BATCH * HIDDEN];
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        for i in 0..STEPS {
            let t = if reverse { STEPS - 1 - i } else { i };
            for b in 0..BATCH {
                let x = &x[(t * BATCH + b) * WIDTH..][..WIDTH];
                let (h, c) = (&mut h[b * HIDDEN..][..HIDDEN], &mut c[b * HIDDEN..][..HIDDEN]);
                let before = h.to_vec();
                let from = |gate: usize, j: usize| -> (f64, f64) {
                    let col = gate * HIDDEN + j;
                    let of_x = x.iter().enumerate().map(|(i, &x)| f64::from(x) * f64::from(self.w[i * columns + col]));
                    let of_h = before.iter().enumerate().map(|(i, h)| h * f64::from(self.r[i * columns + col]));
                    (of_x.sum::<f64>() + f64::from(self.bias[col]), of_h.sum())
                };
                let sum = |gate: usize, j: usize| from(gate, j).0 + from(gate, j).1;
                for j in 0..HIDDEN {
                    match self.kind {
                        Kind::Rnn => h[j] = sum(0, j).tanh(),
                        Kind::Gru => {
                            let (z, r) = (sigmoid(sum(0, j)), sigmoid(sum(1, j)));
                            let (of_x, of_h) = from(2, j);
                            let gate = (of_x + r * (of_h + f64::from(self.bias[3 * HIDDEN + j]))).tanh();
                            h[j] = (1.0 - z) * gate + z * before[j];
                        }
                        Kind::Lstm => {
                            let i = sigmoid(sum(0, j) + p[j] * c[j]);
                            let f = sigmoid(sum(2, j) + p[2 * HIDDEN + j] * c[j]);
                            c[j] = f * c[j] + i * sum(3, j).tanh();
                            h[j] = sigmoid(sum(1, j) + p[HIDDEN + j] * c[j]) * c[j].tanh();
                        }
                    }
                }
                y[(t * BATCH + b) * HIDDEN..][..HIDDEN].copy_from_slice(h);
            }
        }
        (y, c)
    }
}

fn near(given: &[f32], expected: &[f64]) -> bool {
    given.len() == expected.len() && given.iter().zip(expected).all(|(&y, e)| (f64::from(y) - e).abs() < 3e-6)
}

const DIMS: [u32; 3] = [STEPS as u32, BATCH as u32, HIDDEN as u32];

#[test]
fn two_directions_share_one_output_of_a_free_layout() {
    let mut rng = Rng::new(1);
    let [x, h0, c0] = [STEPS * BATCH * WIDTH, BATCH * HIDDEN, BATCH * HIDDEN].map(|len| rng.f32s(len));
    for kind in [Kind::Rnn, Kind::Gru, Kind::Lstm] {
        let directions = [Weights::random(&mut rng, kind), Weights::random(&mut rng, kind)];
        let lstm = kind == Kind::Lstm;
        let draft = || {
            let mut d = Draft::new();
            let input = d.f32(&[STEPS as u32, BATCH as u32, WIDTH as u32], &x);
            // [B, T, 2, H]
            let whole = d.room(DType::F32, &[BATCH as u32, STEPS as u32, 2, HIDDEN as u32]);
            let lengths = kind.scratch_len(STEPS as u32, BATCH as u32, HIDDEN as u32);
            let scratch = d.room(DType::F32, &[lengths.unwrap() as u32]);
            let (h0, c0) = (d.f32(&DIMS[1..], &h0), d.f32(&DIMS[1..], &c0));
            let h = [d.room(DType::F32, &DIMS[1..]), d.room(DType::F32, &DIMS[1..])];
            let c = [d.room(DType::F32, &DIMS[1..]), d.room(DType::F32, &DIMS[1..])];
            for (i, weights) in directions.iter().enumerate() {
                let strides = [2 * HIDDEN as i32, 2 * (STEPS * HIDDEN) as i32, 1];
                let y = d.view(whole, i * HIDDEN, &DIMS, &strides);
                let [w, r, bias] = weights.operands(&mut d);
                let peephole = d.f32(&[3 * HIDDEN as u32], &weights.peephole);
                let (c0, peephole, c) = (lstm.then_some(c0), lstm.then_some(peephole), lstm.then_some(c[i]));
                let inputs = [Some(input), w, r, bias, Some(h0), c0, peephole, Some(scratch)];
                d.step(&params(kind, i == 1), &inputs, &[Some(y), Some(h[i]), c]);
            }
            (d, (whole, h, c))
        };
        run_all(draft, |results, (whole, h, c)| {
            for (i, weights) in directions.iter().enumerate() {
                let (expected, cells) = weights.oracle(i == 1, &x, &h0, &c0);
                let whole = results.f32(whole);
                let y: Vec<f32> = (0..expected.len())
                    .map(|at| {
                        let (t, b, j) = (at / HIDDEN / BATCH, at / HIDDEN % BATCH, at % HIDDEN);
                        whole[((b * STEPS + t) * 2 + i) * HIDDEN + j]
                    })
                    .collect();
                assert!(near(&y, &expected), "{kind:?} {i}: {y:?} {expected:?}");
                let last = if i == 1 { 0 } else { STEPS - 1 };
                assert!(near(&results.f32(h[i]), &expected[last * BATCH * HIDDEN..][..BATCH * HIDDEN]), "{kind:?} {i}");
                if lstm {
                    assert!(near(&results.f32(c[i]), &cells), "{kind:?} {i}");
                }
            }
        });
    }
}

#[test]
fn states_begin_with_zeros_and_outputs_may_be_left_out() {
    let mut rng = Rng::new(2);
    let (x, mut weights) = (rng.f32s(STEPS * BATCH * WIDTH), Weights::random(&mut rng, Kind::Lstm));
    weights.peephole.fill(0.0);
    let draft = || {
        let mut d = Draft::new();
        let input = d.f32(&[STEPS as u32, BATCH as u32, WIDTH as u32], &x);
        let length = Kind::Lstm.scratch_len(STEPS as u32, BATCH as u32, HIDDEN as u32).unwrap();
        let scratch = d.room(DType::F32, &[length as u32]);
        let c = d.room(DType::F32, &[BATCH as u32, 8]);
        let last = d.view(c, 1, &DIMS[1..], &[8, 1]);
        let [w, r, bias] = weights.operands(&mut d);
        let inputs = [Some(input), w, r, bias, None, None, None, Some(scratch)];
        d.step(&params(Kind::Lstm, false), &inputs, &[None, None, Some(last)]);
        (d, c)
    };
    let (_, expected) = weights.oracle(false, &x, &[0.0; BATCH * HIDDEN], &[0.0; BATCH * HIDDEN]);
    run_all(draft, |results, c| {
        for (row, expected) in results.f32(c).chunks_exact(8).zip(expected.chunks_exact(HIDDEN)) {
            assert!(near(&row[1..1 + HIDDEN], expected), "{row:?} {expected:?}");
            assert!(is_untouched(row[0]) && row[1 + HIDDEN..].iter().all(|&v| is_untouched(v)));
        }
    });
}
