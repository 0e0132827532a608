//! AVX2.

use core::arch::x86_64::*;

use super::transform::{self, Finish, Integers, Lines, Sums, Words, integers};
use super::{MultiplyFn, Product, WinogradKernel};
use crate::Isa;
use crate::gemm_i8::{PANEL, multiply_pairs, store_registers, store_ymm};
use crate::winograd::{POINTS, Patch, TILE};

/// 16 words.
#[derive(Clone, Copy)]
pub(super) struct I16x16(__m256i);

/// 8 sums.
#[derive(Clone, Copy)]
struct I32x8(__m256i);

integers!(I16x16, 16: _mm256_add_epi16 _mm256_sub_epi16 _mm256_sll_epi16 _mm_cvtsi32_si128);
integers!(I32x8, 8: _mm256_add_epi32 _mm256_sub_epi32 _mm256_sll_epi32 _mm_cvtsi32_si128);

// SAFETY: the caller has the instruction set and valid pointers.
unsafe impl Words for I16x16 {
    #[inline(always)]
    unsafe fn splat(v: u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_set1_epi16(i16::from(v))) }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_cvtepu8_epi16(_mm_loadu_si128(p.cast()))) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut i16) {
        // SAFETY: as the caller promises.
        unsafe { _mm256_storeu_si256(p.cast(), self.0) }
    }
}

// SAFETY: the caller has the instruction set and valid pointers.
unsafe impl Sums for I32x8 {
    #[inline(always)]
    unsafe fn load(p: *const i32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_loadu_si256(p.cast())) }
    }
    #[inline(always)]
    unsafe fn mul(self, by: i32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_mullo_epi32(self.0, _mm256_set1_epi32(by))) }
    }
    #[inline(always)]
    unsafe fn sar(self, by: u32) -> Self {
        // SAFETY: as the caller promises.
        unsafe { Self(_mm256_sra_epi32(self.0, _mm_cvtsi32_si128(by as i32))) }
    }
}

#[target_feature(enable = "avx2")]
unsafe fn input(patch: &Patch<u8, i16>) {
    for c in (0..patch.channels).step_by(I16x16::N) {
        // SAFETY: as the caller promises.
        unsafe { transform::input::<I16x16>(patch, c) }
    }
}

/// `M` patches.
#[target_feature(enable = "avx2")]
unsafe fn multiply<const M: usize>(p: &Product) {
    let Product { mut x, mut w, channels, sums } = *p;
    for point in 0..POINTS {
        // SAFETY: each patch has the point's channels, with weights, and its sums, as the caller promises.
        unsafe {
            let mut m = [[_mm256_setzero_si256(); 2]; M];
            multiply_pairs(&mut m, [x, x.add(channels)], 2 * POINTS * channels, w);
            unrolled!(i < M => {
                let to = sums.add((i * POINTS + point) * PANEL).cast::<__m256i>();
                _mm256_storeu_si256(to, m[i][0]);
                _mm256_storeu_si256(to.add(1), m[i][1]);
            });
            (x, w) = (x.add(channels), w.add(channels * PANEL));
        }
    }
}

#[target_feature(enable = "avx2")]
unsafe fn output(t: &Finish<'_>) {
    // SAFETY: as the caller promises.
    unsafe {
        let bias = t.store.bias.add(t.column);
        let bias = [I32x8::load(bias), I32x8::load(bias.add(I32x8::N))];
        let lines = [Lines::new(t.sums, 0), Lines::new(t.sums, I32x8::N)];
        for i in 0..t.size[0] {
            let (first, second) = (lines[0].line(i, bias[0]), lines[1].line(i, bias[1]));
            let mut pixels = [[_mm256_setzero_si256(); 2]; TILE];
            unrolled!(j < TILE, of 4 => { pixels[j] = [first[j].0, second[j].0]; });
            if t.size[1] == TILE {
                store_registers::<TILE>(&t.line(i), t.column, &pixels);
            } else {
                // A copy, so that the others stay in registers.
                let pixels = pixels;
                store_ymm(&t.line(i), t.column, (&raw const pixels).cast(), t.size[1], 1);
            }
        }
    }
}

/// Six patches at a time.
pub static KERNEL: WinogradKernel = WinogradKernel {
    name: "winograd_i8_6__avx2",
    isa: Isa::Avx2,
    input,
    multiply: &[multiply::<1> as MultiplyFn, multiply::<2>, multiply::<3>, multiply::<4>, multiply::<5>, multiply::<6>],
    output,
};
