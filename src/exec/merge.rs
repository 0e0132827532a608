//! Fewer dimensions for operands that are walked together.

use coulter_kernels::Loops;
use coulter_plan::{MAX_RANK, OpError};

use crate::arena::Slot;

/// Slots of the same dimensions with those merged that can be, in the order in which the first lies in memory; see
/// [`Loops::merged`].
pub(crate) fn merged<const N: usize>(mut slots: [Slot; N]) -> Result<[Slot; N], OpError> {
    let [first, ..] = &slots[..] else { return Ok(slots) };
    if !slots.iter().all(|slot| slot.is_dense() && slot.dims() == first.dims()) {
        return sorted(slots);
    }
    let len = u32::try_from(first.len()).map_err(|_| OpError::Shape)?;
    for slot in &mut slots {
        *slot = slot.reshaped(&[len], &[1]).ok_or(OpError::Shape)?;
    }
    Ok(slots)
}

/// The same of slots of which one has gaps or another order.
#[inline(never)]
fn sorted<const N: usize>(slots: [Slot; N]) -> Result<[Slot; N], OpError> {
    let mut dims = [0usize; MAX_RANK];
    let mut strides = [[0isize; MAX_RANK]; N];
    let rank = slots[0].dims().len();
    for (to, &from) in dims.iter_mut().zip(slots[0].dims()) {
        *to = from as usize;
    }
    for (to, slot) in strides.iter_mut().zip(&slots) {
        if slot.dims() != slots[0].dims() {
            return Err(OpError::Shape);
        }
        for (to, &from) in to.iter_mut().zip(slot.strides()) {
            *to = from as isize;
        }
    }
    let loops = Loops::new(&dims[..rank], strides.each_ref().map(|s| &s[..rank])).merged();
    let mut out = slots;
    for (k, slot) in out.iter_mut().enumerate() {
        let (mut dims, mut strides) = ([0u32; MAX_RANK], [0i32; MAX_RANK]);
        for (i, (&dim, stride)) in loops.dims().iter().zip(loops.strides(k)).enumerate() {
            // Products of a tensor's dimensions fit 31 bits, and no stride is new.
            (dims[i], strides[i]) = (dim as u32, stride as i32);
        }
        let rank = loops.dims().len();
        *slot = slot.reshaped(&dims[..rank], &strides[..rank]).ok_or(OpError::Shape)?;
    }
    Ok(out)
}
