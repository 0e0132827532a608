//! Elementwise functions of two tensors.
