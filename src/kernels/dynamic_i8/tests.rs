use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::{Columns, KERNELS, Kernels, Product, scratch_len, select};
use crate::activation::Function;
use crate::parallel::Backwards;
use crate::{Isa, IsaSet, Parallel, Rows, RowsMut, SingleThread, activation_f32, gemm_i8, quantize};

const UNTOUCHED: f32 = -12345.0;

/// Kernels of each instruction set that this processor has.
fn kernels() -> impl Iterator<Item = (Isa, Kernels)> {
    IsaSet::detect().iter().map(|isa| {
        let isas = IsaSet::detect().capped(isa);
        let (finish, activation) = (select(isas), activation_f32::select(isas));
        (isa, Kernels { quantize: quantize::select(isas), gemm: gemm_i8::select(isas), finish, activation })
    })
}

#[test]
fn every_instruction_set_is_covered() {
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    let covered: Vec<_> = kernels().map(|(_, k)| k.finish.isa.name()).collect();
    coulter_testkit::isa_coverage::check("dynamic_i8", &offered, &covered);
}

struct Case {
    x: Vec<f32>,
    x_pitch: usize,
    w: Vec<i8>,
    w_zero: i32,
    m: usize,
    k: usize,
    n: usize,
    sums: Vec<i32>,
    scale: Vec<f32>,
    bias: Option<Vec<f32>>,
    per_row: bool,
    activation: Function,
}

impl Case {
    fn random(rng: &mut Rng, [m, k, n]: [usize; 3]) -> Self {
        let x_pitch = k + rng.in_range(0..=3);
        let shift = rng.pick(&[0.0, 0.0, 0.9, -0.9, 3.0, -3.0]);
        let mut x: Vec<f32> = rng.f32s(m * x_pitch).iter().map(|v| (v + shift) * 5.0).collect();
        if rng.in_range(0..=3) == 0 {
            x.iter_mut().take(x_pitch).for_each(|x| *x = 0.0);
            x.iter_mut().step_by(7).for_each(|x| *x = f32::NAN);
        }
        let w: Vec<i8> = (0..k * n).map(|_| rng.next_u64() as i8).collect();
        let w_zero = rng.pick(&[0, 0, 5, -128]);
        let padded = n.next_multiple_of(16);
        let mut sums = vec![0; padded];
        (0..n).for_each(|c| sums[c] = (0..k).map(|i| i32::from(w[i * n + c]) - w_zero).sum());
        let bias = rng.coin().then(|| rng.f32s(padded));
        let (scale, per_row) = (rng.f32s(padded), rng.coin());
        let activation = rng.pick(&[Function::IDENTITY, Function::RELU]);
        Case { x, x_pitch, w, w_zero, m, k, n, sums, scale, bias, per_row, activation }
    }

    fn packed(&self) -> Vec<i8> {
        let mut panels = vec![0; gemm_i8::packed_len(self.k, self.n)];
        for (i, &w) in self.w.iter().enumerate() {
            let (row, column) = (i / self.n, i % self.n);
            panels[((column / 16 * self.k.div_ceil(4) + row / 4) * 16 + column % 16) * 4 + row % 4] = w;
        }
        panels
    }

    fn row(&self, r: usize) -> &[f32] {
        &self.x[r * self.x_pitch..][..self.k]
    }

    /// By the formulas, one after another.
    fn oracle(&self) -> Vec<f32> {
        let bound = |rows: core::ops::Range<usize>| {
            let numbers = || rows.clone().flat_map(|r| self.row(r)).copied().filter(|x| !x.is_nan());
            let (least, greatest) = (numbers().fold(0f32, f32::min), numbers().fold(0f32, f32::max));
            let scale = if greatest == least { 1.0 } else { (greatest - least) / 255.0 };
            (scale, (0.0 - least / scale).round_ties_even().clamp(0.0, 255.0) as i32)
        };
        let mut y = Vec::new();
        for r in 0..self.m {
            let (scale, zero) = bound(if self.per_row { r..r + 1 } else { 0..self.m });
            let byte = |x: &f32| ((x / scale).round_ties_even() as i32 + zero).clamp(0, 255);
            let q: Vec<i32> = self.row(r).iter().map(byte).collect();
            for c in 0..self.n {
                let products =
                    q.iter().enumerate().map(|(i, q)| (q - zero) * (i32::from(self.w[i * self.n + c]) - self.w_zero));
                let v = products.sum::<i32>() as f32 * (scale * self.scale[c]);
                let v = v + self.bias.as_ref().map_or(0.0, |bias| bias[c]);
                y.push(if self.activation.is_identity() { v } else { v.max(0.0) });
            }
        }
        y
    }

    fn check(&self) {
        let (w, expected, pitch) = (self.packed(), self.oracle(), self.n + 2);
        for (isa, kernels) in kernels() {
            for parallel in [&SingleThread as &dyn Parallel, &Backwards(4)] {
                let mut y = vec![UNTOUCHED; self.m * pitch];
                let mut scratch = vec![f32::NAN; scratch_len(self.m, self.k)];
                let columns = Columns { sums: &self.sums, scale: &self.scale, bias: self.bias.as_deref() };
                let x = Rows::of(&self.x, self.m, self.k, self.x_pitch);
                let (w_zero, per_row, activation) = (self.w_zero, self.per_row, self.activation);
                let product = Product { x, w: &w, w_zero, columns, per_row, activation };
                kernels.run(&product, &mut RowsMut::of(&mut y, self.m, self.n, pitch), &mut scratch, parallel);
                for (i, y) in y.iter().enumerate() {
                    let (r, c) = (i / pitch, i % pitch);
                    let expected = if c < self.n { expected[r * self.n + c] } else { UNTOUCHED };
                    let (m, k, n) = (self.m, self.k, self.n);
                    assert!(*y == expected, "{} {m}×{k}×{n}: {y} not {expected} at {r}, {c}", isa.name());
                }
            }
        }
    }
}

#[test]
fn every_kernel_agrees_with_the_formulas() {
    let mut rng = Rng::new(1);
    for shape in
        [[1, 1, 1], [1, 64, 48], [3, 5, 7], [2, 130, 33], [17, 67, 70], [40, 32, 144], [5, 300, 200], [128, 96, 64]]
    {
        (0..4).for_each(|_| Case::random(&mut rng, shape).check());
    }
    for _ in 0..60 {
        let shape = [rng.in_range(1..=30), rng.in_range(1..=70), rng.in_range(1..=100)];
        Case::random(&mut rng, shape).check();
    }
}

#[test]
fn what_is_not_finite_harms_nothing() {
    let mut rng = Rng::new(2);
    let mut case = Case::random(&mut rng, [4, 40, 20]);
    (case.x[3], case.x[7], case.x[50]) = (f32::INFINITY, f32::NEG_INFINITY, f32::MAX);
    let results: Vec<Vec<u32>> = kernels()
        .map(|(_, kernels)| {
            let (w, mut y, mut scratch) = (case.packed(), vec![0.0; 80], vec![0.0; scratch_len(4, 40)]);
            let columns = Columns { sums: &case.sums, scale: &case.scale, bias: None };
            let x = Rows::of(&case.x, 4, 40, case.x_pitch);
            let (per_row, activation) = (true, Function::IDENTITY);
            let product = Product { x, w: &w, w_zero: 0, columns, per_row, activation };
            kernels.run(&product, &mut RowsMut::of(&mut y, 4, 20, 20), &mut scratch, &SingleThread);
            y.iter().map(|y| if y.is_nan() { 0 } else { y.to_bits() }).collect()
        })
        .collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}
