use std::vec;
use std::vec::Vec;

use coulter_testkit::{elementwise_oracle, isa_coverage, rng::Rng};

use super::{KERNELS, Kind, Normalization, NormalizeKernel, generic};
use crate::activation::{Function, Kind as FunctionKind};
use crate::parallel::{Backwards, Parallel};
use crate::{IsaSet, Rows, RowsMut, SingleThread, View, ViewMut, activation_f32};

/// Kernels that this processor can run.
fn kernels() -> Vec<&'static NormalizeKernel> {
    let runnable: Vec<_> = KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa)).collect();
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = runnable.iter().map(|k| k.isa.name()).collect();
    isa_coverage::check("normalize_f32", &offered, &covered);
    runnable
}

/// A case: rows, pitches and parameters.
struct Case {
    kind: Kind,
    epsilon: f32,
    rows: usize,
    cols: usize,
    x_pitch: usize,
    y_pitch: usize,
    x: Vec<f32>,
    scale: Option<Vec<f32>>,
    shift: Option<Vec<f32>>,
    activation: Function,
}

impl Case {
    fn new(rng: &mut Rng, rows: usize, cols: usize) -> Self {
        let (x_pitch, y_pitch) = (cols + rng.in_range(0..=3), cols + rng.in_range(0..=3));
        let (size, offset) = (rng.pick(&[0.01, 1.0, 50.0]), rng.pick(&[0.0, 3.0]));
        let relu_or_none = [Function::IDENTITY, Function::RELU, Function::new(FunctionKind::Tanh)];
        Self {
            kind: rng.pick(&[Kind::Layer, Kind::Rms]),
            epsilon: rng.pick(&[1e-5, 1e-3]),
            rows,
            cols,
            x_pitch,
            y_pitch,
            x: rng.f32s(rows * x_pitch).iter().map(|x| (x + offset) * size).collect(),
            scale: rng.coin().then(|| rng.f32s(cols)),
            shift: rng.coin().then(|| rng.f32s(cols)),
            activation: rng.pick(&relu_or_none),
        }
    }

    fn how<'a>(&'a self) -> Normalization<'a> {
        let row = |values: &'a Option<Vec<f32>>| values.as_ref().map(|v| Rows::of(v, 1, self.cols, self.cols));
        Normalization {
            kind: self.kind,
            epsilon: self.epsilon,
            scale: row(&self.scale),
            shift: row(&self.shift),
            activation: self.activation,
        }
    }

    /// Rows `y_pitch` apart among sentinels.
    fn apply(&self, kernel: &NormalizeKernel, parallel: &dyn Parallel) -> Vec<f32> {
        let mut y = vec![7.0; self.rows * self.y_pitch];
        let activations = activation_f32::select(IsaSet::detect());
        let x = Rows::of(&self.x, self.rows, self.cols, self.x_pitch);
        let mut rows = RowsMut::of(&mut y, self.rows, self.cols, self.y_pitch);
        kernel.apply(&self.how(), activations, &x, &mut rows, parallel);
        y
    }

    /// The results of row `r`, and how far each may be off.
    fn oracle(&self, r: usize) -> Vec<(f64, f64)> {
        let x: Vec<f64> = self.x[r * self.x_pitch..][..self.cols].iter().map(|&x| x.into()).collect();
        let n = self.cols as f64;
        let mean = if self.kind == Kind::Layer { x.iter().sum::<f64>() / n } else { 0.0 };
        let deviation = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n + f64::from(self.epsilon)).sqrt();
        let greatest = x.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
        let of = |values: &Option<Vec<f32>>, c: usize, otherwise| values.as_ref().map_or(otherwise, |v| v[c].into());
        let column = |(c, x): (usize, &f64)| {
            let scale: f64 = of(&self.scale, c, 1.0);
            let y = (x - mean) / deviation * scale + of(&self.shift, c, 0.0);
            let kind = std::format!("{:?}", self.activation.kind);
            let (a, b) = (self.activation.a.into(), self.activation.b.into());
            (elementwise_oracle::activation(&kind, a, b, y), 1e-6 * (1.0 + y.abs() + greatest / deviation))
        };
        x.iter().enumerate().map(column).collect()
    }
}

const COLUMNS: [usize; 16] = [1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 48, 1000];

#[test]
fn rows_are_near_the_oracle() {
    let mut rng = Rng::new(1);
    for cols in COLUMNS {
        for _ in 0..20 {
            let rows = rng.in_range(1..=4);
            let case = Case::new(&mut rng, rows, cols);
            for kernel in kernels() {
                let y = case.apply(kernel, &SingleThread);
                for (r, y) in y.chunks_exact(case.y_pitch).enumerate() {
                    for (&y, (expected, allowed)) in y.iter().zip(case.oracle(r)) {
                        let error = (f64::from(y) - expected).abs();
                        assert!(error <= allowed, "{} {cols} {:?}: {y} {expected}", kernel.name, case.how());
                    }
                    assert!(y[cols..].iter().all(|&y| y == 7.0), "{} {cols}", kernel.name);
                }
            }
        }
    }
}

#[test]
fn every_instruction_set_and_number_of_threads_gives_the_same_bits() {
    let mut rng = Rng::new(2);
    for cols in COLUMNS {
        let case = Case::new(&mut rng, 300, cols);
        let expected = case.apply(&generic::KERNEL, &SingleThread);
        for kernel in kernels() {
            for threads in [1, 4] {
                let y = case.apply(kernel, &Backwards(threads));
                let same = y.iter().zip(&expected).all(|(y, e)| y.to_bits() == e.to_bits());
                assert!(same, "{} {cols} {threads}", kernel.name);
            }
        }
    }
}

#[test]
fn the_output_may_be_the_input() {
    let mut rng = Rng::new(3);
    for kernel in kernels() {
        for cols in [5, 33] {
            let mut case = Case::new(&mut rng, 3, cols);
            case.y_pitch = case.x_pitch;
            let expected = case.apply(kernel, &SingleThread);
            let mut x = case.x.clone();
            let p = x.as_mut_ptr();
            let (dims, strides) = ([3, cols], [case.x_pitch as isize, 1]);
            // SAFETY: both views address the elements of `x`, the same ones, which nothing else touches.
            let (from, to) = unsafe { (View::from_raw(p, &dims, &strides), ViewMut::from_raw(p, &dims, &strides)) };
            let activations = activation_f32::select(IsaSet::detect());
            let (from, mut to) = (from.rows().unwrap(), to.rows().unwrap());
            kernel.apply(&case.how(), activations, &from, &mut to, &SingleThread);
            for (x, y) in x.chunks_exact(case.x_pitch).zip(expected.chunks_exact(case.y_pitch)) {
                assert_eq!(x[..cols], y[..cols], "{} {cols}", kernel.name);
            }
        }
    }
}

#[test]
fn a_row_of_equal_elements_becomes_its_shift() {
    for kernel in kernels() {
        let case = Case {
            kind: Kind::Layer,
            epsilon: 1e-5,
            rows: 1,
            cols: 20,
            x_pitch: 20,
            y_pitch: 20,
            x: vec![3.0; 20],
            scale: Some(vec![2.0; 20]),
            shift: Some(vec![0.25; 20]),
            activation: Function::IDENTITY,
        };
        assert_eq!(case.apply(kernel, &SingleThread), [0.25; 20], "{}", kernel.name);
    }
}
