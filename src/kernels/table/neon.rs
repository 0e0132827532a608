//! aarch64 Advanced SIMD: look-ups in 64 entries each.

use core::arch::aarch64::*;

use super::{ENTRIES, TableKernel, generic};
use crate::Isa;

/// Bytes of a vector.
const N: usize = 16;
/// Entries of one look-up.
const PART: usize = 64;

/// A look-up leaves what it is given where an index is beyond its entries.
unsafe fn run(table: &[u8; ENTRIES], x: *const u8, y: *mut u8, len: usize) {
    // SAFETY: the table has four parts; `i + N` is at most `len`.
    unsafe {
        let mut i = 0;
        if len >= N {
            let [a, b, c, d] = [0, 1, 2, 3].map(|i| vld1q_u8_x4(table.as_ptr().add(PART * i)));
            let part = vdupq_n_u8(PART as u8);
            while i + N <= len {
                let mut index = vld1q_u8(x.add(i));
                let mut found = vqtbl4q_u8(a, index);
                for entries in [b, c, d] {
                    index = vsubq_u8(index, part);
                    found = vqtbx4q_u8(found, entries, index);
                }
                vst1q_u8(y.add(i), found);
                i += N;
            }
        }
        generic::run(table, x.add(i), y.add(i), len - i);
    }
}

/// 16 bytes at a time.
pub static KERNEL: TableKernel = TableKernel { name: "table__neon", isa: Isa::Neon, line: run };
