//! AVX2: look-ups in sixteen entries each.

use core::arch::x86_64::*;

use super::{ENTRIES, TableKernel, generic};
use crate::Isa;

/// Bytes of a vector.
const N: usize = 32;
/// Entries of one look-up.
const PART: usize = 16;

/// A look-up gives 0 for a negative index. Each part holds what its entries differ by from those before it, in the half
/// that begins at 0 or at 128; all parts up to a byte's own add up, by exclusive or, to its entry.
#[target_feature(enable = "avx2")]
unsafe fn run(table: &[u8; ENTRIES], x: *const u8, y: *mut u8, len: usize) {
    if len < ENTRIES {
        // SAFETY: as the caller promises.
        return unsafe { generic::run(table, x, y, len) };
    }
    // SAFETY: the table has sixteen parts; `i + N` is at most `len`.
    unsafe {
        let mut parts = [_mm256_setzero_si256(); ENTRIES / PART];
        let mut before = _mm_setzero_si128();
        for (i, part) in parts.iter_mut().enumerate() {
            let entries = _mm_loadu_si128(table.as_ptr().add(PART * i).cast());
            let other = if i % 8 == 0 { _mm_setzero_si128() } else { before };
            *part = _mm256_broadcastsi128_si256(_mm_xor_si128(entries, other));
            before = entries;
        }
        let step = _mm256_set1_epi8(PART as i8);
        let (low, high) = parts.split_at(8);
        let mut i = 0;
        while i + N <= len {
            let mut index = _mm256_loadu_si256(x.add(i).cast());
            let mut upper = _mm256_xor_si256(index, _mm256_set1_epi8(-128));
            let mut sum = _mm256_setzero_si256();
            for (low, high) in low.iter().zip(high) {
                let both = _mm256_xor_si256(_mm256_shuffle_epi8(*low, index), _mm256_shuffle_epi8(*high, upper));
                sum = _mm256_xor_si256(sum, both);
                index = _mm256_subs_epi8(index, step);
                upper = _mm256_subs_epi8(upper, step);
            }
            _mm256_storeu_si256(y.add(i).cast(), sum);
            i += N;
        }
        generic::run(table, x.add(i), y.add(i), len - i);
    }
}

/// 32 bytes at a time.
pub static KERNEL: TableKernel = TableKernel { name: "table__avx2", isa: Isa::Avx2, line: run };
