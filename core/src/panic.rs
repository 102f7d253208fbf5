//! The one place that catches panics: of rustls, of what callers gave, and of our own, at every border (T8).

use core::mem;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`. What it was about to change must be thrown away, or must be right at any moment, if it panics.
///
/// # Errors
/// What the panic said.
pub fn catch<T>(body: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(body)).map_err(words)
}

/// The one line of a log for a panic that nothing else reports: `what` panicked.
pub fn log(what: &str, words: &str) {
    tracing::error!(target: "uptls", "{what} panicked: {words}");
}

fn words(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(unknown) => {
                // Its destructor may panic too, and nothing would catch that here.
                mem::forget(unknown);
                "no text".to_owned()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_gives_its_words() {
        assert_eq!(catch(|| 2), Ok(2));
        assert_eq!(catch(|| panic!("as {} as this", "bad")), Err::<(), _>("as bad as this".to_owned()));
        assert_eq!(catch(|| panic!("plain")), Err::<(), _>("plain".to_owned()));
    }

    #[test]
    fn a_payload_whose_destructor_panics_stays_inside() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("the second panic");
            }
        }
        assert_eq!(catch(|| std::panic::panic_any(Bomb)), Err::<(), _>("no text".to_owned()));
    }
}
