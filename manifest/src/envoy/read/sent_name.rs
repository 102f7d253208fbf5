//! The server name that a context sends, beside which its names are judged.

/// The server name that is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum SentName {
    Auto,
    Fixed(String),
    None,
}
