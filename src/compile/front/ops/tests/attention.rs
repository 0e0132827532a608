use coulter_plan::DType;
use coulter_testkit::rng::Rng;

use super::{OneNode, assert_near};

/// `[B, H, S, D]` queries, keys and values of fewer heads, and what is added to the score of (b, h, s, t).
struct Case<'a> {
    sizes: [usize; 6],
    few: usize,
    q: &'a dyn Fn([usize; 4]) -> f32,
    k: &'a dyn Fn([usize; 4]) -> f32,
    v: &'a dyn Fn([usize; 4]) -> f32,
    scale: f64,
    added: &'a dyn Fn([usize; 4]) -> f64,
}

impl Case<'_> {
    /// Row (b, h, s) of the results.
    fn row(&self, b: usize, h: usize, s: usize) -> Vec<f64> {
        let [_, heads, _, keys, depth, width] = self.sizes;
        let few = h * self.few / heads;
        let weight = |t: usize| {
            let products = (0..depth).map(|d| f64::from((self.q)([b, h, s, d])) * f64::from((self.k)([b, few, t, d])));
            (products.sum::<f64>() * self.scale + (self.added)([b, h, s, t])).exp()
        };
        let weights: Vec<f64> = (0..keys).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        let column = |e: usize| {
            let terms = weights.iter().enumerate().map(|(t, w)| w / sum * f64::from((self.v)([b, few, t, e])));
            terms.sum()
        };
        (0..width).map(column).collect()
    }

    /// All rows, heads outside of queries.
    fn by_head(&self) -> Vec<f64> {
        let [batch, heads, queries, ..] = self.sizes;
        let rows = (0..batch * heads * queries).map(|i| (i / queries / heads, i / queries % heads, i % queries));
        rows.flat_map(|(b, h, s)| self.row(b, h, s)).collect()
    }

    /// All rows, queries outside of heads.
    fn by_query(&self) -> Vec<f64> {
        let [batch, heads, queries, ..] = self.sizes;
        let rows = (0..batch * heads * queries).map(|i| (i / heads / queries, i % heads, i / heads % queries));
        rows.flat_map(|(b, h, s)| self.row(b, h, s)).collect()
    }
}

/// An element of a dense tensor.
fn dense(values: &[f32], dims: [usize; 4]) -> impl Fn([usize; 4]) -> f32 + '_ {
    move |at| values[at.iter().zip(dims).fold(0, |i, (&at, d)| i * d + at)]
}

/// Element (b, h, s, d) of `[B, S, H·D]`.
fn flat(values: &[f32], [_, heads, rows, depth]: [usize; 4]) -> impl Fn([usize; 4]) -> f32 + '_ {
    move |[b, h, s, d]| values[((b * rows + s) * heads + h) * depth + d]
}

#[test]
fn heads_share_keys_and_queries_see_no_later_ones() {
    let mut rng = Rng::new(1);
    let sizes @ [b, h, s, t, d, e] = [2, 4, 5, 7, 8, 6];
    let few = 2;
    let (q, k, v) = (rng.f32s(b * h * s * d), rng.f32s(b * few * t * d), rng.f32s(b * few * t * e));
    let shown: Vec<bool> = (0..s * t).map(|at| at % t == 0 || rng.coin()).collect();
    for causal in [false, true] {
        let node = OneNode::new("Attention", 23).int("is_causal", causal.into());
        let node = node.computed(&[b, h, s, d], &q).computed(&[b, few, t, d], &k).computed(&[b, few, t, e], &v);
        let node = node.computed_of(DType::Bool, &[s, t], shown.iter().map(|&m| m.into()).collect());
        let hidden = |[_, _, s, key]: [usize; 4]| !shown[s * t + key] || causal && key > s;
        let case = Case {
            sizes,
            few,
            q: &dense(&q, [b, h, s, d]),
            k: &dense(&k, [b, few, t, d]),
            v: &dense(&v, [b, few, t, e]),
            scale: 1.0 / (d as f64).sqrt(),
            added: &|at| if hidden(at) { f64::NEG_INFINITY } else { 0.0 },
        };
        assert_near(&node.run(&["y"])[0], &case.by_head(), 1e-5, &format!("causal {causal}"));
    }
}

#[test]
fn heads_are_columns_of_rows() {
    let mut rng = Rng::new(2);
    let sizes @ [b, h, s, t, d, e] = [2, 3, 4, 4, 8, 6];
    let (q, k, v) = (rng.f32s(b * s * h * d), rng.f32s(b * t * h * d), rng.f32s(b * t * h * e));
    let (q_dims, k_dims, v_dims) = ([b, s, h * d], [b, t, h * d], [b, t, h * e]);
    let case = Case {
        sizes,
        few: h,
        q: &flat(&q, [b, h, s, d]),
        k: &flat(&k, [b, h, t, d]),
        v: &flat(&v, [b, h, t, e]),
        scale: 0.25,
        added: &|[_, _, s, t]| if t > s { f64::NEG_INFINITY } else { 0.0 },
    };
    let operands = |node: OneNode| node.computed(&q_dims, &q).computed(&k_dims, &k).computed(&v_dims, &v);
    let onnx = OneNode::new("Attention", 23).int("q_num_heads", 3).int("kv_num_heads", 3).int("is_causal", 1);
    let contrib = OneNode::of_microsoft("MultiHeadAttention").int("num_heads", 3).int("unidirectional", 1);
    for node in [onnx, contrib] {
        let given = operands(node.float("scale", 0.25)).run(&["y"]);
        assert_near(&given[0], &case.by_query(), 1e-5, "three operands");
    }
}

#[test]
fn queries_keys_and_values_are_columns_of_one_product() {
    let mut rng = Rng::new(3);
    let (b, h, s, d, width) = (2, 3, 5, 4, 7);
    let (x, w, bias) = (rng.f32s(b * s * width), rng.f32s(width * 3 * h * d), rng.f32s(3 * h * d));
    let mask: Vec<i32> = vec![1, 1, 1, 1, 0, 1, 1, 0, 0, 0];
    let product: Vec<f32> = (0..b * s * 3 * h * d)
        .map(|at| {
            let (row, col) = (at / (3 * h * d), at % (3 * h * d));
            let terms = (0..width).map(|i| f64::from(x[row * width + i]) * f64::from(w[i * 3 * h * d + col]));
            (terms.sum::<f64>() + f64::from(bias[col])) as f32
        })
        .collect();
    let part = |which: usize| {
        let product = &product;
        move |[b, head, row, column]: [usize; 4]| product[(b * s + row) * 3 * h * d + (which * h + head) * d + column]
    };
    let node = OneNode::of_microsoft("Attention").int("num_heads", 3).computed(&[b, s, width], &x);
    let node = node.constant(&[width, 3 * h * d], &w).constant(&[3 * h * d], &bias);
    let node = node.computed_of(DType::I32, &[b, s], mask.iter().flat_map(|m| m.to_le_bytes()).collect());
    let case = Case {
        sizes: [b, h, s, s, d, d],
        few: h,
        q: &part(0),
        k: &part(1),
        v: &part(2),
        scale: 0.5,
        added: &|[b, _, _, t]| if mask[b * s + t] == 0 { -10_000.0 } else { 0.0 },
    };
    assert_near(&node.run(&["y"])[0], &case.by_query(), 1e-5, "packed");
}
