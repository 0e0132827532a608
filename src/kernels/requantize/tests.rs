use coulter_testkit::rng::Rng;

use super::{Inner, Requantize, Residual};

/// clamp(rne(v) + zero, low, high) as the contract words it.
fn expected(r: &Requantize, v: f32) -> u8 {
    let q = i64::from(v.round_ties_even() as i32) + i64::from(r.zero);
    q.clamp(r.low.into(), r.high.into()) as u8
}

fn random(rng: &mut Rng) -> Requantize {
    let [zero, a, b] = [0; 3].map(|_: i32| rng.pick(&[0, 1, 127, 128, 200, 254, 255]));
    Requantize { zero, low: a.min(b), high: a.max(b) }
}

#[test]
fn rounding_is_to_the_nearest_with_ties_to_even() {
    let mut rng = Rng::new(1);
    for _ in 0..20 {
        let r = random(&mut rng);
        for halves in -3000..3000 {
            let v = halves as f32 * 0.5;
            for v in [v, v.next_up(), v.next_down()] {
                assert_eq!(r.round(v), expected(&r, v), "{r:?} of {v}");
            }
        }
        for _ in 0..10_000 {
            let v = f32::from_bits(rng.next_u64() as u32);
            if !v.is_nan() {
                assert_eq!(r.round(v), expected(&r, v), "{r:?} of {v}");
            }
        }
    }
}

#[test]
fn residuals_are_added_before_or_after_rounding() {
    let requantize = Requantize { zero: 10, low: 0, high: 20 };
    let plain = Residual { scale: 0.5, zero: 4, inner: None };
    assert_eq!(plain.add(1.25, 7), 2.75);
    assert_eq!(plain.add(-300.0, 0), -302.0);
    let rounded = Residual { inner: Some(Inner { scale: 2.0, requantize }), ..plain };
    assert_eq!(rounded.add(1.25, 7), 3.5);
    assert_eq!(rounded.add(2.5, 4), 4.0);
    assert_eq!(rounded.add(-300.0, 4), -20.0);
    assert_eq!(rounded.add(300.0, 4), 20.0);
}
