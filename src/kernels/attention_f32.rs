//! Scaled dot-product attention: softmax(scale · q·kᵀ + mask) · v, for each batch and head.
//!
//! Keys are packed once, values where they do not lie as panels already; then rows of queries go through scores, softmax
//! and values in tiles of no more than 16. Products are those of [`crate::gemm_f32`], the softmax that of
//! [`crate::softmax_f32`], but a row whose scores are all −∞ gives zeros. A row's result does not depend on the others.

#[cfg(test)]
mod tests;
mod tiles;

use crate::gemm_f32::{self, GemmKernel, PANEL};
use crate::softmax_f32::{self, SoftmaxKernel};
use crate::{IsaSet, Parallel, View, ViewMut};

/// Inputs. The last stride of q, k and v is 1, all others are free.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a> {
    /// Factor of the scores.
    pub scale: f32,
    /// Whether row s attends to columns t ≤ s + T − S alone; T is then at least S.
    pub causal: bool,
    /// `[B, H, S, D]`
    pub q: View<'a, f32>,
    /// `[B, H, T, D]`, T ≥ 1
    pub k: View<'a, f32>,
    /// `[B, H, T, E]`
    pub v: View<'a, f32>,
    /// `[B, H, S, T]`, added to the scores; any strides.
    pub mask: Option<View<'a, f32>>,
}

/// The kernels that attention is made of.
#[derive(Clone, Copy, Debug)]
pub struct AttentionKernel {
    gemm: &'static GemmKernel,
    softmax: &'static SoftmaxKernel,
}

/// The best kernels that `isas` allows.
pub fn select(isas: IsaSet) -> AttentionKernel {
    AttentionKernel { gemm: gemm_f32::select(isas), softmax: softmax_f32::select(isas) }
}

/// Elements of scratch that T keys of D elements with values of E need.
pub const fn scratch_len(t: usize, d: usize, e: usize) -> usize {
    t.next_multiple_of(PANEL) * (PANEL + d) + t * e.next_multiple_of(PANEL)
}

impl AttentionKernel {
    /// Computes `y [B, H, S, E]`, whose last stride is 1.
    ///
    /// # Panics
    /// If shapes, strides or the scratch do not match.
    pub fn run(&self, a: &Attention<'_>, scratch: &mut [f32], y: &mut ViewMut<'_, f32>, parallel: &dyn Parallel) {
        let (&[batch, heads, s, d], &[_, _, t, e]) = (a.q.dims(), a.v.dims()) else { panic!("attention has rank 4") };
        assert!(a.k.dims() == [batch, heads, t, d] && a.v.dims() == [batch, heads, t, e], "{t} keys and values");
        assert!(y.dims() == [batch, heads, s, e], "{s} rows of {e} results");
        assert!(a.mask.is_none_or(|m| m.dims() == [batch, heads, s, t]), "mask of {s}×{t}");
        assert!(t > 0 && (!a.causal || t >= s), "{t} keys for {s} queries");
        let contiguous = |len: usize, strides: &[isize]| len <= 1 || strides[3] == 1;
        assert!(contiguous(d, a.q.strides()) && contiguous(d, a.k.strides()), "contiguous queries and keys");
        assert!(contiguous(e, a.v.strides()) && contiguous(e, y.strides()), "contiguous values and results");
        assert!(scratch_len(t, d, e) <= scratch.len(), "room to work in");
        if y.is_empty() {
            return;
        }
        for head in 0..batch * heads {
            // SAFETY: the views have the shapes that the tiles address, as just checked, at this batch and head; the
            // scratch is borrowed mutably, as is `y`, which overlaps nothing else. Owning kernels selected from a set of
            // instruction sets proves that the processor has them.
            unsafe { tiles::Head::new(self, a, scratch, y, head / heads, head % heads).run(parallel) };
        }
    }
}
