//! Maximum and average over windows, NHWC.
