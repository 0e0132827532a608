//! Micro-kernels, one folder a family, one file an instruction set, and a generic reference for each.
//!
//! The safe functions of a family check their arguments once and then run the kernel that was chosen when the
//! plan was bound; nothing here allocates. Views ([`View`], [`ViewMut`]) carry the promise that every element
//! they address is there; only their constructors are unsafe.
#![no_std]

#[cfg(feature = "std")]
extern crate std;

/// Runs a block for each index below `$end`, at most 19, that is a constant in each copy of the block: arrays indexed
/// by it are registers, however the compiler is told to treat loops. Told `of 2` or `of 4`, it writes that many
/// copies at most: those of nested loops multiply.
macro_rules! unrolled {
    ($i:ident < $end:expr, of 2 => $body:block) => {
        unrolled!(@ $i, $end, $body, 0 1)
    };
    ($i:ident < $end:expr, of 4 => $body:block) => {
        unrolled!(@ $i, $end, $body, 0 1 2 3)
    };
    ($i:ident < $end:expr => $body:block) => {
        unrolled!(@ $i, $end, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18)
    };
    (@ $i:ident, $end:expr, $body:block, $($number:literal)*) => {
        $({
            let $i: usize = $number;
            if $i < $end $body
        })*
    };
}

pub mod activation;
pub mod activation_f32;
pub mod attention_f32;
pub mod binary;
pub mod binary_i8;
mod bytes;
pub mod cast;
pub mod conv_f32;
pub mod conv_i8;
pub mod conv_transpose_f32;
pub mod copy;
pub mod depthwise_f32;
pub mod depthwise_i8;
pub mod dequantize;
#[cfg(all(target_arch = "arm", feature = "dsp"))]
mod dsp;
pub mod dynamic_i8;
pub mod gather;
pub mod gemm_f32;
pub mod gemm_i8;
pub mod isa;
#[allow(dead_code, reason = "families take it up one by one")]
mod lanes;
pub mod matmul_f32;
pub mod normalize_f32;
pub mod pad;
pub mod parallel;
pub mod pool_f32;
pub mod pool_i8;
pub mod quantize;
pub mod recurrent_f32;
pub mod reduce;
pub mod requantize;
pub mod resize_f32;
#[cfg(target_arch = "x86_64")]
mod saturate;
pub mod select;
mod sight;
pub mod softmax_f32;
pub mod softmax_i8;
pub mod table;
#[cfg(test)]
mod test_epilogues;
#[cfg(test)]
mod test_images;
#[cfg(test)]
mod test_layouts;
mod view;
mod walk;
pub mod widen_f16;
pub mod window;
mod winograd;
pub mod winograd_f32;
pub mod winograd_i8;

pub use isa::{Isa, IsaSet};
pub use parallel::{Parallel, SingleThread};
pub use view::{Element, MAX_RANK, Rows, RowsMut, View, ViewMut};
pub use walk::Loops;
