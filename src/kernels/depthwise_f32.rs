//! Depthwise f32 convolution, NHWC.
