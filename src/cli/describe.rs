//! Descriptions from files and flags.

#[cfg(feature = "compile")]
use std::path::Path;

use coulter_pipeline::{
    Channels, Description, Fit, InputDescription, InputKind, Labels, OutputDescription, OutputKind,
};

use crate::error::{CliError, Result};
use crate::flags::{ChannelOrder, ImageFit, PipelineFlags};

impl PipelineFlags {
    /// `base` with what the flags say instead, for the model's first input and output.
    ///
    /// # Errors
    /// When a file cannot be read, or the flags fit no input.
    pub fn apply(&self, base: Description, input: Option<&str>, output: Option<&str>) -> Result<Description> {
        let mut description = match &self.pipeline {
            Some(path) => Description::from_toml(path)?,
            None => base,
        };
        if self.std.contains(&0.0) {
            return Err(CliError::usage("--std has a 0, and is divided by"));
        }
        if self.changes_input() {
            self.apply_to_input(described(&mut description.inputs, input, |i| &i.name, new_input)?);
        }
        if self.softmax || self.labels.is_some() {
            let output = described(&mut description.outputs, output, |o| &o.name, new_output)?;
            output.kind = OutputKind::Classes;
            output.softmax |= self.softmax;
            if let Some(path) = &self.labels {
                output.labels = Labels::read(path)?;
            }
        }
        Ok(description)
    }

    fn changes_input(&self) -> bool {
        !self.mean.is_empty() || !self.std.is_empty() || self.channels.is_some() || self.fit.is_some()
    }

    fn apply_to_input(&self, input: &mut InputDescription) {
        if self.channels.is_some() || self.fit.is_some() {
            input.kind = InputKind::Image;
        }
        if !self.mean.is_empty() {
            input.mean.clone_from(&self.mean);
        }
        if !self.std.is_empty() {
            input.std.clone_from(&self.std);
        }
        if let Some(channels) = self.channels {
            input.channels = channels.into();
        }
        if let Some(fit) = self.fit {
            input.fit = fit.into();
        }
    }
}

fn new_input(name: &str) -> InputDescription {
    InputDescription { name: name.to_owned(), ..InputDescription::default() }
}

fn new_output(name: &str) -> OutputDescription {
    OutputDescription { name: name.to_owned(), ..OutputDescription::default() }
}

/// The entry for `name`, made where there is none.
fn described<'d, T>(
    entries: &'d mut Vec<T>,
    name: Option<&str>,
    name_of: fn(&T) -> &String,
    new: fn(&str) -> T,
) -> Result<&'d mut T> {
    let name = name.ok_or_else(|| CliError::usage("the model has nothing that pipeline flags could describe"))?;
    let index = match entries.iter().position(|e| name_of(e) == name) {
        Some(index) => index,
        None => {
            entries.push(new(name));
            entries.len() - 1
        }
    };
    Ok(&mut entries[index])
}

/// The `model.toml` beside an ONNX file, if it is that file's.
///
/// # Errors
/// When it is there and cannot be read.
#[cfg(feature = "compile")]
pub fn beside(onnx: &Path, sha256: &str) -> Result<Description> {
    let path = onnx.with_file_name("model.toml");
    if !path.is_file() {
        return Ok(Description::default());
    }
    let description = Description::from_toml(&path)?;
    match &description.card.sha256 {
        Some(of) if !of.eq_ignore_ascii_case(sha256) => {
            eprintln!("note: {} describes another file (its sha256 differs): not used", path.display());
            Ok(Description::default())
        }
        _ => Ok(description),
    }
}

impl From<ChannelOrder> for Channels {
    fn from(order: ChannelOrder) -> Self {
        match order {
            ChannelOrder::Rgb => Channels::Rgb,
            ChannelOrder::Bgr => Channels::Bgr,
            ChannelOrder::Gray => Channels::Gray,
        }
    }
}

impl From<ImageFit> for Fit {
    fn from(fit: ImageFit) -> Self {
        match fit {
            ImageFit::Stretch => Fit::Stretch,
            ImageFit::Crop => Fit::Crop,
            ImageFit::Letterbox => Fit::Letterbox,
        }
    }
}
