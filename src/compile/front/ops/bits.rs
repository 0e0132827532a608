//! BitShift, as products and quotients of powers of two: exact in i64, whose low bits are those of any type.

use coulter_plan::DType;
use coulter_plan::ops::binary::Kind;

use crate::front::importer::Importer;
use crate::front::node::{Decline, Imported, OnnxNode, one};
use crate::graph::TensorId;

/// BitShift; shifts by the width of the type or more give 0.
pub(super) fn shift(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Imported {
    let (x, by) = (node.input(0)?, node.input(1)?);
    let dtype = importer.dtype(x);
    if !matches!(dtype, DType::U8 | DType::U16 | DType::U32 | DType::U64) || importer.dtype(by) != dtype {
        return Err(Decline::broken("unsigned integers of one type are expected"));
    }
    let (x, by) = (importer.cast(x, DType::I64)?, importer.cast(by, DType::I64)?);
    let shifted = match node.string("direction")? {
        Some("LEFT") => {
            let power = power_of_two(importer, by)?;
            importer.mul(x, power)?
        }
        Some("RIGHT") => right(importer, x, by)?,
        other => return Err(Decline::broken(format!("direction {other:?}"))),
    };
    one(importer.cast(shifted, dtype)?)
}

/// 2ⁿ, wrapped; 0 where n is negative or too large.
fn power_of_two(importer: &mut Importer<'_>, n: TensorId) -> Result<TensorId, Decline> {
    let two = importer.scalar(2.0, DType::I64, importer.rank(n));
    importer.binary(Kind::Pow, two, n)
}

/// x / 2ⁿ of unsigned numbers of 64 bits: halved once by hand, which makes room for the sign.
fn right(importer: &mut Importer<'_>, x: TensorId, by: TensorId) -> Result<TensorId, Decline> {
    let (one, two) = (importer.scalar(1.0, DType::I64, 0), importer.scalar(2.0, DType::I64, 0));
    let highest = importer.scalar(i64::MIN as f64, DType::I64, 0);
    let rest = importer.binary(Kind::Mod, x, two)?;
    let even = importer.sub(x, rest)?;
    let half = importer.div(even, two)?;
    let unsigned = importer.add(half, highest)?;
    let negative = importer.compare(Kind::Less, x, 0.0)?;
    let half = importer.select(negative, unsigned, half)?;
    let less = importer.sub(by, one)?;
    let power = power_of_two(importer, less)?;
    // By zero it gives zero, which is right for a power that was too large.
    let shifted = importer.div(half, power)?;
    let none = importer.compare(Kind::Equal, by, 0.0)?;
    importer.select(none, x, shifted)
}
