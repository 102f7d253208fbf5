//! That a connector publishes a fingerprint: what sessions live by (H6, L8, L20).

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use super::SessionStore;

/// One connector publishes one fingerprint. Sessions are kept under it until the last of its publications is ended.
///
/// Ending is the connector's doing: a withdrawal, or the publication of other content. A connector that is merely dropped
/// has withdrawn nothing, and connections that it began still keep their sessions: each holds this.
#[derive(Debug)]
pub(crate) struct Publication {
    fingerprint: [u8; 32],
    is_over: AtomicBool,
    store: Arc<SessionStore>,
}

impl Publication {
    pub(crate) fn new(store: &Arc<SessionStore>, fingerprint: [u8; 32]) -> Arc<Self> {
        store.lock().publish(fingerprint);
        Arc::new(Self { fingerprint, is_over: AtomicBool::new(false), store: Arc::clone(store) })
    }

    pub(super) fn store(&self) -> &Arc<SessionStore> {
        &self.store
    }

    /// The connector publishes it no more. Again: nothing.
    pub(crate) fn end(&self) {
        if !self.is_over.swap(true, Ordering::SeqCst) {
            self.store.lock().retire(&self.fingerprint);
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        if !self.is_over.swap(true, Ordering::SeqCst) {
            self.store.lock().release(&self.fingerprint);
        }
    }
}
