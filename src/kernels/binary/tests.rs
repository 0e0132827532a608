use std::format;
use std::vec;
use std::vec::Vec;

use coulter_testkit::elementwise_oracle;
use coulter_testkit::rng::Rng;

use super::{Arithmetic, BinaryKernel, Comparison, Integer, KERNELS, Logic, compare, generic, integers, logical};
use crate::activation::{Function, Kind};
use crate::activation_f32::ActivationKernel;
use crate::parallel::Backwards;
use crate::test_layouts::{Layout, merge, random_dims};
use crate::{Element, IsaSet, Parallel, SingleThread, View};

/// Kernels that this processor can run, with their activations.
fn kernels() -> impl Iterator<Item = (&'static BinaryKernel, &'static ActivationKernel)> {
    let runnable = KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa));
    runnable.map(|k| (k, crate::activation_f32::select(IsaSet::detect().capped(k.isa))))
}

#[test]
fn every_instruction_set_is_covered() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|(k, _)| k.isa.name()).collect();
    coulter_testkit::isa_coverage::check("binary_f32", &offered, &covered);
}

/// The function in f64.
fn oracle(kind: Arithmetic, a: f32, b: f32) -> f64 {
    let (a, b) = (f64::from(a), f64::from(b));
    match kind {
        Arithmetic::Add => a + b,
        Arithmetic::Sub => a - b,
        Arithmetic::Mul => a * b,
        Arithmetic::Div => a / b,
        Arithmetic::Min | Arithmetic::Max if a.is_nan() || b.is_nan() => f64::NAN,
        Arithmetic::Min => a.min(b),
        Arithmetic::Max => a.max(b),
        Arithmetic::Pow => a.powf(b),
        Arithmetic::PRelu if a >= 0.0 => a,
        Arithmetic::PRelu => a * b,
        Arithmetic::Fmod => a % b,
        Arithmetic::Mod => {
            let r = a % b;
            if r != 0.0 && (r < 0.0) != (b < 0.0) { r + b } else { r }
        }
        Arithmetic::SquaredDifference => (a - b) * (a - b),
    }
}

/// Numbers, and now and then something special.
fn some(rng: &mut Rng, len: usize) -> Vec<f32> {
    let special = [0.0, -0.0, 1.0, -1.0, 2.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE];
    (0..len).map(|_| if rng.in_range(0..=9) == 0 { rng.pick(&special) } else { rng.f32() * 4.0 }).collect()
}

fn same(x: &[f32], y: &[f32]) -> bool {
    x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan())
}

/// Results in row-major order; `merged` as binding does it.
fn apply(
    (kernel, activations): (&BinaryKernel, &ActivationKernel),
    kind: Arithmetic,
    f: &Function,
    [la, lb, ly]: [&Layout; 3],
    [a, b]: [&[f32]; 2],
    parallel: &dyn Parallel,
    merged: bool,
) -> Vec<f32> {
    let untouched = 77.0;
    let mut buffer = vec![untouched; ly.buffer_len()];
    let (y, a, b) = (ly.view_mut(&mut buffer), la.view(a), lb.view(b));
    let (mut y, a, b) = if merged { merge!(y, a, b) } else { (y, a, b) };
    kernel.run(kind, (f, activations), &a, &b, &mut y, parallel);
    let mut beside = vec![true; buffer.len()];
    ly.places().into_iter().for_each(|p| beside[p] = false);
    let kept = buffer.iter().zip(beside).all(|(&v, beside)| !beside || v == untouched);
    assert!(kept, "{} wrote beside {ly:?}", kernel.name);
    ly.read(&buffer)
}

#[test]
fn results_are_those_of_the_formulas() {
    let mut rng = Rng::new(1);
    let n = 4000;
    let layout = Layout::dense(&[n]);
    let (a, b) = (some(&mut rng, n), some(&mut rng, n));
    for kind in Arithmetic::ALL {
        let layouts = [&layout; 3];
        let generic = (&generic::KERNEL, crate::activation_f32::select(IsaSet::GENERIC));
        let y = apply(generic, kind, &Function::IDENTITY, layouts, [&a, &b], &SingleThread, true);
        for ((&a, &b), &y) in a.iter().zip(&b).zip(&y) {
            let expected = oracle(kind, a, b);
            let ulp = match kind {
                Arithmetic::Pow => 1.2e-7,
                Arithmetic::SquaredDifference => 3e-7,
                // The divisor is added to a remainder that may be tiny against it.
                Arithmetic::Mod => 1e-7 * f64::from(b.abs()) / expected.abs().max(1e-30),
                _ => 6e-8,
            };
            let near = (f64::from(y) - expected).abs() <= ulp * expected.abs() + 1e-45;
            let same = y == expected as f32 || y.is_nan() && expected.is_nan() || f64::from(y) == expected;
            assert!(near || same, "{kind:?}({a}, {b}) = {y}, not {expected}");
        }
    }
}

#[test]
fn remainders_have_the_sign_they_should() {
    let cases = [
        (Arithmetic::Mod, 5.0f32, 3.0f32, 2.0f32),
        (Arithmetic::Mod, -5.0, 3.0, 1.0),
        (Arithmetic::Mod, 5.0, -3.0, -1.0),
        (Arithmetic::Mod, -5.0, -3.0, -2.0),
        (Arithmetic::Mod, 6.0, -3.0, -0.0),
        (Arithmetic::Mod, -6.0, 3.0, 0.0),
        (Arithmetic::Fmod, -5.0, 3.0, -2.0),
        (Arithmetic::Fmod, 5.0, -3.0, 2.0),
        (Arithmetic::Mod, 5.0, 0.0, f32::NAN),
    ];
    let one = Layout::dense(&[]);
    for (kind, a, b, expected) in cases {
        for kernel in kernels() {
            let y = apply(kernel, kind, &Function::IDENTITY, [&one; 3], [&[a], &[b]], &SingleThread, false);
            assert!(same(&y, &[expected]), "{kind:?}({a}, {b}) = {y:?}");
        }
    }
}

#[test]
fn any_strides_give_the_same_bits_on_every_instruction_set() {
    let mut rng = Rng::new(2);
    let functions = [Function::IDENTITY, Function::RELU6, Function::new(Kind::Tanh)];
    for _ in 0..300 {
        let dims = random_dims(&mut rng);
        let (la, lb) = (Layout::random_broadcast(&mut rng, &dims), Layout::random_broadcast(&mut rng, &dims));
        let ly = Layout::random(&mut rng, &dims);
        let (a, b) = (some(&mut rng, la.buffer_len()), some(&mut rng, lb.buffer_len()));
        let (kind, f) = (rng.pick(&Arithmetic::ALL), rng.pick(&functions));
        let dense = Layout::dense(&dims);
        let generic = (&generic::KERNEL, crate::activation_f32::select(IsaSet::GENERIC));
        let rows = [&la.read(&a)[..], &lb.read(&b)];
        let expected = apply(generic, kind, &f, [&dense; 3], rows, &SingleThread, true);
        for kernel in kernels() {
            for (merged, parallel) in [(true, &SingleThread as &dyn Parallel), (false, &Backwards(4))] {
                let y = apply(kernel, kind, &f, [&la, &lb, &ly], [&a, &b], parallel, merged);
                assert!(same(&y, &expected), "{} {kind:?} {f:?} {la:?} {lb:?} {ly:?}", kernel.0.name);
            }
        }
    }
}

#[test]
fn rows_and_scalars_are_broadcast_at_all_widths() {
    let mut rng = Rng::new(3);
    for cols in (1..70).chain([2047, 2048, 2049, 5000]) {
        let dims = [5, cols];
        let [mut row, mut column, mut scalar] = [1, 2, 3].map(|_| Layout::dense(&dims));
        row = row.broadcast(0);
        column = column.broadcast(1);
        scalar = scalar.broadcast(0).broadcast(1);
        let dense = Layout::dense(&dims);
        for [la, lb] in [[&dense, &row], [&row, &dense], [&dense, &column], [&column, &row], [&dense, &scalar]] {
            let (a, b) = (rng.f32s(la.buffer_len()), rng.f32s(lb.buffer_len()));
            let expected: Vec<f32> = la.read(&a).iter().zip(lb.read(&b)).map(|(a, b)| a - b).collect();
            for kernel in kernels() {
                let kind = Arithmetic::Sub;
                let y = apply(kernel, kind, &Function::IDENTITY, [la, lb, &dense], [&a, &b], &SingleThread, true);
                assert!(same(&y, &expected), "{} {la:?} {lb:?}", kernel.0.name);
            }
        }
    }
}

#[test]
fn results_may_replace_either_operand() {
    let mut rng = Rng::new(4);
    for _ in 0..100 {
        let dims = random_dims(&mut rng);
        let (ly, lother) = (Layout::random(&mut rng, &dims), Layout::random_broadcast(&mut rng, &dims));
        let (own, other) = (rng.f32s(ly.buffer_len()), rng.f32s(lother.buffer_len()));
        let pairs: Vec<_> = ly.read(&own).into_iter().zip(lother.read(&other)).collect();
        for kernel in kernels() {
            for first in [true, false] {
                let mut buffer = own.clone();
                let y = ly.view_mut(&mut buffer);
                let other = lother.view(&other);
                let (mut y, other) = merge!(y, other);
                // SAFETY: the operator works in place.
                let x = unsafe { View::from_raw(y.as_ptr(), y.dims(), y.strides()) };
                let (a, b) = if first { (&x, &other) } else { (&other, &x) };
                kernel.0.run(Arithmetic::Sub, (&Function::RELU, kernel.1), a, b, &mut y, &Backwards(4));
                let sub = |(x, o): &(f32, f32)| if first { x - o } else { o - x };
                let expected: Vec<f32> = pairs.iter().map(|p| sub(p).max(0.0)).collect();
                assert_eq!(ly.read(&buffer), expected, "{} {ly:?}", kernel.0.name);
            }
        }
    }
}

#[test]
fn every_activation_comes_last() {
    let x = [-2.5f32, -1.0, -0.25, 0.0, 0.5, 1.5, 3.0];
    let layout = Layout::dense(&[7]);
    let zeros = [0.0f32; 7];
    for &kind in Kind::ALL {
        let f = Function { kind, a: 0.5, b: 2.0 };
        for kernel in kernels() {
            let y = apply(kernel, Arithmetic::Sub, &f, [&layout; 3], [&x, &zeros], &SingleThread, true);
            for (y, x) in y.iter().zip(x) {
                let expected = elementwise_oracle::activation(&format!("{kind:?}"), 0.5, 2.0, x.into());
                let near = (f64::from(*y) - expected).abs() < 1e-5 || y.is_nan() && expected.is_nan();
                assert!(near || f64::from(*y) == expected, "{kind:?} of {x}: {y} is not {expected}");
            }
        }
    }
}

/// Runs `f` on views of random layouts and compares it with `expected` of each pair.
fn check_plain<T: Element + core::fmt::Debug, Y: Element + PartialEq + core::fmt::Debug + Default>(
    values: &[T],
    run: impl Fn(&View<'_, T>, &View<'_, T>, &mut crate::ViewMut<'_, Y>),
    expected: impl Fn(T, T) -> Y,
) {
    let mut rng = Rng::new(5);
    for _ in 0..60 {
        let dims = random_dims(&mut rng);
        let (la, lb) = (Layout::random_broadcast(&mut rng, &dims), Layout::random_broadcast(&mut rng, &dims));
        let ly = Layout::random(&mut rng, &dims);
        let mut some = |len: usize| -> Vec<T> { (0..len).map(|_| rng.pick(values)).collect() };
        let (a, b) = (some(la.buffer_len()), some(lb.buffer_len()));
        let mut buffer = vec![Y::default(); ly.buffer_len()];
        let (y, va, vb) = (ly.view_mut(&mut buffer), la.view(&a), lb.view(&b));
        let (mut y, va, vb) = merge!(y, va, vb);
        run(&va, &vb, &mut y);
        for ((y, a), b) in ly.read(&buffer).into_iter().zip(la.read(&a)).zip(lb.read(&b)) {
            assert_eq!(y, expected(a, b), "{a:?} {b:?}");
        }
    }
}

fn power(a: i128, b: i128, bits: u32) -> i128 {
    if b < 0 {
        return match a {
            1 => 1,
            -1 => 1 - 2 * (b & 1),
            _ => 0,
        };
    }
    let mask = (1i128 << bits) - 1;
    let (mut r, mut s, mut e) = (1i128, a & mask, b);
    while e > 0 {
        if e & 1 == 1 {
            r = r.wrapping_mul(s) & mask;
        }
        s = s.wrapping_mul(s) & mask;
        e >>= 1;
    }
    r
}

fn integer_oracle(kind: Arithmetic, a: i128, b: i128, bits: u32) -> i128 {
    let floor = |a: i128, b: i128| a - b * a.div_euclid(b) + if b < 0 && a.rem_euclid(b) != 0 { b } else { 0 };
    match kind {
        Arithmetic::Add => a + b,
        Arithmetic::Sub => a - b,
        Arithmetic::Mul => a * b,
        Arithmetic::Div | Arithmetic::Mod | Arithmetic::Fmod if b == 0 => 0,
        Arithmetic::Div => a / b,
        Arithmetic::Min => a.min(b),
        Arithmetic::Max => a.max(b),
        Arithmetic::Pow => power(a, b, bits),
        Arithmetic::PRelu => {
            if a >= 0 {
                a
            } else {
                a * b
            }
        }
        Arithmetic::Mod => floor(a, b),
        Arithmetic::Fmod => a % b,
        Arithmetic::SquaredDifference => ((a - b) as i64 as i128).wrapping_mul((a - b) as i64 as i128),
    }
}

#[test]
fn integers_wrap_truncate_and_survive_zero() {
    let small = [0, 1, -1, 2, -2, 3, 7, -7, 40, i32::MAX, i32::MIN, i32::MIN + 1, 65_536];
    let large = [0, 1, -1, 2, -2, 3, 7, -7, 70, i64::MAX, i64::MIN, i64::MIN + 1, 1 << 32];
    for kind in Arithmetic::ALL {
        check_plain(
            &small,
            |a, b, y| integers(kind, a, b, y, &Backwards(4)),
            |a, b| integer_oracle(kind, a.into(), b.into(), 32) as i32,
        );
        check_plain(
            &large,
            |a, b, y| integers(kind, a, b, y, &Backwards(4)),
            |a, b| integer_oracle(kind, a.into(), b.into(), 64) as i64,
        );
    }
    assert_eq!((i32::MIN.over(-1), 3i32.power(-1), (-1i64).power(-3)), (i32::MIN, 0, -1));
}

#[test]
fn comparisons_are_false_of_nan() {
    type Case = (Comparison, fn(f32, f32) -> bool, fn(i64, i64) -> bool);
    let kinds: [Case; 5] = [
        (Comparison::Equal, |a, b| a == b, |a, b| a == b),
        (Comparison::Less, |a, b| a < b, |a, b| a < b),
        (Comparison::LessEqual, |a, b| a <= b, |a, b| a <= b),
        (Comparison::Greater, |a, b| a > b, |a, b| a > b),
        (Comparison::GreaterEqual, |a, b| a >= b, |a, b| a >= b),
    ];
    for (kind, floats, integers) in kinds {
        let values = [0.0, -0.0, 1.0, -1.0, f32::NAN, f32::INFINITY];
        check_plain(&values, |a, b, y| compare(kind, a, b, y, &Backwards(4)), |a, b| u8::from(floats(a, b)));
        let values = [0i64, -1, 1, i64::MIN];
        check_plain(&values, |a, b, y| compare(kind, a, b, y, &Backwards(4)), |a, b| u8::from(integers(a, b)));
    }
}

#[test]
fn truth_values_need_not_be_one() {
    type Case = (Logic, fn(bool, bool) -> bool);
    let kinds: [Case; 4] = [
        (Logic::Equal, |a, b| a == b),
        (Logic::And, |a, b| a & b),
        (Logic::Or, |a, b| a | b),
        (Logic::Xor, |a, b| a ^ b),
    ];
    for (kind, f) in kinds {
        let run = |a: &View<'_, u8>, b: &View<'_, u8>, y: &mut crate::ViewMut<'_, u8>| {
            logical(kind, a, b, y, &SingleThread);
        };
        check_plain(&[0u8, 1, 2, 255], run, |a, b| u8::from(f(a != 0, b != 0)));
    }
}

#[test]
fn narrow_rows_are_repeated() {
    let mut rng = Rng::new(6);
    for cols in 1..40 {
        let dims = [rng.in_range(1..=600), cols];
        let (dense, row) = (Layout::dense(&dims), Layout::dense(&dims).broadcast(0));
        let (x, one) = (rng.f32s(dense.buffer_len()), rng.f32s(row.buffer_len()));
        for f in [Function::RELU6, Function::new(Kind::Silu)] {
            for first in [true, false] {
                let layouts = if first { [&row, &dense, &dense] } else { [&dense, &row, &dense] };
                let operands = if first { [&one[..], &x] } else { [&x[..], &one] };
                let generic = (&generic::KERNEL, crate::activation_f32::select(IsaSet::GENERIC));
                let rows = [layouts[0].read(operands[0]), layouts[1].read(operands[1])];
                let rows = [&rows[0][..], &rows[1]];
                let expected = apply(generic, Arithmetic::Div, &f, [&dense; 3], rows, &SingleThread, true);
                for kernel in kernels() {
                    let y = apply(kernel, Arithmetic::Div, &f, layouts, operands, &Backwards(4), true);
                    assert!(same(&y, &expected), "{} {dims:?}", kernel.0.name);
                }
            }
        }
    }
}
