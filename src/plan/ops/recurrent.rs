//! One direction of an LSTM, GRU or RNN over a sequence.
//!
//! Inputs: `x [T, B, I]` rows; `w` packed as [`super::fully_connected`] with K = I, N = G·H; `r` packed with K = H,
//! N = G·H; `bias [G·H padded to 16]` (input and recurrent bias added; GRU keeps the hidden gate's recurrent bias apart:
//! `[(G+1)·H]` padded), all three in the weights section; `h0 [B, H]` or none; `c0 [B, H]` or none (LSTM);
//! `peephole [3·H]` or none (LSTM: i, o, f); `scratch [X]` f32 in the arena. Outputs, of which one must be there:
//! `y [T, B, H]` or none; `h [B, H]` or none; `c [B, H]` or none (LSTM). Of h0, c0, peephole, y, h and c the last
//! stride is 1, the others are free.
//! G and the order of gates: LSTM 4 (i, o, f, c), GRU 3 (z, r, h), RNN 1. X is at least T·B·G′ + B·G′ + 3·B·H with
//! G′ = G·H rounded up to 16 ([`Kind::scratch_len`]).
use super::fully_connected::{packed_bias_len, packed_len};
use crate::rules;
use crate::{Activation, OpError, Operands, field_enum, params};

field_enum! {
    /// Which cell.
    pub enum Kind {
        /// Elman's.
        Rnn = 0,
        /// Gated recurrent unit.
        Gru = 1,
        /// Long short-term memory.
        Lstm = 2,
    }
}

params! {
    /// Parameters.
    pub struct Params {
        /// Which cell.
        pub kind: Kind,
        /// Whether the sequence is walked from its end.
        pub reverse: bool,
        /// GRU: the reset gate is applied after the recurrent product.
        pub linear_before_reset: bool,
        /// Activations f, g, h of the ONNX operator (RNN: f alone).
        pub activations: [Activation; 3],
        /// Cell clip; +∞ when there is none.
        pub clip: f32,
    }
}

/// Inputs that output 0 may coincide with; see [`crate::OpCode::in_place`].
pub const IN_PLACE: &[usize] = &[];
/// The input that the step writes; see [`crate::OpCode::scratch`].
pub const SCRATCH: Option<usize> = Some(7);

impl Kind {
    /// G, the number of gates.
    pub const fn gates(self) -> u32 {
        match self {
            Kind::Rnn => 1,
            Kind::Gru => 3,
            Kind::Lstm => 4,
        }
    }

    /// Columns of `w` and `r`, G·H; `None` on overflow.
    pub fn columns(self, hidden: u32) -> Option<u32> {
        hidden.checked_mul(self.gates())
    }

    /// Length of the bias; `None` on overflow.
    pub fn bias_len(self, hidden: u32) -> Option<u64> {
        let apart = if self == Kind::Gru { hidden } else { 0 };
        Some(packed_bias_len(self.columns(hidden)?.checked_add(apart)?))
    }

    /// Least length of the scratch operand; `None` on overflow.
    pub fn scratch_len(self, steps: u32, batch: u32, hidden: u32) -> Option<u64> {
        let gates = packed_bias_len(self.columns(hidden)?);
        let batch = u64::from(batch);
        let rows = (u64::from(steps) + 1).checked_mul(batch)?;
        let states = batch.checked_mul(3 * u64::from(hidden))?;
        rows.checked_mul(gates)?.checked_add(states)
    }
}

pub(super) fn check(params: &Params, operands: &Operands<'_>) -> Result<(), OpError> {
    rules::arity(operands, 8..=8, 1..=3)?;
    let (kind, x) = (params.kind, rules::input_f32(operands, 0)?);
    rules::rows(&x)?;
    let &[steps, batch, width] = &x.dims[..] else { return Err(OpError::Shape) };
    let hidden = hidden_size(operands)?;
    let columns = kind.columns(hidden).ok_or(OpError::Shape)?;
    rules::packed(&rules::input(operands, 1)?, packed_len(width, columns))?;
    rules::packed(&rules::input(operands, 2)?, packed_len(hidden, columns))?;
    rules::packed(&rules::input(operands, 3)?, kind.bias_len(hidden))?;
    let outputs: [(_, &[u32]); 3] = [(0, &[steps, batch, hidden]), (1, &[batch, hidden]), (2, &[batch, hidden])];
    let inputs: [(_, &[u32]); 3] = [(4, &[batch, hidden]), (5, &[batch, hidden]), (6, &[hidden.saturating_mul(3)])];
    let given = inputs.map(|(i, dims)| (i > 4, operands.input(i), dims));
    let results = outputs.map(|(i, dims)| (i > 1, operands.output(i), dims));
    for (of_lstm, tensor, dims) in given.into_iter().chain(results) {
        let Some(tensor) = tensor else { continue };
        rules::ensure(kind == Kind::Lstm || !of_lstm, OpError::Arity)?;
        rules::is_f32(&tensor)?;
        rules::has_dims(&tensor, dims)?;
        rules::last_contiguous(&tensor)?;
    }
    rules::scratch(operands, 7, kind.scratch_len(steps, batch, hidden))?;
    rules::ensure(params.clip >= 0.0, OpError::Params)?;
    params.activations.iter().try_for_each(Activation::check)
}

/// H, at least 1, as the outputs tell it, of which one must be there.
fn hidden_size(operands: &Operands<'_>) -> Result<u32, OpError> {
    let output = (0..operands.output_count()).find_map(|i| operands.output(i)).ok_or(OpError::Arity)?;
    let hidden = *output.dims.last().ok_or(OpError::Shape)?;
    rules::ensure(hidden > 0, OpError::Shape)?;
    Ok(hidden)
}
