//! What a model wants and gives, in words that a file and a plan's metadata share.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::PipelineError;

/// Key of the description in a plan's metadata.
const KEY: &str = "pipeline";

/// Inputs, outputs and what a person wants to know of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// What a person wants to know.
    #[serde(flatten)]
    pub card: ModelCard,
    /// How inputs are made; those not named are tensors as they are.
    #[serde(default, rename = "input")]
    pub inputs: Vec<InputDescription>,
    /// How outputs are read; those not named are values.
    #[serde(default, rename = "output")]
    pub outputs: Vec<OutputDescription>,
}

/// A model's card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Name.
    #[serde(default)]
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// How well it does it, and on what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What it was trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Its licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Licence of the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_licence: Option<String>,
    /// SHA-256 of the ONNX file, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// How a graph input is made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputDescription {
    /// Name of the graph input.
    pub name: String,
    /// What it is made of.
    #[serde(default)]
    pub kind: InputKind,
    /// Images: width in pixels; the input's own where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Images: height in pixels; the input's own where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<usize>,
    /// Images: colours and their order.
    #[serde(default)]
    pub channels: Channels,
    /// Images: order of dimensions; guessed from the shape where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Images: how other proportions are made to fit.
    #[serde(default)]
    pub fit: Fit,
    /// Subtracted from pixels (0 to 255), samples (−1 to 1) or table cells: one number, or one a channel or column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mean: Vec<f32>,
    /// Divided by after that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub std: Vec<f32>,
    /// Tables: names of the columns, in the input's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Audio: samples a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
}

/// What an input is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// An array as it is.
    #[default]
    Tensor,
    /// A picture.
    Image,
    /// Sound, mixed to one channel.
    Audio,
    /// Rows of numbers.
    Table,
}

/// Colours of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Brightness alone.
    Gray,
}

/// Order of an image's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Channels before pixels.
    Nchw,
    /// Channels of a pixel side by side.
    Nhwc,
    /// Gray images without a dimension for channels.
    Hw,
}

/// How an image of other proportions is made to fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Width and height are scaled each on its own.
    #[default]
    Stretch,
    /// Scaled until the shorter side is 8/7 of the wanted one, then the middle is cut out (ImageNet's usual way).
    Crop,
    /// Scaled until all of it is inside; the rest is black.
    Letterbox,
}

/// How a graph output is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputDescription {
    /// Name of the graph output.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub kind: OutputKind,
    /// Classes: whether the output is logits, to be put through softmax.
    #[serde(default)]
    pub softmax: bool,
    /// Classes: how many of the best are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// Classes: names, or a file with one a line (in `model.toml`; the plan holds the names).
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Values: unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// What an output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// Numbers.
    #[default]
    Values,
    /// One number a class.
    Classes,
}

/// Names of classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Labels {
    /// A file with one name a line, relative to the description's folder.
    File(String),
    /// The names.
    Names(Vec<String>),
}

impl Default for Labels {
    fn default() -> Self {
        Labels::Names(Vec::new())
    }
}

impl Labels {
    fn is_empty(&self) -> bool {
        matches!(self, Labels::Names(names) if names.is_empty())
    }

    /// The names; none while they are still in a file.
    pub fn names(&self) -> &[String] {
        match self {
            Labels::Names(names) => names,
            Labels::File(_) => &[],
        }
    }

    /// Reads names from a file, one a line; empty lines at the end do not count.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| PipelineError::Read { path: path.to_owned(), source })?;
        Ok(Labels::Names(text.trim_end().lines().map(|l| l.trim().to_owned()).collect()))
    }
}

impl Description {
    /// Reads a `model.toml`, and the files with labels that it names.
    ///
    /// # Errors
    /// When a file cannot be read or says something unknown.
    pub fn from_toml(path: &Path) -> Result<Self, PipelineError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| PipelineError::Read { path: path.to_owned(), source })?;
        let invalid = |reason: String| PipelineError::Description { place: path.display().to_string(), reason };
        let mut description: Self = toml::from_str(&text).map_err(|e| invalid(e.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for output in &mut description.outputs {
            if let Labels::File(name) = &output.labels {
                output.labels = Labels::read(&folder.join(name))?;
            }
        }
        description.check().map_err(invalid)?;
        Ok(description)
    }

    /// Reads the description in a plan's metadata; an empty one where there is none.
    ///
    /// # Errors
    /// When there is one that is not valid.
    pub fn from_metadata(json: &str) -> Result<Self, PipelineError> {
        let invalid = |reason: String| PipelineError::Description { place: "the plan's metadata".into(), reason };
        let mut metadata: Map<String, Value> = serde_json::from_str(json).map_err(|e| invalid(e.to_string()))?;
        let Some(value) = metadata.remove(KEY) else { return Ok(Self::default()) };
        let description: Self = serde_json::from_value(value).map_err(|e| invalid(e.to_string()))?;
        description.check().map_err(invalid)?;
        Ok(description)
    }

    /// As an entry of a plan's metadata.
    pub fn to_metadata(&self) -> Map<String, Value> {
        let value = serde_json::to_value(self).unwrap_or_default();
        Map::from_iter([(KEY.to_owned(), value)])
    }

    /// The description of an input.
    pub fn input(&self, name: &str) -> Option<&InputDescription> {
        self.inputs.iter().find(|i| i.name == name)
    }

    /// The description of an output.
    pub fn output(&self, name: &str) -> Option<&OutputDescription> {
        self.outputs.iter().find(|o| o.name == name)
    }

    fn check(&self) -> Result<(), String> {
        for input in &self.inputs {
            let numbers = [("mean", &input.mean), ("std", &input.std)];
            if let Some((what, _)) = numbers.iter().find(|(_, v)| v.iter().any(|n| !n.is_finite())) {
                return Err(format!("input {}: {what} has a value that is no number", input.name));
            }
            if input.std.contains(&0.0) {
                return Err(format!("input {}: std is 0", input.name));
            }
            if input.width == Some(0) || input.height == Some(0) {
                return Err(format!("input {}: width and height are at least 1", input.name));
            }
        }
        Ok(())
    }
}

impl InputDescription {
    /// (value − mean) / std of channel or column `i`; `default_std` where the description has none.
    pub(crate) fn normalize(&self, value: f32, i: usize, default_std: f32) -> f32 {
        let of = |numbers: &[f32], otherwise| match numbers {
            [] => otherwise,
            [one] => *one,
            many => many.get(i).copied().unwrap_or(otherwise),
        };
        (value - of(&self.mean, 0.0)) / of(&self.std, default_std)
    }

    /// Whether means and deviations are one number or as many as `parts`.
    pub(crate) fn check_parts(&self, parts: usize, what: &str) -> Result<(), PipelineError> {
        for (name, numbers) in [("mean", &self.mean), ("std", &self.std)] {
            if numbers.len() > 1 && numbers.len() != parts {
                let reason = format!("{name} has {} numbers, but there are {parts} {what}", numbers.len());
                return Err(PipelineError::Input { input: self.name.clone(), reason });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_the_metadata() {
        let description = Description {
            card: ModelCard { name: "digits".into(), task: Some("reading".into()), ..ModelCard::default() },
            inputs: vec![InputDescription {
                name: "image".into(),
                kind: InputKind::Image,
                width: Some(8),
                layout: Some(Layout::Nchw),
                std: vec![255.0],
                ..InputDescription::default()
            }],
            outputs: vec![OutputDescription {
                name: "logits".into(),
                kind: OutputKind::Classes,
                labels: Labels::Names(vec!["0".into(), "1".into()]),
                ..OutputDescription::default()
            }],
        };
        let json = Value::Object(description.to_metadata()).to_string();
        assert_eq!(Description::from_metadata(&json).expect("what was written is read"), description);
        assert_eq!(Description::from_metadata("{}").expect("none is empty"), Description::default());
    }

    #[test]
    fn nonsense_is_refused() {
        let refused = |json: &str| Description::from_metadata(json).is_err();
        assert!(refused("{"));
        assert!(refused(r#"{"pipeline": {"input": [{"name": "x", "std": [0.0]}]}}"#));
        assert!(refused(r#"{"pipeline": {"input": [{"name": "x", "colour": "red"}]}}"#));
        assert!(refused(r#"{"pipeline": {"input": [{"name": "x", "width": 0}]}}"#));
    }
}
