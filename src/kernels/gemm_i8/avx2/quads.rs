//! The inner loops, by number of rows. They are written in assembly because compilers want more registers than there
//! are, and then keep sums in memory.

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

/// A loop over the elements from one address of the first row to another, with 64 bytes of weights a turn: its
/// instructions, and the registers of sums, each with its row and half.
macro_rules! turns {
    ($sums:ident $x:ident $pitch:ident $w:ident, [$(($register:tt $i:literal $half:literal))*], $($line:expr),*) => {
        asm!(
            "2:",
            $($line,)*
            "add rdi, 64",
            "cmp rsi, rdx",
            "jb 2b",
            inout("rsi") $x[0] => _, inout("rdi") $w => _, in("rdx") $x[1],
            in("rcx") $pitch, in("r8") 3 * $pitch, in("r9") 5 * $pitch,
            $(inout($register) $sums[$i][$half],)*
            out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
            options(readonly, nostack),
        )
    };
}

/// Quads of bytes, widened, with both halves of the weights. Weights are loaded twice, so that two of them are at hand at a
/// time.
macro_rules! quads {
    ($sums:ident $x:ident $pitch:ident $w:ident: $($i:literal $first:tt $second:tt $at:tt),*) => {
        turns!($sums $x $pitch $w, [$(($first $i 0) ($second $i 1))*],
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
            "add rsi, 8"
        )
    };
}

/// The same with the first half alone.
macro_rules! half_quads {
    ($sums:ident $x:ident $pitch:ident $w:ident: $($i:literal $first:tt $second:tt $at:tt),*) => {
        turns!($sums $x $pitch $w, [$(($first $i 0))*],
            "vmovdqu ymm13, ymmword ptr [rdi]",
            "vpsllw ymm12, ymm13, 8",
            "vpsraw ymm13, ymm13, 8",
            "vpsraw ymm12, ymm12, 8",
            $(half!($first $at),)*
            "add rsi, 8"
        )
    };
}

/// Pairs of 16-bit elements with pairs of 16-bit weights.
macro_rules! pairs {
    ($sums:ident $x:ident $pitch:ident $w:ident: $($i:literal $first:tt $second:tt $at:tt),*) => {
        turns!($sums $x $pitch $w, [$(($first $i 0) ($second $i 1))*],
            "vmovdqu ymm12, ymmword ptr [rdi]",
            "vmovdqu ymm13, ymmword ptr [rdi + 32]",
            $(both!($first $second $at ""),)*
            "add rsi, 4"
        )
    };
}

/// A loop for so many rows: for each its number, the registers of its sums, and its address.
macro_rules! by_rows {
    ($rows:ident: $turn:ident $sums:ident $x:ident $pitch:ident $w:ident) => {
        match $rows {
            1 => $turn!($sums $x $pitch $w: 0 "ymm0" "ymm1" "rsi"),
            2 => $turn!($sums $x $pitch $w: 0 "ymm0" "ymm1" "rsi", 1 "ymm2" "ymm3" "rsi + rcx"),
            3 => $turn!($sums $x $pitch $w: 0 "ymm0" "ymm1" "rsi", 1 "ymm2" "ymm3" "rsi + rcx",
                2 "ymm4" "ymm5" "rsi + 2*rcx"),
            4 => $turn!($sums $x $pitch $w: 0 "ymm0" "ymm1" "rsi", 1 "ymm2" "ymm3" "rsi + rcx",
                2 "ymm4" "ymm5" "rsi + 2*rcx", 3 "ymm6" "ymm7" "rsi + r8"),
            5 => $turn!($sums $x $pitch $w: 0 "ymm0" "ymm1" "rsi", 1 "ymm2" "ymm3" "rsi + rcx",
                2 "ymm4" "ymm5" "rsi + 2*rcx", 3 "ymm6" "ymm7" "rsi + r8", 4 "ymm8" "ymm9" "rsi + 4*rcx"),
            6 => $turn!($sums $x $pitch $w: 0 "ymm0" "ymm1" "rsi", 1 "ymm2" "ymm3" "rsi + rcx",
                2 "ymm4" "ymm5" "rsi + 2*rcx", 3 "ymm6" "ymm7" "rsi + r8", 4 "ymm8" "ymm9" "rsi + 4*rcx",
                5 "ymm10" "ymm11" "rsi + r9"),
            _ => const { assert!($rows <= super::ROWS) },
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
    unsafe { if H == 2 { by_rows!(M: quads sums x pitch w) } else { by_rows!(M: half_quads sums x pitch w) } }
}

/// Adds the products of `M` rows of 16-bit elements, the first of which begins and ends at `x`, at least a pair, with
/// 16-bit weights of a panel, `[pairs][16][2]`.
///
/// # Safety
/// The rows are valid for reading, `pitch` bytes apart, and weights for all of their pairs. The processor has AVX2.
#[target_feature(enable = "avx2")]
#[inline]
pub(crate) unsafe fn multiply_pairs<const M: usize>(
    sums: &mut Sums<M>,
    x: [*const i16; 2],
    pitch: usize,
    w: *const i16,
) {
    // SAFETY: as the caller promises; nothing is written.
    unsafe { by_rows!(M: pairs sums x pitch w) }
}
