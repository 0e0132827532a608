//! The inner loop, by number of rows. It is written in assembly because compilers want more registers than there are,
//! and then keep sums in memory.

use core::arch::asm;

use super::Sums;

/// Adds the products of two elements of a row with the weights of both halves.
macro_rules! both {
    ($first:tt $second:tt $at:tt $odd:tt) => {
        concat!(
            "vpbroadcastd ymm14, dword ptr [",
            $at,
            $odd,
            "]\n",
            "vpmaddwd ymm15, ymm14, ymm12\n",
            "vpmaddwd ymm14, ymm14, ymm13\n",
            "vpaddd ",
            $first,
            ", ",
            $first,
            ", ymm15\n",
            "vpaddd ",
            $second,
            ", ",
            $second,
            ", ymm14",
        )
    };
}

/// Adds the products of a quad of a row with the weights of the first half.
macro_rules! half {
    ($first:tt $at:tt) => {
        concat!(
            "vpbroadcastd ymm14, dword ptr [",
            $at,
            "]\n",
            "vpbroadcastd ymm15, dword ptr [",
            $at,
            " + 4]\n",
            "vpmaddwd ymm14, ymm14, ymm12\n",
            "vpmaddwd ymm15, ymm15, ymm13\n",
            "vpaddd ",
            $first,
            ", ",
            $first,
            ", ymm14\n",
            "vpaddd ",
            $first,
            ", ",
            $first,
            ", ymm15",
        )
    };
}

/// The loop for some rows: for each its number, the registers of its sums, and its address.
macro_rules! rows {
    ($sums:ident $x:ident $pitch:ident $w:ident: $($i:literal $first:tt $second:tt $at:tt),*) => {
        if H == 2 {
            // Weights are loaded twice, so that two of them are at hand at a time.
            asm!(
                "2:",
                "vmovdqu ymm12, ymmword ptr [rdi]",
                "vmovdqu ymm13, ymmword ptr [rdi + 32]",
                "vpsllw ymm12, ymm12, 8",
                "vpsllw ymm13, ymm13, 8",
                "vpsraw ymm12, ymm12, 8",
                "vpsraw ymm13, ymm13, 8",
                $(both!($first $second $at ""),)*
                "vmovdqu ymm12, ymmword ptr [rdi]",
                "vmovdqu ymm13, ymmword ptr [rdi + 32]",
                "vpsraw ymm12, ymm12, 8",
                "vpsraw ymm13, ymm13, 8",
                $(both!($first $second $at " + 4"),)*
                "add rsi, 8",
                "add rdi, 64",
                "cmp rsi, rdx",
                "jb 2b",
                inout("rsi") $x[0] => _, inout("rdi") $w => _, in("rdx") $x[1],
                in("rcx") $pitch, in("r8") 3 * $pitch, in("r9") 5 * $pitch,
                $(inout($first) $sums[$i][0], inout($second) $sums[$i][1],)*
                out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
                options(readonly, nostack),
            );
        } else {
            asm!(
                "2:",
                "vmovdqu ymm13, ymmword ptr [rdi]",
                "vpsllw ymm12, ymm13, 8",
                "vpsraw ymm13, ymm13, 8",
                "vpsraw ymm12, ymm12, 8",
                $(half!($first $at),)*
                "add rsi, 8",
                "add rdi, 64",
                "cmp rsi, rdx",
                "jb 2b",
                inout("rsi") $x[0] => _, inout("rdi") $w => _, in("rdx") $x[1],
                in("rcx") $pitch, in("r8") 3 * $pitch, in("r9") 5 * $pitch,
                $(inout($first) $sums[$i][0],)*
                out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
                options(readonly, nostack),
            );
        }
    };
}

/// Adds the products of `M` rows, the first of which begins and ends at `x`, at least a quad, with weights of `H` halves of
/// a panel.
///
/// # Safety
/// The rows are valid for reading, `pitch` bytes apart, and weights for all of their quads. The processor has AVX2.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) unsafe fn multiply<const M: usize, const H: usize>(
    sums: &mut Sums<M>,
    x: [*const u8; 2],
    pitch: usize,
    w: *const i8,
) {
    // SAFETY: as the caller promises; nothing is written.
    unsafe {
        match M {
            1 => rows!(sums x pitch w: 0 "ymm0" "ymm1" "rsi"),
            2 => rows!(sums x pitch w: 0 "ymm0" "ymm1" "rsi", 1 "ymm2" "ymm3" "rsi + rcx"),
            3 => {
                rows!(sums x pitch w: 0 "ymm0" "ymm1" "rsi", 1 "ymm2" "ymm3" "rsi + rcx", 2 "ymm4" "ymm5" "rsi + 2*rcx")
            }
            4 => {
                rows!(sums x pitch w: 0 "ymm0" "ymm1" "rsi", 1 "ymm2" "ymm3" "rsi + rcx", 2 "ymm4" "ymm5" "rsi + 2*rcx",
                3 "ymm6" "ymm7" "rsi + r8")
            }
            5 => {
                rows!(sums x pitch w: 0 "ymm0" "ymm1" "rsi", 1 "ymm2" "ymm3" "rsi + rcx", 2 "ymm4" "ymm5" "rsi + 2*rcx",
                3 "ymm6" "ymm7" "rsi + r8", 4 "ymm8" "ymm9" "rsi + 4*rcx")
            }
            6 => {
                rows!(sums x pitch w: 0 "ymm0" "ymm1" "rsi", 1 "ymm2" "ymm3" "rsi + rcx", 2 "ymm4" "ymm5" "rsi + 2*rcx",
                3 "ymm6" "ymm7" "rsi + r8", 4 "ymm8" "ymm9" "rsi + 4*rcx", 5 "ymm10" "ymm11" "rsi + r9")
            }
            _ => const { assert!(M <= super::ROWS) },
        }
    }
}
