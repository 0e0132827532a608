use coulter_plan::DType;
use coulter_testkit::elementwise_oracle::activation;
use coulter_testkit::rng::Rng;

use super::{OneNode, assert_near};

/// Functions with what the oracle calls them and the constants that they take.
const FUNCTIONS: &[(&str, &str, &[f32])] = &[
    ("Sigmoid", "Sigmoid", &[]),
    ("Tanh", "Tanh", &[]),
    ("Softsign", "Softsign", &[]),
    ("LeakyRelu", "LeakyRelu", &[0.2]),
    ("HardSigmoid", "HardSigmoid", &[0.3, 0.4]),
    ("affine", "Affine", &[0.5, 0.1]),
];

struct Layer {
    op: &'static str,
    gates: usize,
    reverse: &'static [bool],
    batch_first: bool,
    linear: bool,
    clip: Option<f32>,
    functions: Vec<usize>,
    steps: usize,
    batch: usize,
    width: usize,
    hidden: usize,
    x: Vec<f32>,
    w: Vec<f32>,
    r: Vec<f32>,
    bias: Option<Vec<f32>>,
    lengths: Option<Vec<i32>>,
    h0: Option<Vec<f32>>,
    c0: Option<Vec<f32>>,
    peephole: Option<Vec<f32>>,
}

impl Layer {
    fn random(rng: &mut Rng, op: &'static str) -> Self {
        let (gates, functions) = match op {
            "LSTM" => (4, 3),
            "GRU" => (3, 2),
            _ => (1, 1),
        };
        let reverse: &[bool] = rng.pick(&[&[false][..], &[true], &[false, true]]);
        let [steps, batch, width, hidden] = [4, 3, 3, 6].map(|most| rng.in_range(1..=most));
        let d = reverse.len();
        let lstm = op == "LSTM";
        Self {
            op,
            gates,
            reverse,
            batch_first: rng.coin(),
            linear: op == "GRU" && rng.coin(),
            clip: rng.coin().then_some(0.4),
            functions: (0..functions * d).map(|_| rng.in_range(0..=FUNCTIONS.len() - 1)).collect(),
            steps,
            batch,
            width,
            hidden,
            x: rng.f32s(steps * batch * width),
            w: rng.f32s(d * gates * hidden * width),
            r: rng.f32s(d * gates * hidden * hidden),
            bias: rng.coin().then(|| rng.f32s(d * 2 * gates * hidden)),
            lengths: None,
            h0: rng.coin().then(|| rng.f32s(d * batch * hidden)),
            c0: (lstm && rng.coin()).then(|| rng.f32s(d * batch * hidden)),
            peephole: (lstm && rng.coin()).then(|| rng.f32s(d * 3 * hidden)),
        }
    }

    fn outputs(&self) -> &'static [&'static str] {
        if self.op == "LSTM" { &["y", "h", "c"] } else { &["y", "h"] }
    }

    /// The node, its weights being constants or not.
    fn node(&self, constant: bool) -> OneNode {
        let d = self.reverse.len();
        let direction = if d == 2 { "bidirectional" } else { ["forward", "reverse"][usize::from(self.reverse[0])] };
        let names: Vec<_> = self.functions.iter().map(|&f| FUNCTIONS[f].0).collect();
        let constants =
            |i: usize| -> Vec<f32> { self.functions.iter().filter_map(|&f| FUNCTIONS[f].2.get(i).copied()).collect() };
        let mut node = OneNode::new(self.op, 14)
            .int("hidden_size", self.hidden as i64)
            .int("layout", self.batch_first.into())
            .text("direction", direction)
            .texts("activations", &names)
            .floats("activation_alpha", &constants(0))
            .floats("activation_beta", &constants(1));
        if self.linear {
            node = node.int("linear_before_reset", 1);
        }
        if let Some(clip) = self.clip {
            node = node.float("clip", clip);
        }
        let columns = self.gates * self.hidden;
        let (of_x, state) = match self.batch_first {
            true => ([self.batch, self.steps, self.width], [self.batch, d, self.hidden]),
            false => ([self.steps, self.batch, self.width], [d, self.batch, self.hidden]),
        };
        node = node.computed(&of_x, &self.x);
        for (dims, values) in [([d, columns, self.width], &self.w), ([d, columns, self.hidden], &self.r)] {
            node = if constant { node.constant(&dims, values) } else { node.computed(&dims, values) };
        }
        let optional = |node: OneNode, dims: &[usize], values: &Option<Vec<f32>>| match values {
            Some(values) => node.computed(dims, values),
            None => node.nothing(),
        };
        node = match &self.bias {
            Some(bias) => node.constant(&[d, 2 * columns], bias),
            None => node.nothing(),
        };
        node = match &self.lengths {
            Some(lengths) => {
                let bytes = lengths.iter().flat_map(|l| l.to_le_bytes()).collect();
                node.computed_of(DType::I32, &[self.batch], bytes)
            }
            None => node.nothing(),
        };
        node = optional(node, &state, &self.h0);
        if self.op == "LSTM" {
            node = optional(node, &state, &self.c0);
            node = optional(node, &[d, 3 * self.hidden], &self.peephole);
        }
        node
    }

    /// Place of a state's element.
    fn state(&self, d: usize, b: usize, j: usize) -> usize {
        let row = if self.batch_first { b * self.reverse.len() + d } else { d * self.batch + b };
        row * self.hidden + j
    }

    /// Function `which` of direction `d`.
    fn f(&self, d: usize, which: usize, x: f64) -> f64 {
        let (_, kind, constants) = FUNCTIONS[self.functions[d * self.functions.len() / self.reverse.len() + which]];
        let constant = |i: usize| constants.get(i).map_or(0.0, |&c| f64::from(c));
        activation(kind, constant(0), constant(1), x)
    }

    /// y, h and c by the formulas of the ONNX operators.
    fn oracle(&self) -> [Vec<f64>; 3] {
        let (directions, n) = (self.reverse.len(), self.hidden);
        let wide = |v: &Option<Vec<f32>>| match v {
            Some(v) => v.iter().map(|&v| f64::from(v)).collect(),
            None => vec![0.0; directions * self.batch * n],
        };
        let (mut all_h, mut all_c): (Vec<f64>, Vec<f64>) = (wide(&self.h0), wide(&self.c0));
        let mut y = vec![0.0; self.steps * directions * self.batch * n];
        for (d, b) in (0..directions).flat_map(|d| (0..self.batch).map(move |b| (d, b))) {
            let mut h: Vec<f64> = (0..n).map(|j| all_h[self.state(d, b, j)]).collect();
            let mut c: Vec<f64> = (0..n).map(|j| all_c[self.state(d, b, j)]).collect();
            let length = self.lengths.as_ref().map_or(self.steps, |lengths| lengths[b] as usize);
            for i in 0..length {
                let t = if self.reverse[d] { length - 1 - i } else { i };
                (h, c) = self.step(d, t, b, &h, &c);
                for j in 0..n {
                    let row = match self.batch_first {
                        true => (b * self.steps + t) * directions + d,
                        false => (t * directions + d) * self.batch + b,
                    };
                    y[row * n + j] = h[j];
                }
            }
            for j in 0..n {
                let at = self.state(d, b, j);
                (all_h[at], all_c[at]) = (h[j], c[j]);
            }
        }
        [y, all_h, all_c]
    }

    fn step(&self, d: usize, t: usize, b: usize, h: &[f64], c: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (n, columns) = (self.hidden, self.gates * self.hidden);
        let row = if self.batch_first { b * self.steps + t } else { t * self.batch + b };
        let x = &self.x[row * self.width..][..self.width];
        let bias = |at: usize| self.bias.as_ref().map_or(0.0, |v| f64::from(v[d * 2 * columns + at]));
        let of_x = |col: usize| -> f64 {
            let w = &self.w[(d * columns + col) * self.width..][..self.width];
            w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum::<f64>() + bias(col)
        };
        let of_h = |state: &[f64], col: usize| -> f64 {
            let r = &self.r[(d * columns + col) * n..][..n];
            r.iter().zip(state).map(|(&r, h)| f64::from(r) * h).sum::<f64>() + bias(columns + col)
        };
        let clip = self.clip.map_or(f64::INFINITY, f64::from);
        let gate = |which: usize, sum: f64| self.f(d, which, sum.clamp(-clip, clip));
        let sum = |g: usize, j: usize| of_x(g * n + j) + of_h(h, g * n + j);
        let peephole = |g: usize, j: usize| self.peephole.as_ref().map_or(0.0, |p| f64::from(p[(d * 3 + g) * n + j]));
        let all = 0..n;
        match self.op {
            "RNN" => (all.map(|j| gate(0, sum(0, j))).collect(), c.to_vec()),
            "GRU" => {
                let z: Vec<f64> = all.clone().map(|j| gate(0, sum(0, j))).collect();
                let r: Vec<f64> = all.clone().map(|j| gate(0, sum(1, j))).collect();
                let reset: Vec<f64> = r.iter().zip(h).map(|(r, h)| r * h).collect();
                let hidden = |j: usize| match self.linear {
                    true => r[j] * of_h(h, 2 * n + j),
                    false => of_h(&reset, 2 * n + j),
                };
                let next = |j: usize| (1.0 - z[j]) * gate(1, of_x(2 * n + j) + hidden(j)) + z[j] * h[j];
                (all.map(next).collect(), c.to_vec())
            }
            _ => {
                let next = |j: usize| {
                    let i = gate(0, sum(0, j) + peephole(0, j) * c[j]);
                    let f = gate(0, sum(2, j) + peephole(2, j) * c[j]);
                    let cell = f * c[j] + i * gate(1, sum(3, j));
                    let o = gate(0, sum(1, j) + peephole(1, j) * cell);
                    (o * self.f(d, 2, cell), cell)
                };
                all.map(next).unzip()
            }
        }
    }

    fn check(&self, constant: bool) {
        let given = self.node(constant).run(self.outputs());
        for (given, expected) in given.iter().zip(self.oracle()) {
            let &Self { op, steps, batch, hidden, linear, clip, batch_first, reverse, .. } = self;
            let what = format!(
                "{op} {steps}×{batch}→{hidden}, constant {constant}, linear {linear}, clip {clip:?}, batch first \
                 {batch_first}, reverse {reverse:?}, functions {:?}, lengths {:?}",
                self.functions, self.lengths
            );
            assert_near(given, &expected, 1e-5, &what);
        }
    }
}

#[test]
fn layers_of_all_options_match_their_formulas() {
    let mut rng = Rng::new(1);
    for op in ["RNN", "GRU", "LSTM"] {
        for _ in 0..25 {
            let layer = Layer::random(&mut rng, op);
            layer.check(true);
            layer.check(false);
        }
    }
}

#[test]
fn sequences_end_where_their_lengths_tell() {
    let mut rng = Rng::new(2);
    for op in ["RNN", "GRU", "LSTM"] {
        for _ in 0..10 {
            let mut layer = Layer::random(&mut rng, op);
            layer.lengths = Some((0..layer.batch).map(|_| rng.in_range(0..=layer.steps) as i32).collect());
            layer.check(true);
        }
    }
}

#[test]
fn what_nobody_computes_rightly_is_refused() {
    let mut layer = Layer::random(&mut Rng::new(3), "LSTM");
    layer.clip = None;
    let refusal = |node: OneNode| node.compile(layer.outputs()).expect_err("a refusal").to_string();
    assert!(refusal(layer.node(true).int("input_forget", 1)).contains("coupled"));
    let mut scaled = layer.node(true);
    scaled.attributes.retain(|a| a.name != "activations");
    let names = ["ScaledTanh"].repeat(layer.functions.len());
    assert!(refusal(scaled.texts("activations", &names)).contains("ScaledTanh"));
}
