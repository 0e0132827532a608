//! A second opinion on parsed plans: enumerates what tensors address instead of reasoning about it.

use std::collections::BTreeSet;
use std::vec::Vec;

use crate::format::ALIGN;
use crate::{OpCode, Plan, Space, Step, Tensor};

/// Tensors with more elements are left to the reasoning.
const MOST: usize = 20_000;

/// First bytes of all elements in row-major order; `None` when there are too many.
pub(super) fn addresses(tensor: &Tensor) -> Option<Vec<i128>> {
    let count = tensor.dims.iter().map(|&d| u128::from(d)).product::<u128>();
    if count > MOST as u128 {
        return None;
    }
    let mut all = Vec::with_capacity(count as usize);
    let mut index = std::vec![0u32; tensor.dims.len()];
    for _ in 0..count {
        let steps = index.iter().zip(tensor.strides.iter()).map(|(&i, &s)| i128::from(i) * i128::from(s));
        all.push(i128::from(tensor.offset) + steps.sum::<i128>() * tensor.dtype.size() as i128);
        for (i, &dim) in index.iter_mut().zip(tensor.dims.iter()).rev() {
            *i += 1;
            if *i < dim {
                break;
            }
            *i = 0;
        }
    }
    Some(all)
}

/// Every byte of every element.
pub(super) fn bytes(tensor: &Tensor, addresses: &[i128]) -> Vec<i128> {
    let size = tensor.dtype.size() as i128;
    addresses.iter().flat_map(|&at| at..at + size).collect()
}

/// Panics where a parsed plan breaks a promise.
pub(super) fn assert_sound(plan: &Plan<'_>) {
    for index in 0..plan.tensor_count() {
        let _ = plan.tensor_name(index);
        assert_in_range(plan, &plan.tensor(index));
    }
    for step in plan.steps() {
        assert!(step.name.len() <= 1023);
        assert_sharing(&step);
    }
    for port in plan.inputs().chain(plan.outputs()) {
        assert!(port.tensor.is_dense() && port.tensor.space == Space::Arena);
    }
    let inputs = plan.inputs().filter_map(|port| Some(bytes(&port.tensor, &addresses(&port.tensor)?)));
    let mut seen: Vec<_> = inputs.flatten().collect();
    seen.sort_unstable();
    assert!(seen.windows(2).all(|two| two[0] != two[1]), "inputs overlap");
    assert_texts(plan);
    for case in 0..plan.golden_count() {
        for (i, port) in plan.inputs().enumerate() {
            assert_eq!(plan.golden(case).input(i).len(), port.tensor.len().unwrap() * port.tensor.dtype.size());
        }
        for (i, port) in plan.outputs().enumerate() {
            assert_eq!(plan.golden(case).output(i).len(), port.tensor.len().unwrap() * port.tensor.dtype.size());
        }
    }
}

fn assert_texts(plan: &Plan<'_>) {
    assert!(plan.name().len() <= 1023);
    assert!(!plan.metadata().is_empty());
    assert!(plan.checksum(0).is_none() || plan.checksum(plan.step_count() - 1).is_some());
    assert!(plan.arena_bytes().is_multiple_of(ALIGN) && plan.state_bytes().is_multiple_of(ALIGN));
    assert_eq!(plan.stored_hash().len(), 32);
}

fn assert_in_range(plan: &Plan<'_>, tensor: &Tensor) {
    let length = match tensor.space {
        Space::Arena => plan.arena_bytes(),
        Space::Weights => plan.weights().len(),
        Space::State => plan.state_bytes(),
    } as i128;
    let size = tensor.dtype.size() as i128;
    assert!(i128::from(tensor.offset) <= length, "{tensor:?}");
    for at in addresses(tensor).unwrap_or_default() {
        assert!(at >= 0 && at + size <= length && at % size == 0, "{tensor:?} of {length} bytes at {at}");
    }
}

/// What a step writes: one place an element, outside the weights, and apart from all else but for operators
/// that work in place.
fn assert_sharing(step: &Step<'_>) {
    let operands = &step.operands;
    let inputs = (0..operands.input_count()).map(|i| (Role::of_input(step.code, i), operands.input(i)));
    let outputs = (0..operands.output_count()).map(|i| (Role::Output(i), operands.output(i)));
    let all: Vec<_> = inputs.chain(outputs).filter_map(|(role, tensor)| Some((role, tensor?))).collect();
    let mut owners = Vec::new();
    for (i, (_, tensor)) in all.iter().enumerate().filter(|(_, (role, _))| role.writes()) {
        assert_ne!(tensor.space, Space::Weights);
        let Some(places) = addresses(tensor) else { continue };
        owners.extend(bytes(tensor, &places).into_iter().map(|byte| ((tensor.space as u8, byte), i)));
    }
    owners.sort_unstable();
    assert!(owners.windows(2).all(|two| two[0].0 != two[1].0), "{step:?}: overlaps");
    for (role, tensor) in all.iter().filter(|(role, _)| !role.writes()) {
        let Some(places) = addresses(tensor) else { continue };
        let touched = touched(&owners, tensor.space as u8, &bytes(tensor, &places));
        let Some(&first) = touched.first() else { continue };
        assert!(touched.iter().all(|&owner| owner == first));
        assert!(matches!(all[first].0, Role::Output(0)), "{step:?}: {role:?}");
        if let Role::Slid = role {
            assert!(is_read_before_it_is_written(step, tensor, &all[first].1), "{step:?}");
            continue;
        }
        assert!(matches!(role, Role::InPlace), "{step:?}: {role:?}");
        assert_eq!(addresses(&all[first].1), Some(places), "{step:?}");
    }
}

/// Who writes what of a space's bytes, of `owners` in order.
fn touched(owners: &[((u8, i128), usize)], space: u8, bytes: &[i128]) -> Vec<usize> {
    let (Some(first), Some(last)) = (bytes.iter().min(), bytes.iter().max()) else { return Vec::new() };
    let from = owners.partition_point(|(at, _)| *at < (space, *first));
    let near = &owners[from..];
    let near = &near[..near.partition_point(|(at, _)| *at <= (space, *last))];
    let owner = |byte: &i128| near.binary_search_by_key(&(space, *byte), |(at, _)| *at).ok().map(|found| near[found].1);
    if near.is_empty() { Vec::new() } else { bytes.iter().filter_map(owner).collect() }
}

/// Whether y, computed row by row in one order or the other, never lies over rows of x that are read with it or later;
/// or either has too many elements to tell.
fn is_read_before_it_is_written(step: &Step<'_>, x: &Tensor, y: &Tensor) -> bool {
    let word = |i: usize| u32::from_le_bytes(step.params[4 * i..4 * i + 4].try_into().unwrap()) as usize;
    // Pools begin with their kind.
    let at = usize::from(matches!(step.code, OpCode::Pool2d | OpCode::QPool2d));
    let (kernel, stride, dilation, top) = (word(at), word(at + 2), word(at + 4), word(at + 6));
    let (Some(of_x), Some(of_y)) = (addresses(x), addresses(y)) else { return true };
    let (of_x, of_y) = (bytes(x, &of_x), bytes(y, &of_y));
    let (inputs, outputs) = (x.dims[1] as usize, y.dims[1] as usize);
    if x.dims[0] != 1 || outputs > 200 || kernel > 200 {
        return x.dims[0] == 1;
    }
    let reads = |row: usize| {
        let taps = (0..kernel).map(move |tap| (row * stride + tap * dilation).wrapping_sub(top));
        let line = of_x.len() / inputs;
        taps.filter(|&i| i < inputs).flat_map(move |i| i * line..(i + 1) * line).map(|i| of_x[i])
    };
    let line = of_y.len() / outputs;
    [true, false].into_iter().any(|forward| {
        let order: Vec<_> = if forward { (0..outputs).collect() } else { (0..outputs).rev().collect() };
        let mut written: BTreeSet<i128> = BTreeSet::new();
        order.into_iter().all(|row| {
            written.extend(&of_y[row * line..(row + 1) * line]);
            reads(row).all(|byte| !written.contains(&byte))
        })
    })
}

#[derive(Clone, Copy, Debug)]
enum Role {
    Input,
    /// Rows over which an output may slide.
    Slid,
    InPlace,
    Scratch,
    Output(usize),
}

impl Role {
    /// Told apart from the library's own table.
    fn of_input(op: OpCode, i: usize) -> Self {
        match (op, i) {
            (OpCode::MatMul, 2) | (OpCode::Attention, 4) | (OpCode::Recurrent, 7) => Role::Scratch,
            (OpCode::DynamicFullyConnected, 5) | (OpCode::WinogradConv2d, 4) => Role::Scratch,
            (OpCode::QWinogradConv2d, 6) => Role::Scratch,
            (OpCode::Unary | OpCode::Softmax | OpCode::Normalize, 0) => Role::InPlace,
            (OpCode::Table | OpCode::QSoftmax, 0) => Role::InPlace,
            (OpCode::Binary | OpCode::QBinary, _) | (OpCode::Select, 1 | 2) => Role::InPlace,
            (OpCode::Conv2d | OpCode::DepthwiseConv2d | OpCode::FullyConnected, 3) => Role::InPlace,
            (OpCode::WinogradConv2d, 3) => Role::InPlace,
            (OpCode::QConv2d | OpCode::QDepthwiseConv2d | OpCode::QFullyConnected, 4) => Role::InPlace,
            (OpCode::QWinogradConv2d, 4) => Role::InPlace,
            (OpCode::Conv2d | OpCode::DepthwiseConv2d | OpCode::Pool2d, 0) => Role::Slid,
            (OpCode::QConv2d | OpCode::QDepthwiseConv2d | OpCode::QPool2d, 0) => Role::Slid,
            _ => Role::Input,
        }
    }

    fn writes(self) -> bool {
        matches!(self, Role::Scratch | Role::Output(_))
    }
}
