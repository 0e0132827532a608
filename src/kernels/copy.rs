//! Moving elements between strided tensors.
