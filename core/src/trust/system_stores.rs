//! The system's roots of one runtime, each loaded once and shared (T6).
#![cfg_attr(
    not(all(feature = "mozilla", feature = "platform")),
    allow(unused, reason = "a build without a store has no use for its place")
)]

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::CryptoProvider;

use super::{NativeRoots, PlatformTrust, SystemRoots};
use crate::error::{MaterialError, MaterialErrorKind, Problem};
use crate::input::Unreadable;
use crate::policy::SystemTrust;

/// Places that are empty until a policy wants what belongs there.
pub(crate) struct SystemStores {
    mozilla: Mutex<Option<Arc<SystemRoots>>>,
    native: Mutex<Option<Arc<SystemRoots>>>,
    native_roots: NativeRoots,
    platform: Mutex<Option<Arc<PlatformTrust>>>,
    /// How often the platform's roots were loaded.
    platform_loads: AtomicU64,
}

impl SystemStores {
    pub(crate) fn new(native_roots: NativeRoots) -> Self {
        Self {
            mozilla: Mutex::new(None),
            native: Mutex::new(None),
            native_roots,
            platform: Mutex::new(None),
            platform_loads: AtomicU64::new(0),
        }
    }

    /// `None` where the policy wants none, or the platform's own verifier.
    pub(crate) fn roots(&self, kind: SystemTrust) -> Result<Option<Arc<SystemRoots>>, Problem> {
        if matches!(kind, SystemTrust::Off | SystemTrust::Platform) {
            return Ok(None);
        }
        let loaded = self.load(kind).ok_or_else(|| kind.absent())?;
        loaded.map(Some).map_err(|failure| unreadable("native roots", failure))
    }

    /// `None`: this build has none of that kind.
    fn load(&self, kind: SystemTrust) -> Option<Result<Arc<SystemRoots>, Unreadable>> {
        match kind {
            #[cfg(feature = "mozilla")]
            SystemTrust::Mozilla => Some(load_once(&self.mozilla, || Ok(SystemRoots::mozilla()))),
            #[cfg(feature = "native")]
            SystemTrust::Native => Some(load_once(&self.native, || SystemRoots::native(&self.native_roots))),
            _ => None,
        }
    }

    /// The platform's verifier.
    #[cfg(feature = "platform")]
    pub(crate) fn platform(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<PlatformTrust>, Problem> {
        let load = || PlatformTrust::new(provider, self.platform_loads.fetch_add(1, Ordering::Relaxed));
        load_once(&self.platform, load).map_err(|failure| unreadable("the platform's verifier", failure))
    }

    /// This build has none.
    #[cfg(not(feature = "platform"))]
    pub(crate) fn platform(&self, _: &Arc<CryptoProvider>) -> Result<Arc<PlatformTrust>, Problem> {
        Err(SystemTrust::Platform.absent())
    }

    #[cfg(all(test, feature = "platform"))]
    pub(crate) fn set_platform(&self, platform: PlatformTrust) {
        *self.platform.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(platform));
    }

    /// What may change on disk is read again when the next policy wants it.
    pub(crate) fn refresh(&self) {
        *self.native.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.platform.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn unreadable(what: &str, failure: Unreadable) -> Problem {
    let kind = |reason| MaterialErrorKind::TrustUnreadable { reason };
    MaterialError::unreadable("spec.trust.system", what, failure, kind).into()
}

fn load_once<T, E>(slot: &Mutex<Option<Arc<T>>>, load: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(roots) = &*slot {
        return Ok(Arc::clone(roots));
    }
    let roots = Arc::new(load()?);
    *slot = Some(Arc::clone(&roots));
    Ok(roots)
}
