//! AVX2: transposes in squares of eight, bytes in squares of sixteen, and three channels at once.

use core::arch::x86_64::*;

use super::squares::{self, Square};
use super::{Block, CopyKernel, generic};
use crate::Isa;
use crate::lanes::avx2::F32x8;

/// Elements of a vector.
const N: usize = 8;

#[target_feature(enable = "avx2")]
unsafe fn rows(block: &Block<u32>) {
    // SAFETY: as the caller promises.
    unsafe { squares::rows::<F32x8>(block) }
}

#[target_feature(enable = "avx2")]
unsafe fn transpose(block: &Block<u32>) {
    // SAFETY: as the caller promises.
    unsafe {
        if block.cols == 3 && block.y_pitch == 3 {
            return interleave_3(block);
        }
        if block.rows == 3 && block.x_pitch == 3 {
            return deinterleave_3(block);
        }
        squares::transpose::<Floats>(block);
    }
}

#[target_feature(enable = "avx2")]
unsafe fn transpose_bytes(block: &Block<u8>) {
    // SAFETY: as the caller promises.
    unsafe { squares::transpose::<Bytes>(block) }
}

/// Eight rows of eight.
struct Floats;

impl Square for Floats {
    type Element = u32;
    const SIDE: usize = N;
    // Pairs of squares use up lines of the cache on both sides.
    const ROWS: usize = 2 * N;

    #[inline(always)]
    unsafe fn transpose(block: &Block<u32>) {
        // SAFETY: the block is eight rows of eight on both sides.
        unsafe {
            let mut a = [_mm256_setzero_ps(); N];
            for (i, a) in a.iter_mut().enumerate() {
                *a = load(block.x.offset(i as isize * block.x_pitch));
            }
            let mut b = a;
            for i in 0..4 {
                b[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
                b[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
            }
            for half in [0, 4] {
                a[half] = _mm256_shuffle_ps::<0b01_00_01_00>(b[half], b[half + 2]);
                a[half + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(b[half], b[half + 2]);
                a[half + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(b[half + 1], b[half + 3]);
                a[half + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(b[half + 1], b[half + 3]);
            }
            for i in 0..4 {
                let low = _mm256_permute2f128_ps::<0x20>(a[i], a[i + 4]);
                let high = _mm256_permute2f128_ps::<0x31>(a[i], a[i + 4]);
                store(block.y.offset(i as isize * block.y_pitch), low);
                store(block.y.offset((i + 4) as isize * block.y_pitch), high);
            }
        }
    }
}

/// Sixteen rows of sixteen: four times, rows i and i + 8 are interleaved to rows 2i and 2i + 1.
struct Bytes;

impl Square for Bytes {
    type Element = u8;
    const SIDE: usize = 16;
    const ROWS: usize = 16;

    #[inline(always)]
    unsafe fn transpose(block: &Block<u8>) {
        // SAFETY: the block is sixteen rows of sixteen on both sides.
        unsafe {
            let mut a = [_mm_setzero_si128(); 16];
            for (i, a) in a.iter_mut().enumerate() {
                *a = _mm_loadu_si128(block.x.offset(i as isize * block.x_pitch).cast());
            }
            for _ in 0..4 {
                let mut b = a;
                for i in 0..8 {
                    b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
                    b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
                }
                a = b;
            }
            for (i, a) in a.into_iter().enumerate() {
                _mm_storeu_si128(block.y.offset(i as isize * block.y_pitch).cast(), a);
            }
        }
    }
}

/// Three rows of `x` become triples of `y`.
#[target_feature(enable = "avx2")]
unsafe fn interleave_3(block: &Block<u32>) {
    let whole = block.rows / N * N;
    // SAFETY: eight elements of each row from `i` on, and the 24 that they become, lie in the block.
    unsafe {
        // Which of eight goes to each place of the three vectors; the places of the other rows hold anything.
        let first = _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5);
        let second = _mm256_setr_epi32(5, 0, 3, 6, 1, 4, 7, 2);
        let third = _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7);
        let [x0, x1, x2] = [0, 1, 2].map(|c| block.x.offset(c * block.x_pitch));
        for i in (0..whole).step_by(N) {
            let a = _mm256_permutevar8x32_ps(load(x0.add(i)), first);
            let b = _mm256_permutevar8x32_ps(load(x1.add(i)), second);
            let c = _mm256_permutevar8x32_ps(load(x2.add(i)), third);
            let y = block.y.add(3 * i);
            store(y, _mm256_blend_ps::<0b0010_0100>(_mm256_blend_ps::<0b1001_0010>(a, b), c));
            store(y.add(N), _mm256_blend_ps::<0b0100_1001>(_mm256_blend_ps::<0b0010_0100>(a, b), c));
            store(y.add(2 * N), _mm256_blend_ps::<0b1001_0010>(_mm256_blend_ps::<0b0100_1001>(a, b), c));
        }
        generic::transpose(&block.part(whole, 0, block.rows - whole, 3));
    }
}

/// Triples of `x` become three rows of `y`.
#[target_feature(enable = "avx2")]
unsafe fn deinterleave_3(block: &Block<u32>) {
    let whole = block.cols / N * N;
    // SAFETY: 24 elements from `3·i` on, and the eight of each row that they become, lie in the block.
    unsafe {
        // The inverse of the permutations that interleave.
        let first = _mm256_setr_epi32(0, 3, 6, 1, 4, 7, 2, 5);
        let second = _mm256_setr_epi32(1, 4, 7, 2, 5, 0, 3, 6);
        let third = _mm256_setr_epi32(2, 5, 0, 3, 6, 1, 4, 7);
        let [y0, y1, y2] = [0, 1, 2].map(|r| block.y.offset(r * block.y_pitch));
        for i in (0..whole).step_by(N) {
            let x = block.x.add(3 * i);
            let (u, v, w) = (load(x), load(x.add(N)), load(x.add(2 * N)));
            let a = _mm256_blend_ps::<0b0010_0100>(_mm256_blend_ps::<0b1001_0010>(u, v), w);
            let b = _mm256_blend_ps::<0b0100_1001>(_mm256_blend_ps::<0b0010_0100>(u, v), w);
            let c = _mm256_blend_ps::<0b1001_0010>(_mm256_blend_ps::<0b0100_1001>(u, v), w);
            store(y0.add(i), _mm256_permutevar8x32_ps(a, first));
            store(y1.add(i), _mm256_permutevar8x32_ps(b, second));
            store(y2.add(i), _mm256_permutevar8x32_ps(c, third));
        }
        generic::transpose(&block.part(0, whole, 3, block.cols - whole));
    }
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(p: *const u32) -> __m256 {
    // SAFETY: as the caller promises.
    unsafe { _mm256_loadu_ps(p.cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(p: *mut u32, v: __m256) {
    // SAFETY: as the caller promises.
    unsafe { _mm256_storeu_ps(p.cast(), v) }
}

/// Eight elements at a time.
pub static KERNEL: CopyKernel = CopyKernel { name: "copy__avx2", isa: Isa::Avx2, rows, transpose, transpose_bytes };
