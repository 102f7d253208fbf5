//! Open connections for C, by number: which of them the policy of now would refuse.

use core::ffi::c_char;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uptls::{BackendHost, OpenConnection, RefusedConnection};

use crate::boundary;
use crate::connector::{Connector, unready};
use crate::error::{Error, Failure};
use crate::evidence::Evidence;
use crate::handle::{self, Number, Out};
use crate::status::Status;
use crate::target::parse_host;

/// Those of one connector.
#[derive(Default)]
pub(crate) struct OpenConnections(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    open: HashMap<u64, (OpenConnection, BackendHost)>,
    /// Of the last time of asking; they wait to be taken.
    refused: VecDeque<RefusedConnection>,
}

impl OpenConnections {
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    /// The next one that did not end meanwhile.
    fn next(&mut self) -> Option<(RefusedConnection, BackendHost)> {
        let open = &self.open;
        let alive = |refused: RefusedConnection| open.get(&refused.id).map(|(_, host)| (refused, host.clone()));
        core::iter::from_fn(|| self.refused.pop_front()).find_map(alive)
    }
}

/// Notes that a connection to `host` with this evidence is open, so that `uptls_connector_reconsider` judges it again. A
/// connection that is not noted is never judged again, whatever is revoked. `host` is the one that it was made for. `*id` is its
/// number: each connector counts from 1; 0 first. Give it to `uptls_connector_closed` when the connection ends. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_opened(
    connector: *const Connector,
    host: *const c_char,
    evidence: *const Evidence,
    id: *mut u64,
    err: *mut *mut Error,
) -> Status {
    let note = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Number::cleared(id, "id") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let host = parse_host(unsafe { handle::text(host, "host") }?)?;
        // SAFETY: by the contract of the header it is NULL or live.
        let evidence = unsafe { handle::borrow(evidence, "evidence") }?.core();
        let open = connector.core().opened(&host, &evidence.peer);
        let id = open.id();
        connector.open().lock().open.insert(id, (open, host));
        out.set(id);
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, note) }
}

/// Notes that the connection `id` has ended. A number that is not open does nothing, and neither does NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_closed(connector: *const Connector, id: u64) {
    boundary::value((), || {
        // SAFETY: by the contract of the header it is NULL or live.
        if let Some(connector) = unsafe { connector.as_ref() } {
            let ended = connector.open().lock().open.remove(&id);
            drop(ended);
        }
    });
}

/// Judges the peers of all connections that are noted as open by the policy of now: after a CA, a list or a name is gone, their
/// connections would otherwise live on until they end by themselves. Each distinct chain is judged once. `*refused` says how many
/// would be refused; `uptls_connector_next_refused` names them. The call closes nothing: close them over some seconds, so that
/// their successors do not come all at once. `UPTLS_E_CONFIG` if the connector is withdrawn or not ready, which says nothing of a
/// peer. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_reconsider(
    connector: *const Connector,
    refused: *mut usize,
    err: *mut *mut Error,
) -> Status {
    let judge = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Number::cleared(refused, "refused") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?;
        let reconsidered = connector.core().reconsider().ok_or_else(|| unready(connector))?;
        let mut noted = connector.open().lock();
        let open = &noted.open;
        // A handle of another language may note connections of the same connector.
        let refused: VecDeque<_> =
            reconsidered.refused.into_iter().filter(|refused| open.contains_key(&refused.id)).collect();
        out.set(refused.len());
        noted.refused = refused;
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, judge) }
}

/// Takes the next connection that the last `uptls_connector_reconsider` refused: `*id` is its number, and `*why` the reason as an
/// error of a new connection would have it, which the caller frees by `uptls_error_free`. `*id` is 0 and `*why` NULL if there is no
/// more. Connections that ended meanwhile are left out. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_next_refused(
    connector: *const Connector,
    id: *mut u64,
    why: *mut *mut Error,
    err: *mut *mut Error,
) -> Status {
    let take = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let id = unsafe { Number::cleared(id, "id") };
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let why = unsafe { Out::cleared(why, "why") };
        // Both are cleared, also where one of them is NULL: a caller frees what it finds.
        let (id, why) = (id?, why?);
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?;
        let next = connector.open().lock().next();
        if let Some((refused, host)) = next {
            let rejection = uptls::Rejection::clone(&refused.rejection);
            let error = uptls::Error::Rejected(Box::new(rejection));
            why.set(handle::give(Error::new(Failure::connection(connector.core(), &host, &error))));
            id.set(refused.id);
        }
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, take) }
}
