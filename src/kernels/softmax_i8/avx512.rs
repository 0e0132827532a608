//! AVX-512.

use super::{Softmax, SoftmaxKernel, row};
use crate::Isa;
use crate::table::TableKernel;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn run(how: &Softmax<'_>, tables: &TableKernel, x: *const u8, y: *mut u8, cols: usize) {
    // SAFETY: as the caller promises.
    unsafe { row::run(how, tables, x, y, cols) }
}

/// One row at a time.
pub static KERNEL: SoftmaxKernel = SoftmaxKernel { name: "softmax_i8__avx512", isa: Isa::Avx512, run };
