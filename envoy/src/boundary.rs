//! The border: no panic leaves it.

use core::mem;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`; a panic gives what `fallback` makes of its words.
pub(crate) fn call<T>(fallback: impl FnOnce(&str) -> T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| fallback(&words(payload)))
}

fn words(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text").to_owned();
    // Its destructor may panic too, and nothing would catch that here.
    mem::forget(payload);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_gives_the_fallback() {
        assert_eq!(call(|words| words.to_owned(), || panic!("as {} as this", "bad")), "as bad as this");
        assert_eq!(call(|_| 1, || 2), 2);
    }

    #[test]
    fn a_payload_whose_destructor_panics_stays_inside() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("the second panic");
            }
        }
        assert_eq!(call(|words| words.to_owned(), || std::panic::panic_any(Bomb)), "no text");
    }
}
