//! Extending tensors.
