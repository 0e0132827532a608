//! One file an operator: `Args`, what its bound step keeps; `bind`, which decodes and checks; `run`.

use coulter_plan::{OpCode, OpError, for_each_op};

use crate::bind::BindContext;
#[cfg(feature = "alloc")]
use crate::bind::BoundStep;
use crate::error::RunErrorKind;
use crate::resolver::Operator;
use crate::session::RunContext;

macro_rules! declare {
    ($(($number:literal, $module:ident, $variant:ident),)*) => {
        $(pub mod $module;)*

        /// What a bound step keeps: plain data, so that naming a type here links no code.
        #[derive(Clone, Copy, Debug)]
        #[non_exhaustive]
        pub enum Args {
            /// Of a table entry that is not bound.
            None,
            $(#[doc = concat!("Of [`", stringify!($module), "`].")] $variant($module::Args),)*
        }

        $(impl $module::Args {
            /// This operator's entry of a resolver.
            pub const OPERATOR: Operator = {
                fn step(
                    context: &BindContext<'_>,
                    run: Option<&RunContext<'_>>,
                ) -> Result<Result<(), RunErrorKind>, OpError> {
                    match bound(context) {
                        Ok(ref args) => Ok(run.map_or(Ok(()), |run| runs(args, run))),
                        Err(error) => Err(error),
                    }
                }
                // Calls of their own: what each needs on the stack is not there while the other runs.
                #[inline(never)]
                fn bound(context: &BindContext<'_>) -> Result<$module::Args, OpError> {
                    $module::bind(context)
                }
                #[inline(never)]
                fn runs(args: &$module::Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
                    $module::run(args, context)
                }
                #[cfg(feature = "alloc")]
                fn bind(context: &BindContext<'_>) -> Result<BoundStep, OpError> {
                    Ok(BoundStep { run, args: Args::$variant(bound(context)?) })
                }
                #[cfg(feature = "alloc")]
                fn run(args: &Args, context: &RunContext<'_>) -> Result<(), RunErrorKind> {
                    match args {
                        Args::$variant(args) => runs(args, context),
                        _ => Err(RunErrorKind::Internal),
                    }
                }
                Operator {
                    code: OpCode::$variant,
                    rule: coulter_plan::ops::$module::Params::RULE,
                    step,
                    #[cfg(feature = "alloc")]
                    bind,
                }
            };
        })*

        /// Every operator's entry.
        pub(crate) const ALL: &[Operator] = &[$($module::Args::OPERATOR),*];
    };
}
for_each_op!(declare);
