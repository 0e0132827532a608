//! From raw input to tensors, from tensors to answers.
//!
//! A [`Description`] says how a model wants its inputs made and its outputs read. It comes from a `model.toml` beside
//! the ONNX file, is stored in the plan's metadata and is all that a device needs to turn a photograph into class
//! names. [`read`] opens files, [`samples`] makes an input's tensors of them, [`answer`] reads outputs.
#![forbid(unsafe_code)]

pub mod answer;
mod array;
mod audio;
mod description;
mod error;
mod image;
mod npy;
pub mod read;
pub mod samples;
mod table;

pub use array::Array;
pub use description::{
    Channels, Description, Fit, InputDescription, InputKind, Labels, Layout, ModelCard, OutputDescription, OutputKind,
};
pub use error::PipelineError;
pub use npy::write_npz;
pub use read::Raw;
