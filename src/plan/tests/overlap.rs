//! Outputs over their inputs by rows.

use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::prelude::*;

use super::checker::{addresses, bytes};
use super::operators::cause;
use super::samples::{self, Aligned, Draft, pool_params, qpool_params};
use crate::ops::*;
use crate::overlap::{Gaps, Order, Sliding};
use crate::{DType, Dims, OpError, Plan, Space, Tensor};

fn image(offset: u64, [h, w, c]: [u32; 3], pitch: u32) -> Tensor {
    Tensor {
        dtype: DType::U8,
        space: Space::Arena,
        offset,
        dims: Dims::new(&[1, h, w, c]).unwrap(),
        strides: Dims::new(&[0, (w * pitch) as i32, pitch as i32, 1]).unwrap(),
    }
}

/// The bytes of every row.
fn lines(tensor: &Tensor) -> Vec<Vec<i128>> {
    let all = bytes(tensor, &addresses(tensor).unwrap());
    all.chunks(all.len() / tensor.dims[1] as usize).map(<[i128]>::to_vec).collect()
}

/// Whether no row of y, computed in this order, lies over what is read with it or later; a window reads all rows from its
/// first to its last.
fn is_sound(sliding: &Sliding, x: &Tensor, y: &Tensor, order: Order) -> bool {
    let (x, y) = (lines(x), lines(y));
    let mut rows: Vec<usize> = (0..y.len()).collect();
    if order == Order::Backward {
        rows.reverse();
    }
    let mut written: BTreeSet<i128> = BTreeSet::new();
    rows.into_iter().all(|row| {
        written.extend(&y[row]);
        let first = row as i64 * i64::from(sliding.stride) - i64::from(sliding.pad[0]);
        let last = first + i64::from(sliding.dilation) * (i64::from(sliding.kernel) - 1);
        let read = (first.max(0)..=last).filter_map(|i| x.get(i as usize));
        read.flatten().all(|byte| !written.contains(byte))
    })
}

/// Random cases: fewer where processors are mostly emulated.
const CASES: u32 = if cfg!(target_arch = "x86_64") { 3000 } else { 300 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn gaps_are_the_least_that_are_sound(
        (kernel, stride, dilation) in (1u32..5, 1u32..5, 1u32..4),
        pads in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        h in 1u32..9,
        (x_width, x_pitch, y_width, y_pitch) in (1u32..4, 0u32..5, 1u32..4, 0u32..5),
        (x_depth, y_depth) in (1u32..4, 1u32..4),
    ) {
        let extent = dilation * (kernel - 1) + 1;
        let pad = [pads.0, pads.1].map(|pad| pad.index(extent as usize) as u32);
        let Some(room) = (h + pad[0] + pad[1]).checked_sub(extent) else { return Ok(()) };
        let sliding = Sliding { kernel, stride, dilation, pad };
        let x = |offset| image(offset, [h, x_width, x_depth], x_depth + x_pitch);
        let y = |offset| image(offset, [room / stride + 1, y_width, y_depth], y_depth + y_pitch);
        let Gaps { forward, backward } = sliding.gaps(&x(0), &y(0)).unwrap();
        let base = 1000;
        prop_assert!(forward > 0 && backward > 0);
        for (x_at, y_at, order) in [(base + forward, base, Order::Forward), (base, base + backward, Order::Backward)] {
            let (x_at, y_at) = (x(x_at), y(y_at));
            prop_assert!(is_sound(&sliding, &x_at, &y_at, order));
            prop_assert_eq!(sliding.order(&x_at, &y_at), Some(order));
            // One byte nearer is too near, unless the rows lie in each other's gaps.
            let nearer = match order {
                Order::Forward => (Tensor { offset: x_at.offset - 1, ..x_at }, y_at),
                Order::Backward => (x_at, Tensor { offset: y_at.offset - 1, ..y_at }),
            };
            prop_assert_eq!(sliding.order(&nearer.0, &nearer.1), None);
            if x_pitch + y_pitch == 0 {
                prop_assert!(!is_sound(&sliding, &nearer.0, &nearer.1, order));
            }
        }
    }

    #[test]
    fn hostile_sizes_end_at_once(
        sizes in prop::array::uniform5(any::<u32>()),
        x in (any::<u64>(), prop::array::uniform4(any::<u32>()), prop::array::uniform4(any::<i32>())),
        y in (any::<u64>(), prop::array::uniform4(any::<u32>()), prop::array::uniform4(any::<i32>())),
    ) {
        let [kernel, stride, dilation, top, bottom] = sizes;
        let make = |(offset, mut dims, mut strides): (u64, [u32; 4], [i32; 4])| {
            // As a plan's tensors are: one image of rows, below 2³¹ elements.
            (dims[0], dims[1], dims[2], dims[3]) = (1, dims[1] % (1 << 29) + 1, dims[2] % 2 + 1, dims[3] % 2 + 1);
            (strides[3], strides[1]) = (1, strides[2].wrapping_mul(dims[2] as i32));
            let (dims, strides) = (Dims::new(&dims).unwrap(), Dims::new(&strides).unwrap());
            Tensor { dtype: DType::F64, space: Space::Arena, offset, dims, strides }
        };
        let sliding = Sliding { kernel, stride, dilation, pad: [top, bottom] };
        let _ = sliding.order(&make(x), &make(y));
        let _ = Sliding { kernel: kernel % 9, stride: stride % 3, dilation: 1, pad: [0, 0] }.gaps(&make(x), &make(y));
    }
}

/// A pool of rows of 8 pixels of 3 numbers, 5 of them, 3 high, from `x` on to `y`: 3 rows of 4 pixels.
fn pool(d: &mut Draft, dtype: DType, x: u64, y: u64) {
    d.room(DType::U8, &[4096]);
    let x = d.view(dtype, x, &[1, 5, 8, 3], &[0, 24, 3, 1]);
    let y = d.view(dtype, y, &[1, 3, 4, 3], &[0, 12, 3, 1]);
    match dtype {
        DType::F32 => d.step(&pool2d::Params { pad: [1, 1, 1, 0], ..pool_params() }, &[x], &[y]),
        _ => d.step(&qpool2d::Params { pad: [1, 1, 1, 0], ..qpool_params() }, &[x], &[y]),
    }
}

#[test]
fn an_overlap_that_is_off_by_one_row_is_refused() {
    // Row r of y ends at 12·(r + 1) and is computed from rows 2r − 1 on of x, which begin at 24·(2r − 1): row 0 is the
    // nearest. Backward row r begins at 12·r, and x is read up to 24·(2r + 2), the last row up to its end.
    let run = |dtype, x, y| cause(|d| pool(d, dtype, x, y));
    for (dtype, size) in [(DType::U8, 1), (DType::F32, 4)] {
        assert_eq!(run(dtype, 12 * size, 0), None);
        assert_eq!(run(dtype, 11 * size, 0), Some(OpError::Alias));
        assert_eq!(run(dtype, 0, 0), Some(OpError::Alias));
        assert_eq!(run(dtype, 0, 96 * size), None);
        assert_eq!(run(dtype, 0, 95 * size), Some(OpError::Alias));
        assert_eq!(run(dtype, 24 * size, 96 * size), Some(OpError::Alias));
    }
}

#[test]
fn overlapping_plans_do_not_survive_a_shift_by_a_row() {
    let plan = samples::overlapping();
    let bytes = Aligned::new(&plan);
    let parsed = Plan::parse(&bytes).expect("the sample is sound");
    let overlaps = |step: usize| {
        let operands = parsed.step(step).operands;
        !operands.input(0).unwrap().is_disjoint_from(&operands.output(0).unwrap())
    };
    assert!(overlaps(0) && overlaps(1));
    // The convolution's x lies 64 bytes above y, where one row of y, 24 bytes, would do. The pool's y lies 96 above x, of
    // which row 2 reads 120 bytes, and begins 36 bytes after y.
    let shifted = |input: bool, step: usize, down: u64| {
        let operands = parsed.step(step).operands;
        let index = if input { operands.input_index(0) } else { operands.output_index(0) }.unwrap();
        let table = parsed.section(crate::format::SectionKind::Tensors).as_ptr().addr() - bytes.as_ptr().addr();
        let at = table + index * crate::format::TENSOR_BYTES + 16;
        let mut plan = Aligned::new(&plan);
        let offset = crate::plan::u64_at(&plan, at) - down;
        plan[at..at + 8].copy_from_slice(&offset.to_le_bytes());
        Plan::parse(&plan).is_ok()
    };
    assert!(shifted(true, 0, 64 - 24) && !shifted(true, 0, 64 - 23));
    assert!(shifted(false, 1, 96 - 84) && !shifted(false, 1, 96 - 83));
}

#[test]
fn several_images_and_windows_in_the_padding_do_not_overlap() {
    let pool = |images: u32, y: u64| {
        cause(|d| {
            d.room(DType::U8, &[4096]);
            let x = d.view(DType::U8, 600, &[images, 5, 8, 3], &[120, 24, 3, 1]);
            let y = d.view(DType::U8, y, &[images, 3, 4, 3], &[36, 12, 3, 1]);
            d.step(&qpool2d::Params { pad: [1, 1, 1, 0], ..qpool_params() }, &[x], &[y]);
        })
    };
    assert_eq!(pool(1, 588), None);
    assert_eq!(pool(2, 528), None);
    assert_eq!(pool(2, 588), Some(OpError::Alias));
    let (x, y) = (image(600, [5, 8, 3], 3), image(300, [7, 8, 3], 3));
    let padded = |pad| Sliding { kernel: 3, stride: 1, dilation: 1, pad };
    assert!(padded([2, 2]).gaps(&x, &y).is_some());
    assert!(padded([3, 1]).gaps(&x, &y).is_none() && padded([1, 3]).gaps(&x, &y).is_none());
}

#[test]
fn a_residual_is_the_output_or_apart_from_it() {
    let conv = |residual: u64| {
        cause(|d| {
            d.room(DType::F32, &[1024]);
            let image = |d: &mut Draft, offset| d.view(DType::F32, offset, &[1, 4, 2, 16], &[0, 32, 16, 1]);
            let (x, y, residual) = (image(d, 128), image(d, 0), image(d, residual));
            let (w, bias) = (d.weights(&[256]), d.weights(&[16]));
            let (kernel, stride, dilation, pad) = ([1, 1], [1, 1], [1, 1], [0; 4]);
            let activation = crate::Activation::IDENTITY;
            d.step(
                &conv2d::Params { kernel, stride, dilation, pad, groups: 1, activation },
                &[x, w, bias, residual],
                &[y],
            );
        })
    };
    assert_eq!(conv(0), None);
    assert_eq!(conv(640), None);
    // As far from y as x is.
    assert_eq!(conv(128), Some(OpError::Alias));
}
