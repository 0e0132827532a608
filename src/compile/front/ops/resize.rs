//! Resize and Upsample: the plan's operator where it has the case, else taps gathered along one axis after the other.

use coulter_plan::ops::binary::Kind;
use coulter_plan::ops::{gather, resize};
use coulter_plan::{ActivationKind, DType};

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::{Op, TensorId};

/// How a value is made of its neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Nearest,
    Linear,
    Cubic,
}

/// Most taps along an axis.
const MAX_TAPS: usize = 64;

/// What the attributes say.
struct Settings<'a> {
    mode: Mode,
    coordinates: &'a str,
    nearest: &'a str,
    cubic_a: f32,
    antialias: bool,
    exclude_outside: bool,
    extrapolation: f32,
}

/// One axis to resample.
struct Axis {
    axis: usize,
    from: usize,
    to: usize,
    /// Output size / input size as the model has it, of one element.
    scale: TensorId,
    /// Begin and end of the region, of one element each.
    region: Option<[TensorId; 2]>,
}

/// `X`, `scales`; or `scales` as an attribute.
pub(super) fn upsample(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let settings = Settings {
        mode: mode(node)?,
        coordinates: "asymmetric",
        nearest: "floor",
        cubic_a: -0.75,
        antialias: false,
        exclude_outside: false,
        extrapolation: 0.0,
    };
    let x = node.input(0)?;
    let scales = match node.floats("scales")? {
        Some(scales) => importer.constant_f32(&[scales.len()], scales),
        None => node.input(1)?,
    };
    let axes: Vec<usize> = (0..importer.rank(x)).collect();
    resized(importer, node, x, &settings, &axes, Sizes::Scales(scales), None)
}

/// `X`, `roi`?, `scales`?, `sizes`?; `X`, `scales` in the first version.
pub(super) fn resize(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let old = node.opset < 11;
    let settings = Settings {
        mode: mode(node)?,
        coordinates: node.string_or("coordinate_transformation_mode", if old { "asymmetric" } else { "half_pixel" })?,
        nearest: node.string_or("nearest_mode", if old { "floor" } else { "round_prefer_floor" })?,
        cubic_a: node.float_or("cubic_coeff_a", -0.75)?,
        antialias: node.flag("antialias")?,
        exclude_outside: node.flag("exclude_outside")?,
        extrapolation: node.float_or("extrapolation_value", 0.0)?,
    };
    let x = node.input(0)?;
    let rank = importer.rank(x);
    let axes = match node.ints("axes")? {
        Some(axes) => axes.iter().map(|&a| importer.axis(a, rank)).collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).collect(),
    };
    let given =
        |i: usize, importer: &Importer<'_>| node.optional(i).filter(|&id| !importer.graph.tensor(id).is_empty());
    let scales = if old { Some(node.input(1)?) } else { given(2, importer) };
    let sizes = match (scales, given(3, importer)) {
        (Some(scales), None) => Sizes::Scales(scales),
        (None, Some(sizes)) => Sizes::Sizes(sizes, node.string_or("keep_aspect_ratio_policy", "stretch")?),
        _ => return Err(Decline::broken("either scales or sizes are expected")),
    };
    let region = if old { None } else { given(1, importer) };
    resized(importer, node, x, &settings, &axes, sizes, region)
}

fn mode(node: &OnnxNode<'_>) -> Result<Mode, Decline> {
    match node.string_or("mode", "nearest")? {
        "nearest" => Ok(Mode::Nearest),
        "linear" | "bilinear" => Ok(Mode::Linear),
        "cubic" => Ok(Mode::Cubic),
        other => Err(Decline::broken(format!("mode {other:?}"))),
    }
}

/// What tells the output's size.
#[derive(Clone, Copy)]
enum Sizes<'a> {
    Scales(TensorId),
    /// With the policy that keeps the aspect ratio.
    Sizes(TensorId, &'a str),
}

fn resized(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    x: TensorId,
    settings: &Settings<'_>,
    axes: &[usize],
    sizes: Sizes<'_>,
    region: Option<TensorId>,
) -> Imported {
    let shape = importer.shape(x);
    let scales = scales(importer, &shape, axes, sizes)?;
    let to = output_shape(importer, node, &shape, axes, &scales, sizes)?;
    if to.contains(&0) || shape.contains(&0) {
        return Err(Decline::fallback("an empty tensor is resized"));
    }
    let crop = settings.coordinates == "tf_crop_and_resize";
    let mut steps = Vec::new();
    for (i, (&axis, &scale)) in axes.iter().zip(&scales).enumerate() {
        let unchanged = (importer.scalar_f32(scale) == Some(1.0) || shape[axis] == 1) && shape[axis] == to[axis];
        let region = match region.filter(|_| crop) {
            Some(region) if importer.shape(region) == [2 * axes.len()] => {
                let (begin, end) =
                    (importer.slice(region, 0, i, 1, 1)?, importer.slice(region, 0, axes.len() + i, 1, 1)?);
                Some([importer.widened(begin)?.0, importer.widened(end)?.0])
            }
            _ if crop => return Err(Decline::broken("a region of two numbers an axis is expected")),
            _ => None,
        };
        let whole = region.is_none_or(|[begin, end]| {
            importer.scalar_f32(begin) == Some(0.0) && importer.scalar_f32(end) == Some(1.0)
        });
        if !unchanged || !(whole || shape[axis] == 1) {
            steps.push(Axis { axis, from: shape[axis], to: to[axis], scale, region });
        }
    }
    let (mut y, dtype) = importer.widened(x)?;
    if settings.mode != Mode::Nearest {
        importer.expect_dtype(y, DType::F32)?;
    }
    if let Some(resized) = native(importer, y, settings, &steps, &to)? {
        return one(importer.cast(resized, dtype)?);
    }
    let mut outside = Vec::new();
    for step in &steps {
        let source = source(importer, settings, step)?;
        if crop {
            let (below, above) = (
                importer.compare(Kind::Less, source, 0.0)?,
                importer.compare(Kind::Greater, source, step.from as f64 - 1.0)?,
            );
            let either = importer.binary(Kind::Or, below, above)?;
            outside.push(importer.along(either, step.axis, to.len())?);
        }
        y = match settings.mode {
            Mode::Nearest => nearest(importer, y, settings, step, source)?,
            _ => interpolated(importer, y, settings, step, source)?,
        };
    }
    for mask in outside {
        y = importer.replaced(mask, f64::from(settings.extrapolation), y)?;
    }
    one(importer.cast(y, dtype)?)
}

/// The scale of each axis, of one element each.
fn scales(
    importer: &mut Importer<'_>,
    shape: &[usize],
    axes: &[usize],
    sizes: Sizes<'_>,
) -> Result<Vec<TensorId>, Decline> {
    let (Sizes::Scales(given) | Sizes::Sizes(given, _)) = sizes;
    if importer.shape(given) != [axes.len()] {
        return Err(Decline::broken(format!("{} scales or sizes are expected", axes.len())));
    }
    let given = importer.cast(given, DType::F32)?;
    let mut scales = Vec::new();
    for (i, &axis) in axes.iter().enumerate() {
        let mut scale = importer.slice(given, 0, i, 1, 1)?;
        if let Sizes::Sizes(..) = sizes {
            let from = importer.constant_f32(&[1], &[shape[axis] as f32]);
            scale = importer.div(scale, from)?;
        }
        scales.push(scale);
    }
    let common = match sizes {
        Sizes::Sizes(_, "not_larger") => Kind::Min,
        Sizes::Sizes(_, "not_smaller") => Kind::Max,
        Sizes::Sizes(_, "stretch") | Sizes::Scales(_) => return Ok(scales),
        Sizes::Sizes(_, other) => return Err(Decline::broken(format!("keep_aspect_ratio_policy {other:?}"))),
    };
    let mut scale = scales[0];
    for &other in &scales[1..] {
        scale = importer.binary(common, scale, other)?;
    }
    Ok(vec![scale; axes.len()])
}

fn output_shape(
    importer: &Importer<'_>,
    node: &OnnxNode<'_>,
    shape: &[usize],
    axes: &[usize],
    scales: &[TensorId],
    sizes: Sizes<'_>,
) -> Result<Vec<usize>, Decline> {
    let mut to = shape.to_vec();
    if let Sizes::Sizes(sizes, "stretch") = sizes
        && let Some(value) = &importer.graph.tensor(sizes).value
    {
        for (&axis, size) in axes.iter().zip(value.to_i64()) {
            to[axis] = usize::try_from(size).map_err(|_| Decline::broken(format!("size {size}")))?;
        }
        return Ok(to);
    }
    for (&axis, &scale) in axes.iter().zip(scales) {
        let Some(scale) = importer.scalar_f32(scale) else {
            return importer.declared_shape(node, 0).filter(|declared| declared.len() == shape.len()).ok_or_else(
                || Decline::fallback("neither its scales nor its output's shape are known when compiling"),
            );
        };
        let rounded = match sizes {
            Sizes::Scales(_) => (f64::from(scale) * shape[axis] as f64).floor(),
            Sizes::Sizes(..) => (f64::from(scale) * shape[axis] as f64 + 0.5).floor(),
        };
        to[axis] = rounded as usize;
    }
    Ok(to)
}

/// The plan's operator, where its definition is that of this case: f32, the last two of four dimensions (or the last
/// of three).
fn native(
    importer: &mut Importer<'_>,
    x: TensorId,
    settings: &Settings<'_>,
    steps: &[Axis],
    to: &[usize],
) -> Result<Option<TensorId>, Decline> {
    let shape = importer.shape(x);
    let Some(params) = native_params(importer, x, settings, steps) else { return Ok(None) };
    let (spatial, [h, w]) = match shape[..] {
        [_, _, h, w] => (vec![to[2], to[3]], [h, w]),
        [_, _, w] => (vec![to[2]], [1, w]),
        _ => return Ok(None),
    };
    let flat = importer.reshape(x, &[shape[0], shape[1], h, w])?;
    let nhwc = importer.transpose(flat, &[0, 2, 3, 1])?;
    let [oh, ow] = if spatial.len() == 2 { [spatial[0], spatial[1]] } else { [1, spatial[0]] };
    let resized = importer.emit(Op::Resize(params), &[nhwc], DType::F32, &[shape[0], oh, ow, shape[1]])?;
    let nchw = importer.transpose(resized, &[0, 3, 1, 2])?;
    importer.reshape(nchw, to).map(Some)
}

fn native_params(
    importer: &Importer<'_>,
    x: TensorId,
    settings: &Settings<'_>,
    steps: &[Axis],
) -> Option<resize::Params> {
    let coordinates = match settings.coordinates {
        "half_pixel" => resize::Coordinates::HalfPixel,
        "asymmetric" => resize::Coordinates::Asymmetric,
        "align_corners" => resize::Coordinates::AlignCorners,
        "pytorch_half_pixel" => resize::Coordinates::PytorchHalfPixel,
        _ => return None,
    };
    let rank = importer.rank(x);
    if importer.dtype(x) != DType::F32 || settings.antialias || settings.exclude_outside {
        return None;
    }
    let mut scales = [1.0, 1.0];
    for step in steps {
        let scale = importer.scalar_f32(step.scale)?;
        // ONNX aligns the corners of the size before rounding, the plan those of the size itself.
        let exact = f64::from(scale) * step.from as f64 == step.to as f64;
        if step.axis < 2 || coordinates == resize::Coordinates::AlignCorners && !exact {
            return None;
        }
        let place = if rank == 3 { 1 } else { step.axis - 2 };
        *scales.get_mut(place)? = scale;
    }
    let nearest = match settings.nearest {
        "round_prefer_floor" => resize::Nearest::RoundPreferFloor,
        "round_prefer_ceil" => resize::Nearest::RoundPreferCeil,
        "floor" => resize::Nearest::Floor,
        "ceil" => resize::Nearest::Ceil,
        _ => return None,
    };
    let mode = match settings.mode {
        Mode::Nearest => resize::Mode::Nearest,
        Mode::Linear => resize::Mode::Linear,
        Mode::Cubic => resize::Mode::Cubic,
    };
    Some(resize::Params { mode, coordinates, nearest, scales, cubic_a: settings.cubic_a })
}

/// The place in the input that each index of the output stands for, `[to]`.
fn source(importer: &mut Importer<'_>, settings: &Settings<'_>, step: &Axis) -> Result<TensorId, Decline> {
    let x = importer.iota(step.to, DType::F32)?;
    let (from, to) = (step.from as f32, step.to as f32);
    let size = importer.affine(step.scale, from, 0.0)?;
    let single = importer.compare(Kind::Equal, size, 1.0)?;
    match settings.coordinates {
        "asymmetric" => importer.div(x, step.scale),
        "half_pixel" => half_pixel(importer, x, step.scale),
        "pytorch_half_pixel" => {
            let usual = half_pixel(importer, x, step.scale)?;
            importer.replaced(single, 0.0, usual)
        }
        "half_pixel_symmetric" => {
            let usual = half_pixel(importer, x, step.scale)?;
            // half · (1 − to / size)
            let inverse = importer.function(size, ActivationKind::Recip)?;
            let offset = importer.affine(inverse, -to * from / 2.0, from / 2.0)?;
            importer.add(usual, offset)
        }
        "align_corners" => {
            let gaps = importer.affine(size, 1.0, -1.0)?;
            let stretched = importer.affine(x, from - 1.0, 0.0)?;
            let usual = importer.div(stretched, gaps)?;
            importer.replaced(single, 0.0, usual)
        }
        "tf_crop_and_resize" => {
            let [begin, end] = step.region.ok_or_else(|| Decline::broken("a region is expected"))?;
            let width = importer.sub(end, begin)?;
            let width = importer.affine(width, from - 1.0, 0.0)?;
            let gaps = importer.affine(size, 1.0, -1.0)?;
            let moved = importer.mul(x, width)?;
            let usual = importer.div(moved, gaps)?;
            let middle = importer.affine(width, 0.5, 0.0)?;
            let inside = importer.select(single, middle, usual)?;
            let begin = importer.affine(begin, from - 1.0, 0.0)?;
            importer.add(inside, begin)
        }
        other => Err(Decline::broken(format!("coordinate_transformation_mode {other:?}"))),
    }
}

fn half_pixel(importer: &mut Importer<'_>, x: TensorId, scale: TensorId) -> Result<TensorId, Decline> {
    let middle = importer.affine(x, 1.0, 0.5)?;
    let scaled = importer.div(middle, scale)?;
    importer.affine(scaled, 1.0, -0.5)
}

/// Elements of an axis at these places, rounded ones, kept inside.
fn taken(importer: &mut Importer<'_>, x: TensorId, axis: usize, places: TensorId) -> Result<TensorId, Decline> {
    let mut shape = importer.shape(x);
    let inside = importer.clamp(places, 0.0, shape[axis] as f32 - 1.0)?;
    let indices = importer.cast(inside, DType::I64)?;
    shape[axis] = importer.graph.tensor(indices).len();
    let dtype = importer.dtype(x);
    importer.emit(Op::Gather(gather::Params { axis: axis as u32 }), &[x, indices], dtype, &shape)
}

fn nearest(
    importer: &mut Importer<'_>,
    x: TensorId,
    settings: &Settings<'_>,
    step: &Axis,
    source: TensorId,
) -> Result<TensorId, Decline> {
    let (offset, rounding) = match settings.nearest {
        "round_prefer_floor" => (-0.5, ActivationKind::Ceil),
        "round_prefer_ceil" => (0.5, ActivationKind::Floor),
        "floor" => (0.0, ActivationKind::Floor),
        "ceil" => (0.0, ActivationKind::Ceil),
        other => return Err(Decline::broken(format!("nearest_mode {other:?}"))),
    };
    let moved = importer.affine(source, 1.0, offset)?;
    let places = importer.function(moved, rounding)?;
    taken(importer, x, step.axis, places)
}

/// Linear and cubic: every output is a sum of taps, whose weights depend on where the source lies between two elements.
fn interpolated(
    importer: &mut Importer<'_>,
    x: TensorId,
    settings: &Settings<'_>,
    step: &Axis,
    source: TensorId,
) -> Result<TensorId, Decline> {
    let reach = if settings.mode == Mode::Linear { 1.0 } else { 2.0 };
    // The scale may not be known, but it is at least that of the sizes.
    let least = (step.to as f64 / step.from as f64).min(1.0);
    let first = if settings.antialias { (-reach / least).floor() as i64 + 1 } else { 1 - reach as i64 };
    let taps = (2 - 2 * first) as usize;
    if taps > MAX_TAPS {
        return Err(Decline::fallback(format!("{taps} taps an axis where {MAX_TAPS} are the most")));
    }
    // The element before the source, which is at most one to the right of it.
    let base = importer.function(source, ActivationKind::Ceil)?;
    let base = importer.affine(base, 1.0, -1.0)?;
    let ratio = importer.sub(source, base)?;
    let squeeze = if settings.antialias { Some(importer.clamp(step.scale, 0.0, 1.0)?) } else { None };
    let (mut places, mut weights) = (Vec::new(), Vec::new());
    for tap in (first..).take(taps) {
        let place = importer.affine(base, 1.0, tap as f32)?;
        let distance = importer.affine(ratio, -1.0, tap as f32)?;
        let distance = match squeeze {
            Some(scale) => importer.mul(distance, scale)?,
            None => distance,
        };
        let mut weight = weight(importer, settings, distance)?;
        if settings.exclude_outside {
            let below = importer.compare(Kind::Less, place, 0.0)?;
            let above = importer.compare(Kind::Greater, place, step.from as f64 - 1.0)?;
            let outside = importer.binary(Kind::Or, below, above)?;
            weight = importer.replaced(outside, 0.0, weight)?;
        }
        places.push(place);
        weights.push(weight);
    }
    let total = match settings.antialias || settings.exclude_outside {
        true => Some(sum(importer, &weights)?),
        false => None,
    };
    let rank = importer.rank(x);
    let mut parts = Vec::new();
    for (place, mut weight) in places.into_iter().zip(weights) {
        if let Some(total) = total {
            weight = importer.div(weight, total)?;
        }
        let weight = importer.along(weight, step.axis, rank)?;
        let tap = taken(importer, x, step.axis, place)?;
        parts.push(importer.mul(tap, weight)?);
    }
    sum(importer, &parts)
}

fn sum(importer: &mut Importer<'_>, parts: &[TensorId]) -> Result<TensorId, Decline> {
    let mut total = parts[0];
    for &part in &parts[1..] {
        total = importer.add(total, part)?;
    }
    Ok(total)
}

/// The weight of a tap at this distance from the source.
fn weight(importer: &mut Importer<'_>, settings: &Settings<'_>, distance: TensorId) -> Result<TensorId, Decline> {
    let t = importer.function(distance, ActivationKind::Abs)?;
    if settings.mode == Mode::Linear {
        let falling = importer.affine(t, -1.0, 1.0)?;
        return importer.clamp(falling, 0.0, 1.0);
    }
    let a = settings.cubic_a;
    let near = polynomial(importer, t, &[a + 2.0, -(a + 3.0), 0.0, 1.0])?;
    let far = polynomial(importer, t, &[a, -5.0 * a, 8.0 * a, -4.0 * a])?;
    let (is_near, is_out) = (importer.compare(Kind::LessEqual, t, 1.0)?, importer.compare(Kind::GreaterEqual, t, 2.0)?);
    let inside = importer.select(is_near, near, far)?;
    importer.replaced(is_out, 0.0, inside)
}

/// The polynomial of these coefficients, that of the highest power first.
fn polynomial(importer: &mut Importer<'_>, t: TensorId, coefficients: &[f32]) -> Result<TensorId, Decline> {
    let mut value = importer.affine(t, coefficients[0], coefficients[1])?;
    for &coefficient in &coefficients[2..] {
        value = importer.mul(value, t)?;
        value = importer.affine(value, 1.0, coefficient)?;
    }
    Ok(value)
}
