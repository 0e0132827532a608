//! One direction of an LSTM, GRU or RNN over a sequence.
//!
//! Inputs: `x [T, B, I]` rows; `w` packed as [`super::fully_connected`] with K = I, N = G·H; `r` packed with K = H,
//! N = G·H; `bias [G·H padded to 16]` (input and recurrent bias added; GRU keeps the hidden gate's recurrent bias apart:
//! `[(G+1)·H]` padded); `h0 [B, H]` or none; `c0 [B, H]` or none (LSTM); `peephole [3·H]` or none (LSTM: i, o, f);
//! `scratch [X]` f32 in the arena. Outputs: `y [T, B, H]` or none; `h [B, H]` or none; `c [B, H]` or none (LSTM).
//! G and the order of gates: LSTM 4 (i, o, f, c), GRU 3 (z, r, h), RNN 1. X is at least T·B·G′ + B·G′ + 3·B·H with
//! G′ = G·H rounded up to 16.
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

pub(super) fn check(_params: &Params, _operands: &Operands<'_>) -> Result<(), OpError> {
    Ok(())
}
