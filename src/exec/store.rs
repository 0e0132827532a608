//! Where a session keeps its arena, and its bound steps where it keeps any.

#[cfg(feature = "alloc")]
use crate::arena::AlignedBytes;
use crate::bind::BoundStep;

/// The memory of a session.
pub(crate) enum Store<'m> {
    /// Of the caller's. A step is bound again, on the stack, whenever it runs.
    Borrowed(&'m mut [u8]),
    /// On the heap, with a table of all steps as they were bound.
    #[cfg(feature = "alloc")]
    Owned(AlignedBytes, alloc::boxed::Box<[BoundStep]>),
}

impl Store<'_> {
    /// The arena with the state behind it, and the table of bound steps if there is one.
    pub(crate) fn parts(&mut self) -> (&mut [u8], Option<&mut [BoundStep]>) {
        match self {
            Store::Borrowed(arena) => (arena, None),
            #[cfg(feature = "alloc")]
            Store::Owned(arena, steps) => (arena, Some(steps)),
        }
    }

    /// The arena with the state behind it.
    pub(crate) fn arena(&self) -> &[u8] {
        match self {
            Store::Borrowed(arena) => arena,
            #[cfg(feature = "alloc")]
            Store::Owned(arena, _) => arena,
        }
    }
}
