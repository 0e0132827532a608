use std::vec::Vec;
use std::{format, vec};

use coulter_testkit::elementwise_oracle;

use super::{ActivationKernel, KERNELS, generic};
use crate::activation::{Function, Kind};
use crate::{IsaSet, RowsMut};

/// Kernels that this processor can run.
fn kernels() -> impl Iterator<Item = &'static ActivationKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

fn apply(kernel: &ActivationKernel, f: &Function, x: &[f32]) -> Vec<f32> {
    let mut y = x.to_vec();
    kernel.apply_in_place(f, &mut RowsMut::of(&mut y, 1, x.len(), x.len()));
    y
}

/// Every function with constants worth trying.
fn functions() -> Vec<Function> {
    let mut all = Vec::new();
    for &kind in Kind::ALL {
        let constants: &[(f32, f32)] = match kind {
            Kind::Clamp => &[(0.0, f32::INFINITY), (0.0, 6.0), (-1.5, 2.5)],
            Kind::HardSigmoid => &[(0.2, 0.5), (1.0 / 6.0, 0.5)],
            Kind::LeakyRelu => &[(0.01, 0.0), (-0.5, 0.0)],
            Kind::Elu | Kind::ThresholdedRelu => &[(1.0, 0.0), (0.7, 0.0)],
            Kind::Selu => &[(1.673_263_2, 1.050_701)],
            Kind::Celu => &[(1.0, 0.0), (2.0, 0.0), (0.3, 0.0)],
            Kind::PowConst => &[(2.0, 0.0), (3.0, 0.0), (0.5, 0.0), (-0.5, 0.0), (1.7, 0.0), (-2.0, 0.0), (0.0, 0.0)],
            Kind::Affine => &[(1.5, -0.25)],
            Kind::Shrink => &[(0.5, 0.25), (0.5, 0.0)],
            _ => &[(0.0, 0.0)],
        };
        all.extend(constants.iter().map(|&(a, b)| Function { kind, a, b }));
    }
    all
}

/// Arguments over the whole range: special values, then every so many bit patterns, then a fine grid around 0.
fn arguments() -> Vec<f32> {
    let mut x = vec![0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MIN_POSITIVE, 1e-45, -1e-45];
    x.extend([f32::MAX, f32::MIN, 0.5, 1.5, 2.5, -0.5, -1.5, 8_388_609.0, 88.7, 88.8, -87.4, -103.9, -104.1]);
    x.extend((0..u32::MAX).step_by(150_001).map(f32::from_bits));
    x.extend((-40_000..40_000).map(|i| i as f32 * 0.001_234_5));
    x
}

/// Allowed error, in units in the last place, and the least magnitude whose last place counts.
fn tolerance(f: &Function, x: f32) -> (f64, f64) {
    match f.kind {
        // Where e⁻ˣ overflows.
        Kind::Sigmoid | Kind::Silu | Kind::Mish if x < -87.0 => (4.0, 1e-30),
        Kind::GeluErf | Kind::GeluTanh => (4.0, f64::from(x.abs()) / 4.0),
        // The sum of two rounded terms, and the rounded argument of the function, count against their sizes.
        Kind::Affine => (2.0, f64::from(x.abs() * f.a.abs() + f.b.abs())),
        Kind::HardSigmoid | Kind::HardSwish => (4.0, f64::from(x.abs().max(1.0))),
        Kind::Sin | Kind::Cos => (2.0, 0.0),
        Kind::Clamp | Kind::Abs | Kind::Neg | Kind::Floor | Kind::Ceil | Kind::RoundEven | Kind::Sign => (0.0, 0.0),
        _ => (4.0, 0.0),
    }
}

/// Distance in units in the last place of the greater of `expected` and `least`; denormals have that of the
/// least normal number.
fn ulps(y: f32, expected: f64, least: f64) -> f64 {
    if y.is_nan() && expected.is_nan() || f64::from(y) == expected || y == expected as f32 {
        return 0.0;
    }
    let size = (expected.abs().max(least) as f32).clamp(f32::MIN_POSITIVE, f32::MAX);
    let ulp = f64::from(size) - f64::from(f32::from_bits(size.to_bits() - 1));
    let error = (f64::from(y.clamp(f32::MIN, f32::MAX)) - expected.clamp(f32::MIN.into(), f32::MAX.into())).abs() / ulp;
    if error.is_nan() { f64::INFINITY } else { error }
}

#[test]
fn functions_are_within_their_tolerance() {
    let x = arguments();
    let mut failures = Vec::new();
    for f in functions() {
        let y = apply(&generic::KERNEL, &f, &x);
        let mut worst = (0.0, 0.0f32, 0.0f32, 0.0);
        for (&x, &y) in x.iter().zip(&y) {
            let expected = elementwise_oracle::activation(&format!("{:?}", f.kind), f.a.into(), f.b.into(), x.into());
            let (allowed, least) = tolerance(&f, x);
            let error = ulps(y, expected, least);
            if error > allowed && error > worst.0 {
                worst = (error, x, y, expected);
            }
        }
        if worst.0 > 0.0 {
            failures.push(format!("{f:?}: off by {} ulp at {}: {} instead of {}", worst.0, worst.1, worst.2, worst.3));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let x = arguments();
    for f in functions() {
        let expected = apply(&generic::KERNEL, &f, &x);
        for kernel in kernels() {
            for (i, (y, e)) in apply(kernel, &f, &x).iter().zip(&expected).enumerate() {
                let same = y.to_bits() == e.to_bits() || y.is_nan() && e.is_nan();
                assert!(same, "{} {f:?} of {}: {y} is not {e}", kernel.name, x[i]);
            }
        }
    }
}

#[test]
fn only_the_elements_of_the_rows_are_touched() {
    for kernel in kernels() {
        for cols in 0..40 {
            let (rows, pitch) = (3, cols + 5);
            let mut y = vec![-1.0f32; rows * pitch];
            kernel.apply_in_place(&Function::RELU, &mut RowsMut::of(&mut y, rows, cols, pitch));
            for (i, y) in y.iter().enumerate() {
                let expected = if i % pitch < cols { 0.0 } else { -1.0 };
                assert_eq!(*y, expected, "{} with {cols} columns at {i}", kernel.name);
            }
        }
    }
}

#[test]
fn any_strides_in_place_and_out_of_it() {
    use crate::parallel::Backwards;
    use crate::test_layouts::{Layout, merge, random_dims};

    let mut rng = coulter_testkit::rng::Rng::new(1);
    for _ in 0..300 {
        let dims = random_dims(&mut rng);
        let (from, to) = (Layout::random_broadcast(&mut rng, &dims), Layout::random(&mut rng, &dims));
        let x = rng.f32s(from.buffer_len());
        let f = Function::new(Kind::Tanh);
        let expected = apply(&generic::KERNEL, &f, &from.read(&x));
        for kernel in kernels() {
            let mut buffer = vec![0.0; to.buffer_len()];
            let (y, from) = (to.view_mut(&mut buffer), from.view(&x));
            let (mut y, from) = merge!(y, from);
            kernel.run_strided(&f, &from, &mut y, &Backwards(4));
            assert_eq!(to.read(&buffer), expected, "{} {to:?}", kernel.name);

            let mut buffer = rng.f32s(to.buffer_len());
            let expected = apply(&generic::KERNEL, &f, &to.read(&buffer));
            let mut y = to.view_mut(&mut buffer);
            // SAFETY: the operator works in place.
            let x = unsafe { crate::View::from_raw(y.as_ptr(), y.dims(), y.strides()) };
            kernel.run_strided(&f, &x, &mut y, &Backwards(4));
            assert_eq!(to.read(&buffer), expected, "{} {to:?} in place", kernel.name);
        }
    }
}
