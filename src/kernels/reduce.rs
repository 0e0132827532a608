//! Reductions over dimensions.
