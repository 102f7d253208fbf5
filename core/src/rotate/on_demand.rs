//! What a connector needs once it is asked for: most of a large gateway's connectors have it never.

use std::sync::Arc;

use super::audit::Audit;
use super::expiry::ExpiryLog;
use super::key_log::KeyLog;
use super::open::Open;
use crate::sync::{Mutex, Waiting};

#[derive(Default)]
pub(super) struct OnDemand {
    /// By which shadow (R14).
    pub(super) audit: Mutex<Option<Arc<Audit>>>,
    pub(super) expiry: Mutex<ExpiryLog>,
    /// H7
    pub(super) key_log: Mutex<Option<Arc<KeyLog>>>,
    /// The connections that were noted.
    pub(super) open: Arc<Mutex<Open>>,
    /// For the next publication, refusal or withdrawal.
    pub(super) waiting: Waiting,
}
