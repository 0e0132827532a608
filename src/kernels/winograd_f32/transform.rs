//! The transformations, over vectors of any length.

use core::mem::MaybeUninit;

use crate::gemm_f32::Store;
use crate::lanes::Fused;
use crate::winograd::{POINTS, SPAN, TILE};

/// A patch of f32.
pub(super) type Patch = crate::winograd::Patch<f32, f32>;

/// What a tile is made of.
pub(super) struct Finish {
    /// `[36][O]`.
    pub(super) sums: *const f32,
    /// Lines and columns of the tile that the output has.
    pub(super) size: [usize; 2],
    /// Of the tile's first pixel; the pitches are those of pixels.
    pub(super) store: Store,
    /// Elements of y and of the residual from line to line.
    pub(super) lines: [isize; 2],
}

/// √2 and its half.
const R2: f32 = core::f32::consts::SQRT_2;
const R1: f32 = core::f32::consts::FRAC_1_SQRT_2;

/// Bᵀ·d.
#[inline(always)]
unsafe fn input_line<V: Fused>(d: [V; SPAN]) -> [V; SPAN] {
    // SAFETY: as the caller promises.
    unsafe {
        let [r1, r2] = [V::splat(R1), V::splat(R2)];
        let middle = V::splat(-2.5);
        let (even_a, even_b) = (d[2].fused(V::splat(-2.0), d[4]), d[2].fused(V::splat(-0.5), d[4]));
        let odd_a = d[1].fused(V::splat(-R2), d[3].mul(r1));
        let odd_b = d[1].fused(V::splat(-R1), d[3].mul(r2));
        [
            d[2].fused(middle, d[4]).add(d[0]),
            even_a.add(odd_a),
            even_a.sub(odd_a),
            even_b.add(odd_b),
            even_b.sub(odd_b),
            d[3].fused(middle, d[5]).add(d[1]),
        ]
    }
}

/// Aᵀ·m.
#[inline(always)]
unsafe fn output_line<V: Fused>(m: [V; SPAN]) -> [V; TILE] {
    // SAFETY: as the caller promises.
    unsafe {
        let (sum_a, difference_a) = (m[1].add(m[2]), m[1].sub(m[2]));
        let (sum_b, difference_b) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(sum_a).add(sum_b),
            difference_a.fused(V::splat(R1), difference_b.mul(V::splat(R2))),
            sum_a.fused(V::splat(0.5), sum_b.add(sum_b)),
            difference_b.fused(V::splat(2.0 * R2), difference_a.fused(V::splat(0.5 * R1), m[5])),
        ]
    }
}

/// Bᵀ·d·B of every channel.
///
/// # Safety
/// The patch's pixels inside the image are valid for reading C elements, `out` for writing 36·C, C being a multiple of
/// 16; the processor has the vectors' instruction set, which the calling function enables.
#[inline(always)]
pub(super) unsafe fn input<V: Fused>(p: &Patch) {
    let [rows, cols] = [&p.inside[0], &p.inside[1]];
    let mut room = MaybeUninit::<[V; POINTS]>::uninit();
    let between = room.as_mut_ptr().cast::<V>();
    let mut c = 0;
    while c < p.channels {
        // SAFETY: as the caller promises; `between` has room for 36 vectors, all of which are written before they are read.
        unsafe {
            for i in 0..SPAN {
                let mut d = [V::splat(p.padding); SPAN];
                if rows.contains(&i) {
                    let line = p.x.wrapping_offset(i as isize * p.pitches[0]).wrapping_add(c);
                    unrolled!(j < SPAN => {
                        if cols.contains(&j) {
                            d[j] = V::load(line.wrapping_offset(j as isize * p.pitches[1]));
                        }
                    });
                }
                let t = input_line(d);
                unrolled!(j < SPAN => { between.add(j * SPAN + i).write(t[j]); });
            }
            for j in 0..SPAN {
                let t = input_line(between.add(j * SPAN).cast::<[V; SPAN]>().read());
                unrolled!(i < SPAN => { t[i].store(p.out.add((i * SPAN + j) * p.channels + c)); });
            }
        }
        c += V::N;
    }
}

/// y = clamp(Aᵀ·m·A + bias + residual) of every channel.
///
/// # Safety
/// `sums` is valid for reading 36·O elements, O being a multiple of 16, and what `store` addresses for the tile's
/// pixels; the processor has the vectors' instruction set, which the calling function enables.
#[inline(always)]
pub(super) unsafe fn output<V: Fused>(t: &Finish) {
    let s = &t.store;
    let mut room = MaybeUninit::<[V; SPAN * TILE]>::uninit();
    let between = room.as_mut_ptr().cast::<V>();
    let mut c = 0;
    while c < s.cols {
        // SAFETY: as the caller promises; `between` has room for 24 vectors, all of which are written before they are read.
        unsafe {
            let (low, high) = (V::splat(s.low), V::splat(s.high));
            let bias = if s.bias.is_null() { V::splat(0.0) } else { V::load(s.bias.add(c)) };
            for i in 0..SPAN {
                let mut m = [V::splat(0.0); SPAN];
                unrolled!(j < SPAN => { m[j] = V::load(t.sums.add((i * SPAN + j) * s.cols + c)); });
                let m = output_line(m);
                unrolled!(j < TILE => { between.add(j * SPAN + i).write(m[j]); });
            }
            for j in 0..t.size[1] {
                let v = output_line(between.add(j * SPAN).cast::<[V; SPAN]>().read());
                let y = s.y.wrapping_offset(j as isize * s.y_pitch).wrapping_add(c);
                let residual = s.residual.wrapping_offset(j as isize * s.residual_pitch).wrapping_add(c);
                unrolled!(i < TILE => {
                    if i < t.size[0] {
                        let mut v = v[i].add(bias);
                        if !s.residual.is_null() {
                            v = v.add(V::load(residual.wrapping_offset(i as isize * t.lines[1])));
                        }
                        v.clamp(low, high).store(y.wrapping_offset(i as isize * t.lines[0]));
                    }
                });
            }
        }
        c += V::N;
    }
}
