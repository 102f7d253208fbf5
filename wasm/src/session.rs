//! What the module remembers between calls: one runtime, prepared policies, and stores of objects, each by a number.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use uptls::interop::{self, Negotiated};
use uptls::rustls_pki_types::{CertificateDer, UnixTime};
use uptls::{BackendHost, Clock, Prepared, Report, Runtime, Warning};
use uptls_manifest::ManifestStore;

use crate::failure::Failure;
use crate::{host, provider};

/// A policy that is ready to judge, and what should be known of how it was put together.
pub(crate) struct Held {
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) warnings: Vec<Warning>,
}

impl Held {
    /// What the policy says of the text of a chain.
    pub(crate) fn report_pem(&self, chain: &[u8], host: Option<&str>) -> Report {
        let mut report = self.prepared.report_pem(chain, host);
        report.warnings.extend_from_slice(&self.warnings);
        report
    }
}

/// All state of an instance.
pub(crate) struct Session {
    pub(crate) policies: Numbered<Held>,
    pub(crate) runtime: Runtime,
    pub(crate) stores: Numbered<ManifestStore>,
}

/// Values by numbers that are never given twice.
pub(crate) struct Numbered<T> {
    last: u32,
    values: BTreeMap<u32, T>,
}

impl<T> Numbered<T> {
    const fn new() -> Self {
        Self { last: 0, values: BTreeMap::new() }
    }

    /// Keeps `value`.
    pub(crate) fn insert(&mut self, value: T) -> Result<u32, Failure> {
        let used_up = || Failure::Misuse("this instance has given all of its handles: take another one".to_owned());
        self.last = self.last.checked_add(1).ok_or_else(used_up)?;
        self.values.insert(self.last, value);
        Ok(self.last)
    }

    /// The value of a number that was given and not released.
    pub(crate) fn get(&mut self, handle: u32) -> Result<&mut T, Failure> {
        let unknown = || Failure::Misuse(format!("the handle {handle} is unknown to this instance"));
        self.values.get_mut(&handle).ok_or_else(unknown)
    }

    /// Drops the value, if it is there.
    pub(crate) fn remove(&mut self, handle: u32) {
        self.values.remove(&handle);
    }
}

thread_local! {
    static SESSION: RefCell<Session> = RefCell::new(Session {
        policies: Numbered::new(),
        runtime: Runtime::builder(provider::provider()).clock(CallClock).files(host::read_file).build(),
        stores: Numbered::new(),
    });
}

/// Runs `call` at `at`, unix seconds.
pub(crate) fn at<T>(at: u64, call: impl FnOnce(&mut Session) -> T) -> T {
    NOW.store(at, Ordering::Relaxed);
    SESSION.with_borrow_mut(call)
}

/// The time that the host gave with the call that runs.
struct CallClock;

impl Clock for CallClock {
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(NOW.load(Ordering::Relaxed)))
    }
}

static NOW: AtomicU64 = AtomicU64::new(0);

/// What a TLS stack has of a connection.
pub(crate) struct Connection<'a> {
    /// What the peer selected; empty: nothing.
    pub(crate) alpn: &'a [u8],
    /// Each certificate behind its length, leaf first.
    pub(crate) chain: &'a [u8],
    pub(crate) cipher_suite: u32,
    /// The backend host, as text.
    pub(crate) host: &'a [u8],
    /// Whether there are a version, a suite and a protocol.
    pub(crate) is_negotiated: bool,
    pub(crate) version: u32,
}

/// Judges a connection: the chain first, then what was negotiated.
pub(crate) fn judge(handle: u32, connection: &Connection<'_>, time: u64) -> Result<(), Failure> {
    at(time, |session| {
        let held = session.policies.get(handle)?;
        let host = backend_host(&String::from_utf8_lossy(connection.host))?;
        let chain = certificates(connection.chain)?;
        let (prepared, alpn) = (&held.prepared, String::from_utf8_lossy(connection.alpn));
        if prepared.verify(&chain, Some(&host)).is_err() {
            let mut report = prepared.report(&chain, Some(&host));
            report.warnings.extend_from_slice(&held.warnings);
            if report.accepted() {
                return Err(Failure::Misuse("the verdict and its report differ, which is a bug of uptls".to_owned()));
            }
            return Err(Box::new(report).into());
        }
        if !connection.is_negotiated {
            return Ok(());
        }
        let number = |number: u32| u16::try_from(number).unwrap_or_default();
        let alpn = Some(&*alpn).filter(|alpn| !alpn.is_empty());
        let (cipher_suite, version) = (number(connection.cipher_suite), number(connection.version));
        interop::check_negotiated(prepared, &host, &Negotiated { alpn, cipher_suite, version })?;
        Ok(())
    })
}

/// A backend host that was checked before, when its configuration was made.
pub(crate) fn backend_host(text: &str) -> Result<BackendHost, Failure> {
    BackendHost::parse(text).map_err(|error| Failure::Misuse(format!("the backend host {text:?}: {error}")))
}

/// The certificates of a chain, each behind its length in four octets, the lowest first.
fn certificates(mut bytes: &[u8]) -> Result<Vec<CertificateDer<'_>>, Failure> {
    let mut chain = Vec::new();
    while !bytes.is_empty() {
        let cut = || Failure::Misuse("the chain is cut short: a certificate is shorter than its length".to_owned());
        let (length, rest) = bytes.split_first_chunk().ok_or_else(cut)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (der, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
        chain.push(CertificateDer::from(der));
        bytes = rest;
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_read_by_its_lengths_and_a_cut_one_is_not() {
        let chain = certificates(b"\x02\0\0\0ab\x01\0\0\0c").ok();
        assert_eq!(
            chain.map(|chain| chain.iter().map(|der| der.to_vec()).collect()),
            Some(vec![b"ab".to_vec(), b"c".to_vec()])
        );
        assert!(certificates(b"").is_ok_and(|chain| chain.is_empty()));
        for cut in [&b"\x02"[..], b"\x02\0\0\0a", b"\xff\xff\xff\xffab", b"\x01\0\0\0ab"] {
            assert!(certificates(cut).is_err(), "{cut:?}");
        }
    }

    #[test]
    fn a_handle_is_known_until_it_is_released_and_never_again() {
        let mut numbered = Numbered::new();
        let (first, second) = (numbered.insert("a").ok(), numbered.insert("b").ok());
        assert_eq!((first, second), (Some(1), Some(2)));
        numbered.remove(2);
        assert!(numbered.get(2).is_err() && numbered.get(1).is_ok_and(|value| *value == "a"));
        assert_eq!(numbered.insert("c").ok(), Some(3));
    }
}
