use coulter_testkit::rng::Rng;

use super::{OneNode, assert_near};

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Mean and variance, the mean being 0 where it is not subtracted.
fn moments(row: &[f64], centred: bool) -> (f64, f64) {
    let n = row.len() as f64;
    let mean = if centred { row.iter().sum::<f64>() / n } else { 0.0 };
    (mean, row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n)
}

fn normalized(x: &[f64], row: usize, centred: bool, epsilon: f64) -> Vec<f64> {
    let of_row = |row: &[f64]| {
        let (mean, variance) = moments(row, centred);
        row.iter().map(|x| (x - mean) / (variance + epsilon).sqrt()).collect::<Vec<_>>()
    };
    x.chunks(row).flat_map(of_row).collect()
}

#[test]
fn layers_are_normalized_from_any_axis_on() {
    let mut rng = Rng::new(1);
    let x = rng.f32s(60);
    for (axis, row) in [(-1, 5), (1, 20), (-3, 60), (2, 5)] {
        let (scale, shift) = (rng.f32s(row), rng.f32s(row));
        let dims = &[3, 4, 5][(if axis < 0 { axis + 3 } else { axis }) as usize..];
        let node = OneNode::new("LayerNormalization", 17).int("axis", axis).float("epsilon", 1e-3);
        let node = node.computed(&[3, 4, 5], &x).constant(dims, &scale).computed(dims, &shift);
        let given = node.run(&["y", "mean", "reciprocal"]);
        let plain = normalized(&wide(&x), row, true, f64::from(1e-3f32));
        let affine = |(i, y): (usize, &f64)| y * f64::from(scale[i % row]) + f64::from(shift[i % row]);
        let expected: Vec<f64> = plain.iter().enumerate().map(affine).collect();
        assert_near(&given[0], &expected, 1e-5, &format!("axis {axis}"));
        let of_rows: Vec<_> = wide(&x).chunks(row).map(|row| moments(row, true)).collect();
        let means: Vec<f64> = of_rows.iter().map(|m| m.0).collect();
        let reciprocals: Vec<f64> = of_rows.iter().map(|m| 1.0 / (m.1 + f64::from(1e-3f32)).sqrt()).collect();
        assert_near(&given[1], &means, 1e-5, "means");
        assert_near(&given[2], &reciprocals, 1e-5, "reciprocal deviations");
    }
}

#[test]
fn roots_of_mean_squares_divide() {
    let mut rng = Rng::new(2);
    let (x, scale) = (rng.f32s(60), rng.f32s(20));
    let expected: Vec<f64> =
        normalized(&wide(&x), 20, false, 1e-5).iter().zip(scale.repeat(3)).map(|(y, s)| y * f64::from(s)).collect();
    let node = |op, opset| OneNode::new(op, opset).int("axis", 1).computed(&[3, 4, 5], &x).constant(&[4, 5], &scale);
    assert_near(&node("RMSNormalization", 23).run(&["y"])[0], &expected, 1e-5, "RMS");
    assert_near(&node("SimplifiedLayerNormalization", 17).run(&["y"])[0], &expected, 1e-5, "simplified");
}

#[test]
fn the_skip_is_added_before() {
    let mut rng = Rng::new(3);
    let [x, skip, scale, shift, bias] = [40, 40, 10, 10, 10].map(|len| rng.f32s(len));
    let node = OneNode::of_microsoft("SkipLayerNormalization").float("epsilon", 1e-5);
    let node = node.computed(&[2, 2, 10], &x).computed(&[2, 2, 10], &skip).constant(&[10], &scale);
    let node = node.constant(&[10], &shift).constant(&[10], &bias);
    let given = node.run(&["y", "", "", "sum"]);
    let sum: Vec<f64> = (0..40).map(|i| f64::from(x[i]) + f64::from(skip[i]) + f64::from(bias[i % 10])).collect();
    let affine = |(i, y): (usize, f64)| y * f64::from(scale[i % 10]) + f64::from(shift[i % 10]);
    let expected: Vec<f64> = normalized(&sum, 10, true, 1e-5).into_iter().enumerate().map(affine).collect();
    assert_near(&given[0], &expected, 1e-5, "the norm");
    assert_near(&given[1], &sum, 1e-6, "the sum");
}

#[test]
fn groups_are_normalized_together() {
    let mut rng = Rng::new(4);
    let x = rng.f32s(2 * 6 * 8);
    for (op, opset, groups, factors) in
        [("GroupNormalization", 21, 3, 6), ("GroupNormalization", 18, 3, 3), ("InstanceNormalization", 17, 6, 6)]
    {
        let (scale, shift) = (rng.f32s(factors), rng.f32s(factors));
        let mut node = OneNode::new(op, opset);
        if op == "GroupNormalization" {
            node = node.int("num_groups", groups);
        }
        let node = node.computed(&[2, 6, 4, 2], &x).constant(&[factors], &scale).constant(&[factors], &shift);
        let plain = normalized(&wide(&x), 6 / groups as usize * 8, true, 1e-5);
        let affine = |(i, y): (usize, f64)| {
            let factor = i / 8 % 6 * factors / 6;
            y * f64::from(scale[factor]) + f64::from(shift[factor])
        };
        let expected: Vec<f64> = plain.into_iter().enumerate().map(affine).collect();
        assert_near(&node.run(&["y"])[0], &expected, 1e-5, op);
    }
}

#[test]
fn norms_divide_and_zeros_stay() {
    let mut x = Rng::new(5).f32s(24);
    x[4..8].fill(0.0);
    for p in [1, 2] {
        let node = OneNode::new("LpNormalization", 1).int("p", p).computed(&[2, 3, 4], &x);
        let of_row = |row: &[f32]| {
            let norm = match p {
                1 => row.iter().map(|&x| f64::from(x).abs()).sum::<f64>(),
                _ => row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt(),
            };
            row.iter().map(|&x| if norm == 0.0 { 0.0 } else { f64::from(x) / norm }).collect::<Vec<_>>()
        };
        let expected: Vec<f64> = x.chunks(4).flat_map(of_row).collect();
        assert_near(&node.run(&["y"])[0], &expected, 1e-6, "Lp");
    }
}

#[test]
fn mean_and_variance_are_those_of_the_axes() {
    let x = Rng::new(6).f32s(2 * 3 * 4 * 5);
    let node = OneNode::new("MeanVarianceNormalization", 13).computed(&[2, 3, 4, 5], &x);
    let mut expected = vec![0.0; x.len()];
    for c in 0..3 {
        let places: Vec<usize> = (0..x.len()).filter(|i| i / 20 % 3 == c).collect();
        let (mean, variance) = moments(&places.iter().map(|&i| f64::from(x[i])).collect::<Vec<_>>(), true);
        places.iter().for_each(|&i| expected[i] = (f64::from(x[i]) - mean) / (variance.sqrt() + 1e-9));
    }
    assert_near(&node.run(&["y"])[0], &expected, 1e-5, "MVN");
}

#[test]
fn the_first_of_the_greatest_is_1() {
    let x = [1.0, 3.0, 3.0, -1.0, -1.0, -2.0];
    let new = OneNode::new("Hardmax", 13).int("axis", 1).computed(&[1, 3, 2], &x).run(&["y"]);
    assert_eq!(new[0], [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    let old = OneNode::new("Hardmax", 11).computed(&[1, 3, 2], &x).run(&["y"]);
    assert_eq!(old[0], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
}
