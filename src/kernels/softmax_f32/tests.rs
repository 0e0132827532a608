use std::vec;
use std::vec::Vec;

use coulter_testkit::{isa_coverage, rng::Rng};

use super::{KERNELS, SoftmaxKernel, generic};
use crate::parallel::{Backwards, Parallel};
use crate::{IsaSet, Rows, RowsMut, SingleThread, View, ViewMut};

/// Kernels that this processor can run.
fn kernels() -> Vec<&'static SoftmaxKernel> {
    let runnable: Vec<_> = KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa)).collect();
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = runnable.iter().map(|k| k.isa.name()).collect();
    isa_coverage::check("softmax_f32", &offered, &covered);
    runnable
}

fn oracle(log: bool, x: &[f32]) -> Vec<f64> {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted = x.iter().map(|&x| f64::from(x) - f64::from(max));
    let sum: f64 = shifted.clone().map(f64::exp).sum();
    shifted.map(|x| if log { x - sum.ln() } else { x.exp() / sum }).collect()
}

/// The rows of `x`, which lie `x_pitch` apart, into rows `y_pitch` apart among sentinels.
fn apply(
    kernel: &SoftmaxKernel,
    log: bool,
    (rows, cols): (usize, usize),
    (x, x_pitch): (&[f32], usize),
    y_pitch: usize,
    parallel: &dyn Parallel,
) -> Vec<f32> {
    let mut y = vec![7.0; rows * y_pitch];
    let x = Rows::of(x, rows, cols, x_pitch);
    kernel.apply(log, &x, &mut RowsMut::of(&mut y, rows, cols, y_pitch), parallel);
    y
}

const COLUMNS: [usize; 16] = [1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 48, 1000];

#[test]
fn rows_are_near_the_oracle() {
    let mut rng = Rng::new(1);
    for kernel in kernels() {
        for cols in COLUMNS {
            for log in [false, true] {
                let (rows, x_pitch, y_pitch) =
                    (rng.in_range(1..=4), cols + rng.in_range(0..=3), cols + rng.in_range(0..=3));
                let range = rng.pick(&[1.0, 10.0, 100.0]);
                let x: Vec<f32> = rng.f32s(rows * x_pitch).iter().map(|x| x * range).collect();
                let y = apply(kernel, log, (rows, cols), (&x, x_pitch), y_pitch, &SingleThread);
                for r in 0..rows {
                    let x = &x[r * x_pitch..][..cols];
                    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let expected = oracle(log, x);
                    for (c, expected) in expected.into_iter().enumerate() {
                        let y = f64::from(y[r * y_pitch + c]);
                        let d = f64::from(max) - f64::from(x[c]);
                        let allowed = if log { 1e-6 + 2.4e-7 * d } else { (1e-6 + 6e-8 * d) * expected + 1e-37 };
                        assert!((y - expected).abs() <= allowed, "{} {cols} {log} at {c}: {y} {expected}", kernel.name);
                    }
                    assert!(
                        y[r * y_pitch + cols..(r + 1) * y_pitch].iter().all(|&y| y == 7.0),
                        "{} {cols}",
                        kernel.name
                    );
                }
            }
        }
    }
}

#[test]
fn every_instruction_set_and_number_of_threads_gives_the_same_bits() {
    let mut rng = Rng::new(2);
    for cols in COLUMNS {
        for log in [false, true] {
            let rows = 300;
            let x: Vec<f32> = rng.f32s(rows * cols).iter().map(|x| x * 30.0).collect();
            let expected = apply(&generic::KERNEL, log, (rows, cols), (&x, cols), cols, &SingleThread);
            for kernel in kernels() {
                for threads in [1, 4] {
                    let y = apply(kernel, log, (rows, cols), (&x, cols), cols, &Backwards(threads));
                    let same = y.iter().zip(&expected).all(|(y, e)| y.to_bits() == e.to_bits());
                    assert!(same, "{} {cols} {log} {threads}", kernel.name);
                }
            }
        }
    }
}

#[test]
fn the_output_may_be_the_input() {
    let mut rng = Rng::new(3);
    for kernel in kernels() {
        for (cols, log) in [(5, false), (33, false), (5, true), (33, true)] {
            let mut x = rng.f32s(3 * cols);
            let expected = apply(kernel, log, (3, cols), (&x, cols), cols, &SingleThread);
            let p = x.as_mut_ptr();
            let (dims, strides) = ([3, cols], [cols as isize, 1]);
            // SAFETY: both views address the elements of `x`, the same ones, which nothing else touches.
            let (from, to) = unsafe { (View::from_raw(p, &dims, &strides), ViewMut::from_raw(p, &dims, &strides)) };
            kernel.apply(log, &from.rows().unwrap(), &mut to.rows().unwrap(), &SingleThread);
            assert_eq!(x, expected, "{} {cols} {log}", kernel.name);
        }
    }
}

#[test]
fn infinities_and_nan_end_as_the_formula_tells() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for kernel in kernels() {
        for place in [0, 8, 16] {
            let with = |special: f32| {
                let mut x = vec![0.5; 17];
                x[place] = special;
                apply(kernel, false, (1, 17), (&x, 17), 17, &SingleThread)
            };
            assert!(with(nan).iter().all(|y| y.is_nan()), "{}", kernel.name);
            assert!(with(inf)[place].is_nan(), "{}", kernel.name);
            let masked = with(-inf);
            assert!(masked[place] == 0.0 && (masked.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{}", kernel.name);
        }
        let masked = apply(kernel, false, (1, 17), (&[-inf; 17], 17), 17, &SingleThread);
        assert!(masked.iter().all(|y| y.is_nan()), "{}", kernel.name);
    }
}

#[test]
fn rows_without_elements_are_left_alone() {
    for kernel in kernels() {
        assert!(apply(kernel, false, (0, 3), (&[], 3), 3, &SingleThread).is_empty());
        assert_eq!(apply(kernel, false, (2, 0), (&[], 0), 2, &SingleThread), [7.0; 4]);
    }
}
