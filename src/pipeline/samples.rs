//! Makes an input's tensors of what a file holds.

use coulter_plan::{DType, Port};

use crate::description::{InputDescription, InputKind};
use crate::{Array, Description, PipelineError, Raw, audio, image, table};

/// A graph input as far as making its tensors needs it.
#[derive(Clone, Copy, Debug)]
pub struct InputPort<'a> {
    /// Name.
    pub name: &'a str,
    /// Element type.
    pub dtype: DType,
    /// Dimensions of one run.
    pub shape: &'a [usize],
}

/// Samples of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// One array a run, of the input's type and shape.
    pub arrays: Vec<Array>,
    /// Whether they were cut along the input's own leading axis, so that outputs are joined along theirs.
    pub along_batch: bool,
}

/// Dimensions of a port.
pub fn shape_of(port: &Port<'_>) -> Vec<usize> {
    port.tensor.dims.iter().map(|&d| d as usize).collect()
}

/// The samples that `raw` holds for an input; `lone` says whether the model has no other.
///
/// # Errors
/// When the file does not hold what the input needs: expected and found.
pub fn of(raw: &Raw, port: &InputPort<'_>, description: &Description, lone: bool) -> Result<Samples, PipelineError> {
    let unnamed = InputDescription { name: port.name.to_owned(), ..InputDescription::default() };
    let described = description.input(port.name).unwrap_or(&unnamed);
    let arrays = match raw {
        Raw::Arrays(arrays) => return of_array(pick(arrays, port.name, lone)?, port),
        Raw::Image(picture) => vec![image::tensor(picture, port, described)?],
        Raw::Audio(sound) => audio::tensors(sound, port, described)?,
        Raw::Table(numbers) => table::tensors(numbers, port, described)?,
    };
    let arrays = arrays.iter().map(|a| typed(a, port)).collect::<Result<_, _>>()?;
    Ok(Samples { arrays, along_batch: true })
}

/// Whether a raw file of this kind is what the description expects for the input.
pub fn suits(raw: &Raw, kind: InputKind) -> bool {
    match raw {
        Raw::Arrays(_) => true,
        Raw::Image(_) => kind == InputKind::Image,
        Raw::Audio(_) => kind == InputKind::Audio,
        Raw::Table(_) => kind == InputKind::Table,
    }
}

fn pick<'a>(arrays: &'a [(String, Array)], input: &str, lone: bool) -> Result<&'a Array, PipelineError> {
    let named = |name: &str| arrays.iter().find(|(n, _)| n == name).map(|(_, a)| a);
    let only = || match arrays {
        [(_, array)] => Some(array),
        _ => named("x"),
    };
    let found = named(input).or_else(|| if lone { only() } else { None });
    found.ok_or_else(|| PipelineError::Missing {
        input: input.to_owned(),
        found: arrays.iter().map(|(n, _)| n.clone()).collect(),
    })
}

fn of_array(array: &Array, port: &InputPort<'_>) -> Result<Samples, PipelineError> {
    let (wanted, found) = (port.shape, &array.shape[..]);
    let wrong = || PipelineError::Shape { input: port.name.to_owned(), wanted: wanted.to_vec(), found: found.to_vec() };
    let array = typed(array, port)?;
    let one = |bytes: &[u8]| Array { dtype: port.dtype, shape: wanted.to_vec(), bytes: bytes.to_vec() };
    let cut = |count: usize| -> Vec<Array> {
        let bytes = array.bytes.len() / count;
        (0..count).map(|i| one(&array.bytes[i * bytes..][..bytes])).collect()
    };
    match (wanted, found) {
        _ if wanted == found => Ok(Samples { arrays: vec![array], along_batch: true }),
        ([1, rest @ ..], _) if rest == found => Ok(Samples { arrays: vec![one(&array.bytes)], along_batch: true }),
        ([batch, rest @ ..], [all, others @ ..])
            if rest == others && *batch > 0 && *all > 0 && all.is_multiple_of(*batch) =>
        {
            Ok(Samples { arrays: cut(all / batch), along_batch: true })
        }
        (_, [all, others @ ..]) if wanted == others && *all > 0 => {
            Ok(Samples { arrays: cut(*all), along_batch: false })
        }
        _ => Err(wrong()),
    }
}

fn typed(array: &Array, port: &InputPort<'_>) -> Result<Array, PipelineError> {
    array.convert(port.dtype).ok_or_else(|| PipelineError::Input {
        input: port.name.to_owned(),
        reason: format!("takes {}, and the values given ({}) do not fit it exactly", port.dtype, array.dtype),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(wanted: &[usize], found: &[usize]) -> Option<(usize, bool)> {
        let len = found.iter().product();
        let raw = Raw::Arrays(vec![("x".into(), Array::from_f32(found.to_vec(), &vec![0.0; len]))]);
        let port = InputPort { name: "input", dtype: DType::F32, shape: wanted };
        of(&raw, &port, &Description::default(), true).ok().map(|s| (s.arrays.len(), s.along_batch))
    }

    #[test]
    fn leading_axes_are_cut() {
        assert_eq!(samples(&[1, 4], &[1, 4]), Some((1, true)));
        assert_eq!(samples(&[1, 4], &[4]), Some((1, true)));
        assert_eq!(samples(&[1, 4], &[7, 4]), Some((7, true)));
        assert_eq!(samples(&[2, 4], &[6, 4]), Some((3, true)));
        assert_eq!(samples(&[2, 4], &[5, 4]), None);
        assert_eq!(samples(&[2, 1, 4], &[5, 2, 1, 4]), Some((5, false)));
        assert_eq!(samples(&[], &[]), Some((1, true)));
        assert_eq!(samples(&[1, 4], &[1, 5]), None);
    }

    #[test]
    fn arrays_are_found_by_name() {
        let array = Array::from_f32(vec![1], &[1.0]);
        let raw = Raw::Arrays(vec![("a".into(), array.clone()), ("b".into(), array)]);
        let port = |name| InputPort { name, dtype: DType::F32, shape: &[1] };
        assert!(of(&raw, &port("b"), &Description::default(), false).is_ok());
        assert!(of(&raw, &port("c"), &Description::default(), true).is_err());
    }
}
