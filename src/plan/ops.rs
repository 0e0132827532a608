//! The list of operators. Adding one is a line here, a file in `ops/` beside this one, and the files that
//! the other crates' tables then ask for.

use crate::error::OpError;
use crate::plan::Operands;
use crate::words::{Field, Words};

/// Calls `$callback! { (number, module, Variant, "name"), … }` with every operator. Append only.
#[macro_export]
macro_rules! for_each_op {
    ($callback:ident) => {
        $callback! {
            (1, conv2d, Conv2d),
            (2, depthwise_conv2d, DepthwiseConv2d),
            (3, conv_transpose2d, ConvTranspose2d),
            (4, fully_connected, FullyConnected),
            (5, matmul, MatMul),
            (6, attention, Attention),
            (7, pool2d, Pool2d),
            (8, reduce, Reduce),
            (9, unary, Unary),
            (10, binary, Binary),
            (11, select, Select),
            (12, cast, Cast),
            (13, softmax, Softmax),
            (14, normalize, Normalize),
            (15, copy, Copy),
            (16, pad, Pad),
            (17, gather, Gather),
            (18, resize, Resize),
            (19, recurrent, Recurrent),
            (20, fallback, Fallback),
            (21, quantize, Quantize),
            (22, dequantize, Dequantize),
            (23, table, Table),
            (24, qconv2d, QConv2d),
            (25, qdepthwise_conv2d, QDepthwiseConv2d),
            (26, qfully_connected, QFullyConnected),
            (27, qbinary, QBinary),
            (28, qpool2d, QPool2d),
            (29, qsoftmax, QSoftmax),
            (30, dynamic_fully_connected, DynamicFullyConnected),
            (31, winograd_conv2d, WinogradConv2d),
            (32, qwinograd_conv2d, QWinogradConv2d),
        }
    };
}

macro_rules! declare {
    ($(($number:literal, $module:ident, $variant:ident),)*) => {
        $(pub mod $module;)*

        /// Operator of a step. The number is the one stored in a plan.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum OpCode { $(#[doc = concat!("See [`", stringify!($module), "`].")] $variant = $number,)* }

        impl OpCode {
            /// All of them, by number.
            pub const ALL: &'static [OpCode] = &[$(OpCode::$variant),*];

            /// The operator stored as `number`.
            pub fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(OpCode::$variant),)* _ => None }
            }

            /// Its name: that of its module.
            pub const fn name(self) -> &'static str {
                match self { $(OpCode::$variant => stringify!($module),)* }
            }

            /// Inputs that output 0 may coincide with: same type (i8 and u8 count as one), space, offset, dims and strides.
            /// Else a step's outputs share no byte with its inputs, but by rows: see [`crate::overlap`].
            pub const fn in_place(self) -> &'static [usize] {
                match self { $(OpCode::$variant => $module::IN_PLACE,)* }
            }

            /// The input that is room to work in: the step writes it, so it shares no byte with any other operand.
            pub const fn scratch(self) -> Option<usize> {
                match self { $(OpCode::$variant => $module::SCRATCH,)* }
            }

            /// What a step of it has to keep to.
            pub const fn rule(self) -> Rule {
                match self { $(OpCode::$variant => $module::Params::RULE,)* }
            }
        }

        $(impl Params for $module::Params { const CODE: OpCode = OpCode::$variant; })*

        $(impl $module::Params {
            /// What a step of this operator has to keep to.
            pub const RULE: Rule = Rule { check: |params, operands| $module::check(&read(params)?, operands) };
        })*
    };
}
for_each_op!(declare);

/// What a step of an operator has to keep to.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Checks parameters and operands.
    pub(crate) check: fn(&[u8], &Operands<'_>) -> Result<(), OpError>,
}

/// Parameters of an operator.
pub trait Params: Field {
    /// The operator that they belong to.
    const CODE: OpCode;
}

/// Reads parameters; words left over are an error.
pub fn read<P: Field>(bytes: &[u8]) -> Result<P, OpError> {
    let mut words = Words::new(bytes);
    let params = P::read(&mut words)?;
    if words.is_empty() { Ok(params) } else { Err(OpError::Params) }
}
