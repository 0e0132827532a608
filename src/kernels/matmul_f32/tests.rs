use std::vec;
use std::vec::Vec;

use coulter_testkit::rng::Rng;

use super::MatMul;
use crate::activation::Function;
use crate::gemm_f32::{GemmKernel, KERNELS};
use crate::parallel::Backwards;
use crate::{IsaSet, Parallel, SingleThread, View, ViewMut};

fn kernels() -> impl Iterator<Item = &'static GemmKernel> {
    KERNELS.iter().copied().filter(|k| IsaSet::detect().contains(k.isa))
}

/// A factor or product: strides of its batch, rows and columns in a buffer of its own.
struct Strided {
    dims: Vec<usize>,
    strides: Vec<isize>,
    first: usize,
    len: usize,
}

impl Strided {
    /// Lays the dimensions out in this order, the last being the innermost, with `gap` elements behind every row;
    /// those whose bit is set in `broadcast` have stride 0, in `reversed` a negative one.
    fn new(dims: &[usize], order: &[usize], gap: usize, broadcast: usize, reversed: usize) -> Self {
        let (mut strides, mut len, mut first) = (vec![0; dims.len()], 1, 0);
        for (i, &d) in order.iter().enumerate().rev() {
            if broadcast >> d & 1 == 1 {
                continue;
            }
            strides[d] = len as isize;
            if reversed >> d & 1 == 1 {
                strides[d] = -strides[d];
                first += len * dims[d].saturating_sub(1);
            }
            len *= dims[d];
            if i == order.len() - 1 {
                len += gap;
            }
        }
        Self { dims: dims.to_vec(), strides, first, len }
    }

    fn at(&self, index: &[usize]) -> usize {
        let offset: isize = index.iter().zip(&self.strides).map(|(&i, s)| i as isize * s).sum();
        (self.first as isize + offset) as usize
    }

    fn view<'a>(&self, buffer: &'a [f32]) -> View<'a, f32> {
        assert!(buffer.len() == self.len && (self.dims.contains(&0) || self.first < self.len.max(1)));
        // SAFETY: the strides were laid out for a buffer of this length.
        unsafe { View::from_raw(buffer.as_ptr().wrapping_add(self.first), &self.dims, &self.strides) }
    }

    fn view_mut<'a>(&self, buffer: &'a mut [f32]) -> ViewMut<'a, f32> {
        assert_eq!(buffer.len(), self.len);
        // SAFETY: as above.
        unsafe { ViewMut::from_raw(buffer.as_mut_ptr().wrapping_add(self.first), &self.dims, &self.strides) }
    }
}

struct Case {
    a: Strided,
    b: Strided,
    y: Strided,
    a_values: Vec<f32>,
    b_values: Vec<f32>,
    alpha: f32,
    activation: Function,
}

impl Case {
    fn new(rng: &mut Rng, a: Strided, b: Strided, y: Strided) -> Self {
        let (a_values, b_values) = (rng.f32s(a.len), rng.f32s(b.len));
        let activation = rng.pick(&[Function::IDENTITY, Function::RELU]);
        Self { a, b, y, a_values, b_values, alpha: rng.pick(&[1.0, 0.125]), activation }
    }

    fn run(&self, kernel: &GemmKernel, parallel: &dyn Parallel) -> Vec<f32> {
        let mut y = vec![-7.0; self.y.len];
        let (a, b) = (self.a.view(&self.a_values), self.b.view(&self.b_values));
        let matmul = MatMul { a, b, alpha: self.alpha, activation: self.activation };
        let mut scratch = vec![f32::NAN; matmul.scratch_len()];
        matmul.run(kernel, &mut self.y.view_mut(&mut y), &mut scratch, parallel);
        y
    }

    fn check(&self, kernel: &GemmKernel) {
        let y = self.run(kernel, &SingleThread);
        let mut touched = vec![false; y.len()];
        let (rank, k) = (self.a.dims.len(), *self.a.dims.last().unwrap());
        let elements: usize = self.y.dims.iter().product();
        for element in 0..elements {
            let (mut index, mut rest) = (vec![0; rank], element);
            for (i, &d) in self.y.dims.iter().enumerate().rev() {
                (index[i], rest) = (rest % d, rest / d);
            }
            let (mut ia, mut ib) = (index.clone(), index.clone());
            let terms = (0..k).map(|k| {
                (ia[rank - 1], ib[rank - 2]) = (k, k);
                f64::from(self.a_values[self.a.at(&ia)]) * f64::from(self.b_values[self.b.at(&ib)])
            });
            let (low, high) = self.activation.as_clamp().unwrap();
            let expected = (terms.sum::<f64>() * f64::from(self.alpha)).max(low.into()).min(high.into());
            let at = self.y.at(&index);
            touched[at] = true;
            let error = (f64::from(y[at]) - expected).abs();
            assert!(error < 1e-6 * (k + 1) as f64, "{} at {index:?}: {} is not {expected}", kernel.name, y[at]);
        }
        assert!(y.iter().zip(&touched).all(|(&y, &touched)| touched || y == -7.0), "{} touches more", kernel.name);
        let together = self.run(kernel, &Backwards(4));
        assert!(y.iter().zip(&together).all(|(a, b)| a.to_bits() == b.to_bits()), "{}: threads differ", kernel.name);
    }
}

#[test]
fn products_of_any_strides_match_f64() {
    let mut rng = Rng::new(1);
    for kernel in kernels() {
        for _ in 0..300 {
            let batch = [rng.in_range(1..=3), rng.in_range(1..=3)];
            let (m, k, n) = (rng.pick(&[0, 1, 2, 5, 29, 40]), rng.pick(&[0, 1, 3, 17]), rng.pick(&[1, 3, 16, 33, 48]));
            let orders: [&[usize]; 4] = [&[0, 1, 2, 3], &[0, 1, 3, 2], &[0, 2, 1, 3], &[3, 0, 2, 1]];
            let of = |rng: &mut Rng, rows, cols| {
                let (gap, broadcast) = (rng.pick(&[0, 3]), rng.pick(&[0, 0, 1, 2, 3]));
                let reversed = rng.pick(&[0, 0, 1, 2, 4, 8, 15]);
                Strided::new(&[batch[0], batch[1], rows, cols], rng.pick(&orders), gap, broadcast, reversed)
            };
            let (a, b) = (of(&mut rng, m, k), of(&mut rng, k, n));
            let order = rng.pick(&[orders[0], orders[2]]);
            let (gap, reversed) = (rng.pick(&[0, 3]), rng.pick(&[0, 0, 1, 4]));
            let y = Strided::new(&[batch[0], batch[1], m, n], order, gap, 0, reversed);
            Case::new(&mut rng, a, b, y).check(kernel);
        }
    }
}

#[test]
fn many_threads_share_large_factors() {
    let mut rng = Rng::new(2);
    for kernel in kernels() {
        for order in [[0, 1], [1, 0]] {
            let of = |rows, cols, order: &[usize]| Strided::new(&[rows, cols], order, 0, 0, 0);
            let (a, b) = (of(90, 310, &order), of(310, 200, &[order[1], order[0]]));
            Case::new(&mut rng, a, b, of(90, 200, &[0, 1])).check(kernel);
        }
    }
}

#[test]
fn a_broadcast_factor_is_packed_once_and_makes_rows_of_a_batch() {
    let mut rng = Rng::new(3);
    for kernel in kernels() {
        for m in [1, 7, 40] {
            let a = Strided::new(&[3, 2, m, 20], &[0, 1, 2, 3], 0, 0, 0);
            let b = Strided::new(&[3, 2, 20, 35], &[0, 1, 3, 2], 0, 3, 0);
            let y = Strided::new(&[3, 2, m, 35], &[0, 1, 2, 3], 2, 0, 0);
            Case::new(&mut rng, a, b, y).check(kernel);
        }
    }
}
