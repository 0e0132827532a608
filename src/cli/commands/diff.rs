//! `coulter diff`
