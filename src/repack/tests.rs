//! Plans in both forms, run beside each other.

use coulter_exec::{AlignedBytes, Session, SessionOptions};
use coulter_kernels::IsaSet;
use coulter_plan::builder::{NewTensor, PlanBuilder, TensorId};
use coulter_plan::ops::qconv2d::Params;
use coulter_plan::requantize::{Requantize, Residual, ResidualKind};
use coulter_plan::{DType, OpCode, Plan, Space};

use crate::weights::quad_filters;
use crate::{Form, repack};

/// Lines and columns, input and output channels of each convolution; bytes of its output.
const SIZE: u32 = 32;
const CHANNELS: u32 = 16;
const BYTES: u64 = (SIZE * SIZE * CHANNELS) as u64;

/// Bytes that are the same at every call.
fn bytes(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

struct Draft(PlanBuilder);

impl Draft {
    fn image(&mut self, number: u64) -> TensorId {
        let dims = &[1, SIZE, SIZE, CHANNELS];
        let offset = number * BYTES;
        self.0.tensor(&NewTensor { name: "", dtype: DType::U8, space: Space::Arena, offset, dims, strides: None })
    }

    fn constant(&mut self, dtype: DType, bytes: &[u8]) -> TensorId {
        let (offset, dims) = (self.0.weights(bytes), &[(bytes.len() / dtype.size()) as u32]);
        self.0.tensor(&NewTensor { name: "", dtype, space: Space::Weights, offset, dims, strides: None })
    }

    fn filters(&mut self, seed: u32) -> TensorId {
        let channels = CHANNELS as usize;
        let filters = bytes(9 * channels * channels, seed);
        self.constant(DType::I8, &quad_filters(&filters, channels, [9, channels], 1))
    }
}

/// Four convolutions: two share their weights, whose zero point is 0; one adds a residual, looks its results up in a table,
/// and has weights with a zero point; the last one has a stride.
fn draft() -> AlignedBytes {
    let mut d = Draft(PlanBuilder::new("draft"));
    let [x, a, b, c] = [0, 1, 2, 3].map(|number| d.image(number));
    let bias: Vec<u8> = (0..CHANNELS as i32).flat_map(|o| (o * 300 - 2000).to_le_bytes()).collect();
    let multiplier: Vec<u8> = (0..CHANNELS).flat_map(|o| (0.0004 + o as f32 * 0.0001).to_le_bytes()).collect();
    let (first, second) = (d.filters(1), d.filters(2));
    let (bias, multiplier) = (d.constant(DType::I32, &bias), d.constant(DType::F32, &multiplier));
    let table = d.constant(DType::U8, &bytes(256, 3));
    let params = Params {
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [1, 1, 1, 1],
        groups: 1,
        x_zero: 120,
        w_zero: 0,
        requantize: Requantize { zero: 128, low: 3, high: 250 },
        residual: Residual::default(),
    };
    let plain = |x, w| [Some(x), Some(w), Some(bias), Some(multiplier), None, None];
    d.0.step("first", &params, &plain(x, first), &[Some(a)], 7);
    d.0.step("again", &params, &plain(a, first), &[Some(b)], 7);
    let inner = Requantize { zero: 100, low: 0, high: 255 };
    let residual = Residual { kind: ResidualKind::Rounded, scale: 0.5, zero: 110, inner_scale: 0.75, inner };
    let added = Params { w_zero: -37, residual, ..params };
    d.0.step(
        "added",
        &added,
        &[Some(b), Some(second), Some(bias), Some(multiplier), Some(a), Some(table)],
        &[Some(c)],
        7,
    );
    let dims = &[1, SIZE / 2, SIZE / 2, CHANNELS];
    let offset = 4 * BYTES;
    let y = d.0.tensor(&NewTensor { name: "y", dtype: DType::U8, space: Space::Arena, offset, dims, strides: None });
    let third = d.filters(4);
    d.0.step("strided", &Params { stride: [2, 2], ..params }, &plain(c, third), &[Some(y)], 7);
    d.0.input("x", x);
    d.0.output("c", c);
    d.0.output("y", y);
    d.0.memory(5 * BYTES, 0);
    d.0.golden(0.0, &[&bytes(BYTES as usize, 5), &[1; BYTES as usize], &[2; BYTES as usize / 4]]);
    d.0.checksums(&[11, 12, 13, 14]);
    AlignedBytes::copy_of(&d.0.finish(|_| [0; 32]))
}

fn outputs(plan: &Plan<'_>, isas: IsaSet) -> Vec<Vec<u8>> {
    let mut session = Session::new(*plan, SessionOptions { isas, ..SessionOptions::default() }).expect("it binds");
    session.input_mut(0).copy_from_slice(plan.golden(0).input(0));
    session.run().expect("it runs");
    (0..plan.output_count()).map(|i| session.output(i).to_vec()).collect()
}

fn codes(plan: &Plan<'_>) -> Vec<OpCode> {
    plan.steps().map(|step| step.code).collect()
}

fn packed(plan: &Plan<'_>, form: Form) -> AlignedBytes {
    let repacked = repack(plan, form).expect("there is something to repack");
    assert_eq!(repacked.steps, [0, 1, 2]);
    AlignedBytes::copy_of(&repacked.builder.finish(|_| [0; 32]))
}

#[test]
fn both_forms_give_the_same_bytes() {
    const DIRECT: OpCode = OpCode::QConv2d;
    const TILES: OpCode = OpCode::QWinogradConv2d;
    let direct = draft();
    let direct = Plan::parse(&direct).expect("a sound plan");
    assert!(repack(&direct, Form::Direct).is_none(), "it is direct");
    let tiles = packed(&direct, Form::Tiles);
    let tiles = Plan::parse(&tiles).expect("a sound plan");
    assert_eq!(codes(&tiles), [TILES, TILES, TILES, DIRECT]);
    assert!(repack(&tiles, Form::Tiles).is_none(), "it is in tiles");
    let back = packed(&tiles, Form::Direct);
    let back = Plan::parse(&back).expect("a sound plan");
    assert_eq!(codes(&back), codes(&direct));

    let expected = outputs(&direct, IsaSet::GENERIC);
    for isas in [IsaSet::GENERIC, IsaSet::detect()] {
        for plan in [&direct, &tiles, &back] {
            assert!(outputs(plan, isas) == expected, "{:?} with {}", codes(plan), isas.best().name());
        }
    }
    for plan in [&tiles, &back] {
        assert_eq!((plan.step(1).name, plan.step(1).macs, plan.checksum(2)), ("again", 7, Some(13)));
        assert_eq!(plan.golden(0).output(1), direct.golden(0).output(1));
        assert_eq!(plan.outputs().map(|port| port.name).collect::<Vec<_>>(), ["c", "y"]);
    }
    assert!(tiles.arena_bytes() > direct.arena_bytes(), "there is scratch");
    assert_eq!(back.weights().len(), direct.weights().len());
}

#[test]
fn weights_that_are_none_of_tiles_stay() {
    let direct = draft();
    let tiles = packed(&Plan::parse(&direct).expect("a sound plan"), Form::Tiles);
    let at = |plan: &Plan<'_>, step: usize| {
        let weights = plan.step(step).operands.input(1).expect("weights");
        plan.weights().as_ptr() as usize - plan.bytes().as_ptr() as usize + weights.offset as usize
    };
    let plan = Plan::parse(&tiles).expect("a sound plan");
    let (shared, own) = (at(&plan, 0), at(&plan, 2));
    let mut damaged = tiles.to_vec();
    damaged[shared] ^= 1;
    let damaged = AlignedBytes::copy_of(&damaged);
    let repacked = repack(&Plan::parse(&damaged).expect("a sound plan"), Form::Direct).expect("one is left");
    assert_eq!(repacked.steps, [2]);
    let mut damaged = damaged.to_vec();
    damaged[own + 1] ^= 0x40;
    let damaged = AlignedBytes::copy_of(&damaged);
    assert!(repack(&Plan::parse(&damaged).expect("a sound plan"), Form::Direct).is_none());
}

#[test]
fn steps_whose_output_overlaps_the_input_stay() {
    let direct = draft();
    let mut builder = PlanBuilder::of(&Plan::parse(&direct).expect("a sound plan"));
    // The second image begins half an image below the third, which is written backwards: both first steps share weights.
    let (dims, offset) = (&[1, SIZE, SIZE, CHANNELS], BYTES * 3 / 2);
    let image = NewTensor { name: "", dtype: DType::U8, space: Space::Arena, offset, dims, strides: None };
    builder.set_tensor(TensorId(1), &image);
    let overlapping = AlignedBytes::copy_of(&builder.finish(|_| [0; 32]));
    let repacked = repack(&Plan::parse(&overlapping).expect("a sound plan"), Form::Tiles).expect("one is left");
    assert_eq!(repacked.steps, [2]);
}
