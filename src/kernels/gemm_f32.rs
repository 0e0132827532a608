//! Matrix product of f32 rows with packed panels.
