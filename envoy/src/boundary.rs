//! The border: no panic leaves it.

use uptls::panic;

/// Runs `body`; a panic gives what `fallback` makes of its words.
pub(crate) fn call<T>(fallback: impl FnOnce(&str) -> T, body: impl FnOnce() -> T) -> T {
    panic::catch(body).unwrap_or_else(|words| fallback(&words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_gives_the_fallback() {
        assert_eq!(call(|words| words.to_owned(), || panic!("as {} as this", "bad")), "as bad as this");
        assert_eq!(call(|_| 1, || 2), 2);
    }
}
