use std::format;
use std::vec;
use std::vec::Vec;

use coulter_testkit::isa_coverage;
use coulter_testkit::rng::Rng;

use super::{Gemm, GemmKernel, KERNELS, PANEL, QUAD, packed_len};
use crate::parallel::Backwards;
use crate::test_epilogues::{Bytes, Ends, own_rows, random_weights};
use crate::{IsaSet, Parallel, SingleThread};

/// Kernels that this processor can run.
pub(crate) fn kernels() -> impl Iterator<Item = &'static GemmKernel> {
    #[cfg(target_arch = "x86_64")]
    let more = Some(&super::avxvnni::evex::KERNEL);
    #[cfg(not(target_arch = "x86_64"))]
    let more = None;
    KERNELS.iter().copied().chain(more).filter(|k| IsaSet::detect().contains(k.isa))
}

struct Case {
    m: usize,
    k: usize,
    n: usize,
    x: Bytes,
    w_zero: i32,
    panels: Vec<i8>,
    ends: Ends,
    /// Without bias.
    sums: Vec<i64>,
}

impl Case {
    fn random(rng: &mut Rng, m: usize, k: usize, n: usize) -> Self {
        let (x, w, w_zero) = (Bytes::random(rng, m, k), random_weights(rng, k * n), rng.pick(&[0, 0, -128, 5, 127]));
        let mut panels = vec![0; packed_len(k, n)];
        for (i, &w) in w.iter().enumerate() {
            let (k_at, n_at) = (i / n, i % n);
            let quad = n_at / PANEL * k.div_ceil(QUAD) + k_at / QUAD;
            panels[(quad * PANEL + n_at % PANEL) * QUAD + k_at % QUAD] = w;
        }
        let mut sums = vec![0; m * n];
        for (i, sum) in sums.iter_mut().enumerate() {
            for k in 0..k {
                *sum += i64::from(x.at(i / n, k)) * (i64::from(w[k * n + i % n]) - i64::from(w_zero));
            }
        }
        Self { m, k, n, x, w_zero, panels, ends: Ends::random(rng, k, m, n, 1), sums }
    }

    fn run(&self, kernel: &GemmKernel, y: &mut Bytes, in_place: bool, parallel: &dyn Parallel) {
        let mut y = y.rows_mut();
        let epilogue = self.ends.epilogue(in_place.then(|| own_rows(&y)));
        kernel.run(&Gemm { x: self.x.rows(), w: &self.panels, w_zero: self.w_zero, epilogue }, &mut y, parallel);
    }

    fn check(&self, rng: &mut Rng, kernel: &GemmKernel) {
        let what = format!("{} {}×{}×{}, {:?}", kernel.name, self.m, self.k, self.n, self.ends);
        let expected = |row, col| self.ends.expected(row, col, self.sums[row * self.n + col]);
        let blank = Bytes::blank(rng, self.m, self.n);
        let (mut one, mut many) = (blank.clone(), blank);
        self.run(kernel, &mut one, false, &SingleThread);
        one.expect(&what, expected);
        self.run(kernel, &mut many, false, &Backwards(4));
        assert!(one == many, "{what}: threads differ");
        if let Some((residual, _)) = &self.ends.residual {
            let mut y = residual.clone();
            self.run(kernel, &mut y, true, &SingleThread);
            y.expect(&what, expected);
        }
    }
}

#[test]
fn every_kernel_gives_the_contracts_bytes_at_tile_edges() {
    let mut covered = Vec::new();
    for kernel in kernels() {
        let mut rng = Rng::new(1);
        for m in [0, 1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 16, 17, 49] {
            for n in [1, 7, 8, 15, 16, 17, 24, 31, 32, 40, 48, 63, 64, 65, 80, 96, 127, 128, 145] {
                for k in [0, 1, 3, 4, 5, 16, 31, 34] {
                    Case::random(&mut rng, m, k, n).check(&mut rng, kernel);
                }
            }
        }
        covered.push(kernel.isa.name());
    }
    let offered: Vec<_> = KERNELS.iter().map(|k| k.isa.name()).collect();
    isa_coverage::check("gemm_i8", &offered, &covered);
}

#[test]
fn large_products_are_split_without_changing_a_byte() {
    for kernel in kernels() {
        let mut rng = Rng::new(2);
        for (m, k, n) in [(1, 700, 1000), (3, 300, 500), (100, 64, 70), (37, 1030, 200), (500, 40, 16), (9, 2050, 300)]
        {
            Case::random(&mut rng, m, k, n).check(&mut rng, kernel);
        }
    }
}
