//! What an alert of the peer means: how far the handshake had come, and what the peer accepts.

use core::fmt;

use crate::text::{listed, printable};

/// An identity of which the peer accepts no signature (I5).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UnusableIdentity {
    /// The signature schemes that the peer accepts, as TLS names them.
    pub accepted: Vec<String>,
    /// The kind and size of the identity's key.
    pub key: String,
}

impl fmt::Display for UnusableIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, key } = self;
        write!(f, ": the identity's key is {}, and the peer accepts {}", printable(key), listed(accepted))
    }
}

/// How far a handshake had come when an alert ended it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AlertMoment {
    /// The alert was all that the peer said to our ClientHello.
    FirstAnswer {
        /// The server name that was sent, if any.
        server_name: Option<String>,
    },
    /// After the peer's ServerHello.
    Later,
    /// After a TLS 1.2 handshake, and the alert is the one for a renegotiation that was refused (H7).
    Renegotiation,
}

impl AlertMoment {
    pub(super) fn text(&self) -> String {
        match self {
            Self::FirstAnswer { server_name: Some(name) } => {
                format!(" in answer to our first message, with the server name {}", printable(name))
            }
            Self::FirstAnswer { server_name: None } => {
                " in answer to our first message, without a server name".to_owned()
            }
            Self::Later => String::new(),
            Self::Renegotiation => {
                " after the handshake, as a TLS 1.2 peer does whose request to renegotiate was refused".to_owned()
            }
        }
    }
}

pub(super) fn alpn_text(offered: &[String], selected: Option<&str>) -> String {
    let selected = selected.map_or("no protocol".to_owned(), printable);
    match offered {
        [] => "the peer demands an application protocol (ALPN), and the policy offers none".to_owned(),
        offered => format!("the peer selected {selected}, wanted one of {}", listed(offered)),
    }
}

/// Both values of a refusal by a peer that knows other issuers.
pub(super) fn issuers(own: Option<&str>, acceptable: &[String]) -> String {
    match (own, acceptable) {
        (None, _) => String::new(),
        (Some(own), []) => format!("; it was issued by {}", printable(own)),
        (Some(own), acceptable) => {
            format!("; it was issued by {}, and the peer lists {}", printable(own), listed(acceptable))
        }
    }
}
