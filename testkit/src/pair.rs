//! A TLS server without a socket: bytes in, bytes out.

use crate::options::{Seen, ServerOptions, Sessions};
use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
use rustls::{
    ClientConnection, ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion, ServerConfig, ServerConnection,
};
use std::io::{Read as _, Write as _};
use std::sync::Arc;

/// One connection of an in-memory server. Connections from the same configuration resume each other's sessions.
#[derive(Debug)]
pub struct MemoryServer {
    connection: ServerConnection,
    plaintext: Vec<u8>,
}

impl MemoryServer {
    /// A connection that waits for a client; see [`ServerOptions::config`].
    pub fn new(config: &Arc<ServerConfig>) -> MemoryServer {
        let mut connection = ServerConnection::new(config.clone()).expect("the configuration is valid");
        connection.set_buffer_limit(None);
        MemoryServer { connection, plaintext: Vec::new() }
    }

    /// A connection with a session memory of its own.
    pub fn with_options(options: &ServerOptions) -> MemoryServer {
        MemoryServer::new(&options.config(&Sessions::new()))
    }

    /// Takes bytes from the client. After an error [`MemoryServer::drain`] still gives the alert.
    ///
    /// # Errors
    /// Whatever `rustls` says of these bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let taken = self.connection.read_tls(&mut bytes).expect("memory does not fail");
            let state = self.connection.process_new_packets()?;
            let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
            self.connection.reader().read_exact(&mut plaintext).expect("the bytes are there");
            self.plaintext.append(&mut plaintext);
            if taken == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The bytes for the client.
    pub fn drain(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut bytes).expect("memory does not fail");
        }
        bytes
    }

    /// The plaintext received so far; it is then forgotten.
    pub fn read(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.plaintext)
    }

    /// Sends plaintext to the client, with the next [`MemoryServer::drain`].
    pub fn write(&mut self, plaintext: &[u8]) {
        self.connection.writer().write_all(plaintext).expect("there is no limit");
    }

    /// Keying material as the server derives it (RFC 5705).
    pub fn export(&self, label: &[u8], context: &[u8], length: usize) -> Vec<u8> {
        self.connection.export_keying_material(vec![0; length], label, Some(context)).expect("the handshake is done")
    }

    /// Ends the data properly: the next [`MemoryServer::drain`] has `close_notify`.
    pub fn close(&mut self) {
        self.connection.send_close_notify();
    }

    /// The record of a fatal alert, encrypted: what `rustls` itself never sends after a handshake. TLS 1.3 only, and nothing
    /// may wait in [`MemoryServer::drain`].
    pub fn into_alert(self, description: u8) -> Vec<u8> {
        let suite = self.connection.negotiated_cipher_suite().expect("the handshake is complete");
        let suite = suite.tls13().expect("the version is TLS 1.3");
        let (sequence, secrets) = self.connection.dangerous_extract_secrets().expect("the keys are there").tx;
        let (key, iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv }
            | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
            | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv),
            _ => panic!("an unknown suite"),
        };
        let payload = OutboundChunks::Single(&[2, description]);
        let alert = OutboundPlainMessage { typ: ContentType::Alert, version: ProtocolVersion::TLSv1_2, payload };
        suite.aead_alg.encrypter(key, iv).encrypt(alert, sequence).expect("it fits").encode()
    }

    /// What was seen of the client; `None` while the handshake goes on.
    pub fn seen(&self) -> Option<Seen> {
        Seen::of(&self.connection)
    }

    /// Carries bytes both ways between this server and a client of `rustls` until nothing moves any more.
    ///
    /// # Errors
    /// The first error of either side. The alert about it was carried to the other side.
    pub fn converse(&mut self, client: &mut ClientConnection) -> Result<(), Error> {
        let mut outcome = Ok(());
        loop {
            let mut to_server = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut to_server).expect("memory does not fail");
            }
            outcome = outcome.and(self.feed(&to_server));
            let to_client = self.drain();
            if to_server.is_empty() && to_client.is_empty() {
                return outcome;
            }
            let mut rest = to_client.as_slice();
            while !rest.is_empty() {
                client.read_tls(&mut rest).expect("memory does not fail");
                let processed = client.process_new_packets().map(|_| ());
                let failed = processed.is_err();
                outcome = outcome.and(processed);
                if failed {
                    break;
                }
            }
        }
    }
}
