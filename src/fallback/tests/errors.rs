//! Sub-models that cannot be loaded or run.

use coulter_plan::DType;

use super::models::model;
use crate::panics::caught;
use crate::{FallbackError, Port, evaluate, output_facts};

#[test]
fn other_bytes_are_no_model() {
    for bytes in [&b"no model at all"[..], &[0xff; 64], &[]] {
        assert!(matches!(output_facts(bytes), Err(FallbackError::NotOnnx(_))), "{bytes:?}");
    }
    let whole = model("Neg", &[(DType::F32, &[2])]);
    for cut in 1..whole.len() {
        // A prefix may happen to be a smaller model; it must not panic.
        let _ = output_facts(&whole[..cut]);
    }
}

#[test]
fn unknown_operators_are_refused_by_name() {
    let error = output_facts(&model("Frobnicate", &[(DType::F32, &[2])])).expect_err("there is no such operator");
    assert!(error.to_string().contains("Frobnicate"), "{error}");
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let add = model("Add", &[(DType::F32, &[2]), (DType::F32, &[2])]);
    let two = (DType::F32, vec![2], &[0u8; 8][..]);
    let count = FallbackError::Count { side: "inputs", expected: 2, found: 1 };
    assert_eq!(evaluate(&add, std::slice::from_ref(&two)), Err(count));
    let three = (DType::F32, vec![3], &[0u8; 12][..]);
    let expected = (DType::F32, vec![2]);
    let mismatch = FallbackError::Mismatch { port: Port::Input(1), expected, found: (DType::F32, vec![3]) };
    assert_eq!(evaluate(&add, &[two.clone(), three]), Err(mismatch));
    let short = (DType::F32, vec![2], &[0u8; 7][..]);
    let bytes = FallbackError::Bytes { port: Port::Input(1), expected: 8, found: 7 };
    assert_eq!(evaluate(&add, &[two, short]), Err(bytes));
}

#[test]
fn a_run_that_fails_is_an_error() {
    let gather = model("Gather", &[(DType::F32, &[2]), (DType::I64, &[1])]);
    let index = 7i64.to_le_bytes();
    let outcome = evaluate(&gather, &[(DType::F32, vec![2], &[0; 8]), (DType::I64, vec![1], &index)]);
    assert!(matches!(outcome, Err(FallbackError::Run(_) | FallbackError::Panic(_))), "{outcome:?}");
}

#[test]
fn a_panic_is_an_error_that_tells_its_message() {
    let division = model("Div", &[(DType::I32, &[1]), (DType::I32, &[1])]);
    let one = (DType::I32, vec![1], &[1u8, 0, 0, 0][..]);
    let zero = (DType::I32, vec![1], &[0u8; 4][..]);
    let outcome = evaluate(&division, &[one, zero]);
    let Err(FallbackError::Panic(message)) = outcome else { panic!("division by zero gave {outcome:?}") };
    assert!(message.contains("divide by zero"), "{message}");
}

#[test]
fn panics_inside_each_other_are_caught_each() {
    let outcome = caught(|| {
        let inner = caught(|| -> Result<(), _> { panic!("inner") });
        assert!(matches!(&inner, Err(FallbackError::Panic(m)) if m.contains("inner")), "{inner:?}");
        panic!("outer after {}", inner.is_err())
    });
    let Err::<(), _>(FallbackError::Panic(message)) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("outer after true"), "{message}");
}
