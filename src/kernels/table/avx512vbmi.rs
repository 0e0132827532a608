//! AVX-512 with VBMI: two look-ups in 128 entries each.

use core::arch::x86_64::*;

use super::{ENTRIES, TableKernel};
use crate::Isa;

/// Bytes of a vector.
const N: usize = 64;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi")]
unsafe fn run(table: &[u8; ENTRIES], x: *const u8, y: *mut u8, len: usize) {
    // SAFETY: the table has four vectors; `i + N` is at most `len`, and the mask has the bytes that are left.
    unsafe {
        let [a, b, c, d] = [0, 1, 2, 3].map(|i| _mm512_loadu_si512(table.as_ptr().add(N * i).cast()));
        let of = |x| {
            let (low, high) = (_mm512_permutex2var_epi8(a, x, b), _mm512_permutex2var_epi8(c, x, d));
            _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high)
        };
        let mut i = 0;
        while i + 2 * N <= len {
            let (one, two) = (_mm512_loadu_si512(x.add(i).cast()), _mm512_loadu_si512(x.add(i + N).cast()));
            _mm512_storeu_si512(y.add(i).cast(), of(one));
            _mm512_storeu_si512(y.add(i + N).cast(), of(two));
            i += 2 * N;
        }
        while i < len {
            let mask = !0u64 >> (N - N.min(len - i));
            _mm512_mask_storeu_epi8(y.add(i).cast(), mask, of(_mm512_maskz_loadu_epi8(mask, x.add(i).cast())));
            i += N;
        }
    }
}

/// 64 bytes at a time.
pub static KERNEL: TableKernel = TableKernel { name: "table__avx512vbmi", isa: Isa::Avx512Vbmi, line: run };
