//! One direction of an LSTM, GRU or RNN over a sequence.
//!
//! The inputs of all steps go through one product; each step then adds the product of the state before it and
//! passes the gates. Products are those of [`crate::gemm_f32`], functions those of [`crate::activation_f32`]; what lies
//! between rounds each operation once. The cell clip bounds what the gates' functions are given, not the cell.

pub(crate) mod blend;
mod step;
#[cfg(test)]
mod tests;

use crate::activation::Function;
use crate::activation_f32::{self, ActivationKernel};
use crate::gemm_f32::{self, GemmKernel, PANEL, packed_len};
use crate::{IsaSet, Parallel, Rows, View, ViewMut};
use blend::BlendKernel;

/// Which cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Elman's.
    Rnn,
    /// Gated recurrent unit; gates z, r, h.
    Gru,
    /// Long short-term memory; gates i, o, f, c.
    Lstm,
}

impl Kind {
    /// Number of gates.
    pub const fn gates(self) -> usize {
        match self {
            Kind::Rnn => 1,
            Kind::Gru => 3,
            Kind::Lstm => 4,
        }
    }
}

/// Parameters and inputs, of T steps, B sequences and H hidden elements; G is the number of gates.
#[derive(Clone, Copy, Debug)]
pub struct Recurrent<'a> {
    /// Which cell.
    pub kind: Kind,
    /// Whether the sequence is walked from its end.
    pub reverse: bool,
    /// GRU: the reset gate is applied after the recurrent product.
    pub linear_before_reset: bool,
    /// f, g and h; GRU has two, RNN one.
    pub activations: [Function; 3],
    /// Bounds the gates before their functions; +∞ for none.
    pub clip: f32,
    /// T.
    pub steps: usize,
    /// B.
    pub batch: usize,
    /// H.
    pub hidden: usize,
    /// T·B rows of any length I.
    pub x: Rows<'a, f32>,
    /// Panels of I rows and G·H columns.
    pub w: &'a [f32],
    /// Panels of H rows and G·H columns.
    pub r: &'a [f32],
    /// G·H elements, for GRU H more: the hidden gate's recurrent bias; padded to whole panels.
    pub bias: &'a [f32],
    /// `[B, H]`, the last stride 1; zeros if there is none.
    pub h0: Option<View<'a, f32>>,
    /// LSTM: `[B, H]`, the last stride 1; zeros if there is none.
    pub c0: Option<View<'a, f32>>,
    /// LSTM: `[3·H]`, contiguous, for i, o and f.
    pub peephole: Option<View<'a, f32>>,
}

/// Where results go; the last stride of each is 1.
#[derive(Debug)]
pub struct Outputs<'a> {
    /// `[T, B, H]`: the state after each step.
    pub y: Option<ViewMut<'a, f32>>,
    /// `[B, H]`: the last state.
    pub h: Option<ViewMut<'a, f32>>,
    /// LSTM: `[B, H]`: the last cell.
    pub c: Option<ViewMut<'a, f32>>,
}

/// The kernels that a recurrent layer is made of.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentKernel {
    gemm: &'static GemmKernel,
    activations: &'static ActivationKernel,
    blend: &'static BlendKernel,
}

/// The best kernels that `isas` allows.
pub fn select(isas: IsaSet) -> RecurrentKernel {
    RecurrentKernel {
        gemm: gemm_f32::select(isas),
        activations: activation_f32::select(isas),
        blend: blend::select(isas),
    }
}

/// Elements of scratch that a layer needs.
pub fn scratch_len(kind: Kind, steps: usize, batch: usize, hidden: usize) -> usize {
    let row = batch * (kind.gates() * hidden).next_multiple_of(PANEL);
    row * steps + row + 3 * batch * hidden
}

impl RecurrentKernel {
    /// Walks the sequence.
    ///
    /// # Panics
    /// If shapes or lengths do not match.
    pub fn run(&self, layer: &Recurrent<'_>, scratch: &mut [f32], outputs: &mut Outputs<'_>, parallel: &dyn Parallel) {
        check(layer, scratch, outputs);
        // SAFETY: views, slices and scratch have the shapes that the walk addresses, as just checked; outputs overlap
        // nothing else; owning kernels proves that the processor has their instruction sets.
        unsafe { step::Walk::new(self, layer, scratch, parallel).run(outputs) };
    }
}

fn check(layer: &Recurrent<'_>, scratch: &[f32], outputs: &Outputs<'_>) {
    let &Recurrent { kind, steps, batch, hidden, .. } = layer;
    let columns = kind.gates() * hidden;
    let biases = if kind == Kind::Gru { columns + hidden } else { columns };
    assert!(layer.x.rows() == steps * batch, "{steps} steps of {batch} rows");
    assert!(packed_len(layer.x.cols(), columns) <= layer.w.len(), "weights of {columns} columns");
    assert!(packed_len(hidden, columns) <= layer.r.len(), "recurrent weights of {columns} columns");
    assert!(biases.next_multiple_of(PANEL) <= layer.bias.len(), "bias of {biases} columns");
    assert!(scratch_len(kind, steps, batch, hidden) <= scratch.len(), "room to work in");
    let state = |dims: &[usize], strides: &[isize]| dims == [batch, hidden] && (hidden <= 1 || strides[1] == 1);
    assert!(layer.h0.is_none_or(|v| state(v.dims(), v.strides())), "first state of {batch}×{hidden}");
    assert!(layer.c0.is_none_or(|v| state(v.dims(), v.strides())), "first cell of {batch}×{hidden}");
    assert!(layer.peephole.is_none_or(|v| v.dims() == [3 * hidden] && v.is_dense()), "peepholes of {hidden}");
    assert!(outputs.h.as_ref().is_none_or(|v| state(v.dims(), v.strides())), "last state of {batch}×{hidden}");
    assert!(outputs.c.as_ref().is_none_or(|v| state(v.dims(), v.strides())), "last cell of {batch}×{hidden}");
    let states = |v: &ViewMut<'_, f32>| v.dims() == [steps, batch, hidden] && (hidden <= 1 || v.strides()[2] == 1);
    assert!(outputs.y.as_ref().is_none_or(states), "states of {steps}×{batch}×{hidden}");
}
