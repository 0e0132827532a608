use std::vec;
use std::vec::Vec;

use coulter_testkit::{elementwise_oracle, isa_coverage, rng::Rng};

use super::{Gemm, GemmKernel, KERNELS, PANEL, pack_panels, packed_len};
use crate::activation::{Function, Kind};
use crate::parallel::Backwards;
use crate::{IsaSet, Parallel, Rows, RowsMut, SingleThread, View, ViewMut, widen_f16};

/// Kernels that this processor can run.
fn kernels() -> impl Iterator<Item = &'static GemmKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

/// Marks elements that nobody may touch.
const UNTOUCHED: f32 = -77.0;

struct Case {
    m: usize,
    k: usize,
    n: usize,
    x_pitch: usize,
    y_pitch: usize,
    x: Vec<f32>,
    w: Vec<f32>,
    panels: Vec<f32>,
    bias: Option<Vec<f32>>,
    residual: Option<Vec<f32>>,
    in_place: bool,
    alpha: f32,
    activation: Function,
}

impl Case {
    fn random(rng: &mut Rng, m: usize, k: usize, n: usize) -> Self {
        let (x_pitch, y_pitch) = (k + rng.pick(&[0, 3]), n + rng.pick(&[0, 5]));
        let w = rng.f32s(k * n);
        let mut panels = vec![f32::NAN; packed_len(k, n)];
        pack_panels(&View::dense(&w, &[k, n]), &mut panels);
        let bias = rng.coin().then(|| {
            let mut bias = rng.f32s(n);
            bias.resize(n.next_multiple_of(PANEL), 0.0);
            bias
        });
        let residual = rng.coin().then(|| rng.f32s(m * y_pitch));
        Self {
            m,
            k,
            n,
            x_pitch,
            y_pitch,
            x: rng.f32s(m * x_pitch),
            w,
            panels,
            bias,
            in_place: residual.is_some() && rng.coin(),
            residual,
            alpha: rng.pick(&[1.0, -0.75]),
            activation: rng.pick(&[Function::IDENTITY, Function::RELU, Function::RELU6, Function::new(Kind::Tanh)]),
        }
    }

    fn run(&self, kernel: &GemmKernel, parallel: &dyn Parallel) -> Vec<f32> {
        self.run_by(&|gemm, y| kernel.run(gemm, y, parallel))
    }

    fn run_by(&self, compute: &dyn Fn(&Gemm<'_>, &mut RowsMut<'_, f32>)) -> Vec<f32> {
        let mut y = match &self.residual {
            Some(r) if self.in_place => r.clone(),
            _ => vec![UNTOUCHED; self.m * self.y_pitch],
        };
        let (dims, strides) = ([self.m, self.n], [self.y_pitch as isize, 1]);
        let at = y.as_mut_ptr();
        // SAFETY: both views address rows of `y`, the one for reading being the output's own elements.
        let (mut out, own) = unsafe {
            (
                ViewMut::from_raw(at, &dims, &strides).rows().unwrap(),
                View::from_raw(at, &dims, &strides).rows().unwrap(),
            )
        };
        let residual = match &self.residual {
            Some(_) if self.in_place => Some(own),
            other => other.as_deref().map(|r| Rows::of(r, self.m, self.n, self.y_pitch)),
        };
        let gemm = Gemm {
            x: Rows::of(&self.x, self.m, self.k, self.x_pitch),
            w: &self.panels,
            bias: self.bias.as_deref(),
            residual,
            alpha: self.alpha,
            activation: self.activation,
        };
        compute(&gemm, &mut out);
        y
    }

    fn check(&self, kernel: &GemmKernel, y: &[f32]) {
        for (at, &y) in y.iter().enumerate() {
            let (r, c) = (at / self.y_pitch, at % self.y_pitch);
            let residual = self.residual.as_ref().map_or(0.0, |v| v[at]);
            if c >= self.n {
                let before = if self.in_place { residual } else { UNTOUCHED };
                assert_eq!(y, before, "{} touched ({r}, {c}) of {}×{}×{}", kernel.name, self.m, self.k, self.n);
                continue;
            }
            let terms = (0..self.k).map(|k| {
                f64::from(self.alpha) * f64::from(self.x[r * self.x_pitch + k]) * f64::from(self.w[k * self.n + c])
            });
            let bias = self.bias.as_ref().map_or(0.0, |b| b[c]);
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), t| (sum + t, size + t.abs()));
            let (rest, rest_size) = (f64::from(bias) + f64::from(residual), f64::from(bias.abs() + residual.abs()));
            let f = &self.activation;
            let kind = std::format!("{:?}", f.kind);
            let expected = elementwise_oracle::activation(&kind, f.a.into(), f.b.into(), sum + rest);
            let allowed = (self.k + 2) as f64 * (-24f64).exp2() * (size + rest_size) + 1e-6 * expected.abs();
            // No function of these tests is steeper than 2.
            let error = (f64::from(y) - expected).abs();
            assert!(
                error <= 2.0 * allowed + 1e-7,
                "{} at ({r}, {c}) of {}×{}×{}: {y} instead of {expected}",
                kernel.name,
                self.m,
                self.k,
                self.n
            );
        }
    }
}

#[test]
fn products_at_tile_edges_match_f64() {
    let mut covered = Vec::new();
    let mut rng = Rng::new(1);
    for kernel in kernels() {
        let high = kernel.max_rows();
        for m in [0, 1, 2, 3, 4, high - 1, high, high + 1, 2 * high + 1] {
            for n in [0, 1, 7, 8, 9, 15, 16, 17, 24, 25, 31, 32, 33, 63, 65, 145] {
                for k in [0, 1, 2, 5, 33] {
                    let case = Case::random(&mut rng, m, k, n);
                    case.check(kernel, &case.run(kernel, &SingleThread));
                }
            }
        }
        covered.push(kernel.isa.name());
    }
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    isa_coverage::check("gemm_f32", &offered, &covered);
}

#[test]
fn every_activation_is_applied_to_the_sum_with_bias_and_residual() {
    let mut rng = Rng::new(2);
    for kernel in kernels() {
        for &kind in Kind::ALL {
            let mut case = Case::random(&mut rng, 5, 20, 37);
            case.activation = Function::IDENTITY;
            let mut expected = case.run(kernel, &SingleThread);
            case.activation = Function { kind, a: 0.3, b: 0.6 };
            let generic = crate::activation_f32::select(IsaSet::GENERIC);
            generic.apply_in_place(&case.activation, &mut RowsMut::of(&mut expected, case.m, case.n, case.y_pitch));
            for (y, e) in case.run(kernel, &SingleThread).iter().zip(&expected) {
                assert!(y.to_bits() == e.to_bits() || y.is_nan() && e.is_nan(), "{} {kind:?}: {y}, {e}", kernel.name);
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let mut rng = Rng::new(3);
    for kernel in kernels() {
        for (m, k, n) in [(1, 700, 1000), (3, 300, 500), (100, 64, 70), (37, 100, 200), (500, 40, 16)] {
            let case = Case::random(&mut rng, m, k, n);
            let (one, four) = (case.run(kernel, &SingleThread), case.run(kernel, &Backwards(4)));
            assert!(one.iter().zip(&four).all(|(a, b)| a.to_bits() == b.to_bits()), "{} {m}×{k}×{n}", kernel.name);
        }
    }
}

#[test]
fn rows_do_not_depend_on_their_neighbours() {
    let mut rng = Rng::new(4);
    for kernel in kernels() {
        let mut case = Case::random(&mut rng, 20, 50, 90);
        (case.residual, case.in_place) = (None, false);
        let all = case.run(kernel, &SingleThread);
        case.m = 1;
        let first = case.run(kernel, &SingleThread);
        assert_eq!(all[..case.n], first[..case.n], "{}", kernel.name);
    }
}

#[test]
fn what_is_not_finite_propagates() {
    for kernel in kernels() {
        for m in [1, 2, 5] {
            let (k, n) = (3, 20);
            let mut x = vec![1.0; m * k];
            (x[1], x[(m - 1) * k + 2]) = (f32::NAN, f32::INFINITY);
            let w: Vec<f32> = (0..k * n).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
            let mut panels = vec![0.0; packed_len(k, n)];
            pack_panels(&View::dense(&w, &[k, n]), &mut panels);
            for activation in [Function::IDENTITY, Function::RELU6] {
                let x = Rows::of(&x, m, k, k);
                let gemm = Gemm { x, w: &panels, bias: None, residual: None, alpha: 1.0, activation };
                let mut y = vec![0.0; m * n];
                kernel.run(&gemm, &mut RowsMut::of(&mut y, m, n, n), &SingleThread);
                assert!(y[..n].iter().all(|y| y.is_nan()), "{} loses NaN", kernel.name);
                if m > 1 {
                    let (low, high) = activation.as_clamp().expect("both clamp");
                    let last = &y[(m - 1) * n..];
                    assert!(last.iter().step_by(2).all(|&y| y == high), "{} loses ∞", kernel.name);
                    assert!(last.iter().skip(1).step_by(2).all(|&y| y == low), "{} loses −∞", kernel.name);
                }
            }
        }
    }
}

#[test]
fn strided_matrices_are_packed_alike() {
    let mut rng = Rng::new(5);
    for (k, n) in [(1, 1), (5, 16), (7, 33), (0, 3), (20, 20)] {
        let w = rng.f32s(k * n);
        let transposed: Vec<f32> = (0..k * n).map(|i| w[i % k * n + i / k]).collect();
        let mut expected = vec![f32::NAN; packed_len(k, n)];
        pack_panels(&View::dense(&w, &[k, n]), &mut expected);
        let mut panels = expected.clone();
        panels.fill(f32::NAN);
        // SAFETY: the view addresses the elements of `transposed`, each once.
        pack_panels(&unsafe { View::from_raw(transposed.as_ptr(), &[k, n], &[1, k as isize]) }, &mut panels);
        assert_eq!(panels, expected, "{k}×{n}");
        for (i, &p) in expected.iter().enumerate() {
            let (panel, row, c) = (i / PANEL / k, i / PANEL % k, i % PANEL);
            let col = panel * PANEL + c;
            assert_eq!(p, if col < n { w[row * n + col] } else { 0.0 });
        }
    }
}

#[test]
fn weights_of_16_bits_give_what_they_give_as_f32() {
    let mut rng = Rng::new(7);
    let widest = KERNELS.iter().map(|k| k.tiles[0].panels * PANEL).max().unwrap();
    let mut shapes = vec![(1, 1, 1), (1, 256, 16), (2, 257, 40), (3, 1000, widest + 24), (40, 70, 33), (1, 0, 5)];
    shapes.extend((0..40).map(|_| (rng.in_range(1..=20), rng.in_range(0..=700), rng.in_range(1..=2 * widest))));
    for (m, k, n) in shapes {
        let mut case = Case::random(&mut rng, m, k, n);
        let halves: Vec<u16> = case.panels.iter().map(|&w| half::f16::from_f32(w).to_bits()).collect();
        case.panels = halves.iter().map(|&w| half::f16::from_bits(w).to_f32()).collect();
        for kernel in kernels() {
            let expected = case.run(kernel, &SingleThread);
            for widen in widen_f16::KERNELS.iter().filter(|w| IsaSet::detect().contains(w.isa)) {
                for parallel in [&SingleThread as &dyn Parallel, &Backwards(3)] {
                    let found = case.run_by(&|&Gemm { x, w: _, bias, residual, alpha, activation }, y| {
                        let gemm = Gemm { x, w: &halves[..], bias, residual, alpha, activation };
                        kernel.run_halves(widen, &gemm, y, parallel);
                    });
                    let bits = |y: &[f32]| y.iter().map(|y| y.to_bits()).collect::<Vec<_>>();
                    assert!(bits(&found) == bits(&expected), "{}, {}: {m}×{k}×{n}", kernel.name, widen.name);
                }
            }
        }
    }
}
