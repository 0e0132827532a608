use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{KERNELS, Softmax, SoftmaxKernel};
use crate::parallel::Backwards;
use crate::{IsaSet, Parallel, Rows, RowsMut, SingleThread, table};

fn kernels() -> impl Iterator<Item = &'static SoftmaxKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

#[test]
fn every_instruction_set_is_covered() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|k| k.isa.name()).collect();
    coulter_testkit::isa_coverage::check("softmax_i8", &offered, &covered);
}

fn exponentials(scale: f64) -> [u32; 256] {
    core::array::from_fn(|i| (2f64.powi(30) * (scale * (i as f64 - 255.0)).exp()).round() as u32)
}

fn oracle(how: &Softmax<'_>, row: &[u8]) -> Vec<u8> {
    let greatest = *row.iter().max().unwrap();
    let e: Vec<u32> = row.iter().map(|&x| how.exponentials[usize::from(255 - greatest + x)]).collect();
    let factor = how.inverse_scale / e.iter().map(|&e| u64::from(e)).sum::<u64>() as f32;
    let of = |e: &u32| ((*e as f32 * factor).round_ties_even() as i64 + i64::from(how.zero)).clamp(0, 255) as u8;
    e.iter().map(of).collect()
}

#[test]
fn every_kernel_agrees_with_the_oracle() {
    const UNTOUCHED: u8 = 0xa5;
    let mut rng = Rng::new(1);
    for cols in (1..70).chain([127, 128, 129, 256, 1000, 1001]) {
        for (rows, gap, most) in [(1, 0, 255), (5, 3, 255), (40, 0, 31)] {
            let pitch = cols + gap;
            let x: Vec<u8> = (0..rows * pitch).map(|_| rng.next_u64() as u8 & most).collect();
            let exponentials = exponentials(rng.pick(&[0.01, 0.1, 1.0]));
            let (inverse_scale, zero) = rng.pick(&[(256.0, 0), (256.0, 128), (1000.0, 7)]);
            let how = Softmax { exponentials: &exponentials, inverse_scale, zero };
            let mut expected = vec![UNTOUCHED; rows * pitch];
            for (x, y) in x.chunks(pitch).zip(expected.chunks_mut(pitch)) {
                y[..cols].copy_from_slice(&oracle(&how, &x[..cols]));
            }
            for kernel in kernels() {
                let tables = table::select(IsaSet::detect().capped(kernel.isa));
                for parallel in [&SingleThread as &dyn Parallel, &Backwards(4)] {
                    let mut y = vec![UNTOUCHED; rows * pitch];
                    let rows_of_y = &mut RowsMut::of(&mut y, rows, cols, pitch);
                    kernel.apply(&how, tables, &Rows::of(&x, rows, cols, pitch), rows_of_y, parallel);
                    assert!(y == expected, "{} {rows}x{cols}", kernel.name);
                }
            }
        }
    }
}

#[test]
fn a_table_of_zeros_and_one_of_the_greatest_numbers_give_bytes() {
    let x: Vec<u8> = (0..=255).collect();
    for exponentials in [[0; 256], [u32::MAX; 256]] {
        let how = Softmax { exponentials: &exponentials, inverse_scale: 256.0, zero: 9 };
        for cols in [20, 256] {
            let of = |kernel: &SoftmaxKernel| {
                let mut y = vec![0; cols];
                let tables = table::select(IsaSet::detect().capped(kernel.isa));
                let x = Rows::of(&x, 1, cols, cols);
                kernel.apply(&how, tables, &x, &mut RowsMut::of(&mut y, 1, cols, cols), &SingleThread);
                y
            };
            let results: Vec<_> = kernels().map(of).collect();
            assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
        }
    }
}
