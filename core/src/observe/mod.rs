//! What a program is told of connections and policies while they happen (R12).

mod connection;
mod document;
mod observers;
mod policy;
mod queue;

pub use connection::{
    ConnectionAbandoned, ConnectionClosed, ConnectionCondemned, ConnectionFacts, ConnectionFailed, ConnectionOpened,
    HandshakeStarted, ShadowRefused,
};
pub use policy::{
    CertificateExpiring, ConnectorChanged, GenerationPublished, PolicyNews, PolicyRecovered, PolicyWithdrawn, Standing,
    Terms, UpdateRefused,
};
pub use queue::{Observation, ObservationQueue};

pub(crate) use observers::{Observers, Postponed};

use std::sync::Arc;

/// Is told of connections and policies ([`RuntimeBuilder::observer`](crate::RuntimeBuilder::observer)); each method does
/// nothing unless it is written.
///
/// A method is called in the thread in which it happened, often that of a handshake: it should count, or hand over, and
/// return. uptls holds none of its locks meanwhile, so a method may call the library. A panic is caught, and logged once
/// for the runtime. An observer decides nothing: no connection waits for its verdict.
///
/// [`Metrics`](crate::Metrics) is a ready one, and [`ObservationQueue`] keeps observations to be taken elsewhere.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::sync::Arc;
/// use uptls::{ConnectionFailed, Observer, Runtime};
///
/// #[derive(Default)]
/// struct Failures(AtomicU64);
///
/// impl Observer for Failures {
///     fn connection_failed(&self, failed: &ConnectionFailed<'_>) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///         eprintln!("{} of {:?}: {}", failed.connection.host, failed.connection.policy, failed.code);
///     }
/// }
///
/// let failures = Arc::new(Failures::default());
/// let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).observer(Arc::clone(&failures)).build();
/// # let _ = runtime;
/// ```
pub trait Observer: Send + Sync {
    /// The first bytes of a handshake were taken for the peer. Exactly one of opened, failed and abandoned follows.
    fn handshake_started(&self, _started: &HandshakeStarted<'_>) {}

    /// The peer is verified, and the connection was handed out.
    fn connection_opened(&self, _opened: &ConnectionOpened<'_>) {}

    /// There is no connection, and this is why.
    fn connection_failed(&self, _failed: &ConnectionFailed<'_>) {}

    /// The caller dropped a handshake that had started and had not ended: a cancelled request.
    fn connection_abandoned(&self, _abandoned: &ConnectionAbandoned<'_>) {}

    /// The shadow of an audit would have refused a connection that was opened (R14). Nothing happens to it.
    fn shadow_refused(&self, _refused: &ShadowRefused<'_>) {}

    /// An open connection was reconsidered, and its peer would be refused now (R11). Nothing has happened to it yet.
    fn connection_condemned(&self, _condemned: &ConnectionCondemned<'_>) {}

    /// A connection that was opened is gone.
    fn connection_closed(&self, _closed: &ConnectionClosed<'_>) {}

    /// New connections use other content from now on (R1).
    fn generation_published(&self, _published: &GenerationPublished<'_>) {}

    /// An update is invalid; whether connections are still made says its state (R2).
    fn update_refused(&self, _refused: &UpdateRefused<'_>) {}

    /// The last update is used again.
    fn policy_recovered(&self, _recovered: &PolicyRecovered<'_>) {}

    /// The policy or its material is gone, and no connection is made (R3).
    fn policy_withdrawn(&self, _withdrawn: &PolicyWithdrawn<'_>) {}

    /// Something comes near its end, or has ended (R8).
    fn certificate_expiring(&self, _expiring: &CertificateExpiring<'_>) {}

    /// A connector was made, changed its state or content, or is gone: what it stood at before and after, for gauges.
    fn connector_changed(&self, _changed: &ConnectorChanged<'_>) {}

    /// The runtime is gone, with all connectors and connections of it: nothing more comes. For observers with a thread.
    fn ended(&self) {}
}

/// For a program that keeps the observer, too.
impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn handshake_started(&self, started: &HandshakeStarted<'_>) {
        (**self).handshake_started(started);
    }

    fn connection_opened(&self, opened: &ConnectionOpened<'_>) {
        (**self).connection_opened(opened);
    }

    fn connection_failed(&self, failed: &ConnectionFailed<'_>) {
        (**self).connection_failed(failed);
    }

    fn connection_abandoned(&self, abandoned: &ConnectionAbandoned<'_>) {
        (**self).connection_abandoned(abandoned);
    }

    fn shadow_refused(&self, refused: &ShadowRefused<'_>) {
        (**self).shadow_refused(refused);
    }

    fn connection_condemned(&self, condemned: &ConnectionCondemned<'_>) {
        (**self).connection_condemned(condemned);
    }

    fn connection_closed(&self, closed: &ConnectionClosed<'_>) {
        (**self).connection_closed(closed);
    }

    fn generation_published(&self, published: &GenerationPublished<'_>) {
        (**self).generation_published(published);
    }

    fn update_refused(&self, refused: &UpdateRefused<'_>) {
        (**self).update_refused(refused);
    }

    fn policy_recovered(&self, recovered: &PolicyRecovered<'_>) {
        (**self).policy_recovered(recovered);
    }

    fn policy_withdrawn(&self, withdrawn: &PolicyWithdrawn<'_>) {
        (**self).policy_withdrawn(withdrawn);
    }

    fn certificate_expiring(&self, expiring: &CertificateExpiring<'_>) {
        (**self).certificate_expiring(expiring);
    }

    fn connector_changed(&self, changed: &ConnectorChanged<'_>) {
        (**self).connector_changed(changed);
    }

    fn ended(&self) {
        (**self).ended();
    }
}
