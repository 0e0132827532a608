use std::vec;
use std::vec::Vec;

use coulter_testkit::{elementwise_oracle, isa_coverage, rng::Rng};

use super::{Kind, Outputs, Recurrent, blend, scratch_len, select};
use crate::activation::{Function, Kind as FunctionKind};
use crate::gemm_f32::{PANEL, pack_panels, packed_len};
use crate::parallel::Backwards;
use crate::{Isa, IsaSet, Parallel, Rows, SingleThread, View, ViewMut};

/// The instruction sets of the family that this processor can run.
fn isas() -> Vec<Isa> {
    let offered: Vec<_> = blend::KERNELS.iter().map(|k| k.isa).collect();
    let covered: Vec<_> = offered.iter().copied().filter(|&isa| IsaSet::detect().contains(isa)).collect();
    let names = |isas: &[Isa]| isas.iter().map(|isa| isa.name()).collect::<Vec<_>>();
    isa_coverage::check("recurrent_f32", &names(&offered), &names(&covered));
    covered
}

/// Marks elements that nobody may touch.
const UNTOUCHED: f32 = -77.0;

/// Columns between the rows of outputs.
const GAP: usize = 3;

struct Case {
    kind: Kind,
    reverse: bool,
    linear_before_reset: bool,
    activations: [Function; 3],
    clip: f32,
    steps: usize,
    batch: usize,
    width: usize,
    hidden: usize,
    x_pitch: usize,
    x: Vec<f32>,
    /// [I, G·H]
    w: Vec<f32>,
    /// [H, G·H]
    r: Vec<f32>,
    bias: Vec<f32>,
    h0: Option<Vec<f32>>,
    c0: Option<Vec<f32>>,
    peephole: Option<Vec<f32>>,
    /// Which of y, h and c are wanted.
    wanted: [bool; 3],
}

/// What a run gave: y, h and c, rows of `hidden + GAP`.
type Given = [Vec<f32>; 3];

fn panels(matrix: &[f32], k: usize, n: usize) -> Vec<f32> {
    let mut panels = vec![0.0; packed_len(k, n)];
    pack_panels(&View::dense(matrix, &[k, n]), &mut panels);
    panels
}

impl Case {
    fn random(rng: &mut Rng, kind: Kind) -> Self {
        let (steps, batch) = (rng.in_range(1..=5), rng.in_range(1..=3));
        let (width, hidden) = (rng.pick(&[1, 5, 16, 33]), rng.pick(&[1, 2, 3, 5, 15, 16, 17, 33]));
        let x_pitch = width + rng.in_range(0..=3);
        let columns = kind.gates() * hidden;
        let biases = if kind == Kind::Gru { columns + hidden } else { columns };
        let function = |rng: &mut Rng| {
            rng.pick(&[
                Function::new(FunctionKind::Sigmoid),
                Function::new(FunctionKind::Tanh),
                Function::RELU,
                Function::new(FunctionKind::Softsign),
                Function { kind: FunctionKind::Affine, a: 0.5, b: 0.1 },
                Function { kind: FunctionKind::HardSigmoid, a: 0.2, b: 0.5 },
                Function { kind: FunctionKind::LeakyRelu, a: 0.1, b: 0.0 },
            ])
        };
        let lstm = kind == Kind::Lstm;
        let scaled = |rng: &mut Rng, len: usize, by: f32| rng.f32s(len).iter().map(|v| v * by).collect::<Vec<_>>();
        Self {
            kind,
            reverse: rng.coin(),
            linear_before_reset: rng.coin(),
            activations: [function(rng), function(rng), function(rng)],
            clip: rng.pick(&[f32::INFINITY, 0.4]),
            steps,
            batch,
            width,
            hidden,
            x_pitch,
            x: rng.f32s(steps * batch * x_pitch),
            w: scaled(rng, width * columns, 1.0 / (width as f32).sqrt()),
            r: scaled(rng, hidden * columns, 1.0 / (hidden as f32).sqrt()),
            bias: rng.f32s(biases),
            h0: rng.coin().then(|| rng.f32s(batch * hidden)),
            c0: (lstm && rng.coin()).then(|| rng.f32s(batch * hidden)),
            peephole: (lstm && rng.coin()).then(|| rng.f32s(3 * hidden)),
            wanted: [rng.coin(), rng.coin(), lstm && rng.coin()],
        }
    }

    fn run(&self, isas: IsaSet, parallel: &dyn Parallel) -> Given {
        let &Self { kind, steps, batch, width, hidden, .. } = self;
        let columns = kind.gates() * hidden;
        let (w, r) = (panels(&self.w, width, columns), panels(&self.r, hidden, columns));
        let mut bias = self.bias.clone();
        bias.resize(bias.len().next_multiple_of(PANEL), 0.0);
        let state = |v: &'_ Vec<f32>| {
            // SAFETY: the view addresses the rows of `v`, which outlives it.
            unsafe { View::from_raw(v.as_ptr(), &[batch, hidden], &[hidden as isize, 1]) }
        };
        let layer = Recurrent {
            kind,
            reverse: self.reverse,
            linear_before_reset: self.linear_before_reset,
            activations: self.activations,
            clip: self.clip,
            steps,
            batch,
            hidden,
            x: Rows::of(&self.x, steps * batch, width, self.x_pitch),
            w: &w,
            r: &r,
            bias: &bias,
            h0: self.h0.as_ref().map(state),
            c0: self.c0.as_ref().map(state),
            peephole: self.peephole.as_ref().map(|p| View::dense(p, &[3 * hidden])),
        };
        let pitch = hidden + GAP;
        let [mut y, mut h, mut c] = [steps, 1, 1].map(|steps| vec![UNTOUCHED; steps * batch * pitch]);
        let mut scratch = vec![f32::NAN; scratch_len(kind, steps, batch, hidden)];
        let (two, one) = ([batch, hidden], [pitch as isize, 1]);
        // SAFETY: the views address rows of the vectors, each its own.
        let mut outputs = unsafe {
            let dims = [steps, batch, hidden];
            Outputs {
                y: self.wanted[0]
                    .then(|| ViewMut::from_raw(y.as_mut_ptr(), &dims, &[(batch * pitch) as isize, pitch as isize, 1])),
                h: self.wanted[1].then(|| ViewMut::from_raw(h.as_mut_ptr(), &two, &one)),
                c: self.wanted[2].then(|| ViewMut::from_raw(c.as_mut_ptr(), &two, &one)),
            }
        };
        select(isas).run(&layer, &mut scratch, &mut outputs, parallel);
        [y, h, c]
    }

    fn f(&self, which: usize, x: f64) -> f64 {
        let Function { kind, a, b } = self.activations[which];
        elementwise_oracle::activation(&std::format!("{kind:?}"), a.into(), b.into(), x)
    }

    /// Function `which` of a gate, bounded by the clip.
    fn gate(&self, which: usize, x: f64) -> f64 {
        self.f(which, x.clamp(-f64::from(self.clip), self.clip.into()))
    }

    /// y, h and c in f64, dense, by the formulas of the ONNX operators.
    fn oracle(&self) -> [Vec<f64>; 3] {
        let &Self { kind, steps, batch, width, hidden, .. } = self;
        let columns = kind.gates() * hidden;
        let wide = |v: &Option<Vec<f32>>, len: usize| match v {
            Some(v) => v.iter().map(|&v| f64::from(v)).collect(),
            None => vec![0.0; len],
        };
        let mut h: Vec<f64> = wide(&self.h0, batch * hidden);
        let mut c: Vec<f64> = wide(&self.c0, batch * hidden);
        let p: Vec<f64> = wide(&self.peephole, 3 * hidden);
        let mut y = vec![0.0; steps * batch * hidden];
        for i in 0..steps {
            let t = if self.reverse { steps - 1 - i } else { i };
            for b in 0..batch {
                let x = &self.x[(t * batch + b) * self.x_pitch..][..width];
                let (h, c) = (&mut h[b * hidden..][..hidden], &mut c[b * hidden..][..hidden]);
                let from_x = |col: usize| -> f64 {
                    let products =
                        x.iter().enumerate().map(|(i, &x)| f64::from(x) * f64::from(self.w[i * columns + col]));
                    products.sum::<f64>() + f64::from(self.bias[col])
                };
                let from_state = |state: &[f64], col: usize| -> f64 {
                    state.iter().enumerate().map(|(i, h)| h * f64::from(self.r[i * columns + col])).sum()
                };
                let before = h.to_vec();
                let both = |gate: usize, j: usize| {
                    let col = gate * hidden + j;
                    from_x(col) + from_state(&before, col)
                };
                match kind {
                    Kind::Rnn => (0..hidden).for_each(|j| h[j] = self.gate(0, both(0, j))),
                    Kind::Gru => {
                        let z: Vec<_> = (0..hidden).map(|j| self.gate(0, both(0, j))).collect();
                        let r: Vec<_> = (0..hidden).map(|j| self.gate(0, both(1, j))).collect();
                        let reset: Vec<_> = r.iter().zip(&before).map(|(r, h)| r * h).collect();
                        for j in 0..hidden {
                            let (col, bias) = (2 * hidden + j, f64::from(self.bias[3 * hidden + j]));
                            let recurrent = match self.linear_before_reset {
                                true => r[j] * (from_state(&before, col) + bias),
                                false => from_state(&reset, col) + bias,
                            };
                            h[j] = (1.0 - z[j]) * self.gate(1, from_x(col) + recurrent) + z[j] * before[j];
                        }
                    }
                    Kind::Lstm => {
                        for j in 0..hidden {
                            let i = self.gate(0, both(0, j) + p[j] * c[j]);
                            let f = self.gate(0, both(2, j) + p[2 * hidden + j] * c[j]);
                            c[j] = f * c[j] + i * self.gate(1, both(3, j));
                            let o = self.gate(0, both(1, j) + p[hidden + j] * c[j]);
                            h[j] = o * self.f(2, c[j]);
                        }
                    }
                }
                y[(t * batch + b) * hidden..][..hidden].copy_from_slice(h);
            }
        }
        [y, h, c]
    }

    fn describe(&self) -> std::string::String {
        let &Self { kind, reverse, linear_before_reset, activations, clip, steps, batch, width, hidden, .. } = self;
        std::format!(
            "{kind:?} {steps}×{batch}×{width}→{hidden}, reverse {reverse}, linear {linear_before_reset}, clip {clip}, \
             h0 {}, c0 {}, peephole {}, {activations:?}",
            self.h0.is_some(),
            self.c0.is_some(),
            self.peephole.is_some()
        )
    }

    fn check(&self, isa: Isa, given: &Given) {
        for ((given, expected), wanted) in given.iter().zip(self.oracle()).zip(self.wanted) {
            for (row, expected) in given.chunks_exact(self.hidden + GAP).zip(expected.chunks_exact(self.hidden)) {
                for (&y, &expected) in row.iter().zip(expected) {
                    let right = match wanted {
                        true => (f64::from(y) - expected).abs() <= 3e-6 * (1.0 + expected.abs()),
                        false => y == UNTOUCHED,
                    };
                    assert!(right, "{}: {y} instead of {expected}: {}", isa.name(), self.describe());
                }
                assert!(row[self.hidden..].iter().all(|&y| y == UNTOUCHED), "{}: {}", isa.name(), self.describe());
            }
        }
    }
}

#[test]
fn cells_of_all_options_match_f64() {
    let mut rng = Rng::new(1);
    for kind in [Kind::Rnn, Kind::Gru, Kind::Lstm] {
        for _ in 0..300 {
            let case = Case::random(&mut rng, kind);
            for isa in isas() {
                case.check(isa, &case.run(IsaSet::detect().capped(isa), &SingleThread));
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let mut rng = Rng::new(2);
    for kind in [Kind::Rnn, Kind::Gru, Kind::Lstm] {
        let mut case = Case::random(&mut rng, kind);
        // Large enough for products to be split.
        (case.steps, case.batch, case.width, case.hidden) = (3, 8, 40, 130);
        (case.x_pitch, case.h0, case.c0, case.peephole) = (40, None, None, None);
        let columns = kind.gates() * case.hidden;
        case.x = rng.f32s(3 * 8 * 40);
        (case.w, case.r) = (rng.f32s(40 * columns), rng.f32s(case.hidden * columns));
        case.bias = rng.f32s(columns + case.hidden);
        case.wanted = [true, true, kind == Kind::Lstm];
        for isa in isas() {
            let isas = IsaSet::detect().capped(isa);
            let (one, four) = (case.run(isas, &SingleThread), case.run(isas, &Backwards(4)));
            assert!(one == four, "{}: {}", isa.name(), case.describe());
        }
    }
}

#[test]
fn a_sequence_without_steps_gives_the_first_state() {
    let mut rng = Rng::new(3);
    for isa in isas() {
        let mut case = Case::random(&mut rng, Kind::Lstm);
        (case.steps, case.wanted) = (0, [false, true, true]);
        let (h0, c0) = (rng.f32s(case.batch * case.hidden), rng.f32s(case.batch * case.hidden));
        (case.h0, case.c0, case.x) = (Some(h0), Some(c0), Vec::new());
        case.check(isa, &case.run(IsaSet::detect().capped(isa), &SingleThread));
    }
}

#[test]
fn no_sequences_take_no_time() {
    let mut case = Case::random(&mut Rng::new(4), Kind::Gru);
    (case.batch, case.steps, case.h0, case.x) = (0, usize::MAX / 1024, None, Vec::new());
    case.wanted = [false, true, false];
    assert!(case.run(IsaSet::GENERIC, &SingleThread).iter().all(Vec::is_empty));
}
