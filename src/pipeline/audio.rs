//! Sound: decode, mix, cut into windows.

use std::path::Path;

use crate::description::InputDescription;
use crate::read::Source;
use crate::samples::InputPort;
use crate::{Array, PipelineError};

/// Sound of one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    /// Samples a second.
    pub rate: u32,
    /// −1 to 1.
    pub samples: Vec<f32>,
}

/// Reads a WAV of integers or floats; channels are averaged.
pub(crate) fn read(path: &Path, source: Source<'_>) -> Result<Audio, PipelineError> {
    let format = |reason: String| PipelineError::Format { path: path.to_owned(), wanted: "a WAV file", reason };
    let reader = hound::WavReader::new(source).map_err(|e| format(e.to_string()))?;
    let spec = reader.spec();
    let all: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        hound::SampleFormat::Float => reader.into_samples::<f32>().collect(),
        hound::SampleFormat::Int => {
            let full = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
            reader.into_samples::<i32>().map(|s| s.map(|v| v as f32 / full)).collect()
        }
    };
    let all = all.map_err(|e| format(e.to_string()))?;
    let channels = usize::from(spec.channels.max(1));
    let mixed = all.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32);
    Ok(Audio { rate: spec.sample_rate, samples: mixed.collect() })
}

/// One sample for each window of the input's length, one after another; the last is filled up with silence.
pub(crate) fn tensors(
    audio: &Audio,
    port: &InputPort<'_>,
    description: &InputDescription,
) -> Result<Vec<Array>, PipelineError> {
    let wrong = |reason: String| PipelineError::Input { input: port.name.to_owned(), reason };
    let length: usize = port.shape.iter().product();
    if port.shape.iter().filter(|&&d| d > 1).count() > 1 || length == 0 {
        return Err(wrong(format!("sound feeds an input of one dimension, not {:?}", port.shape)));
    }
    if let Some(rate) = description.sample_rate.filter(|&rate| rate != audio.rate) {
        return Err(wrong(format!(
            "the model hears {rate} samples a second, the file has {}: resample it",
            audio.rate
        )));
    }
    description.check_parts(1, "channels")?;
    let window = |samples: &[f32]| {
        let mut values: Vec<f32> = samples.iter().map(|&s| description.normalize(s, 0, 1.0)).collect();
        values.resize(length, description.normalize(0.0, 0, 1.0));
        Array::from_f32(port.shape.to_vec(), &values)
    };
    if audio.samples.is_empty() {
        return Err(wrong("the file holds no samples".into()));
    }
    Ok(audio.samples.chunks(length).map(window).collect())
}

#[cfg(test)]
mod tests {
    use coulter_plan::DType;

    use super::*;
    use crate::read::source;

    fn wav(channels: u16, samples: &[i16]) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("memory can be written");
        samples.iter().for_each(|&s| writer.write_sample(s).expect("memory can be written"));
        writer.finalize().expect("memory can be written");
        bytes.into_inner()
    }

    #[test]
    fn channels_are_mixed_and_windows_filled() {
        let audio =
            read(Path::new("x.wav"), source(std::io::Cursor::new(&wav(2, &[16384, 0, -32768, -32768, 0, 0])[..])))
                .expect("it is a WAV");
        assert_eq!(audio, Audio { rate: 8000, samples: vec![0.25, -1.0, 0.0] });
        let port = InputPort { name: "x", dtype: DType::F32, shape: &[1, 2] };
        let windows = tensors(&audio, &port, &InputDescription::default()).expect("windows");
        let values: Vec<Vec<f64>> = windows.iter().map(Array::to_f64).collect();
        assert_eq!(values, [[0.25, -1.0], [0.0, 0.0]]);
    }

    #[test]
    fn another_rate_and_garbage_are_refused() {
        let audio = Audio { rate: 8000, samples: vec![0.0; 4] };
        let port = InputPort { name: "x", dtype: DType::F32, shape: &[1, 2] };
        let description = InputDescription { sample_rate: Some(16_000), ..InputDescription::default() };
        assert!(tensors(&audio, &port, &description).is_err());
        assert!(read(Path::new("x.wav"), source(std::io::Cursor::new(&b"RIFF"[..]))).is_err());
    }
}
