//! What each ONNX operator becomes.
//!
//! Adding an operator is a function `fn(&mut Importer, &OnnxNode) -> Imported` in the file of its group and a line
//! in [`TABLE`]. The function reads attributes from the node, asks the importer for what is known of the operands,
//! and builds with the helpers of [`build`](super::build). It declines with [`Decline::fallback`] the cases that have
//! no native form, and with [`Decline::broken`] what breaks the rules of ONNX. Operations on constants fold by
//! themselves.
//!
//! [`Decline::fallback`]: super::node::Decline::fallback
//! [`Decline::broken`]: super::node::Decline::broken

mod activations;
mod arithmetic;
mod attention;
mod bits;
mod bytes;
mod constants;
mod contrib;
mod convolution;
pub(super) mod dynamic;
mod encodings;
mod formulas;
mod indexing;
mod layer_norms;
mod local;
mod logic;
mod losses;
mod movement;
mod normalization;
mod padding;
mod pooling;
mod products;
mod qoperators;
mod quantization;
mod recurrent;
mod reductions;
mod regions;
mod resize;
mod selection;
mod signal;
mod sums;
#[cfg(test)]
mod tests;
mod training;
mod window;

use super::control;
use super::importer::Importer;
use super::node::{Imported, OnnxNode};

/// Imports a node.
pub(crate) type ImportFn = fn(&mut Importer<'_>, &OnnxNode<'_>) -> Imported;

/// Domain (that of ONNX is ""), operator, import function.
pub(crate) static TABLE: &[(&str, &str, ImportFn)] = &[
    ("", "Abs", activations::abs),
    ("", "Add", arithmetic::binary),
    ("", "AffineGrid", regions::affine_grid),
    ("", "And", logic::logical),
    ("", "ArgMax", reductions::arg),
    ("", "ArgMin", reductions::arg),
    ("", "Attention", attention::attention),
    ("", "AveragePool", pooling::pool),
    ("", "BatchNormalization", normalization::batch),
    ("", "BitShift", bits::shift),
    ("", "BlackmanWindow", signal::window),
    ("", "Cast", logic::cast),
    ("", "CastLike", logic::cast_like),
    ("", "Ceil", activations::function),
    ("", "Celu", activations::function),
    ("", "CenterCropPad", regions::center_crop_pad),
    ("", "Clip", activations::clip),
    ("", "Concat", movement::concat),
    ("", "Constant", constants::constant),
    ("", "ConstantOfShape", constants::constant_of_shape),
    ("", "Conv", convolution::conv),
    ("", "ConvInteger", quantization::conv_integer),
    ("", "ConvTranspose", convolution::conv_transpose),
    ("", "Cos", activations::function),
    ("", "CumSum", sums::cumulative),
    ("", "DFT", signal::dft),
    ("", "DepthToSpace", movement::depth_to_space),
    ("", "DequantizeLinear", quantization::dequantize),
    ("", "Det", encodings::det),
    ("", "Div", arithmetic::binary),
    ("", "Dropout", movement::dropout),
    ("", "DynamicQuantizeLinear", quantization::dynamic_quantize),
    ("", "Einsum", sums::einsum),
    ("", "Elu", activations::function),
    ("", "Equal", logic::comparison),
    ("", "Erf", activations::function),
    ("", "Exp", activations::function),
    ("", "Expand", movement::expand),
    ("", "EyeLike", encodings::eye_like),
    ("", "Flatten", movement::flatten),
    ("", "Floor", activations::function),
    ("", "GRU", recurrent::recurrent),
    ("", "Gather", selection::gather),
    ("", "GatherElements", indexing::gather_elements),
    ("", "GatherND", indexing::gather_nd),
    ("", "Gelu", activations::function),
    ("", "Gemm", products::gemm),
    ("", "GlobalAveragePool", pooling::global),
    ("", "GlobalLpPool", local::global_lp_pool),
    ("", "GlobalMaxPool", pooling::global),
    ("", "Greater", logic::comparison),
    ("", "GreaterOrEqual", logic::comparison),
    ("", "GroupNormalization", layer_norms::group),
    ("", "HammingWindow", signal::window),
    ("", "HannWindow", signal::window),
    ("", "HardSigmoid", activations::function),
    ("", "HardSwish", activations::function),
    ("", "Hardmax", layer_norms::hardmax),
    ("", "Identity", movement::identity),
    ("", "If", control::branches),
    ("", "InstanceNormalization", layer_norms::group),
    ("", "IsInf", logic::is_inf),
    ("", "IsNaN", logic::is_nan),
    ("", "LRN", local::lrn),
    ("", "LSTM", recurrent::recurrent),
    ("", "LayerNormalization", layer_norms::layer),
    ("", "LeakyRelu", activations::function),
    ("", "Less", logic::comparison),
    ("", "LessOrEqual", logic::comparison),
    ("", "Log", activations::function),
    ("", "LogSoftmax", normalization::softmax),
    ("", "LpNormalization", layer_norms::lp),
    ("", "LpPool", local::lp_pool),
    ("", "MatMul", products::mat_mul),
    ("", "MatMulInteger", quantization::mat_mul_integer),
    ("", "Max", arithmetic::variadic),
    ("", "MaxPool", pooling::pool),
    ("", "Mean", arithmetic::variadic),
    ("", "MeanVarianceNormalization", layer_norms::mean_variance),
    ("", "Min", arithmetic::variadic),
    ("", "Mish", activations::function),
    ("", "Mod", arithmetic::modulo),
    ("", "Mul", arithmetic::binary),
    ("", "Neg", activations::neg),
    ("", "NegativeLogLikelihoodLoss", losses::negative_log_likelihood),
    ("", "Not", logic::not),
    ("", "OneHot", encodings::one_hot),
    ("", "Or", logic::logical),
    ("", "PRelu", activations::prelu),
    ("", "Pad", padding::pad),
    ("", "Pow", arithmetic::pow),
    ("", "QLinearConv", qoperators::conv),
    ("", "QLinearMatMul", qoperators::mat_mul),
    ("", "QuantizeLinear", quantization::quantize),
    ("", "RMSNormalization", layer_norms::rms),
    ("", "RNN", recurrent::recurrent),
    ("", "Range", constants::range),
    ("", "Reciprocal", activations::function),
    ("", "ReduceL1", reductions::reduce),
    ("", "ReduceL2", reductions::reduce),
    ("", "ReduceLogSum", reductions::reduce),
    ("", "ReduceLogSumExp", reductions::reduce),
    ("", "ReduceMax", reductions::reduce),
    ("", "ReduceMean", reductions::reduce),
    ("", "ReduceMin", reductions::reduce),
    ("", "ReduceProd", reductions::reduce),
    ("", "ReduceSum", reductions::reduce),
    ("", "ReduceSumSquare", reductions::reduce),
    ("", "Relu", activations::relu),
    ("", "Reshape", movement::reshape),
    ("", "Resize", resize::resize),
    ("", "ReverseSequence", encodings::reverse_sequence),
    ("", "RoiAlign", regions::roi_align),
    ("", "Round", activations::function),
    ("", "Selu", activations::function),
    ("", "Shape", constants::shape),
    ("", "Shrink", activations::function),
    ("", "Sigmoid", activations::function),
    ("", "Sign", activations::sign),
    ("", "SimplifiedLayerNormalization", layer_norms::rms),
    ("", "Sin", activations::function),
    ("", "Size", constants::size),
    ("", "Slice", selection::slice),
    ("", "Softmax", normalization::softmax),
    ("", "SoftmaxCrossEntropyLoss", losses::softmax_cross_entropy),
    ("", "Softplus", activations::function),
    ("", "Softsign", activations::function),
    ("", "SpaceToDepth", movement::space_to_depth),
    ("", "Split", selection::split),
    ("", "Sqrt", activations::function),
    ("", "Squeeze", movement::squeeze),
    ("", "Sub", arithmetic::binary),
    ("", "Sum", arithmetic::variadic),
    ("", "Tan", activations::tan),
    ("", "Tanh", activations::function),
    ("", "ThresholdedRelu", activations::function),
    ("", "Tile", movement::tile),
    ("", "Transpose", movement::transpose),
    ("", "Unsqueeze", movement::unsqueeze),
    ("", "Upsample", resize::upsample),
    ("", "Where", logic::where_),
    ("", "Xor", logic::logical),
    ("ai.onnx.ml", "Binarizer", encodings::binarizer),
    ("ai.onnx.preview.training", "Adagrad", training::adagrad),
    ("ai.onnx.preview.training", "Adam", training::adam),
    ("ai.onnx.preview.training", "Momentum", training::momentum),
    ("com.microsoft", "Attention", attention::packed),
    ("com.microsoft", "BiasGelu", contrib::gelu),
    ("com.microsoft", "DynamicQuantizeMatMul", dynamic::quantize_mat_mul),
    ("com.microsoft", "FastGelu", contrib::gelu),
    ("com.microsoft", "Gelu", contrib::gelu),
    ("com.microsoft", "MatMulIntegerToFloat", dynamic::mat_mul_to_float),
    ("com.microsoft", "MultiHeadAttention", attention::multi_head),
    ("com.microsoft", "QGemm", qoperators::gemm),
    ("com.microsoft", "QLinearAdd", qoperators::binary),
    ("com.microsoft", "QLinearAveragePool", qoperators::pool),
    ("com.microsoft", "QLinearConcat", qoperators::concat),
    ("com.microsoft", "QLinearGlobalAveragePool", qoperators::pool),
    ("com.microsoft", "QLinearLeakyRelu", qoperators::function),
    ("com.microsoft", "QLinearMul", qoperators::binary),
    ("com.microsoft", "QLinearSigmoid", qoperators::function),
    ("com.microsoft", "QLinearSoftmax", qoperators::softmax),
    ("com.microsoft", "QuickGelu", contrib::quick_gelu),
    ("com.microsoft", "SimplifiedLayerNormalization", layer_norms::rms),
    ("com.microsoft", "SkipLayerNormalization", layer_norms::skip),
    ("com.microsoft", "SkipSimplifiedLayerNormalization", layer_norms::skip),
];
