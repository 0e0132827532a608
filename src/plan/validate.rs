//! What makes bytes a plan: one file a part, in the order in which the parts are checked. Each relies on what
//! those before it have proved, takes time linear in its part, and allocates nothing.

mod golden;
mod header;
mod ports;
mod sections;
mod steps;
mod tensors;

use crate::error::PlanError;
use crate::format::{NONE, SectionKind};
use crate::ops::{OpCode, Rule};
use crate::plan::{Plan, u32_at};

pub(crate) fn parse<'a>(bytes: &'a [u8], rules: &dyn Fn(OpCode) -> Option<Rule>) -> Result<Plan<'a>, PlanError> {
    header::check(bytes)?;
    let plan = sections::read(bytes)?;
    check_name(&plan, u32_at(bytes, 48))?;
    tensors::check(&plan)?;
    steps::check(&plan, rules)?;
    ports::check(&plan)?;
    golden::check(&plan)?;
    Ok(plan)
}

/// Longest name in bytes: it bounds the time of walking all names.
pub(crate) const MAX_NAME: usize = 1023;

/// A reference to a name: none, or the place where one begins.
fn check_name(plan: &Plan<'_>, at: u32) -> Result<(), PlanError> {
    if at == NONE {
        return Ok(());
    }
    let (place, strings) = (at as usize, plan.section(SectionKind::Strings));
    let begins = place == 0 || strings.get(place - 1) == Some(&0);
    let tail = strings.get(place..).unwrap_or(&[]);
    let ends = tail.iter().take(MAX_NAME + 1).any(|&b| b == 0);
    if begins && ends { Ok(()) } else { Err(PlanError::Name(at)) }
}
