//! Panics as errors, without their usual message.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use crate::FallbackError;

thread_local! {
    static CAUGHT_HERE: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Does `work`; a panic in it becomes an error and prints nothing.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, FallbackError>) -> Result<T, FallbackError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            if CAUGHT_HERE.get() {
                MESSAGE.with_borrow_mut(|message| *message = info.to_string());
            } else {
                usual(info);
            }
        }));
    });
    let before = CAUGHT_HERE.replace(true);
    // What a panic may have left half done is dropped with the sub-model's run.
    let outcome = catch_unwind(AssertUnwindSafe(work));
    CAUGHT_HERE.set(before);
    outcome.unwrap_or_else(|_| Err(FallbackError::Panic(MESSAGE.take())))
}
