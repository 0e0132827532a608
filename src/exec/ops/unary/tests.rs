use coulter_plan::ops::unary::Params;
use coulter_plan::{Activation, ActivationKind, DType};
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, is_untouched, run_all};

const TANH: Params = Params { function: Activation::new(ActivationKind::Tanh) };

#[test]
fn large_tensors_in_place() {
    let x = Rng::new(1).f32s(70_001);
    let draft = || {
        let mut d = Draft::new();
        let x = d.f32(&[70_001], &x);
        d.step(&TANH, &[Some(x)], &[Some(x)]);
        (d, x)
    };
    run_all(draft, |results, y| {
        for (y, x) in results.f32(y).iter().zip(&x) {
            assert!((y - x.tanh()).abs() < 1e-6, "{y} of {x}");
        }
    });
}

#[test]
fn columns_backwards_into_every_other_element() {
    let draft = || {
        let mut d = Draft::new();
        let y = d.room(DType::F32, &[12]);
        let x = d.f32(&[2, 3], &[1.0, -2.0, 3.0, -4.0, 5.0, -6.0]);
        let from = d.view(x, 5, &[3, 2], &[-1, -3]);
        let to = d.view(y, 0, &[3, 2], &[4, 2]);
        let relu = Params { function: Activation::RELU };
        d.step(&relu, &[Some(from)], &[Some(to)]);
        (d, y)
    };
    run_all(draft, |results, y| {
        let y = results.f32(y);
        assert!(y.iter().skip(1).step_by(2).all(|&y| is_untouched(y)));
        assert!(y.iter().step_by(2).eq(&[0.0, 3.0, 5.0, 0.0, 0.0, 1.0]));
    });
}
