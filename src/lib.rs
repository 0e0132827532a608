//! Coulter compiles a pre-trained ONNX model into one plan file and runs that plan in place, without allocating.
#![forbid(unsafe_code)]
