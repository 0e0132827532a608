//! Conversion of element types.
