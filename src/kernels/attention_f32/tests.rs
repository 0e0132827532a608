use std::string::String;
use std::vec;
use std::vec::Vec;

use coulter_testkit::{cases::cases, isa_coverage, rng::Rng};

use super::{Attention, scratch_len, select};
use crate::parallel::Backwards;
use crate::{Isa, IsaSet, Parallel, SingleThread, View, ViewMut, softmax_f32};

/// The instruction sets of the family that this processor can run.
fn isas() -> Vec<Isa> {
    let offered: Vec<_> = softmax_f32::KERNELS.iter().map(|k| k.isa).collect();
    let covered: Vec<_> = offered.iter().copied().filter(|&isa| IsaSet::detect().contains(isa)).collect();
    let names = |isas: &[Isa]| isas.iter().map(|isa| isa.name()).collect::<Vec<_>>();
    isa_coverage::check("attention_f32", &names(&offered), &names(&covered));
    covered
}

/// Marks elements that nobody may touch.
const UNTOUCHED: f32 = -77.0;

/// A tensor of rank 4 whose dimensions lie in any order, with gaps between rows, or are broadcast.
struct Strided {
    elements: Vec<f32>,
    first: usize,
    dims: [usize; 4],
    strides: [isize; 4],
}

impl Strided {
    /// `[B, H, S, D]` as B, H, S, D or as B, S, H, D, rows forwards or backwards.
    fn random(rng: &mut Rng, dims: [usize; 4]) -> Self {
        let [b, h, s, d] = dims;
        let pitch = d + rng.in_range(0..=3);
        let (by_head, by_row) = if rng.coin() { (s * pitch, pitch) } else { (pitch, h * pitch) };
        let mut strides = [h * s * pitch, by_head, by_row, 1].map(|stride| stride as isize);
        let backwards = rng.coin();
        if backwards {
            strides[2] = -strides[2];
        }
        let first = if backwards { (s - 1) * by_row } else { 0 };
        Self { elements: rng.f32s(b * h * s * pitch), first, dims, strides }
    }

    fn at(&self, index: [usize; 4]) -> usize {
        let offset: isize = index.iter().zip(self.strides).map(|(&i, stride)| i as isize * stride).sum();
        (self.first as isize + offset) as usize
    }

    fn get(&self, index: [usize; 4]) -> f32 {
        self.elements[self.at(index)]
    }

    fn view(&self) -> View<'_, f32> {
        // SAFETY: dimensions and strides address elements of the vector alone, and the view borrows it.
        unsafe { View::from_raw(self.elements.as_ptr().add(self.first), &self.dims, &self.strides) }
    }

    fn view_mut(&mut self) -> ViewMut<'_, f32> {
        // SAFETY: as above, each element once.
        unsafe { ViewMut::from_raw(self.elements.as_mut_ptr().add(self.first), &self.dims, &self.strides) }
    }
}

struct Case {
    scale: f32,
    causal: bool,
    q: Strided,
    k: Strided,
    v: Strided,
    mask: Option<Strided>,
    y: Strided,
}

impl Case {
    fn random(rng: &mut Rng) -> Self {
        let (b, h, causal) = (rng.in_range(1..=2), rng.in_range(1..=3), rng.coin());
        let s = rng.pick(&[1, 2, 15, 16, 17, 33, 50]);
        let t = if causal { s + rng.pick(&[0, 0, 1, 20]) } else { rng.pick(&[1, 2, 15, 16, 17, 33, 100]) };
        let (d, e) = (rng.pick(&[1, 5, 16, 33]), rng.pick(&[1, 6, 16, 32, 33]));
        Self::of(rng, [b, h, s, t, d, e], causal)
    }

    fn of(rng: &mut Rng, [b, h, s, t, d, e]: [usize; 6], causal: bool) -> Self {
        let mut y = Strided::random(rng, [b, h, s, e]);
        y.elements.fill(UNTOUCHED);
        let mask = rng.coin().then(|| {
            // Broadcast over batches and heads, over rows, over columns, or not at all.
            let mut mask = Strided::random(rng, [b, h, s, t]);
            let along: &[usize] = rng.pick(&[&[][..], &[0, 1], &[1, 2], &[0, 1, 2], &[3]]);
            along.iter().for_each(|&i| mask.strides[i] = 0);
            mask.first = if mask.strides[2] < 0 { mask.first } else { 0 };
            mask.elements.iter_mut().for_each(|m| *m = if *m > 0.5 { f32::NEG_INFINITY } else { *m });
            mask
        });
        let scale = rng.pick(&[1.0, 0.25, -2.0]);
        let q = Strided::random(rng, [b, h, s, d]);
        let (k, v) = (Strided::random(rng, [b, h, t, d]), Strided::random(rng, [b, h, t, e]));
        Self { scale, causal, q, k, v, mask, y }
    }

    fn sizes(&self) -> [usize; 6] {
        let ([b, h, s, d], [_, _, t, e]) = (self.q.dims, self.v.dims);
        [b, h, s, t, d, e]
    }

    fn run(&mut self, isas: IsaSet, parallel: &dyn Parallel) -> Vec<f32> {
        let [.., t, d, e] = self.sizes();
        let mut scratch = vec![f32::NAN; scratch_len(t, d, e)];
        let (q, k, v) = (self.q.view(), self.k.view(), self.v.view());
        let mask = self.mask.as_ref().map(Strided::view);
        let attention = Attention { scale: self.scale, causal: self.causal, q, k, v, mask };
        select(isas).run(&attention, &mut scratch, &mut self.y.view_mut(), parallel);
        let elements = self.y.elements.clone();
        self.y.elements.fill(UNTOUCHED);
        elements
    }

    /// A row of results, and how far they may be off.
    fn oracle(&self, b: usize, h: usize, s: usize) -> Vec<(f64, f64)> {
        let [_, _, rows, t, d, e] = self.sizes();
        let limit = if self.causal { s + t - rows + 1 } else { t };
        let scores: Vec<f64> = (0..limit)
            .map(|t| {
                let products =
                    (0..d).map(|d| f64::from(self.q.get([b, h, s, d])) * f64::from(self.k.get([b, h, t, d])));
                let mask = self.mask.as_ref().map_or(0.0, |m| f64::from(m.get([b, h, s, t])));
                products.sum::<f64>() * f64::from(self.scale) + mask
            })
            .collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = match max {
            f64::NEG_INFINITY => vec![0.0; limit],
            max => scores.iter().map(|s| (s - max).exp()).collect(),
        };
        let sum = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let column = |e: usize| {
            let terms = (0..limit).map(|t| weights[t] / sum * f64::from(self.v.get([b, h, t, e])));
            (terms.sum(), 1e-5)
        };
        (0..e).map(column).collect()
    }

    fn describe(&self) -> String {
        let mask = self.mask.as_ref().map(|m| m.strides);
        std::format!("BHSTDE {:?}, causal {}, scale {}, mask {mask:?}", self.sizes(), self.causal, self.scale)
    }

    fn check(&self, isa: Isa, y: &[f32]) {
        let [b, h, s, _, _, e] = self.sizes();
        let mut touched = vec![false; y.len()];
        for row in 0..b * h * s {
            let [b, h, s] = [row / s / h, row / s % h, row % s];
            for (e, (expected, allowed)) in self.oracle(b, h, s).into_iter().enumerate() {
                let at = self.y.at([b, h, s, e]);
                touched[at] = true;
                let right = (f64::from(y[at]) - expected).abs() <= allowed;
                assert!(right, "{}: {} instead of {expected}: {}", isa.name(), y[at], self.describe());
            }
        }
        let rest = y.iter().zip(&touched).all(|(&y, &touched)| touched || y == UNTOUCHED);
        assert!(rest && e > 0, "{}: {}", isa.name(), self.describe());
    }
}

#[test]
fn any_shapes_strides_and_masks_match_f64() {
    let mut rng = Rng::new(1);
    for _ in 0..cases(300) {
        let mut case = Case::random(&mut rng);
        for isa in isas() {
            let y = case.run(IsaSet::detect().capped(isa), &SingleThread);
            case.check(isa, &y);
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let mut rng = Rng::new(2);
    for (s, t, causal) in [(150, 150, true), (150, 200, true), (150, 130, false), (3, 2000, false)] {
        for e in [48, 33] {
            let mut case = Case::of(&mut rng, [1, 2, s, t, 40, e], causal);
            // Where rows of a tile must not see the keys of their neighbours.
            let inf = case.v.at([0, 0, t / 2, 0]);
            case.v.elements[inf] = f32::INFINITY;
            for isa in isas() {
                let isas = IsaSet::detect().capped(isa);
                let one = case.run(isas, &SingleThread);
                for threads in [2, 3, 4, 16, 100] {
                    let more = case.run(isas, &Backwards(threads));
                    let same =
                        one.iter().zip(&more).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan());
                    assert!(same, "{} {threads}: {}", isa.name(), case.describe());
                }
            }
        }
    }
}

#[test]
fn rows_masked_in_full_give_zeros_and_nan_stays() {
    let mut rng = Rng::new(3);
    for isa in isas() {
        let mut case = Case::of(&mut rng, [1, 1, 3, 20, 4, 16], false);
        let mut mask = Strided { elements: vec![0.0; 60], first: 0, dims: [1, 1, 3, 20], strides: [60, 60, 20, 1] };
        mask.elements[20..40].fill(f32::NEG_INFINITY);
        case.mask = Some(mask);
        let nan = case.q.at([0, 0, 2, 1]);
        case.q.elements[nan] = f32::NAN;
        let y = case.run(IsaSet::detect().capped(isa), &SingleThread);
        let row = |s: usize| (0..16).map(|e| y[case.y.at([0, 0, s, e])]).collect::<Vec<_>>();
        assert!(row(0).iter().all(|y| y.is_finite()), "{}", isa.name());
        assert_eq!(row(1), [0.0; 16], "{}", isa.name());
        assert!(row(2).iter().all(|y| y.is_nan()), "{}", isa.name());
    }
}

#[test]
fn nothing_is_made_of_nothing() {
    let mut rng = Rng::new(4);
    let case = |rng: &mut Rng, sizes| Case { mask: None, ..Case::of(rng, sizes, false) };
    let mut rows = case(&mut rng, [1, 1, 1, 1, 1, 1]);
    rows.q.dims[0] = 0;
    (rows.k.dims[0], rows.v.dims[0], rows.y.dims[0]) = (0, 0, 0);
    let y = rows.run(IsaSet::GENERIC, &SingleThread);
    assert!(y.iter().all(|&y| y == UNTOUCHED));
    // Scores without summands are 0: every value counts alike.
    let mut even = case(&mut rng, [1, 2, 3, 5, 1, 6]);
    (even.q.dims[3], even.k.dims[3]) = (0, 0);
    let y = even.run(IsaSet::detect(), &SingleThread);
    even.check(Isa::Generic, &y);
}
