//! The server name that a context sends, beside which its names are judged.

/// The server name that is sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum SentName {
    /// The address of the endpoint, as if it were a name.
    Address,
    /// The endpoint's host name.
    Auto,
    /// The authority of a request of HTTP, unless it is an address; then nothing.
    Authority,
    Fixed(String),
    None,
    /// One of several, but always a name: the authority or the endpoint's host name, and `sni` where there is neither.
    Several,
    /// The endpoint's host name, if it has one; else nothing.
    Unknown,
}
