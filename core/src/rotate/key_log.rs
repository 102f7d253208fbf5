//! The key log: the secrets of a connector's connections, for a debugger that the program chose (H7).

use core::fmt;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use super::Connector;
use crate::error::{Error, Misuse};
use crate::panic;
use crate::sync::lock;
use crate::text::hex;

/// What takes the lines.
type Sink = dyn Fn(&str) + Send + Sync;

/// What rustls calls.
pub(crate) struct KeyLog(Box<Sink>);

impl Connector {
    /// Has `sink` take the key log of each connection that begins from now on (H7), for example to decrypt a capture in Wireshark. A
    /// line has the form of NSS, `SERVER_TRAFFIC_SECRET_0 <client random> <secret>`, with its line end. The thread of the handshake
    /// calls `sink` and waits for it; several threads may call it at once.
    ///
    /// **A reader of the lines can decrypt these connections, also from a recording made before, and can forge what is sent on them.** A
    /// client certificate, forward secrecy and a strict policy do not help against that. Log one connector, for as long as you debug, to
    /// where only you can read, and call [`Connector::stop_logging_keys`]. While it is on, every report of such a connection has
    /// the warning `keys_logged`, and [`Connector::logs_keys`] is true. By default nothing is logged; no document, file or environment
    /// variable turns it on.
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// let connector = uptls::Connector::new(&runtime, &policy)?;
    /// assert!(!connector.logs_keys());
    /// connector.log_keys(|line| eprint!("{line}"));
    /// assert!(connector.logs_keys());
    /// connector.stop_logging_keys();
    /// assert!(!connector.logs_keys());
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn log_keys(&self, sink: impl Fn(&str) + Send + Sync + 'static) {
        tracing::warn!(target: "uptls", "the keys of connections are logged from now on: {}", self.named());
        self.replace_key_log(Some(Arc::new(KeyLog(Box::new(sink)))));
    }

    /// The same to `file`, each line by one write. Open it for appending, readable by you alone. A line that cannot be written, since the
    /// disk is full, is lost; the connection goes on.
    ///
    /// # Errors
    /// [`Error::Misuse`] for anything but a regular file: a pipe whose reader is slow would hold up every handshake, and one whose reader
    /// is gone may end the process by a signal.
    pub fn log_keys_to(&self, file: File) -> Result<(), Error> {
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            let what =
                "a key log must be a regular file, open for appending; a pipe or a terminal would hold up handshakes";
            return Err(Misuse::new(what).into());
        }
        self.log_keys(move |line| drop((&file).write_all(line.as_bytes())));
        Ok(())
    }

    /// Ends the key log for connections that begin from now on. Those that began before still log the keys of their handshake.
    pub fn stop_logging_keys(&self) {
        if self.logs_keys() {
            tracing::warn!(target: "uptls", "the keys of connections are not logged any more: {}", self.named());
            self.replace_key_log(None);
        }
    }

    /// Whether connections that begin now have a key log.
    pub fn logs_keys(&self) -> bool {
        self.key_log().is_some()
    }

    pub(super) fn key_log(&self) -> Option<Arc<KeyLog>> {
        lock(&self.0.on_demand.get()?.key_log).clone()
    }

    fn replace_key_log(&self, key_log: Option<Arc<KeyLog>>) {
        let former = core::mem::replace(&mut *lock(&self.on_demand().key_log), key_log);
        // Without the lock: what the program gave may ask this connector when it is dropped.
        drop(former);
    }

    fn named(&self) -> String {
        self.0.current.load().name.as_deref().unwrap_or("a policy without a name").to_owned()
    }
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        // The sink is the program's; the connection goes on without it.
        if let Err(words) = panic::catch(|| (self.0)(&line)) {
            panic::log("a key log", &words);
        }
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyLog").finish_non_exhaustive()
    }
}
