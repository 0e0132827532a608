//! The DSP extension of Cortex-M: pairs of halfwords multiplied at once, four sums in registers.

use core::arch::asm;

use super::tile::{Store, Tile, TileFn, Tiles, tail_quad};
use super::{GemmKernel, PANEL, QUAD};
use crate::Isa;
use crate::dsp::{End, SUMS};

/// Some rows by one panel, in steps of as many columns as make four sums, which lie row by row.
unsafe fn run<const ROWS: usize, const COLS: usize>(t: &Tile<'_>, w: *const i8, column: usize, _: usize) {
    const { assert!(ROWS * COLS == SUMS) };
    let residual = if t.store.residual.is_null() { None } else { Some(&t.store.how.residual) };
    let how = End::new(t.store.how.requantize, residual);
    // Sums that are left are those of whole panels.
    let end = if t.after.is_null() { t.store.cols.min(column + PANEL) } else { column + PANEL };
    let mut c = column;
    while c < end {
        let sum_at = |i: usize| i / COLS * PANEL + (c - column) + i % COLS;
        // SAFETY: segments, weights and sums are valid as the caller promises; the steps divide a panel.
        unsafe {
            let mut sums = [0; SUMS];
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = if t.before.is_null() {
                    let offset = if t.offsets.is_null() { 0 } else { t.offsets.add(i / COLS).read() };
                    t.store.bias.add(c + i % COLS).read().wrapping_add(offset)
                } else {
                    t.before.add(sum_at(i)).read()
                };
            }
            let mut w = w.add((c - column) * QUAD);
            for s in 0..t.count {
                let segment = &*t.segments.add(s);
                let mut x = [core::ptr::null(); ROWS];
                for (x, first) in x.iter_mut().zip(&*segment.rows) {
                    *x = first.wrapping_add(segment.offset);
                }
                if segment.len >= QUAD {
                    add::<ROWS, COLS>(&mut sums, &mut x, &mut w, segment.len / QUAD);
                }
                if !segment.len.is_multiple_of(QUAD) {
                    add_tail::<ROWS, COLS>(&mut sums, x, w, segment.len % QUAD);
                    w = w.wrapping_add(PANEL * QUAD);
                }
            }
            if t.after.is_null() {
                finish::<ROWS, COLS>(&t.store, &how, c, sums);
            } else {
                sums.iter().enumerate().for_each(|(i, sum)| t.after.add(sum_at(i)).write(*sum));
            }
        }
        c += COLS;
    }
}

/// Adds the products of some quads, at least one, of each row with those of each column, and moves on behind them.
///
/// # Safety
/// They are valid for reading.
#[inline(always)]
unsafe fn add<const ROWS: usize, const COLS: usize>(
    sums: &mut [i32; SUMS],
    x: &mut [*const u8; ROWS],
    w: &mut *const i8,
    quads: usize,
) {
    // SAFETY: as the caller promises.
    unsafe { if ROWS == 2 { add_2x2(sums, x, w, quads) } else { add_1x4(sums, x, w, quads) } }
}

/// Two rows by two columns: 20 instructions for 16 products. The loop has two rounds, and odd numbers begin with the second.
///
/// # Safety
/// As [`add`].
#[inline(always)]
unsafe fn add_2x2(sums: &mut [i32; SUMS], x: &mut [*const u8], w: &mut *const i8, quads: usize) {
    macro_rules! round {
        () => {
            "ldr r6, [r4], #4
             ldr r7, [r5], #4
             ldr r8, [r10, #4]
             uxtb16 r11, r6, ror #8
             uxtb16 r6, r6
             uxtb16 r12, r7, ror #8
             uxtb16 r7, r7
             sxtb16 r9, r8, ror #8
             sxtb16 r8, r8
             smlad r1, r11, r9, r1
             smlad r3, r12, r9, r3
             smlad r1, r6, r8, r1
             smlad r3, r7, r8, r3
             ldr r8, [r10], #64
             sxtb16 r9, r8, ror #8
             sxtb16 r8, r8
             smlad r0, r11, r9, r0
             smlad r2, r12, r9, r2
             smlad r0, r6, r8, r0
             smlad r2, r7, r8, r2"
        };
    }
    // SAFETY: as the caller promises. Registers that operands cannot have are saved.
    unsafe {
        asm!(
            "push {{r6, r7, r11}}",
            "tst lr, #1",
            "bne 3f",
            "2:",
            round!(),
            "3:",
            round!(),
            "subs lr, lr, #2",
            "bhi 2b",
            "pop {{r6, r7, r11}}",
            inout("r0") sums[0],
            inout("r1") sums[1],
            inout("r2") sums[2],
            inout("r3") sums[3],
            inout("r4") x[0],
            inout("r5") x[1],
            inout("r10") *w,
            inout("lr") quads => _,
            out("r8") _,
            out("r9") _,
            out("r12") _,
            options(readonly),
        );
    }
}

/// One row by four columns: 23 instructions for 16 products.
///
/// # Safety
/// As [`add`].
#[inline(always)]
unsafe fn add_1x4(sums: &mut [i32; SUMS], x: &mut [*const u8], w: &mut *const i8, quads: usize) {
    macro_rules! column {
        ($sum:literal, $load:literal) => {
            concat!(
                "ldr r10, ",
                $load,
                "\n",
                "sxtb16 r12, r10, ror #8\n",
                "sxtb16 r10, r10\n",
                "smlad ",
                $sum,
                ", r9, r12, ",
                $sum,
                "\n",
                "smlad ",
                $sum,
                ", r8, r10, ",
                $sum,
            )
        };
    }
    // SAFETY: as the caller promises.
    unsafe {
        asm!(
            "2:",
            "ldr r8, [r4], #4",
            "uxtb16 r9, r8, ror #8",
            "uxtb16 r8, r8",
            column!("r1", "[r5, #4]"),
            column!("r2", "[r5, #8]"),
            column!("r3", "[r5, #12]"),
            column!("r0", "[r5], #64"),
            "subs lr, lr, #1",
            "bne 2b",
            inout("r0") sums[0],
            inout("r1") sums[1],
            inout("r2") sums[2],
            inout("r3") sums[3],
            inout("r4") x[0],
            inout("r5") *w,
            inout("lr") quads => _,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r12") _,
            options(readonly, nostack),
        );
    }
}

/// Adds the products of the last one to three elements of a segment.
///
/// # Safety
/// They are valid for reading, weights as whole quads.
#[inline(never)]
unsafe fn add_tail<const ROWS: usize, const COLS: usize>(
    sums: &mut [i32; SUMS],
    x: [*const u8; ROWS],
    w: *const i8,
    len: usize,
) {
    for (i, sum) in sums.iter_mut().enumerate() {
        // SAFETY: as the caller promises.
        unsafe {
            let x = tail_quad(x[i / COLS], len).to_le_bytes();
            let w = w.cast::<[i8; QUAD]>().add(i % COLS).read();
            let products: i32 = x.iter().zip(w).map(|(x, w)| i32::from(*x) * i32::from(w)).sum();
            *sum = sum.wrapping_add(products);
        }
    }
}

/// Turns sums into bytes of the columns from `c` on that there are.
///
/// # Safety
/// As [`TileFn`].
#[inline(always)]
unsafe fn finish<const ROWS: usize, const COLS: usize>(s: &Store<'_>, how: &End<'_>, c: usize, sums: [i32; SUMS]) {
    let left = (s.cols - c).min(COLS);
    // SAFETY: multipliers are there for whole panels, y and the residual for columns below `cols`.
    unsafe {
        let residual = |i: usize| {
            let at = i / COLS * s.how.residual_pitch + c + i % COLS;
            if i % COLS < left { s.residual.add(at).read() } else { 0 }
        };
        let mut bytes = how.bytes::<COLS>(sums, s.multiplier.add(c), residual);
        for i in 0..ROWS {
            let y = s.y.add(i * s.how.y_pitch + c);
            match left {
                4 => y.cast::<u32>().write_unaligned(bytes),
                _ if left == COLS => y.cast::<u16>().write_unaligned(bytes as u16),
                _ => (0..left).for_each(|i| y.add(i).write((bytes >> (8 * i)) as u8)),
            }
            bytes >>= 16;
        }
    }
}

/// 2×2 and 1×4.
pub static KERNEL: GemmKernel = GemmKernel {
    name: "gemm_i8__dsp",
    isa: Isa::Dsp,
    tiles: &[Tiles { panels: 1, by_rows: &[run::<1, 4> as TileFn, run::<2, 2>] }],
    tall: 0,
    half: &[],
    widen: None,
    shift: None,
};
