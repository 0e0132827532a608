use std::vec::Vec;

use coulter_kernels::{IsaSet, SingleThread};
use coulter_plan::DType;
use coulter_plan::ops::gather::Params;

use crate::RunErrorKind;
use crate::testing::{Draft, Operand, run_all};

fn indices(dtype: DType, indices: &[i64]) -> Vec<u8> {
    let bytes = |i: &i64| match dtype {
        DType::I32 => (*i as i32).to_le_bytes().to_vec(),
        _ => i.to_le_bytes().to_vec(),
    };
    indices.iter().flat_map(bytes).collect()
}

#[test]
fn columns_of_a_transposed_matrix() {
    for dtype in [DType::I32, DType::I64] {
        let draft = || {
            let mut d = Draft::new();
            let x = d.f32(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            let x = d.view(x, 0, &[2, 3], &[1, 2]);
            let i = d.filled(dtype, &[2, 2], &indices(dtype, &[0, -1, 2, 1]));
            let y = d.room(DType::F32, &[2, 2, 2]);
            d.step(&Params { axis: 1 }, &[Some(x), Some(i)], &[Some(y)]);
            (d, y)
        };
        run_all(draft, |results, y| assert_eq!(results.f32(y), [1.0, 5.0, 5.0, 3.0, 2.0, 6.0, 6.0, 4.0]));
    }
}

#[test]
fn every_size_of_element() {
    for dtype in DType::ALL {
        let size = dtype.size();
        let bytes: Vec<u8> = (0..4 * size as u8).collect();
        let draft = || {
            let mut d = Draft::new();
            let x = d.filled(dtype, &[4], &bytes);
            let i = d.filled(DType::I64, &[], &indices(DType::I64, &[-2]));
            let y = d.room(dtype, &[]);
            d.step(&Params { axis: 0 }, &[Some(x), Some(i)], &[Some(y)]);
            (d, y)
        };
        run_all(draft, |results, y| assert_eq!(results.bytes(y), &bytes[2 * size..3 * size]));
    }
}

#[test]
fn an_index_outside_is_an_error_of_the_run() {
    for bad in [2, -3, i64::MIN] {
        let mut d = Draft::new();
        let x = d.f32(&[2], &[1.0, 2.0]);
        let i: Operand = d.filled(DType::I64, &[2], &indices(DType::I64, &[1, bad]));
        let y = d.room(DType::F32, &[2]);
        d.step(&Params { axis: 0 }, &[Some(x), Some(i)], &[Some(y)]);
        let error = d.try_run(IsaSet::GENERIC, &SingleThread).expect_err("an index outside");
        assert_eq!((error.step, error.kind), (0, RunErrorKind::Index { index: bad, dim: 2 }));
    }
}
