//! A plan in the form that a machine prefers.

use std::collections::{BTreeMap, BTreeSet};

use coulter_kernels::Isa;
use coulter_plan::builder::{NewTensor, PlanBuilder, TensorId};
use coulter_plan::format::ALIGN;
use coulter_plan::ops::{self, qconv2d, qwinograd_conv2d};
use coulter_plan::{DType, OpCode, Plan, Space, Step, Tensor};

use crate::tiles::{INT8, Sizes};
use crate::weights::{bytes, from_pairs, from_quads, is_within_bounds, quad_filters, winograd_pairs};

/// How 8-bit convolutions with 3×3 kernels are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Sums of nine products for each pixel and pair of channels.
    Direct,
    /// Tiles of 4×4 pixels, where that takes less time.
    Tiles,
}

impl Form {
    /// The faster one on a processor whose best instruction set is this: tiles where numbers of 16 bits multiply at least
    /// at half the rate of bytes.
    pub fn preferred(best: Isa) -> Self {
        match best {
            Isa::Generic | Isa::Avx2 | Isa::Neon => Self::Tiles,
            // Products of two or four bytes at once, or of more bytes than there are kernels for tiles.
            _ => Self::Direct,
        }
    }
}

/// A plan in the other form, yet to be given its metadata and its hash.
#[derive(Debug)]
pub struct Repacked {
    /// The plan.
    pub builder: PlanBuilder,
    /// Bytes of its arena.
    pub arena_bytes: u64,
    /// Indices of the steps that have another operator now.
    pub steps: Vec<usize>,
}

/// The weights of a convolution, as any form of it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Filter {
    channels: u32,
    outputs: u32,
    /// Zero point of the stored weights.
    zero: i32,
}

/// Converted weights.
struct Converted {
    dtype: DType,
    bytes: Vec<u8>,
    /// Number of elements.
    len: u32,
    /// Zero point of the stored weights.
    zero: i32,
}

/// Converts the convolutions of a plan that are not of this form and can be, so that no bit of any answer changes; `None`
/// where there is none. The other steps, tensors, golden cases and checksums stay what they are.
pub fn repack(plan: &Plan<'_>, form: Form) -> Option<Repacked> {
    let mut converted: BTreeMap<usize, Converted> = BTreeMap::new();
    let mut steps: BTreeSet<usize> = BTreeSet::new();
    let alone = blocks(plan);
    for (record, (filter, users)) in candidates(plan, form) {
        let Some(block) = alone.iter().find(|block| block.records == [record]) else { continue };
        let stored = plan.weights().get(block.start..block.end)?;
        if let Some(weights) = convert(stored, &filter, form) {
            converted.insert(record, weights);
            steps.extend(users);
        }
    }
    if steps.is_empty() {
        return None;
    }
    let mut builder = PlanBuilder::of(plan);
    place(plan, &alone, &converted, &mut builder)?;
    let before = plan.arena_bytes() as u64;
    let mut arena = before;
    builder.clear_steps();
    for step in plan.steps() {
        if !steps.contains(&step.index) {
            builder.copy_step(&step);
            continue;
        }
        match form {
            Form::Direct => {
                let zero = converted.get(&step.operands.input_index(1)?)?.zero;
                direct(&step, zero, &mut builder)?;
            }
            Form::Tiles => arena = arena.max(before + tiles(&step, before, &mut builder)?),
        }
    }
    let arena_bytes = arena.next_multiple_of(ALIGN as u64);
    builder.memory(arena_bytes, plan.state_bytes() as u64);
    Some(Repacked { builder, arena_bytes, steps: steps.into_iter().collect() })
}

/// Weights that steps of the other form read, and no other step: their tensors' records, with those steps.
fn candidates(plan: &Plan<'_>, form: Form) -> BTreeMap<usize, (Filter, Vec<usize>)> {
    let mut found: BTreeMap<usize, (Filter, Vec<usize>)> = BTreeMap::new();
    let mut others: BTreeSet<usize> = BTreeSet::new();
    for step in plan.steps() {
        let weights = step.operands.input_index(1);
        let filter = filter(&step, form);
        for i in 0..step.operands.input_count() {
            let Some(record) = step.operands.input_index(i) else { continue };
            match filter {
                Some(filter) if weights == Some(record) && i == 1 => {
                    let (known, users) = found.entry(record).or_insert((filter, Vec::new()));
                    users.push(step.index);
                    if *known != filter {
                        others.insert(record);
                    }
                }
                _ => _ = others.insert(record),
            }
        }
    }
    found.retain(|record, _| !others.contains(record));
    found
}

/// The weights of a step that is not of this form and shall be.
fn filter(step: &Step<'_>, form: Form) -> Option<Filter> {
    let (x, y) = (step.operands.input(0)?, step.operands.output(0)?);
    let (&[_, _, _, channels], &[batch, lines, columns, outputs]) = (&x.dims[..], &y.dims[..]) else { return None };
    match (form, step.code) {
        (Form::Direct, OpCode::QWinogradConv2d) => Some(Filter { channels, outputs, zero: 0 }),
        (Form::Tiles, OpCode::QConv2d) => {
            let params: qconv2d::Params = ops::read(step.params).ok()?;
            let qconv2d::Params { kernel, stride, dilation, groups, w_zero, .. } = params;
            // Tiles read all rows before they write any.
            let overlaps = !x.is_disjoint_from(&y);
            let is_plain = !overlaps && (kernel, stride, dilation, groups) == ([3, 3], [1, 1], [1, 1], 1);
            let sizes = Sizes { batch, lines, columns, channels, outputs };
            (is_plain && sizes.are_whole() && sizes.pays(&INT8)).then_some(Filter { channels, outputs, zero: w_zero })
        }
        _ => None,
    }
}

/// Weights in another form; `None` where the other form could give other bytes.
fn convert(stored: &[u8], filter: &Filter, form: Form) -> Option<Converted> {
    let (outputs, channels) = (filter.outputs as usize, filter.channels as usize);
    let filters = match form {
        Form::Tiles => from_quads(stored, outputs, channels, filter.zero),
        Form::Direct => {
            let pairs: Vec<i16> = stored.as_chunks().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
            from_pairs(&pairs, outputs, channels)?
        }
    };
    if !filters.chunks_exact(9 * channels).all(is_within_bounds) {
        return None;
    }
    let (dtype, bytes, zero) = match form {
        Form::Tiles => {
            let pairs = winograd_pairs(&filters, outputs, channels);
            (DType::I16, pairs.iter().flat_map(|w| w.to_le_bytes()).collect(), 0)
        }
        Form::Direct => {
            let (bytes, zero) = bytes(&filters)?;
            (DType::I8, quad_filters(&bytes, outputs, [9, channels], 1), zero)
        }
    };
    let len = u32::try_from(bytes.len() / dtype.size()).ok()?;
    Some(Converted { dtype, bytes, len, zero })
}

/// Bytes of the weights section that belong together, and the records of the tensors in them.
struct Block {
    start: usize,
    end: usize,
    records: Vec<usize>,
}

/// The constants of a plan, in their order.
fn blocks(plan: &Plan<'_>) -> Vec<Block> {
    let range = |record: usize| {
        let tensor = plan.tensor(record);
        let (start, end) = tensor.byte_range().filter(|_| tensor.space == Space::Weights)?;
        Some((start as usize, end as usize, record))
    };
    let mut ranges: Vec<_> = (0..plan.tensor_count()).filter_map(range).collect();
    ranges.sort_unstable();
    let mut blocks: Vec<Block> = Vec::new();
    for (start, end, record) in ranges {
        // What is aligned stays so.
        let start = start / ALIGN * ALIGN;
        match blocks.last_mut() {
            Some(block) if start < block.end => {
                block.end = block.end.max(end);
                block.records.push(record);
            }
            _ => blocks.push(Block { start, end, records: vec![record] }),
        }
    }
    blocks
}

/// Writes all constants anew, some of them converted, and points their tensors at them.
fn place(
    plan: &Plan<'_>,
    blocks: &[Block],
    converted: &BTreeMap<usize, Converted>,
    builder: &mut PlanBuilder,
) -> Option<()> {
    builder.clear_weights();
    for Block { start, end, records } in blocks {
        if let [record] = records[..]
            && let Some(Converted { dtype, bytes, len, .. }) = converted.get(&record)
        {
            let offset = builder.weights(bytes);
            let name = plan.tensor_name(record);
            let dims = &[*len];
            let tensor = NewTensor { name, dtype: *dtype, space: Space::Weights, offset, dims, strides: None };
            builder.set_tensor(TensorId(record as u32), &tensor);
            continue;
        }
        let at = builder.weights(plan.weights().get(*start..*end)?);
        for &record in records {
            let Tensor { dtype, space, offset, dims, strides } = plan.tensor(record);
            let (name, offset) = (plan.tensor_name(record), offset - *start as u64 + at);
            let tensor = NewTensor { name, dtype, space, offset, dims: &dims, strides: Some(&strides) };
            builder.set_tensor(TensorId(record as u32), &tensor);
        }
    }
    Some(())
}

/// The first `count` inputs of a step; those that it does not have are left out.
fn inputs(step: &Step<'_>, count: usize) -> Vec<Option<TensorId>> {
    (0..count).map(|i| step.operands.input_index(i).map(|index| TensorId(index as u32))).collect()
}

fn output(step: &Step<'_>) -> [Option<TensorId>; 1] {
    [step.operands.output_index(0).map(|index| TensorId(index as u32))]
}

/// Adds a step in tiles as a direct one.
fn direct(step: &Step<'_>, w_zero: i32, builder: &mut PlanBuilder) -> Option<()> {
    let qwinograd_conv2d::Params { pad, x_zero, requantize, residual } = ops::read(step.params).ok()?;
    let (kernel, stride, dilation, groups) = ([3, 3], [1, 1], [1, 1], 1);
    let params = qconv2d::Params { kernel, stride, dilation, pad, groups, x_zero, w_zero, requantize, residual };
    builder.step(step.name, &params, &inputs(step, 6), &output(step), step.macs);
    Some(())
}

/// Adds a direct step in tiles, with scratch at the end of an arena; gives the bytes of the scratch.
fn tiles(step: &Step<'_>, arena: u64, builder: &mut PlanBuilder) -> Option<u64> {
    let qconv2d::Params { pad, x_zero, requantize, residual, .. } = ops::read(step.params).ok()?;
    let (x, y) = (step.operands.input(0)?, step.operands.output(0)?);
    let (&[.., channels], &[batch, lines, columns, outputs]) = (&x.dims[..], &y.dims[..]) else { return None };
    let elements = Sizes { batch, lines, columns, channels, outputs }.scratch(&INT8);
    let dims = &[u32::try_from(elements).ok()?];
    let scratch = NewTensor { name: "", dtype: DType::F32, space: Space::Arena, offset: arena, dims, strides: None };
    let mut operands = inputs(step, 6);
    operands.push(Some(builder.tensor(&scratch)));
    let params = qwinograd_conv2d::Params { pad, x_zero, requantize, residual };
    builder.step(step.name, &params, &operands, &output(step), step.macs);
    Some(elements * DType::F32.size() as u64)
}
