//! A plan's numbers as Rust, for the firmware that carries the plan.

use std::collections::BTreeSet;
use std::fmt::{Error, Write};

use coulter_compile::diff::quantizations;
use coulter_plan::format::ALIGN;
use coulter_plan::{OpCode, Plan, Port};

use crate::error::{CliError, Result};

/// The constants, to be included in a module of the firmware.
///
/// # Errors
/// When the plan has steps that no firmware can run: all of them are named.
pub fn of(plan: &Plan<'_>) -> Result<String> {
    let foreign: Vec<&str> = plan.steps().filter(|s| s.code == OpCode::Fallback).map(|s| s.name).collect();
    if !foreign.is_empty() {
        let message = format!("firmware cannot run what tract-core would have to: {}", foreign.join(", "));
        return Err(CliError::failed(message).hint("`coulter check --json` tells why; change these nodes of the model"));
    }
    rendered(plan).map_err(|_| CliError::failed("the constants cannot be written"))
}

fn rendered(plan: &Plan<'_>) -> std::result::Result<String, Error> {
    let mut text = String::from("// Written by `coulter compile --emit-rust`.\n");
    let out = &mut text;
    let memory = plan.arena_bytes().next_multiple_of(ALIGN) + plan.state_bytes();
    let numbers = [
        ("Bytes of the plan, which has to lie at a multiple of 64", "PLAN_BYTES", plan.bytes().len()),
        ("Steps of the plan", "STEP_COUNT", plan.step_count()),
        ("Bytes of the arena", "ARENA_BYTES", plan.arena_bytes()),
        ("Bytes of state that survive between runs", "STATE_BYTES", plan.state_bytes()),
        ("Bytes of memory that a session needs, at a multiple of 64: arena and state", "MEMORY_BYTES", memory),
    ];
    for (what, name, number) in numbers {
        constant(out, what, name, "usize", &number.to_string())?;
    }
    constant(out, "SHA-256 of the plan", "PLAN_SHA256", "[u8; 32]", &format!("{:?}", plan.stored_hash()))?;
    plan.inputs().enumerate().try_for_each(|(i, p)| port(out, plan, "INPUT", i, &p))?;
    plan.outputs().enumerate().try_for_each(|(i, p)| port(out, plan, "OUTPUT", i, &p))?;
    let ops: BTreeSet<&str> = plan.steps().map(|step| step.code.name()).collect();
    let ops = ops.into_iter().collect::<Vec<_>>().join(", ");
    let resolver = format!("coulter_exec::resolver![{ops}]");
    constant(out, "The operators of the plan, and no others", "RESOLVER", "coulter_exec::Resolver", &resolver)?;
    Ok(text)
}

fn port(out: &mut String, plan: &Plan<'_>, kind: &str, i: usize, port: &Port<'_>) -> std::result::Result<(), Error> {
    let tensor = &port.tensor;
    let mut add = |what, name, kind_of: &str, value: String| {
        let what = format!("{} {i}: {what}", kind.to_lowercase());
        constant(out, &what, &format!("{kind}_{i}_{name}"), kind_of, &value)
    };
    let bytes = tensor.len().unwrap_or(0) * tensor.dtype.size();
    add("its name in the model", "NAME", "&str", format!("{:?}", port.name))?;
    add("its element type", "TYPE", "&str", format!("{:?}", tensor.dtype.name()))?;
    add("its dimensions, row-major", "DIMS", &format!("[usize; {}]", tensor.dims.len()), format!("{:?}", tensor.dims))?;
    add("its length", "BYTES", "usize", bytes.to_string())?;
    let quantization = quantizations(plan).get(&port.tensor_index).map(|&(scale, zero)| (scale as f32, zero as i32));
    add("scale and zero point, where known", "QUANTIZATION", "Option<(f32, i32)>", format!("{quantization:?}"))
}

fn constant(out: &mut String, what: &str, name: &str, kind: &str, value: &str) -> std::result::Result<(), Error> {
    writeln!(out, "/// {what}.\npub const {name}: {kind} = {value};")
}
