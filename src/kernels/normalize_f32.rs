//! Layer and root-mean-square normalization of rows.
