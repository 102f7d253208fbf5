//! In the place of `openssl.rs` where OpenSSL was not found when the bench was built.

use crate::client::{Client, Negotiated, Side};

/// There is none.
pub(crate) enum OpenSsl {}

/// There is none.
pub(crate) enum OpenSslClient {}

pub(crate) fn side(_: &str, _: &str) -> Option<OpenSsl> {
    None
}

pub(crate) fn library() -> String {
    String::new()
}

impl Side for OpenSsl {
    type Client = OpenSslClient;

    fn begin(&self) -> OpenSslClient {
        match *self {}
    }
}

impl Client for OpenSslClient {
    fn drain(&mut self, _: &mut Vec<u8>) {
        match *self {}
    }

    fn feed(&mut self, _: &[u8]) {
        match *self {}
    }

    fn is_done(&self) -> bool {
        match *self {}
    }

    fn read(&mut self, _: &mut [u8]) -> usize {
        match *self {}
    }

    fn write(&mut self, _: &[u8]) {
        match *self {}
    }
}

impl Negotiated for OpenSslClient {
    fn negotiated(&self) -> [String; 3] {
        match *self {}
    }
}
