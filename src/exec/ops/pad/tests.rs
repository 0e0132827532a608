use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::pad::{Mode, Params};

use crate::testing::{Draft, run_all};

fn params(mode: Mode, value: u64, before: &[u32]) -> Params {
    let mut all = [0; 8];
    all[..before.len()].copy_from_slice(before);
    Params { mode, value: [value as u32, (value >> 32) as u32], before: all }
}

#[test]
fn every_mode_of_a_reversed_row() {
    let cases = [
        (Mode::Constant, [9.0f32, 9.0, 3.0, 2.0, 1.0, 9.0]),
        (Mode::Reflect, [1.0, 2.0, 3.0, 2.0, 1.0, 2.0]),
        (Mode::Edge, [3.0, 3.0, 3.0, 2.0, 1.0, 1.0]),
        (Mode::Wrap, [2.0, 1.0, 3.0, 2.0, 1.0, 3.0]),
    ];
    for (mode, expected) in cases {
        let draft = || {
            let mut d = Draft::new();
            let x = d.f32(&[3], &[1.0, 2.0, 3.0]);
            let (x, y) = (d.view(x, 2, &[3], &[-1]), d.room(DType::F32, &[6]));
            d.step(&params(mode, 9f32.to_bits().into(), &[2]), &[Some(x)], &[Some(y)]);
            (d, y)
        };
        run_all(draft, |results, y| assert_eq!(results.f32(y), expected, "{mode:?}"));
    }
}

#[test]
fn constants_of_every_size() {
    for dtype in DType::ALL {
        let size = dtype.size();
        let value = 0x0807_0605_0403_0201u64;
        let draft = || {
            let mut d = Draft::new();
            let (x, y) = (d.filled(dtype, &[1, 1], &[0xff].repeat(size)), d.room(dtype, &[2, 3]));
            d.step(&params(Mode::Constant, value, &[0, 1]), &[Some(x)], &[Some(y)]);
            (d, y)
        };
        run_all(draft, |results, y| {
            let constant = &value.to_le_bytes()[..size];
            let expected: Vec<u8> = [constant, &[0xff].repeat(size), constant, constant, constant, constant].concat();
            assert_eq!(results.bytes(y), expected, "{dtype}");
        });
    }
}
