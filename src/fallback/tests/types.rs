//! Every element type goes in and comes out unchanged.

use coulter_plan::DType;

use super::models::{model, of_node, onnx_type};
use crate::{FallbackError, Port, evaluate, output_facts};
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value;

/// Bytes of six elements, all different, none special.
fn pattern(dtype: DType) -> Vec<u8> {
    match dtype {
        DType::Bool => vec![0, 1, 1, 0, 1, 0],
        // A small positive exponent in the last byte keeps floats finite.
        _ => (0..6 * dtype.size()).map(|i| (i * 7 % 60) as u8 + 1).collect(),
    }
}

#[test]
fn every_type_is_carried() {
    for dtype in DType::ALL.into_iter().filter(|&d| d != DType::BF16) {
        let bytes = pattern(dtype);
        let transposed = model("Transpose", &[(dtype, &[2, 3])]);
        assert_eq!(output_facts(&transposed), Ok(vec![(dtype, Some(vec![3, 2]))]), "{dtype}");
        let outputs = evaluate(&transposed, &[(dtype, vec![2, 3], &bytes)]).unwrap_or_else(|e| panic!("{dtype}: {e}"));
        let element = |i: usize| &bytes[i * dtype.size()..][..dtype.size()];
        assert_eq!(outputs, [(dtype, vec![3, 2], [0, 3, 1, 4, 2, 5].map(element).concat())], "{dtype}");
    }
}

#[test]
fn any_byte_but_zero_is_true() {
    let not = model("Not", &[(DType::Bool, &[3])]);
    let outputs = evaluate(&not, &[(DType::Bool, vec![3], &[0, 2, 255])]);
    assert_eq!(outputs, Ok(vec![(DType::Bool, vec![3], vec![1, 0, 0])]));
}

#[test]
fn arithmetic_is_tracts() {
    let bytes: Vec<u8> = [4.0f32, 2.25].iter().flat_map(|v| v.to_le_bytes()).collect();
    let outputs = evaluate(&model("Sqrt", &[(DType::F32, &[2])]), &[(DType::F32, vec![2], &bytes)]);
    let expected: Vec<u8> = [2.0f32, 1.5].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(outputs, Ok(vec![(DType::F32, vec![2], expected)]));
}

#[test]
fn tracts_dimensions_are_i64() {
    let outputs = evaluate(&model("Shape", &[(DType::U8, &[4, 5])]), &[(DType::U8, vec![4, 5], &[0; 20])]);
    let expected: Vec<u8> = [4i64, 5].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(outputs, Ok(vec![(DType::I64, vec![2], expected)]));
}

#[test]
fn scalars_and_empty_tensors_are_carried() {
    let scalar = evaluate(&model("Neg", &[(DType::I32, &[])]), &[(DType::I32, vec![], &3i32.to_le_bytes())]);
    assert_eq!(scalar, Ok(vec![(DType::I32, vec![], (-3i32).to_le_bytes().to_vec())]));
    let empty = evaluate(&model("Neg", &[(DType::F32, &[0, 2])]), &[(DType::F32, vec![0, 2], &[])]);
    assert_eq!(empty, Ok(vec![(DType::F32, vec![0, 2], vec![])]));
}

#[test]
fn types_that_cannot_be_carried_are_named() {
    let shape = [Value::DimValue(2)];
    let bf16 = of_node("Neg", &[(onnx_type(DType::BF16), &shape)]);
    assert!(matches!(output_facts(&bf16), Err(FallbackError::Load(_))));
    let text = of_node("Identity", &[(DataType::String, &shape)]);
    let error = output_facts(&text).expect_err("text is refused");
    assert_eq!(error, FallbackError::Type { port: Port::Input(0), dtype: "String".into() });
}

#[test]
fn shapes_of_inputs_must_be_known() {
    let open = of_node("Neg", &[(DataType::Float, &[Value::DimParam("n".into())])]);
    assert_eq!(output_facts(&open), Err(FallbackError::SymbolicShape { port: Port::Input(0) }));
}

#[test]
fn shapes_of_outputs_may_depend_on_data() {
    let nonzero = model("NonZero", &[(DType::I64, &[3])]);
    assert_eq!(output_facts(&nonzero), Ok(vec![(DType::I64, None)]));
    let values: Vec<u8> = [5i64, 0, 7].iter().flat_map(|v| v.to_le_bytes()).collect();
    let places: Vec<u8> = [0i64, 2].iter().flat_map(|v| v.to_le_bytes()).collect();
    let outputs = evaluate(&nonzero, &[(DType::I64, vec![3], &values)]);
    assert_eq!(outputs, Ok(vec![(DType::I64, vec![1, 2], places)]));
}
