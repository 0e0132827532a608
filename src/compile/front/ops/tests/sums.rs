use std::collections::BTreeMap;

use coulter_plan::DType;
use coulter_testkit::rng::Rng;

use super::{OneNode, assert_near};

fn axis_operand(node: OneNode, axis: i64) -> OneNode {
    node.constant_of(DType::I64, &[], axis.to_le_bytes().to_vec())
}

/// Which elements of a line count for the one at `to`.
fn counts(from: usize, to: usize, exclusive: bool, reverse: bool) -> bool {
    let (from, to) = if reverse { (to, from) } else { (from, to) };
    from < to || from == to && !exclusive
}

#[test]
fn sums_run_along_any_axis() {
    let dims = [2, 3, 7];
    let x = Rng::new(1).f32s(42);
    let whole: Vec<i64> = x.iter().map(|x| (x * 1e9) as i64).collect();
    for (axis, step) in [(0, 21), (1, 7), (-1, 1)] {
        let length = dims[(if axis < 0 { axis + 3 } else { axis }) as usize];
        for (exclusive, reverse) in [(false, false), (true, false), (false, true), (true, true)] {
            let node = || OneNode::new("CumSum", 14).int("exclusive", exclusive.into()).int("reverse", reverse.into());
            let terms = |at: usize| {
                let to = at / step % length;
                (0..length)
                    .filter(move |&from| counts(from, to, exclusive, reverse))
                    .map(move |from| at - to * step + from * step)
            };
            let what = format!("axis {axis}, exclusive {exclusive}, reverse {reverse}");
            let floats = axis_operand(node().computed(&dims, &x), axis).run(&["y"]);
            let expected: Vec<f64> = (0..42).map(|at| terms(at).map(|i| f64::from(x[i])).sum()).collect();
            assert_near(&floats[0], &expected, 1e-6, &what);
            let bytes = whole.iter().flat_map(|v| v.to_le_bytes()).collect();
            let integers = axis_operand(node().computed_of(DType::I64, &dims, bytes), axis).run_bytes(&["y"]);
            let expected: Vec<u8> =
                (0..42).flat_map(|at| terms(at).map(|i| whole[i]).sum::<i64>().to_le_bytes()).collect();
            assert_eq!(integers[0], expected, "{what}");
        }
    }
}

/// Sums products over all values of all labels.
fn naive(terms: &[&str], result: &str, operands: &[(Vec<usize>, Vec<f32>)]) -> Vec<f64> {
    let mut sizes = BTreeMap::new();
    for (term, (dims, _)) in terms.iter().zip(operands) {
        sizes.extend(term.chars().zip(dims.iter().copied()));
    }
    let labels: Vec<char> = sizes.keys().copied().collect();
    let place =
        |term: &str, at: &BTreeMap<char, usize>| term.chars().fold(0, |i, label| i * sizes[&label] + at[&label]);
    let mut y = vec![0.0; result.chars().map(|label| sizes[&label]).product()];
    for mut number in 0..sizes.values().product::<usize>() {
        let mut at = BTreeMap::new();
        for label in &labels {
            at.insert(*label, number % sizes[label]);
            number /= sizes[label];
        }
        let factors = terms.iter().zip(operands).map(|(term, (_, values))| f64::from(values[place(term, &at)]));
        y[place(result, &at)] += factors.product::<f64>();
    }
    y
}

#[test]
fn equations_are_sums_of_products() {
    let mut rng = Rng::new(2);
    // The equation, then the same with all dimensions named, and the operands' shapes.
    type Case<'a> = (&'a str, &'a [&'a str], &'a str, &'a [&'a [usize]]);
    let cases: &[Case<'_>] = &[
        ("ij,jk->ik", &["ij", "jk"], "ik", &[&[3, 4], &[4, 5]]),
        ("bhid,bhjd->bhij", &["bhid", "bhjd"], "bhij", &[&[2, 3, 4, 5], &[2, 3, 6, 5]]),
        ("bij , jk", &["bij", "jk"], "bik", &[&[2, 3, 4], &[4, 5]]),
        ("ij->ji", &["ij"], "ji", &[&[3, 4]]),
        ("ij->", &["ij"], "", &[&[3, 4]]),
        ("ii->i", &["ii"], "i", &[&[4, 4]]),
        ("iji->j", &["iji"], "j", &[&[3, 4, 3]]),
        ("i,j->ij", &["i", "j"], "ij", &[&[3], &[4]]),
        ("i,i", &["i", "i"], "", &[&[5], &[5]]),
        ("ij,k->j", &["ij", "k"], "j", &[&[3, 4], &[2]]),
        ("abc,cd,db->a", &["abc", "cd", "db"], "a", &[&[2, 3, 4], &[4, 5], &[5, 3]]),
        ("...ij,...jk->...ik", &["xij", "xjk"], "xik", &[&[2, 3, 4], &[2, 4, 5]]),
        ("bwqk,bwkc->bqwc", &["bwqk", "bwkc"], "bqwc", &[&[2, 3, 4, 5], &[2, 3, 5, 6]]),
    ];
    for (equation, terms, result, shapes) in cases {
        let operands: Vec<_> = shapes.iter().map(|s| (s.to_vec(), rng.f32s(s.iter().product()))).collect();
        let mut node = OneNode::new("Einsum", 12).text("equation", equation);
        for (dims, values) in &operands {
            node = node.computed(dims, values);
        }
        assert_near(&node.run(&["y"])[0], &naive(terms, result, &operands), 1e-5, equation);
    }
}

#[test]
fn equations_that_do_not_fit_are_refused() {
    for equation in ["ij,jk->ik", "ijk->i", "ij->ik", "ij->ii", "i->i", "i?->i"] {
        let node = OneNode::new("Einsum", 12).text("equation", equation).computed(&[3, 4], &[0.0; 12]);
        let refusal = node.compile(&["y"]).expect_err("a refusal").to_string();
        assert!(refusal.contains("equation"), "{refusal}");
    }
}
