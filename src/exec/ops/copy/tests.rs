use std::vec;
use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::copy::Params;
use coulter_testkit::rng::Rng;

use crate::testing::{Draft, run_all};

/// As many bytes as the elements have, no two elements alike.
fn bytes(dtype: DType, elements: usize) -> Vec<u8> {
    let mut rng = Rng::new(1);
    (0..elements * dtype.size()).map(|_| rng.next_u64() as u8).collect()
}

#[test]
fn channels_move_last_in_every_type() {
    let (n, c, hw) = (2, 5, 30 * 7);
    for dtype in DType::ALL {
        let x = bytes(dtype, n * c * hw);
        let draft = || {
            let mut d = Draft::new();
            let y = d.room(dtype, &[n as u32, 30, 7, c as u32]);
            let x = d.filled(dtype, &[n as u32, c as u32, 30, 7], &x);
            let from = d.view(x, 0, &[n as u32, 30, 7, c as u32], &[(c * hw) as i32, 7, 1, hw as i32]);
            d.step(&Params {}, &[Some(from)], &[Some(y)]);
            (d, y)
        };
        run_all(draft, |results, y| {
            let size = dtype.size();
            for (i, y) in results.bytes(y).chunks_exact(size).enumerate() {
                let (image, pixel, channel) = (i / c / hw, i / c % hw, i % c);
                let from = (image * c + channel) * hw + pixel;
                assert_eq!(y, &x[from * size..][..size], "{dtype} {i}");
            }
        });
    }
}

#[test]
fn blocks_are_joined_repeated_reversed_and_cut() {
    let x = [1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0];
    let draft = || {
        let mut d = Draft::new();
        let y = d.f32(&[4, 6], &[0.0; 24]);
        let x = d.f32(&[2, 3], &x);
        let copy = |d: &mut Draft, from, to| d.step(&Params {}, &[Some(from)], &[Some(to)]);
        let left = d.view(y, 0, &[2, 3], &[6, 1]);
        copy(&mut d, x, left);
        let reversed = d.view(x, 5, &[2, 3], &[-3, -1]);
        let right = d.view(y, 3, &[2, 3], &[6, 1]);
        copy(&mut d, reversed, right);
        let repeated = d.view(x, 1, &[2, 2], &[0, 1]);
        let below = d.view(y, 13, &[2, 2], &[6, 3]);
        copy(&mut d, repeated, below);
        (d, y)
    };
    run_all(draft, |results, y| {
        let mut expected = vec![1.0, 2.0, 3.0, 6.0, 5.0, 4.0, 4.0, 5.0, 6.0, 3.0, 2.0, 1.0];
        expected.extend([0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0]);
        assert_eq!(results.f32(y), expected);
    });
}

#[test]
fn scalars_and_nothing() {
    let draft = || {
        let mut d = Draft::new();
        let (x, y) = (d.f32(&[], &[3.0]), d.room(DType::F32, &[]));
        d.step(&Params {}, &[Some(x)], &[Some(y)]);
        let (none, nothing) = (d.room(DType::F32, &[2, 0, 3]), d.room(DType::F32, &[2, 0, 3]));
        d.step(&Params {}, &[Some(none)], &[Some(nothing)]);
        (d, y)
    };
    run_all(draft, |results, y| assert_eq!(results.f32(y), [3.0]));
}
