//! What operators mean where that is easily got wrong. Expected values are onnxruntime's.

use coulter_plan::DType;
use tract_onnx::pb::AttributeProto;

use super::draft::{Draft, array, counted, float, int, ints, text};
use crate::tests::interpreter::Array;

/// An operand: data that come at run time, or a constant.
enum In {
    Data(Array),
    Floats(&'static [usize], &'static [f32]),
    Ints(&'static [i64]),
    Missing,
}

use In::{Data, Floats, Ints, Missing};

/// The outputs of a model of one node.
fn outputs(opset: i64, op: &str, inputs: Vec<In>, attributes: &[AttributeProto], count: usize) -> Vec<Array> {
    let mut draft = Draft::new(opset);
    let (mut names, mut data) = (Vec::new(), Vec::new());
    for (i, input) in inputs.into_iter().enumerate() {
        let name = format!("i{i}");
        draft = match input {
            Missing => {
                names.push(String::new());
                continue;
            }
            Data(array) => {
                let shape: Vec<i64> = array.shape.iter().map(|&d| d as i64).collect();
                let dtype = array.dtype;
                data.push(array);
                draft.input(&name, dtype, &shape)
            }
            Floats(shape, values) => draft.floats(&name, shape, values),
            Ints(values) => draft.ints(&name, values),
        };
        names.push(name);
    }
    let outputs: Vec<String> = (0..count).map(|i| format!("o{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    draft = draft.node(op, &names, &outputs.iter().map(String::as_str).collect::<Vec<_>>(), attributes);
    draft = outputs.iter().fold(draft, |draft, name| draft.output(name));
    draft.run(&data)
}

/// Asserts that the one output is this, to f32's accuracy.
#[track_caller]
fn gives(opset: i64, op: &str, inputs: Vec<In>, attributes: &[AttributeProto], shape: &[usize], values: &[f64]) {
    let found = &outputs(opset, op, inputs, attributes, 1)[0];
    assert_eq!(found.shape, shape, "{op}: {found:?}");
    let near = |(&a, &b): (&f64, &f64)| (a - b).abs() <= 1e-4 * b.abs().max(1.0);
    assert!(found.values.iter().zip(values).all(near), "{op}: {found:?} instead of {values:?}");
}

fn x(shape: &[usize]) -> In {
    Data(counted(shape))
}

fn data(shape: &[usize], values: &[f64]) -> In {
    Data(array(shape, values))
}

#[test]
fn slices_count_from_the_end_and_walk_backwards() {
    let parts = |a, b, c, d| vec![x(&[5]), Ints(a), Ints(b), Ints(c), Ints(d)];
    gives(17, "Slice", parts(&[-1], &[-100], &[0], &[-2]), &[], &[3], &[4.0, 2.0, 0.0]);
    gives(17, "Slice", parts(&[i64::MAX], &[i64::MIN], &[-1], &[i64::MIN]), &[], &[1], &[4.0]);
    gives(17, "Slice", parts(&[3], &[1], &[0], &[1]), &[], &[0], &[]);
    let attributes = [ints("starts", &[0, -3]), ints("ends", &[1, -1])];
    gives(9, "Slice", vec![x(&[2, 4])], &attributes, &[1, 2], &[1.0, 2.0]);
}

#[test]
fn gemm_scales_transposes_and_broadcasts() {
    let attributes = [float("alpha", 0.5), float("beta", 2.0), int("transB", 1)];
    let (b, c) = (|| Floats(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), || Floats(&[2], &[1.0, 2.0]));
    gives(17, "Gemm", vec![x(&[2, 3]), b(), c()], &attributes, &[2, 2], &[4.5, 11.0, 9.0, 29.0]);
    let all_computed = vec![x(&[2, 3]), x(&[2, 3]), data(&[2], &[1.0, 2.0])];
    gives(17, "Gemm", all_computed, &attributes, &[2, 2], &[4.5, 11.0, 9.0, 29.0]);
    let operands = vec![x(&[3, 2]), x(&[3, 2]), Floats(&[1], &[3.0])];
    gives(17, "Gemm", operands, &[int("transA", 1)], &[2, 2], &[23.0, 29.0, 29.0, 38.0]);
}

#[test]
fn vectors_in_products_lose_their_dimension() {
    gives(17, "MatMul", vec![x(&[3]), x(&[2, 3, 2])], &[], &[2, 2], &[10.0, 13.0, 28.0, 31.0]);
    gives(17, "MatMul", vec![x(&[2, 2, 3]), x(&[3])], &[], &[2, 2], &[5.0, 14.0, 23.0, 32.0]);
    gives(17, "MatMul", vec![x(&[3]), x(&[3])], &[], &[], &[5.0]);
    gives(17, "MatMul", vec![x(&[2, 2, 3]), Floats(&[3], &[0.0, 1.0, 2.0])], &[], &[2, 2], &[5.0, 14.0, 23.0, 32.0]);
}

#[test]
fn softmax_was_over_all_that_follows_before_version_13() {
    gives(11, "Softmax", vec![x(&[1, 2, 2])], &[], &[1, 2, 2], &[0.0321, 0.0871, 0.2369, 0.6439]);
    gives(13, "Softmax", vec![x(&[1, 2, 2])], &[int("axis", 1)], &[1, 2, 2], &[0.1192, 0.1192, 0.8808, 0.8808]);
}

#[test]
fn pools_round_up_and_pad_by_themselves() {
    let kernel = || ints("kernel_shape", &[2]);
    let ceil = [kernel(), ints("strides", &[2]), int("ceil_mode", 1)];
    gives(17, "AveragePool", vec![x(&[1, 1, 3])], &ceil, &[1, 1, 2], &[0.5, 2.0]);
    let lower = [kernel(), text("auto_pad", "SAME_LOWER")];
    gives(17, "AveragePool", vec![x(&[1, 1, 3])], &lower, &[1, 1, 3], &[0.0, 0.5, 1.5]);
    let spread = [kernel(), ints("dilations", &[2]), ints("pads", &[1, 1])];
    gives(17, "MaxPool", vec![x(&[1, 1, 4])], &spread, &[1, 1, 4], &[1.0, 2.0, 3.0, 2.0]);
}

#[test]
fn convolutions_pad_group_and_spread() {
    let w = || Floats(&[1, 1, 2], &[1.0, 10.0]);
    let same = |mode| [text("auto_pad", mode), ints("strides", &[2])];
    gives(17, "Conv", vec![x(&[1, 1, 5]), w()], &same("SAME_LOWER"), &[1, 1, 3], &[0.0, 21.0, 43.0]);
    gives(17, "Conv", vec![x(&[1, 1, 5]), w()], &same("SAME_UPPER"), &[1, 1, 3], &[10.0, 32.0, 4.0]);
    let (w, bias) = (Floats(&[2, 1, 2], &[1.0, 10.0, 100.0, 1000.0]), Floats(&[2], &[1.0, 2.0]));
    let depthwise = [int("group", 2), ints("dilations", &[2])];
    gives(17, "Conv", vec![x(&[1, 2, 3]), w, bias], &depthwise, &[1, 2, 1], &[21.0, 5302.0]);
    let w = Floats(&[4, 1, 1], &[0.0, 1.0, 2.0, 3.0]);
    let wanted = [0.0, 0.0, 0.0, 1.0, 4.0, 6.0, 6.0, 9.0];
    gives(17, "Conv", vec![x(&[1, 2, 2]), w], &[int("group", 2)], &[1, 4, 2], &wanted);
}

#[test]
fn a_bias_that_is_computed_is_added() {
    let operands = vec![x(&[1, 1, 3]), Floats(&[2, 1, 1], &[1.0, 2.0]), data(&[2], &[10.0, 20.0])];
    gives(17, "Conv", operands, &[], &[1, 2, 3], &[10.0, 11.0, 12.0, 20.0, 22.0, 24.0]);
}

#[test]
fn transposed_convolutions_take_the_size_asked_for() {
    let operands = || vec![data(&[1, 1, 2], &[1.0, 2.0]), Floats(&[1, 1, 3], &[1.0, 10.0, 100.0])];
    let extra = [ints("strides", &[2]), ints("output_padding", &[1])];
    gives(17, "ConvTranspose", operands(), &extra, &[1, 1, 6], &[1.0, 10.0, 102.0, 20.0, 200.0, 0.0]);
    let sized = [ints("strides", &[2]), ints("output_shape", &[4])];
    gives(17, "ConvTranspose", operands(), &sized, &[1, 1, 4], &[10.0, 102.0, 20.0, 200.0]);
    let w = Floats(&[2, 2, 2], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let wanted = [0.0, 1.0, 2.0, 3.0, 8.0, 10.0, 12.0, 14.0];
    let operands = vec![data(&[1, 2, 1], &[1.0, 2.0]), w];
    gives(17, "ConvTranspose", operands, &[int("group", 2)], &[1, 4, 2], &wanted);
}

#[test]
fn pads_cut_mirror_and_name_axes() {
    let cut = vec![x(&[2, 2]), Ints(&[0, 1, 0, -1]), Floats(&[], &[9.0])];
    gives(17, "Pad", cut, &[], &[2, 2], &[9.0, 0.0, 9.0, 2.0]);
    let mirrored = vec![x(&[3]), Ints(&[1, 2])];
    gives(17, "Pad", mirrored, &[text("mode", "reflect")], &[6], &[1.0, 0.0, 1.0, 2.0, 1.0, 0.0]);
    let last = vec![x(&[1, 2]), Ints(&[1, 1]), Floats(&[], &[7.0]), Ints(&[-1])];
    gives(18, "Pad", last, &[], &[1, 4], &[7.0, 0.0, 1.0, 7.0]);
    let old = [ints("pads", &[1, 0]), float("value", 2.0)];
    gives(2, "Pad", vec![x(&[2])], &old, &[3], &[2.0, 0.0, 1.0]);
}

#[test]
fn the_last_of_equal_maxima_is_found_when_asked_for() {
    let operand = || vec![data(&[4], &[1.0, 3.0, 3.0, 2.0])];
    let last = [int("select_last_index", 1), int("keepdims", 0)];
    gives(13, "ArgMax", operand(), &last, &[], &[2.0]);
    gives(13, "ArgMax", operand(), &[], &[1], &[1.0]);
}

#[test]
fn blocks_move_between_depth_and_space() {
    let size = || int("blocksize", 2);
    let wanted = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    gives(17, "DepthToSpace", vec![x(&[1, 8, 1, 1])], &[size(), text("mode", "CRD")], &[1, 2, 2, 2], &wanted);
    let wanted = [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0];
    gives(17, "DepthToSpace", vec![x(&[1, 8, 1, 1])], &[size()], &[1, 2, 2, 2], &wanted);
    let wanted = [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0];
    gives(17, "SpaceToDepth", vec![x(&[1, 2, 2, 2])], &[size()], &[1, 8, 1, 1], &wanted);
}

#[test]
fn splits_leave_the_rest_to_the_last() {
    let parts = outputs(18, "Split", vec![x(&[5])], &[int("num_outputs", 2)], 2);
    assert_eq!((parts[0].values.clone(), parts[1].values.clone()), (vec![0.0, 1.0, 2.0], vec![3.0, 4.0]));
}

#[test]
fn tiles_repeat_in_every_dimension() {
    let row = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 2.0, 3.0];
    gives(17, "Tile", vec![x(&[2, 2]), Ints(&[2, 3])], &[], &[4, 6], &[row, row].concat());
}

#[test]
fn shapes_keep_and_fill_in() {
    gives(17, "Reshape", vec![x(&[2, 3]), Ints(&[0, -1, 1])], &[], &[2, 3, 1], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    gives(17, "Reshape", vec![x(&[0, 3]), Ints(&[0, 7])], &[int("allowzero", 1)], &[0, 7], &[]);
    gives(17, "Flatten", vec![x(&[2, 1])], &[int("axis", 0)], &[1, 2], &[0.0, 1.0]);
    gives(17, "Expand", vec![x(&[2, 1]), Ints(&[3, 1, 2])], &[], &[3, 2, 2], &[[0.0, 0.0, 1.0, 1.0]; 3].concat());
}

#[test]
fn slopes_and_statistics_lie_along_the_channels() {
    let operand = || data(&[1, 2, 2], &[-1.0; 4]);
    let wanted = [-1.0, -1.0, -10.0, -10.0];
    gives(17, "PRelu", vec![operand(), Floats(&[2, 1], &[1.0, 10.0])], &[], &[1, 2, 2], &wanted);
    gives(6, "PRelu", vec![operand(), Floats(&[2], &[1.0, 10.0])], &[], &[1, 2, 2], &wanted);
    let of_channels: Vec<In> =
        [&[2.0, 1.0], &[0.0, 5.0], &[1.0, 2.0], &[4.0, 1.0]].into_iter().map(|v| Floats(&[2], v)).collect();
    let operands = [vec![x(&[1, 2, 2])], of_channels].concat_by_value();
    gives(17, "BatchNormalization", operands, &[float("epsilon", 0.0)], &[1, 2, 2], &[-1.0, 0.0, 5.0, 6.0]);
}

/// Joins vectors of what cannot be cloned.
trait Concat<T> {
    fn concat_by_value(self) -> Vec<T>;
}

impl<T, const N: usize> Concat<T> for [Vec<T>; N] {
    fn concat_by_value(self) -> Vec<T> {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn bounds_may_be_missing() {
    let operand = || data(&[3], &[-3.0, 0.0, 3.0]);
    gives(17, "Clip", vec![operand(), Missing, Floats(&[], &[1.0])], &[], &[3], &[-3.0, 0.0, 1.0]);
    gives(17, "Clip", vec![operand()], &[], &[3], &[-3.0, 0.0, 3.0]);
    gives(6, "Clip", vec![operand()], &[float("min", -1.0)], &[3], &[-1.0, 0.0, 3.0]);
    let computed = vec![operand(), data(&[], &[-2.0]), data(&[], &[2.0])];
    gives(17, "Clip", computed, &[], &[3], &[-2.0, 0.0, 2.0]);
}

#[test]
fn integers_are_computed_as_integers() {
    let small = |values: &[f64]| Data(Array::new(DType::U8, &[values.len()], values.to_vec()));
    gives(17, "Add", vec![small(&[250.0, 1.0]), small(&[10.0, 1.0])], &[], &[2], &[4.0, 2.0]);
    gives(17, "Div", vec![small(&[7.0]), small(&[2.0])], &[], &[1], &[3.0]);
    let long = |values: &[f64]| Data(Array::new(DType::I64, &[values.len()], values.to_vec()));
    gives(17, "Mod", vec![long(&[-5.0, 5.0]), long(&[3.0, -3.0])], &[], &[2], &[1.0, -1.0]);
    gives(17, "Pow", vec![long(&[2.0, -3.0]), long(&[10.0, 3.0])], &[], &[2], &[1024.0, -27.0]);
    gives(17, "Relu", vec![long(&[-5.0, 5.0])], &[], &[2], &[0.0, 5.0]);
}

#[test]
fn indices_count_from_the_end() {
    gives(17, "Gather", vec![x(&[3, 2]), Ints(&[-1, 0])], &[], &[2, 2], &[4.0, 5.0, 0.0, 1.0]);
    let wanted = [[2.0, 0.0, 1.0], [5.0, 3.0, 4.0]].concat();
    gives(17, "Gather", vec![x(&[2, 3]), Ints(&[2, 0, -2])], &[int("axis", -1)], &[2, 3], &wanted);
}

#[test]
fn reductions_name_their_axes() {
    gives(13, "ReduceMean", vec![x(&[2, 3])], &[ints("axes", &[-1]), int("keepdims", 0)], &[2], &[1.0, 4.0]);
    gives(18, "ReduceMean", vec![x(&[2, 3]), Ints(&[0])], &[], &[1, 3], &[1.5, 2.5, 3.5]);
    gives(13, "ReduceSum", vec![x(&[2, 2])], &[], &[1, 1], &[6.0]);
    gives(13, "ReduceSum", vec![x(&[2])], &[int("noop_with_empty_axes", 1)], &[2], &[0.0, 1.0]);
}

#[test]
fn operands_were_aligned_with_an_axis_before_version_7() {
    let operands = vec![x(&[2, 2]), Floats(&[2], &[10.0, 20.0])];
    gives(6, "Add", operands, &[int("broadcast", 1), int("axis", 0)], &[2, 2], &[10.0, 11.0, 22.0, 23.0]);
}
