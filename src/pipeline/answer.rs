//! Reads outputs: class names, values.

use serde::Serialize;

use crate::description::{OutputDescription, OutputKind};
use crate::{Array, PipelineError};

/// How many classes are told where the description does not say.
const TOP_K: usize = 5;

/// What an output says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The best classes, best first.
    Classes(Vec<Class>),
    /// Numbers.
    Values {
        /// The numbers.
        values: Vec<f64>,
        /// Their unit.
        unit: Option<String>,
    },
}

/// A class with its score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Class {
    /// Place in the output.
    pub index: usize,
    /// Name; the index where there are no names.
    pub label: String,
    /// Probability, or what the model gives instead.
    pub score: f64,
}

/// Reads the output of one sample. `top_k` overrides the description's.
///
/// # Errors
/// When there are more classes than labels.
pub fn read(array: &Array, description: &OutputDescription, top_k: Option<usize>) -> Result<Answer, PipelineError> {
    let values = array.to_f64();
    if description.kind == OutputKind::Values {
        return Ok(Answer::Values { values, unit: description.unit.clone() });
    }
    let labels = description.labels.names();
    if !labels.is_empty() && labels.len() != values.len() {
        let reason = format!("{} labels for {} classes", labels.len(), values.len());
        return Err(PipelineError::Output { output: description.name.clone(), reason });
    }
    let scores = if description.softmax { softmax(&values) } else { values };
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
    order.truncate(top_k.or(description.top_k).unwrap_or(TOP_K));
    let class = |index: usize| Class {
        index,
        label: labels.get(index).cloned().unwrap_or_else(|| index.to_string()),
        score: scores[index],
    };
    Ok(Answer::Classes(order.into_iter().map(class).collect()))
}

fn softmax(values: &[f64]) -> Vec<f64> {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exps: Vec<f64> = values.iter().map(|v| (v - max).exp()).collect();
    let sum: f64 = exps.iter().sum();
    exps.iter().map(|e| e / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::Labels;

    #[test]
    fn best_classes_come_first() {
        let description = OutputDescription {
            kind: OutputKind::Classes,
            softmax: true,
            labels: Labels::Names(["cat", "dog", "cow"].map(String::from).to_vec()),
            ..OutputDescription::default()
        };
        let array = Array::from_f32(vec![1, 3], &[0.0, 2.0, 1.0]);
        let Ok(Answer::Classes(classes)) = read(&array, &description, Some(2)) else { panic!("classes are expected") };
        assert_eq!(classes.iter().map(|c| c.label.as_str()).collect::<Vec<_>>(), ["dog", "cow"]);
        assert!((classes[0].score - 0.665_240_955).abs() < 1e-6);
        assert!(read(&Array::from_f32(vec![1, 2], &[0.0, 1.0]), &description, None).is_err());
    }
}
