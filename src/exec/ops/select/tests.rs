use std::vec::Vec;

use coulter_plan::DType;
use coulter_plan::ops::select::Params;

use crate::testing::{Draft, run_all};

#[test]
fn a_mask_of_rows_chooses_in_every_type_and_in_place() {
    for dtype in DType::ALL {
        let size = dtype.size();
        let (ones, twos): (Vec<u8>, Vec<u8>) = ([1].repeat(6 * size), [2].repeat(size));
        for in_place in [false, true] {
            let draft = || {
                let mut d = Draft::new();
                let mask = d.filled(DType::Bool, &[3], &[1, 0, 1]);
                let mask = d.view(mask, 0, &[2, 3], &[0, 1]);
                let (a, b) = (d.filled(dtype, &[2, 3], &ones), d.filled(dtype, &[], &twos));
                let b = d.view(b, 0, &[2, 3], &[0, 0]);
                let y = if in_place { a } else { d.room(dtype, &[2, 3]) };
                d.step(&Params {}, &[Some(mask), Some(a), Some(b)], &[Some(y)]);
                (d, y)
            };
            run_all(draft, |results, y| {
                for (i, &byte) in results.bytes(y).iter().enumerate() {
                    assert_eq!(byte, if i / size % 3 == 1 { 2 } else { 1 }, "{dtype}");
                }
            });
        }
    }
}
