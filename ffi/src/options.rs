//! Options of one connection for C: a structure that can grow without breaking programs.

use core::ffi::c_char;
use core::mem::{MaybeUninit, offset_of};
use core::time::Duration;
use std::net::SocketAddr;

use uptls::{ConnectOptions, Misuse};

use crate::dialer::Dialer;
use crate::error::Failure;
use crate::handle;

/// The options of one connection that differ from its policy. None can weaken a check. Set all of it to 0 first and
/// `struct_size` to its size: `uptls_connect_options options = {sizeof options, 0, NULL, NULL, 0, NULL}`. A NULL pointer selects the
/// defaults.
#[repr(C)]
#[allow(clippy::exhaustive_structs, reason = "C writes it; it grows at its end, and struct_size tells how far")]
pub struct ConnOptions {
    /// `sizeof(uptls_connect_options)`, by which the library knows which fields there are.
    pub struct_size: usize,
    /// The deadline of the whole connect, in milliseconds. 0: the policy's. Below 0: `UPTLS_E_USAGE`.
    pub timeout_ms: i64,
    /// The application protocols to offer, some of the policy's, in this order: `h2,http/1.1`. NULL: all of the policy's.
    /// An empty text: none.
    pub alpn: *const c_char,
    /// How `uptls_stream_connect` makes its socket; NULL: by TCP. It stays the caller's, and the call keeps no pointer to it.
    /// Calls that make no socket, or a socket of their own, refuse one (`UPTLS_E_USAGE`).
    pub dialer: *const Dialer,
    /// Bits `UPTLS_CONNECT_...`; 0: none.
    pub flags: u64,
    /// The network address that the bytes go to, `10.0.0.7:8443` or `[2001:db8::7]:8443`. It is never an identity: of the
    /// sessions of one policy and one name, those of this address are resumed first. NULL: that of the stream's socket;
    /// `uptls_conn_new` has none, and without one the pods behind a name are offered the tickets of each other.
    pub remote_address: *const c_char,
}

/// A bit of the `flags` of `uptls_connect_options`: a signal whose handler was installed without SA_RESTART ends a call that
/// waits for the socket, with `UPTLS_E_CANCELLED`. The stream is as it was, and the program may call again. `uptls_stream_connect`
/// then closes its socket; it does not notice a signal before it has a connection. A signal that comes just before the wait
/// ends nothing: `uptls_stream_cancel`, called by the handler, has no such gap.
pub const UPTLS_CONNECT_INTERRUPTIBLE: u64 = 1;

/// What C wants for one connection.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) connect: ConnectOptions,
    pub(crate) dialer: Option<uptls::Dialer>,
    pub(crate) is_interruptible: bool,
}

/// Reads the options that C gave to a call that makes no socket of its own.
///
/// # Errors
/// Those of [`parse_with_dialer`], and [`Misuse`] for a dialer.
///
/// # Safety
/// That of [`parse_with_dialer`].
pub(crate) unsafe fn parse(options: *const ConnOptions) -> Result<Wanted, Failure> {
    // SAFETY: the contract is the same.
    let wanted = unsafe { parse_with_dialer(options) }?;
    match wanted.dialer {
        None => Ok(wanted),
        Some(_) => Err(Misuse::new("dialer must be NULL: only uptls_stream_connect makes its socket by one").into()),
    }
}

/// Reads the options that C gave.
///
/// # Errors
/// [`Misuse`] for a size that is none, for fields and flags that this library does not know, and for values that do not exist.
///
/// # Safety
/// `options` is NULL or points to a structure of as many bytes as its `struct_size` says, with texts that are NULL or
/// NUL-terminated, and a dialer that is NULL or live.
pub(crate) unsafe fn parse_with_dialer(options: *const ConnOptions) -> Result<Wanted, Failure> {
    if options.is_null() {
        return Ok(Wanted::default());
    }
    // SAFETY: not NULL; the contract is the same.
    let ConnOptions { struct_size: _, timeout_ms, alpn, dialer, flags, remote_address } =
        unsafe { known_part(options) }?;
    let mut connect = ConnectOptions::default();
    if timeout_ms != 0 {
        let timeout = u64::try_from(timeout_ms)
            .map_err(|_| Misuse::new(format!("timeout_ms must be 0 or more, it is {timeout_ms}")))?;
        connect = connect.with_timeout(Duration::from_millis(timeout));
    }
    // SAFETY: by the contract it is NULL or NUL-terminated.
    connect = match unsafe { handle::optional_text(alpn, "alpn") }? {
        None => connect,
        Some("") => connect.with_alpn([""; 0]),
        Some(names) => connect.with_alpn(names.split(',')),
    };
    // SAFETY: by the contract it is NULL or NUL-terminated.
    if let Some(text) = unsafe { handle::optional_text(remote_address, "remote_address") }? {
        connect = connect.with_remote_address(socket_address(text)?);
    }
    if flags & !UPTLS_CONNECT_INTERRUPTIBLE != 0 {
        return Err(Misuse::new(format!("flags must be made of UPTLS_CONNECT_INTERRUPTIBLE, it is {flags:#x}")).into());
    }
    // SAFETY: by the contract it is NULL or live.
    let dialer = unsafe { dialer.as_ref() }.map(Dialer::core);
    Ok(Wanted { connect, dialer, is_interruptible: flags & UPTLS_CONNECT_INTERRUPTIBLE != 0 })
}

fn socket_address(text: &str) -> Result<SocketAddr, Misuse> {
    text.parse().map_err(|_| {
        Misuse::new(format!("remote_address must be an IP address and a port such as 10.0.0.7:8443, it is {text:?}"))
    })
}

/// A structure that C writes and that grows at its end: its first field is `struct_size`.
///
/// # Safety
/// The type is `repr(C)`, begins with a `usize` that is its size, has no padding, and bytes that are all 0 are a value of it.
pub(crate) unsafe trait Growing: Sized {
    /// Where a field that was added later begins: a program that does not know it ends there.
    const KNOWN_SIZES: &'static [usize];
}

// SAFETY: it begins with its size, and NULL and 0 are values of every field.
unsafe impl Growing for ConnOptions {
    const KNOWN_SIZES: &'static [usize] = &[
        offset_of!(Self, timeout_ms),
        offset_of!(Self, alpn),
        offset_of!(Self, dialer),
        offset_of!(Self, flags),
        offset_of!(Self, remote_address),
    ];
}

/// As much of the structure as both sides know; the rest is 0.
///
/// # Errors
/// [`Misuse`] for a size that is none, and for fields that this library does not know.
///
/// # Safety
/// `options` is not NULL, and points to a structure of as many bytes as its `struct_size` says.
pub(crate) unsafe fn known_part<T: Growing>(options: *const T) -> Result<T, Failure> {
    let whole = size_of::<T>();
    // SAFETY: every structure begins with its size.
    let size = unsafe { options.cast::<usize>().read() };
    if !T::KNOWN_SIZES.contains(&size) && !(whole..=MAX_SIZE).contains(&size) {
        return Err(Misuse::new(format!("struct_size of the options must be {whole}, it is {size}")).into());
    }
    // SAFETY: so many bytes are there by the contract, and the size was found plausible.
    let given = unsafe { core::slice::from_raw_parts(options.cast::<u8>(), size) };
    if given.iter().skip(whole).any(|byte| *byte != 0) {
        let what =
            format!("the options have fields that this library does not know: struct_size is {size}, not {whole}");
        return Err(Misuse::new(what).into());
    }
    let mut known = MaybeUninit::<T>::zeroed();
    let length = size.min(whole);
    // SAFETY: both have so many bytes, and they are different objects.
    unsafe { known.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(options.cast(), length) };
    // SAFETY: zero is a value of every field, and whole fields were copied.
    Ok(unsafe { known.assume_init() })
}

/// What stands there by accident is larger.
const MAX_SIZE: usize = 4096;

#[cfg(test)]
mod tests {
    use core::ptr;

    use super::*;

    const WHOLE: usize = size_of::<ConnOptions>();

    fn defaults() -> ConnOptions {
        let (alpn, dialer, remote_address) = (ptr::null(), ptr::null(), ptr::null());
        ConnOptions { struct_size: WHOLE, timeout_ms: 0, alpn, dialer, flags: 0, remote_address }
    }

    fn of(struct_size: usize, timeout_ms: i64, alpn: *const c_char) -> Result<ConnectOptions, Failure> {
        let options =
            [ConnOptions { struct_size, timeout_ms, alpn, ..defaults() }, ConnOptions { struct_size: 0, ..defaults() }];
        // SAFETY: two structures stand there, so even a size that is too large can be read.
        unsafe { parse(options.as_ptr()) }.map(|wanted| wanted.connect)
    }

    #[test]
    fn null_and_zeros_are_the_defaults() {
        // SAFETY: NULL is permitted.
        assert!(matches!(unsafe { parse(ptr::null()) }, Ok(wanted) if wanted.connect == ConnectOptions::default()));
        assert!(matches!(of(WHOLE, 0, ptr::null()), Ok(options) if options == ConnectOptions::default()));
    }

    #[test]
    fn fields_are_read_as_far_as_the_size_goes() {
        let names = c"h2,http/1.1".as_ptr();
        let wanted = ConnectOptions::default().with_timeout(Duration::from_millis(5));
        assert!(matches!(of(offset_of!(ConnOptions, alpn), 5, names), Ok(options) if options == wanted));
        let wanted = wanted.with_alpn(["h2", "http/1.1"]);
        assert!(matches!(of(offset_of!(ConnOptions, dialer), 5, names), Ok(options) if options == wanted));
        assert!(matches!(of(WHOLE, 5, names), Ok(options) if options == wanted));
        assert!(matches!(of(WHOLE * 2 - 8, 5, names), Ok(options) if options == wanted));
        assert!(matches!(of(WHOLE, 0, c"".as_ptr()), Ok(options) if options.alpn.as_deref() == Some(&[])));
    }

    #[test]
    fn a_signal_ends_waiting_where_that_is_wanted() {
        let of = |flags| {
            let options = ConnOptions { flags, ..defaults() };
            // SAFETY: it is a whole structure.
            unsafe { parse(&raw const options) }.map(|wanted| wanted.is_interruptible)
        };
        assert!(matches!(of(0), Ok(false)));
        assert!(matches!(of(UPTLS_CONNECT_INTERRUPTIBLE), Ok(true)));
        assert!(of(2).is_err() && of(u64::MAX).is_err());
    }

    #[test]
    fn an_address_is_one_or_misuse() {
        let of = |struct_size, remote_address: *const c_char| {
            let options = ConnOptions { struct_size, remote_address, ..defaults() };
            // SAFETY: it is a whole structure.
            unsafe { parse(&raw const options) }.map(|wanted| wanted.connect.remote_address)
        };
        let address = Some(SocketAddr::from(([10, 0, 0, 7], 8443)));
        assert!(matches!(of(WHOLE, c"10.0.0.7:8443".as_ptr()), Ok(found) if found == address));
        assert!(matches!(of(WHOLE, c"[2001:db8::7]:8443".as_ptr()), Ok(Some(_))));
        assert!(matches!(of(WHOLE, ptr::null()), Ok(None)));
        let shorter = offset_of!(ConnOptions, remote_address);
        assert!(matches!(of(shorter, c"10.0.0.7:8443".as_ptr()), Ok(None)), "a program that does not know it");
        for text in [c"", c"10.0.0.7", c"payments.internal:443", c"10.0.0.7:99999", c"\xff"] {
            assert!(of(WHOLE, text.as_ptr()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_misuse() {
        for size in [0, 1, WHOLE - 1, MAX_SIZE + 1, usize::MAX] {
            assert!(of(size, 0, ptr::null()).is_err(), "{size}");
        }
        assert!(of(WHOLE, -1, ptr::null()).is_err());
        assert!(of(WHOLE, 0, c"\xff".as_ptr()).is_err());
        let unknown = [
            ConnOptions { struct_size: WHOLE * 2, ..defaults() },
            ConnOptions { struct_size: 0, timeout_ms: 1, ..defaults() },
        ];
        // SAFETY: two structures stand there.
        assert!(unsafe { parse(unknown.as_ptr()) }.is_err());
    }
}
