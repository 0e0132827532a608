use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{Extremes, KERNELS, Kind, ReduceKernel, generic, index, integers};
use crate::activation::Function;
use crate::activation_f32::ActivationKernel;
use crate::binary::Arithmetic;
use crate::parallel::Backwards;
use crate::test_layouts::{Layout, random_dims};
use crate::{IsaSet, Parallel, SingleThread, ViewMut};

/// Kernels that this processor can run, with their activations.
fn kernels() -> impl Iterator<Item = (&'static ReduceKernel, &'static ActivationKernel)> {
    let runnable = KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa));
    runnable.map(|k| (k, crate::activation_f32::select(IsaSet::detect().capped(k.isa))))
}

#[test]
fn every_instruction_set_is_covered() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|(k, _)| k.isa.name()).collect();
    coulter_testkit::isa_coverage::check("reduce_f32", &offered, &covered);
}

/// For each element of the output, in row-major order, the elements that it is made of.
fn groups<T: Copy>(dims: &[usize], axes: u32, values: &[T]) -> (Vec<usize>, Vec<Vec<T>>) {
    let output: Vec<usize> = dims.iter().enumerate().map(|(i, &d)| if axes >> i & 1 == 1 { 1 } else { d }).collect();
    let mut groups = vec![Vec::new(); output.iter().product()];
    for (flat, &value) in values.iter().enumerate() {
        let (mut rest, mut at, mut stride) = (flat, 0, 1);
        for i in (0..dims.len()).rev() {
            let place = rest % dims[i];
            rest /= dims[i];
            at += if output[i] == dims[i] { place * stride } else { 0 };
            stride *= output[i];
        }
        groups[at].push(value);
    }
    (output, groups)
}

/// The reduction in f64, and what its parts sum up to.
fn oracle(kind: Kind, x: &[f32]) -> (f64, f64) {
    let n = x.len() as f64;
    let x: Vec<f64> = x.iter().map(|&v| v.into()).collect();
    let sum = |f: fn(f64) -> f64| x.iter().map(|&v| f(v)).sum::<f64>();
    let magnitude = sum(f64::abs);
    let squares = sum(|v| v * v);
    let extreme = |better: fn(f64, f64) -> bool, worst: f64| {
        x.iter().fold(worst, |m, &v| if v.is_nan() || better(v, m) { v } else { m })
    };
    match kind {
        Kind::Sum => (sum(|v| v), magnitude),
        Kind::Mean => (sum(|v| v) / n, magnitude / n),
        Kind::Max => (extreme(|a, b| a > b, f64::NEG_INFINITY), 0.0),
        Kind::Min => (extreme(|a, b| a < b, f64::INFINITY), 0.0),
        Kind::Prod => (x.iter().product(), n * x.iter().product::<f64>().abs()),
        Kind::SumSquare => (squares, squares),
        Kind::L1 => (magnitude, magnitude),
        Kind::L2 => (squares.sqrt(), squares.sqrt()),
        Kind::LogSum => (sum(|v| v).ln(), magnitude / sum(|v| v) + sum(|v| v).ln().abs()),
        Kind::LogSumExp => {
            let greatest = extreme(|a, b| a > b, f64::NEG_INFINITY);
            let shift = if greatest.is_finite() { greatest } else { 0.0 };
            let y = shift + x.iter().map(|v| (v - shift).exp()).sum::<f64>().ln();
            (y, 1.0 + y.abs())
        }
        Kind::MeanSquare => (squares / n, squares / n),
    }
}

fn reduce(
    (kernel, activations): (&ReduceKernel, &ActivationKernel),
    (kind, axes): (Kind, u32),
    f: &Function,
    (layout, x): (&Layout, &[f32]),
    parallel: &dyn Parallel,
) -> Vec<f32> {
    let dims: Vec<usize> =
        layout.dims.iter().enumerate().map(|(i, &d)| if axes >> i & 1 == 1 { 1 } else { d }).collect();
    let mut y = vec![77.0; dims.iter().product()];
    let mut view = ViewMut::dense(&mut y, &dims);
    kernel.run((kind, axes), (f, activations), &layout.view(x), &mut view, parallel);
    y
}

fn same(x: &[f32], y: &[f32]) -> bool {
    x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan())
}

/// Compares every kernel with the oracle, and all of them with each other, in every bit.
fn check(kind: Kind, axes: u32, layout: &Layout, x: &[f32]) {
    let groups = groups(&layout.dims, axes, &layout.read(x)).1;
    let generic = (&generic::KERNEL, crate::activation_f32::select(IsaSet::GENERIC));
    let y = reduce(generic, (kind, axes), &Function::IDENTITY, (layout, x), &SingleThread);
    for (&y, group) in y.iter().zip(&groups) {
        let (expected, scale) = oracle(kind, group);
        let near = (f64::from(y) - expected).abs() <= 70.0 * 6e-8 * scale + 1e-37;
        let same = f64::from(y) == expected || y.is_nan() && expected.is_nan();
        assert!(near || same, "{kind:?} of {group:?}: {y} is not {expected}");
    }
    for kernel in kernels() {
        for parallel in [&SingleThread as &dyn Parallel, &Backwards(4)] {
            let other = reduce(kernel, (kind, axes), &Function::IDENTITY, (layout, x), parallel);
            assert!(same(&other, &y), "{} {kind:?} {axes:#b} {layout:?}: {other:?} is not {y:?}", kernel.0.name);
        }
    }
}

#[test]
fn any_axes_and_strides() {
    let mut rng = Rng::new(1);
    for _ in 0..600 {
        let dims = random_dims(&mut rng);
        let layout = Layout::random_broadcast(&mut rng, &dims);
        let mut x = rng.f32s(layout.buffer_len());
        if rng.in_range(0..=5) == 0 {
            let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0];
            x.iter_mut().filter(|_| rng.in_range(0..=15) == 0).for_each(|v| *v = special[dims.len() % 4]);
        }
        let axes = rng.next_u64() as u32 & ((1 << dims.len()) - 1);
        let kind = rng.pick(&Kind::ALL);
        if kind == Kind::LogSum {
            x.iter_mut().for_each(|v| *v = v.abs() + 0.1);
        }
        check(kind, axes, &layout, &x);
    }
}

#[test]
fn pictures_sequences_and_everything() {
    let mut rng = Rng::new(2);
    let shapes: [(&[usize], u32); 9] = [
        (&[2, 7, 7, 1280], 0b0110),
        (&[1, 13, 9, 3], 0b0110),
        (&[1, 5, 200, 67], 0b0110),
        (&[1, 67, 5, 200], 0b1100),
        (&[9, 384], 0b10),
        (&[30_001], 0b1),
        (&[3, 70, 50], 0b010),
        (&[4, 4, 4, 4], 0b1111),
        (&[5, 6], 0),
    ];
    for (dims, axes) in shapes {
        let layout = Layout::dense(dims);
        let x = rng.f32s(layout.buffer_len());
        for kind in Kind::ALL {
            let positive: Vec<f32> = x.iter().map(|v| v.abs() + 0.1).collect();
            check(kind, axes, &layout, if kind == Kind::LogSum { &positive } else { &x });
        }
    }
}

#[test]
fn sums_of_many_elements_stay_near() {
    let n = 1 << 20;
    let x: Vec<f32> = (0..n).map(|i| 0.1 + (i % 7) as f32).collect();
    check(Kind::Sum, 1, &Layout::dense(&[n]), &x);
    check(Kind::Mean, 0b01, &Layout::dense(&[n / 16, 16]), &x);
}

#[test]
fn nothing_has_neutral_values() {
    let expected = [
        (Kind::Sum, 0.0),
        (Kind::Mean, f32::NAN),
        (Kind::Max, f32::NEG_INFINITY),
        (Kind::Min, f32::INFINITY),
        (Kind::Prod, 1.0),
        (Kind::L2, 0.0),
        (Kind::LogSum, f32::NEG_INFINITY),
        (Kind::LogSumExp, f32::NEG_INFINITY),
    ];
    for (kind, expected) in expected {
        for kernel in kernels() {
            for dims in [[2, 0], [0, 2]] {
                let axes = if dims[0] == 0 { 1 } else { 2 };
                let layout = Layout::dense(&dims);
                let y = reduce(kernel, (kind, axes), &Function::IDENTITY, (&layout, &[]), &SingleThread);
                assert!(same(&y, &[expected; 2]), "{kind:?}: {y:?}");
                assert!(
                    reduce(kernel, (kind, 3 - axes), &Function::IDENTITY, (&layout, &[]), &SingleThread).is_empty()
                );
            }
        }
    }
}

#[test]
fn exponentials_neither_overflow_nor_vanish() {
    let cases: [(&[f32], f32); 6] = [
        (&[1000.0, 1000.0], 1000.0 + core::f32::consts::LN_2),
        (&[-1000.0, -1000.0], -1000.0 + core::f32::consts::LN_2),
        (&[f32::NEG_INFINITY, 3.0], 3.0),
        (&[f32::NEG_INFINITY, f32::NEG_INFINITY], f32::NEG_INFINITY),
        (&[f32::INFINITY, 3.0], f32::INFINITY),
        (&[f32::NAN, 3.0], f32::NAN),
    ];
    for (x, expected) in cases {
        for kernel in kernels() {
            for (dims, axes) in [([1, 2], 0b10), ([2, 1], 0b01)] {
                let layout = Layout::dense(&dims);
                let y = reduce(kernel, (Kind::LogSumExp, axes), &Function::IDENTITY, (&layout, x), &SingleThread);
                assert!(same(&y, &[expected]), "{x:?}: {y:?}");
            }
        }
    }
}

#[test]
fn the_activation_comes_last() {
    let x = Rng::new(3).f32s(6 * 70);
    for (dims, axes) in [([6, 70], 0b01), ([70, 6], 0b10)] {
        let layout = Layout::dense(&dims);
        for kernel in kernels() {
            let plain = reduce(kernel, (Kind::Sum, axes), &Function::IDENTITY, (&layout, &x), &SingleThread);
            let relu = reduce(kernel, (Kind::Sum, axes), &Function::RELU, (&layout, &x), &Backwards(4));
            assert!(relu.iter().zip(&plain).all(|(r, p)| *r == p.max(0.0)));
        }
    }
}

fn check_integers<T: Extremes + core::fmt::Debug>(rng: &mut Rng, values: &[T]) {
    let dims = random_dims(rng);
    let layout = Layout::random_broadcast(rng, &dims);
    let x: Vec<T> = (0..layout.buffer_len()).map(|_| rng.pick(values)).collect();
    let axes = rng.next_u64() as u32 & ((1 << dims.len()) - 1);
    let (output, groups) = groups(&dims, axes, &layout.read(&x));
    for join in [Arithmetic::Add, Arithmetic::Mul, Arithmetic::Min, Arithmetic::Max] {
        let expected: Vec<T> = groups
            .iter()
            .map(|group| match join {
                Arithmetic::Add => group.iter().fold(T::ZERO, |a, &b| a.plus(b)),
                Arithmetic::Mul => group.iter().fold(T::ONE, |a, &b| a.times(b)),
                Arithmetic::Min => group.iter().copied().min().unwrap_or(T::GREATEST),
                _ => group.iter().copied().max().unwrap_or(T::LEAST),
            })
            .collect();
        let mut y = vec![T::ZERO; groups.len()];
        integers((join, axes), &layout.view(&x), &mut ViewMut::dense(&mut y, &output), &Backwards(4));
        assert_eq!(y, expected, "{join:?} {axes:#b} {layout:?}");
    }
}

#[test]
fn integers_of_any_axes_and_strides() {
    let mut rng = Rng::new(4);
    for _ in 0..150 {
        check_integers(&mut rng, &[0, 1, -1, 3, -7, i32::MAX, i32::MIN]);
        check_integers(&mut rng, &[0, 1, -1, 3, -7, i64::MAX, i64::MIN]);
    }
}

fn check_index<T: crate::Element + PartialOrd>(rng: &mut Rng, values: &[T]) {
    let mut dims = random_dims(rng);
    dims.truncate(7);
    let axis = rng.in_range(0..=dims.len());
    dims.insert(axis, rng.in_range(1..=50));
    let layout = Layout::random_broadcast(rng, &dims);
    let x: Vec<T> = (0..layout.buffer_len()).map(|_| rng.pick(values)).collect();
    let (output, groups) = groups(&dims, 1 << axis, &layout.read(&x));
    for greatest in [true, false] {
        let expected: Vec<i64> = groups
            .iter()
            .map(|group| {
                let beats = |a: T, b: T| if greatest { a > b } else { a < b };
                let nan = group.iter().position(|v| v.partial_cmp(v).is_none());
                let best = (0..group.len()).find(|&i| !group.iter().any(|&v| beats(v, group[i])));
                nan.or(best).expect("one is the best") as i64
            })
            .collect();
        let mut y = vec![77; groups.len()];
        index(greatest, axis, &layout.view(&x), &mut ViewMut::dense(&mut y, &output), &Backwards(4));
        assert_eq!(y, expected, "{greatest} {axis} {layout:?}");
    }
}

#[test]
fn indices_are_the_first_of_the_extremes() {
    let mut rng = Rng::new(5);
    for _ in 0..150 {
        check_index(&mut rng, &[0.0f32, -0.0, 1.0, 2.0, -3.0, f32::INFINITY]);
        check_index(&mut rng, &[0.0f32, 1.0, f32::NAN, f32::NEG_INFINITY]);
        check_index(&mut rng, &[0i32, 5, -5, i32::MIN, i32::MAX]);
        check_index(&mut rng, &[0i64, 5, -5, i64::MIN, i64::MAX]);
    }
}
