use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::cast::Params;

use crate::testing::{Draft, run_all};

/// Bytes of 0, 1 and 2 (of bool, true) in a type.
fn numbers(dtype: DType) -> Vec<u8> {
    let one = |v: u8| -> Vec<u8> {
        match dtype {
            DType::F32 => f32::from(v).to_le_bytes().to_vec(),
            DType::F64 => f64::from(v).to_le_bytes().to_vec(),
            DType::F16 => [0u16, 0x3c00, 0x4000][usize::from(v)].to_le_bytes().to_vec(),
            DType::BF16 => [0u16, 0x3f80, 0x4000][usize::from(v)].to_le_bytes().to_vec(),
            DType::Bool => [v.min(1)].to_vec(),
            _ => u64::from(v).to_le_bytes()[..dtype.size()].to_vec(),
        }
    };
    [0, 1, 2].into_iter().flat_map(one).collect()
}

#[test]
fn every_pair_of_types() {
    for from in DType::ALL {
        for to in DType::ALL {
            let draft = || {
                let mut d = Draft::new();
                let (x, y) = (d.filled(from, &[3], &numbers(from)), d.room(to, &[3]));
                d.step(&Params {}, &[Some(x)], &[Some(y)]);
                (d, y)
            };
            run_all(draft, |results, y| {
                let mut expected = numbers(to);
                if from == DType::Bool {
                    let size = to.size();
                    expected.copy_within(size..2 * size, 2 * size);
                }
                assert_eq!(results.bytes(y), expected, "{from} to {to}");
            });
        }
    }
}

#[test]
fn floats_saturate_and_reversed_elements_change_places() {
    let draft = || {
        let mut d = Draft::new();
        let x = d.f32(&[5], &[-1.9, 1e20, f32::NAN, -300.0, 2.9]);
        let reversed = d.view(x, 4, &[5], &[-1]);
        let y = d.room(DType::I8, &[5]);
        d.step(&Params {}, &[Some(reversed)], &[Some(y)]);
        (d, y)
    };
    run_all(draft, |results, y| assert_eq!(results.bytes(y), [2i8, -128, 0, 127, -1].map(|v| v as u8)));
}
