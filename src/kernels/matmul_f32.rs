//! Batched product of two computed matrices.
