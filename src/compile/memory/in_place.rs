//! Lets steps write over an input that nothing reads afterwards.

use super::{Life, lives, operands_in};
use crate::lower::{BufferId, Program, Window};

/// Merges the buffer of a step's output with that of an input, wherever the operator works in place, the two windows
/// and buffers are alike, and this step is the first to touch the one and the last to touch the other.
pub(crate) fn merge(program: &mut Program) {
    let mut lives = lives(program);
    for at in 0..program.steps.len() {
        let Some((input, output)) = pair(program, &lives, at) else { continue };
        program.redirect(output, input);
        let (Some(read), Some(written)) = (lives[input.0], lives[output.0].take()) else { continue };
        lives[input.0] = Some(Life { first: read.first, last: written.last });
    }
}

/// The buffers of an input and of the output to merge at a step.
fn pair(program: &Program, lives: &[Option<Life>], at: usize) -> Option<(BufferId, BufferId)> {
    let step = &program.steps[at];
    let in_place = step.params.code().in_place();
    let output = step.outputs.first().copied().flatten()?.window;
    let written = output.buffer()?;
    if lives[written.0]?.first != at as i64 || operands_in(step, written) != 1 {
        return None;
    }
    in_place.iter().find_map(|&slot| {
        let input = step.inputs.get(slot).copied().flatten()?.window;
        let read = input.buffer()?;
        let moved = Window { base: input.base, ..output };
        let may_meet = |i: usize, other: &Window| {
            moved.is_disjoint_from(other) || in_place.contains(&i) && moved.coincides_with(other)
        };
        let others_agree =
            step.inputs.iter().enumerate().all(|(i, other)| other.is_none_or(|other| may_meet(i, &other.window)));
        let alone = step.outputs.iter().skip(1).flatten().all(|other| other.window.buffer() != Some(read));
        let dead = lives[read.0]?.last == at as i64;
        // A larger buffer would live on for the sake of a part of it.
        let alike = program.buffers[read.0] == program.buffers[written.0] && moved.coincides_with(&input);
        (dead && alike && alone && others_agree).then_some((read, written))
    })
}
