//! How a read ended.

/// The result of [`Established::read`](crate::sans_io::Established::read).
///
/// ```
/// use std::io::Write;
/// use uptls::sans_io::{Established, Incoming};
///
/// fn copy(established: &mut Established, out: &mut impl Write) -> Result<bool, Box<dyn std::error::Error>> {
///     let mut data = [0; 4096];
///     loop {
///         match established.read(&mut data)? {
///             Incoming::Data(count) => out.write_all(&data[..count])?,
///             // Nothing yet: feed what the peer sends next.
///             Incoming::WantRead => return Ok(false),
///             Incoming::Closed => return Ok(true),
///             other => return Err(format!("unknown: {other:?}").into()),
///         }
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Incoming {
    /// The peer ended its data with a close_notify: nothing is missing.
    Closed,
    /// So many bytes were read.
    Data(usize),
    /// Nothing yet: feed more.
    WantRead,
}
