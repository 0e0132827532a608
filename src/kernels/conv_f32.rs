//! Two-dimensional f32 convolution, NHWC, without patch buffers.
