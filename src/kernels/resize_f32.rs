//! Resampling of height and width, NHWC.
