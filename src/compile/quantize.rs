//! From real numbers to bytes: how a graph whose tensors are quantized comes to compute with bytes.

mod absorb;

pub(crate) use absorb::absorb;
