//! The transformations, over vectors of any length.

use core::mem::MaybeUninit;

use crate::gemm_i8::{PANEL, Store};
use crate::winograd::{POINTS, Patch, SPAN, TILE};

/// What a panel of a tile is made of.
pub(super) struct Finish<'a> {
    /// `[36][16]`.
    pub(super) sums: *const i32,
    /// Lines and columns of the tile that the output has.
    pub(super) size: [usize; 2],
    /// Of the tile's first pixel.
    pub(super) store: &'a Store<'a>,
    /// The panel's first output channel.
    pub(super) column: usize,
    /// Pixels from line to line.
    pub(super) width: usize,
}

impl<'a> Finish<'a> {
    /// Where line `i` goes.
    ///
    /// # Safety
    /// It is one of those that the output has.
    #[inline(always)]
    pub(super) unsafe fn line(&self, i: usize) -> Store<'a> {
        let mut store = *self.store;
        // SAFETY: as the caller promises.
        unsafe { store.advance(i * self.width) };
        store
    }
}

/// Vectors of integers that wrap.
///
/// # Safety
/// Methods may be called only where the processor has the vector's instruction set, inside a function that enables it;
/// pointers must be valid for all lanes.
pub(super) unsafe trait Integers: Copy {
    /// Number of lanes.
    const N: usize;

    unsafe fn add(self, o: Self) -> Self;
    unsafe fn sub(self, o: Self) -> Self;
    /// Shifted left.
    unsafe fn shl<const BY: u32>(self) -> Self;
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
/// Vectors of so many lanes, and their instructions; the last gives what the shift takes as its count.
macro_rules! integers {
    ($vector:ident, $lanes:literal: $add:ident $sub:ident $shl:ident $count:ident) => {
        // SAFETY: an instruction or two each; the caller has the instruction set.
        unsafe impl Integers for $vector {
            const N: usize = $lanes;

            #[inline(always)]
            unsafe fn add(self, o: Self) -> Self {
                // SAFETY: as the caller promises.
                unsafe { Self($add(self.0, o.0)) }
            }
            #[inline(always)]
            unsafe fn sub(self, o: Self) -> Self {
                // SAFETY: as the caller promises.
                unsafe { Self($sub(self.0, o.0)) }
            }
            #[inline(always)]
            unsafe fn shl<const BY: u32>(self) -> Self {
                // SAFETY: as the caller promises.
                unsafe { Self($shl(self.0, $count(BY as _))) }
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) use integers;

/// Those of 16 bits.
///
/// # Safety
/// As [`Integers`].
pub(super) unsafe trait Words: Integers {
    unsafe fn splat(v: u8) -> Self;
    /// From as many bytes.
    unsafe fn load(p: *const u8) -> Self;
    unsafe fn store(self, p: *mut i16);
}

/// Those of 32 bits.
///
/// # Safety
/// As [`Integers`].
pub(super) unsafe trait Sums: Integers {
    unsafe fn load(p: *const i32) -> Self;
    /// The lower halves of products.
    unsafe fn mul(self, by: i32) -> Self;
    /// Shifted right, copying the sign.
    unsafe fn sar(self, by: u32) -> Self;
}

/// 9⁻¹ modulo 2³².
const NINTH: i32 = 954_437_177;

/// The power of two by which a line or a column of a tile is too large.
const EXCESS: [u32; TILE] = [3, 2, 1, 1];

/// Bᵀ·d.
#[inline(always)]
unsafe fn input_line<V: Integers>(d: [V; SPAN]) -> [V; SPAN] {
    // SAFETY: as the caller promises.
    unsafe {
        let (even, odd) = (d[4].sub(d[2]), d[3].sub(d[1]));
        let (even_a, odd_a) = (d[4].sub(d[2].shl::<2>()), d[3].sub(d[1].shl::<2>()));
        let odd_b = odd.add(odd);
        [
            d[0].sub(d[2]).shl::<2>().add(even),
            even_a.add(odd_a),
            even_a.sub(odd_a),
            even.add(odd_b),
            even.sub(odd_b),
            d[5].sub(d[3]).sub(odd_b.add(odd_b)),
        ]
    }
}

/// Aᵀ·m.
#[inline(always)]
unsafe fn output_line<V: Integers>(m: [V; SPAN]) -> [V; TILE] {
    // SAFETY: as the caller promises.
    unsafe {
        let (sum_a, difference_a) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (sum_b, difference_b) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            sum_a.shl::<2>().add(sum_b).add(m[0]),
            difference_a.add(difference_a).add(difference_b),
            sum_a.add(sum_b),
            difference_b.add(difference_b).add(difference_a).add(m[5]),
        ]
    }
}

/// Bᵀ·d·B of as many channels as a vector has lanes, from `c` on.
///
/// # Safety
/// The patch's pixels inside the image are valid for reading those channels, `out` for writing them; the processor has
/// the vectors' instruction set, which the calling function enables.
#[inline(always)]
pub(super) unsafe fn input<V: Words>(p: &Patch<u8, i16>, c: usize) {
    let whole = 0..SPAN;
    // SAFETY: as the caller promises.
    unsafe {
        if p.inside[0] == whole && p.inside[1] == whole {
            input_with::<V, true>(p, c);
        } else {
            input_with::<V, false>(p, c);
        }
    }
}

/// The same, where all pixels are inside the image if `WHOLE`.
#[inline(always)]
unsafe fn input_with<V: Words, const WHOLE: bool>(p: &Patch<u8, i16>, c: usize) {
    let [rows, cols] = [&p.inside[0], &p.inside[1]];
    let mut room = MaybeUninit::<[V; POINTS]>::uninit();
    let between = room.as_mut_ptr().cast::<V>();
    let mut line = p.x.wrapping_add(c);
    // SAFETY: as the caller promises; `between` has room for 36 vectors, all of which are written before they are read.
    unsafe {
        for i in 0..SPAN {
            let mut d = [V::splat(p.padding); SPAN];
            if WHOLE || rows.contains(&i) {
                unrolled!(j < SPAN => {
                    if WHOLE || cols.contains(&j) {
                        d[j] = V::load(line.wrapping_offset(j as isize * p.pitches[1]));
                    }
                });
            }
            line = line.wrapping_offset(p.pitches[0]);
            let t = input_line(d);
            unrolled!(j < SPAN => { between.add(j * SPAN + i).write(t[j]); });
        }
        for j in 0..SPAN {
            let t = input_line(between.add(j * SPAN).cast::<[V; SPAN]>().read());
            unrolled!(i < SPAN => { t[i].store(p.out.add((i * SPAN + j) * p.channels + c)); });
        }
    }
}

/// Sums of a vector's columns of a panel, on their way to lines of results: Aᵀ·m.
pub(super) struct Lines<V>(MaybeUninit<[V; SPAN * TILE]>);

impl<V: Sums> Lines<V> {
    /// Of columns `c` and on.
    ///
    /// # Safety
    /// `sums` is valid for reading 36·16 elements; the processor has the vectors' instruction set, which the calling
    /// function enables.
    #[inline(always)]
    pub(super) unsafe fn new(sums: *const i32, c: usize) -> Self {
        let mut room = MaybeUninit::<[V; SPAN * TILE]>::uninit();
        let between = room.as_mut_ptr().cast::<V>();
        for j in 0..SPAN {
            // SAFETY: as the caller promises; there is room for 24 vectors.
            unsafe {
                let mut m = [V::load(sums.add(j * PANEL + c)); SPAN];
                unrolled!(i < SPAN => { m[i] = V::load(sums.add((i * SPAN + j) * PANEL + c)); });
                let m = output_line(m);
                unrolled!(i < TILE, of 4 => { between.add(i * SPAN + j).write(m[i]); });
            }
        }
        Self(room)
    }

    /// The pixels of line `i`, below 4: exact sums and bias.
    ///
    /// # Safety
    /// As for [`Lines::new`].
    #[inline(always)]
    pub(super) unsafe fn line(&self, i: usize, bias: V) -> [V; TILE] {
        // SAFETY: all vectors were written.
        unsafe {
            let line = self.0.as_ptr().cast::<V>().add(i * SPAN).cast::<[V; SPAN]>().read();
            let mut line = output_line(line);
            unrolled!(j < TILE, of 4 => {
                line[j] = line[j].mul(NINTH).sar(EXCESS[i % TILE] + EXCESS[j]).add(bias);
            });
            line
        }
    }
}
