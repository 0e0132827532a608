//! Transposed f32 convolution, NHWC.
