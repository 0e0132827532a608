use std::io::Write;
use std::string::String;
use std::vec::Vec;

use super::{Isa, IsaSet};

/// Names of families, and the instruction sets that each has kernels for.
macro_rules! families {
    ($($family:ident $(:: $list:ident)*),* $(,)?) => {
        [$((stringify!($family), crate::$family$(::$list)*::KERNELS.iter().map(|k| k.isa).collect::<Vec<_>>())),*]
    };
}

fn families() -> impl IntoIterator<Item = (&'static str, Vec<Isa>)> {
    families![
        activation_f32,
        binary,
        binary_i8,
        conv_transpose_f32,
        copy,
        depthwise_f32,
        depthwise_i8,
        dequantize,
        gemm_f32,
        gemm_i8,
        normalize_f32,
        pool_f32,
        pool_i8,
        quantize,
        recurrent_f32::blend,
        reduce,
        resize_f32,
        softmax_f32,
        table,
        winograd_f32,
    ]
}

/// Joined by commas, as `COULTER_EXPECT_ISA` has them.
fn names(isas: impl IntoIterator<Item = Isa>) -> String {
    isas.into_iter().map(Isa::name).collect::<Vec<_>>().join(",")
}

/// Tests of families run every kernel whose instruction set was detected: `COULTER_EXPECT_ISA` says which these have to
/// be, so that an emulated processor that lacks one does not pass for one that was tested.
#[test]
fn what_is_detected_is_what_is_expected_and_families_have_kernels_for_it() {
    let isas = IsaSet::detect();
    assert!(isas.contains(Isa::Generic));
    let expected = std::env::var("COULTER_EXPECT_ISA").ok();
    if let Some(expected) = &expected {
        assert_eq!(names(isas.iter()), *expected, "instruction sets of this processor");
    }
    // Not through the macros that tests capture: the log shall say what was covered.
    let mut log = std::io::stderr().lock();
    for (family, all) in families() {
        let covered: Vec<_> = isas.iter().filter(|isa| all.contains(isa)).collect();
        if expected.is_some() {
            writeln!(log, "covered: {family} on {}", names(covered.iter().copied())).unwrap();
        }
        for isa in [Isa::Generic, Isa::Neon, Isa::Avx2] {
            assert!(!isas.contains(isa) || covered.contains(&isa), "{family} lacks a kernel for {}", isa.name());
        }
    }
}

#[test]
fn no_kernel_is_selected_that_the_processor_lacks() {
    let isas = IsaSet::detect();
    for cap in Isa::ALL {
        let allowed = isas.capped(cap);
        for selected in [
            crate::gemm_f32::select(allowed).isa,
            crate::gemm_i8::select(allowed).isa,
            crate::depthwise_i8::select(allowed).isa,
            crate::table::select(allowed).isa,
        ] {
            assert!(isas.contains(selected) && allowed.contains(selected), "{} of {allowed:?}", selected.name());
        }
    }
}
