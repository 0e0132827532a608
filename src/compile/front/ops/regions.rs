//! Regions of images: CenterCropPad, AffineGrid, RoiAlign.

use coulter_plan::ops::binary::Kind;
use coulter_plan::ops::{gather, pad, pool2d};
use coulter_plan::{Activation, ActivationKind, DType};

use super::products::product;
use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId};

/// CenterCropPad: `x`, `shape` of the axes.
pub(super) fn center_crop_pad(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let mut x = node.input(0)?;
    let rank = importer.rank(x);
    let wanted = importer.const_i64s(node, 1)?.ok_or_else(|| Decline::broken("there is no shape"))?;
    let axes = match node.ints("axes")? {
        Some(axes) => axes.iter().map(|&a| importer.axis(a, rank)).collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).collect(),
    };
    if axes.len() != wanted.len() {
        return Err(Decline::broken(format!("{} sizes for {} axes", wanted.len(), axes.len())));
    }
    let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
    for (&axis, &size) in axes.iter().zip(&wanted) {
        let size = usize::try_from(size).map_err(|_| Decline::broken(format!("size {size}")))?;
        let found = importer.shape(x)[axis];
        if size < found {
            x = importer.slice(x, axis, (found - size) / 2, size, 1)?;
        } else {
            before[axis] = (size - found) / 2;
            after[axis] = size - found - before[axis];
        }
    }
    one(importer.pad(x, pad::Mode::Constant, [0; 2], &before, &after)?)
}

/// AffineGrid: `theta [N, D, D+1]`, `size [N, C, spatial..]`; gives `[N, spatial.., D]`.
pub(super) fn affine_grid(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (theta, dtype) = importer.widened(node.input(0)?)?;
    importer.expect_dtype(theta, DType::F32)?;
    let size = importer.const_i64s(node, 1)?.ok_or_else(|| Decline::broken("there is no size"))?;
    let size: Option<Vec<usize>> = size.iter().map(|&d| usize::try_from(d).ok().filter(|&d| d > 0)).collect();
    let size = size.ok_or_else(|| Decline::broken("a size is not positive"))?;
    let &[n, _, ref spatial @ ..] = &size[..] else { return Err(Decline::broken("a size lacks dimensions")) };
    let dims = spatial.len();
    if importer.shape(theta) != [n, dims, dims + 1] {
        return Err(Decline::broken(format!("theta {:?} for size {size:?}", importer.shape(theta))));
    }
    let corners = node.flag("align_corners")?;
    let points: usize = spatial.iter().product();
    // Each point's coordinates, that of the last dimension first, and a 1.
    let mut grid = Vec::with_capacity(points * (dims + 1));
    for point in 0..points {
        let mut rest = point;
        for &count in spatial.iter().rev() {
            let (i, count) = ((rest % count) as f32, count as f32);
            rest /= count as usize;
            grid.push(match corners {
                true if count == 1.0 => 0.0,
                true => 2.0 * i / (count - 1.0) - 1.0,
                false => (2.0 * i + 1.0) / count - 1.0,
            });
        }
        grid.push(1.0);
    }
    let grid = importer.constant_f32(&[1, points, dims + 1], &grid);
    let turned = importer.transpose(theta, &[0, 2, 1])?;
    let y = product(importer, grid, turned)?;
    let shape: Vec<usize> = [n].iter().chain(spatial).chain(&[dims]).copied().collect();
    let y = importer.reshape(y, &shape)?;
    one(importer.cast(y, dtype)?)
}

/// Where RoiAlign looks along one dimension.
struct Samples {
    /// `[regions, samples]`: whether the place is in the image or at most 1 outside.
    inside: TensorId,
    /// Elements on either side, i64.
    places: [TensorId; 2],
    /// Their weights.
    weights: [TensorId; 2],
}

/// RoiAlign: `X [N, C, H, W]`, `rois [R, 4]`, `batch_indices [R]`, with a fixed number of samples a bin.
pub(super) fn roi_align(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, dtype) = importer.widened(node.input(0)?)?;
    let (rois, _) = importer.widened(node.input(1)?)?;
    importer.expect_dtype(x, DType::F32)?;
    importer.expect_dtype(rois, DType::F32)?;
    let (&[n, c, h, w], &[count, 4]) = (&importer.shape(x)[..], &importer.shape(rois)[..]) else {
        return Err(Decline::broken("X of rank 4 and regions of four numbers are expected"));
    };
    let positive = |name: &str, default| {
        let found = usize::try_from(node.int_or(name, default)?).ok().filter(|&v| v > 0 && v < 1 << 16);
        found.ok_or_else(|| Decline::fallback(format!("{name} has to be known and positive")))
    };
    let bins = [positive("output_height", 1)?, positive("output_width", 1)?];
    let samples = positive("sampling_ratio", 0)?;
    let aligned = match node.string_or("coordinate_transformation_mode", "half_pixel")? {
        "half_pixel" if node.opset >= 16 => true,
        "output_half_pixel" => false,
        _ if node.opset < 16 => false,
        other => return Err(Decline::broken(format!("coordinate_transformation_mode {other:?}"))),
    };
    let kind = match node.string_or("mode", "avg")? {
        "avg" => pool2d::Kind::Average,
        "max" => pool2d::Kind::Max,
        other => return Err(Decline::broken(format!("mode {other:?}"))),
    };
    let scaled = importer.affine(rois, node.float_or("spatial_scale", 1.0)?, if aligned { -0.5 } else { 0.0 })?;
    let column = |importer: &mut Importer<'_>, i| importer.slice(scaled, 1, i, 1, 1);
    let ends = [[column(importer, 1)?, column(importer, 3)?], [column(importer, 0)?, column(importer, 2)?]];
    let vertical = samples_of(importer, ends[0], bins[0], samples, h, aligned)?;
    let horizontal = samples_of(importer, ends[1], bins[1], samples, w, aligned)?;

    let nhwc = importer.transpose(x, &[0, 2, 3, 1])?;
    let pixels = importer.reshape(nhwc, &[n * h * w, c])?;
    let batch = importer.cast(node.input(2)?, DType::I64)?;
    let batch = importer.reshape(batch, &[count, 1, 1])?;
    let image = importer.scalar((h * w) as f64, DType::I64, 3);
    let first = importer.mul(batch, image)?;
    let width = importer.scalar(w as f64, DType::I64, 3);
    let (rows, columns) = (bins[0] * samples, bins[1] * samples);
    let mut parts = Vec::new();
    for (place_y, weight_y) in vertical.places.into_iter().zip(vertical.weights) {
        for (place_x, weight_x) in horizontal.places.into_iter().zip(horizontal.weights) {
            let [y, weight_y] =
                [importer.reshape(place_y, &[count, rows, 1])?, importer.reshape(weight_y, &[count, rows, 1])?];
            let [x, weight_x] =
                [importer.reshape(place_x, &[count, 1, columns])?, importer.reshape(weight_x, &[count, 1, columns])?];
            let row = importer.mul(y, width)?;
            let place = importer.add(row, x)?;
            let place = importer.add(place, first)?;
            let op = Op::Gather(gather::Params { axis: 0 });
            let taken = importer.emit(op, &[pixels, place], DType::F32, &[count, rows, columns, c])?;
            let weight = importer.mul(weight_y, weight_x)?;
            let weight = importer.reshape(weight, &[count, rows, columns, 1])?;
            parts.push(importer.mul(taken, weight)?);
        }
    }
    let inside_y = importer.reshape(vertical.inside, &[count, rows, 1, 1])?;
    let inside_x = importer.reshape(horizontal.inside, &[count, 1, columns, 1])?;
    let inside = importer.binary(Kind::And, inside_y, inside_x)?;
    let zero = importer.scalar(0.0, DType::F32, 4);
    // The greatest is that of the weighted neighbours, the average that of the interpolated values.
    let combine = if kind == pool2d::Kind::Max { Kind::Max } else { Kind::Add };
    let mut value = parts[0];
    for &part in &parts[1..] {
        value = importer.binary(combine, value, part)?;
    }
    let value = importer.select(inside, value, zero)?;
    let bin = [samples as u32; 2];
    let params = pool2d::Params {
        kind,
        kernel: bin,
        stride: bin,
        dilation: [1; 2],
        pad: [0; 4],
        ceil: false,
        activation: Activation::IDENTITY,
    };
    let pooled = importer.emit(Op::Pool2d(params), &[value], DType::F32, &[count, bins[0], bins[1], c])?;
    let y = importer.transpose(pooled, &[0, 3, 1, 2])?;
    one(importer.cast(y, dtype)?)
}

/// Samples at equal distances in the bins between two ends, `[regions, 1]` each.
fn samples_of(
    importer: &mut Importer<'_>,
    [begin, end]: [TensorId; 2],
    bins: usize,
    samples: usize,
    size: usize,
    aligned: bool,
) -> Result<Samples, Decline> {
    let mut length = importer.sub(end, begin)?;
    if !aligned {
        length = importer.clamp(length, 1.0, f32::INFINITY)?;
    }
    let total = bins * samples;
    let places: Vec<f32> = (0..total).map(|i| (i as f32 + 0.5) / total as f32).collect();
    let places = importer.constant_f32(&[1, total], &places);
    let moved = importer.mul(length, places)?;
    let place = importer.add(begin, moved)?;
    let below = importer.compare(Kind::GreaterEqual, place, -1.0)?;
    let above = importer.compare(Kind::LessEqual, place, size as f64)?;
    let inside = importer.binary(Kind::And, below, above)?;
    let last = size as f32 - 1.0;
    let place = importer.clamp(place, 0.0, last)?;
    let low = importer.function(place, ActivationKind::Floor)?;
    let high = importer.affine(low, 1.0, 1.0)?;
    let high = importer.clamp(high, 0.0, last)?;
    let far = importer.sub(place, low)?;
    let near = importer.affine(far, -1.0, 1.0)?;
    let places = [importer.cast(low, DType::I64)?, importer.cast(high, DType::I64)?];
    Ok(Samples { inside, places, weights: [near, far] })
}
