//! Elementwise choice between two tensors.
