//! Portable Rust.

use super::{Columns, FinishKernel, finish};
use crate::Isa;
use crate::quantize::Division;

unsafe fn run(sums: &[i32], row: &Division, columns: &Columns<'_>, y: &mut [f32]) {
    finish::run(sums, row, columns, y);
}

/// As many columns at a time as a vector has.
pub static KERNEL: FinishKernel = FinishKernel { name: "dynamic_i8__generic", isa: Isa::Generic, run };
