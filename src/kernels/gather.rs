//! Taking slices by index.
