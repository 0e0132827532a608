//! AVX2.

use super::{Columns, FinishKernel, finish};
use crate::Isa;
use crate::quantize::Division;

#[target_feature(enable = "avx2")]
unsafe fn run(sums: &[i32], row: &Division, columns: &Columns<'_>, y: &mut [f32]) {
    finish::run(sums, row, columns, y);
}

/// As many columns at a time as a vector has.
pub static KERNEL: FinishKernel = FinishKernel { name: "dynamic_i8__avx2", isa: Isa::Avx2, run };
