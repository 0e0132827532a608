//! Pictures: decode, resize, crop, normalize, lay out.

use std::path::Path;

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageReader, RgbImage};

use crate::description::{Channels, Fit, InputDescription, Layout};
use crate::read::Source;
use crate::samples::InputPort;
use crate::{Array, PipelineError};

/// Largest picture that is decoded, in bytes of pixels.
const MAX_BYTES: u64 = 512 << 20;

pub(crate) fn read(path: &Path, source: Source<'_>) -> Result<DynamicImage, PipelineError> {
    let format =
        |reason: String| PipelineError::Format { path: path.to_owned(), wanted: "a PNG or JPEG image", reason };
    let mut reader = ImageReader::new(source).with_guessed_format().map_err(|e| format(e.to_string()))?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    reader.decode().map_err(|e| format(e.to_string()))
}

/// Order of dimensions, height, width and channels of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Geometry {
    layout: Layout,
    height: usize,
    width: usize,
    channels: usize,
}

/// One sample: the picture as the input wants it, f32.
pub(crate) fn tensor(
    image: &DynamicImage,
    port: &InputPort<'_>,
    description: &InputDescription,
) -> Result<Array, PipelineError> {
    let geometry = geometry(port, description)?;
    let gray = geometry.channels == 1;
    description.check_parts(geometry.channels, "channels")?;
    let pixels = fit(image, geometry.width as u32, geometry.height as u32, description.fit, gray);
    // Models with integer inputs take pixels as they are.
    let default_std = if port.dtype.is_float() { 255.0 } else { 1.0 };
    let order = if description.channels == Channels::Bgr { [2, 1, 0] } else { [0, 1, 2] };
    let value = |x: usize, y: usize, c: usize| {
        let pixel = pixels.get_pixel(x as u32, y as u32).0;
        description.normalize(f32::from(pixel[order[c]]), c, default_std)
    };
    let Geometry { layout, height, width, channels } = geometry;
    let mut values = Vec::with_capacity(height * width * channels);
    if layout == Layout::Nchw {
        for c in 0..channels {
            (0..height).for_each(|y| values.extend((0..width).map(|x| value(x, y, c))));
        }
    } else {
        for y in 0..height {
            (0..width).for_each(|x| values.extend((0..channels).map(|c| value(x, y, c))));
        }
    }
    Ok(Array::from_f32(port.shape.to_vec(), &values))
}

fn fit(image: &DynamicImage, width: u32, height: u32, fit: Fit, gray: bool) -> RgbImage {
    let image = if gray { DynamicImage::ImageLuma8(image.to_luma8()).to_rgb8() } else { image.to_rgb8() };
    let (w, h) = image.dimensions();
    if (w, h) == (width, height) {
        return image;
    }
    let scaled = |w: f64, h: f64| {
        let size = |v: f64| v.round().max(1.0) as u32;
        imageops::resize(&image, size(w), size(h), FilterType::Triangle)
    };
    let (across, down) = (f64::from(width) / f64::from(w), f64::from(height) / f64::from(h));
    match fit {
        Fit::Stretch => scaled(width.into(), height.into()),
        Fit::Crop => {
            let scale = across.max(down) * 8.0 / 7.0;
            let large = scaled(f64::from(w) * scale, f64::from(h) * scale);
            let (left, top) = (large.width().saturating_sub(width) / 2, large.height().saturating_sub(height) / 2);
            imageops::crop_imm(&large, left, top, width, height).to_image()
        }
        Fit::Letterbox => {
            let scale = across.min(down);
            let small = scaled(f64::from(w) * scale, f64::from(h) * scale);
            let mut canvas = RgbImage::new(width, height);
            let (left, top) = (width.saturating_sub(small.width()) / 2, height.saturating_sub(small.height()) / 2);
            imageops::overlay(&mut canvas, &small, left.into(), top.into());
            canvas
        }
    }
}

fn geometry(port: &InputPort<'_>, description: &InputDescription) -> Result<Geometry, PipelineError> {
    let wrong = |reason: String| PipelineError::Input { input: port.name.to_owned(), reason };
    let shape = port.shape;
    let found = match (description.layout, shape) {
        (None | Some(Layout::Nchw), &[1, c, h, w] | &[c, h, w]) if is_channels(c) => {
            Geometry { layout: Layout::Nchw, height: h, width: w, channels: c }
        }
        (None | Some(Layout::Nhwc), &[1, h, w, c] | &[h, w, c]) if is_channels(c) => {
            Geometry { layout: Layout::Nhwc, height: h, width: w, channels: c }
        }
        (None | Some(Layout::Hw), &[1, h, w] | &[h, w]) => {
            Geometry { layout: Layout::Hw, height: h, width: w, channels: 1 }
        }
        _ => return Err(wrong(format!("a picture does not fit the shape {shape:?}: give the layout in model.toml"))),
    };
    for (what, wanted, is) in [("width", description.width, found.width), ("height", description.height, found.height)]
    {
        if wanted.is_some_and(|w| w != is) {
            return Err(wrong(format!("the description says {what} {}, the model {is}", wanted.unwrap_or_default())));
        }
    }
    if is_gray(description) && found.channels != 1 {
        return Err(wrong(format!("the description says gray, the model has {} channels", found.channels)));
    }
    Ok(found)
}

fn is_gray(description: &InputDescription) -> bool {
    description.channels == Channels::Gray
}

fn is_channels(n: usize) -> bool {
    n == 1 || n == 3
}

#[cfg(test)]
mod tests {
    use coulter_plan::DType;
    use image::Rgb;

    use super::*;

    fn picture() -> DynamicImage {
        let mut image = RgbImage::new(2, 2);
        image.put_pixel(0, 0, Rgb([255, 0, 0]));
        image.put_pixel(1, 1, Rgb([0, 0, 255]));
        DynamicImage::ImageRgb8(image)
    }

    fn values(shape: &[usize], description: &InputDescription) -> Vec<f64> {
        let port = InputPort { name: "x", dtype: DType::F32, shape };
        tensor(&picture(), &port, description).expect("the picture fits").to_f64()
    }

    #[test]
    fn layouts_and_channel_orders() {
        let rgb = InputDescription::default();
        let bgr = InputDescription { channels: Channels::Bgr, ..rgb.clone() };
        assert_eq!(values(&[1, 3, 2, 2], &rgb), [1., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 1.]);
        assert_eq!(values(&[1, 2, 2, 3], &rgb), [1., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0., 1.]);
        assert_eq!(values(&[1, 3, 2, 2], &bgr), [0., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0.]);
        let scaled = InputDescription { mean: vec![255.0, 0.0, 0.0], std: vec![1.0, 1.0, 51.0], ..rgb };
        assert_eq!(values(&[1, 2, 2, 3], &scaled)[9..], [-255.0, 0.0, 5.0]);
    }

    #[test]
    fn fits_keep_the_size() {
        let image = DynamicImage::ImageRgb8(RgbImage::from_pixel(30, 10, Rgb([100, 100, 100])));
        for how in [Fit::Stretch, Fit::Crop, Fit::Letterbox] {
            assert_eq!(fit(&image, 7, 9, how, false).dimensions(), (7, 9));
        }
        let boxed = fit(&image, 9, 9, Fit::Letterbox, false);
        assert_eq!((boxed.get_pixel(4, 0).0[0], boxed.get_pixel(4, 4).0[0]), (0, 100));
    }

    #[test]
    fn contradictions_are_told() {
        let port = InputPort { name: "x", dtype: DType::F32, shape: &[1, 3, 2, 2] };
        for description in [
            InputDescription { width: Some(5), ..InputDescription::default() },
            InputDescription { channels: Channels::Gray, ..InputDescription::default() },
            InputDescription { mean: vec![1.0, 2.0], ..InputDescription::default() },
            InputDescription { layout: Some(Layout::Hw), ..InputDescription::default() },
        ] {
            assert!(tensor(&picture(), &port, &description).is_err(), "{description:?}");
        }
    }
}
