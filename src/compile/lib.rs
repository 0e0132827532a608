//! From ONNX to a plan.
//!
//! `front` reads the model with tract (nothing else here knows tract), `rules` rewrite our own [`graph`], `lower`
//! turns its nodes into steps and packs weights, `memory` gives every tensor its place in the arena, `emit` writes
//! the plan. The [`report::Report`] says of every ONNX node what became of it.
#![forbid(unsafe_code)]

pub mod graph;
