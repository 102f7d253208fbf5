//! What the tests of all crates stand on: seeded certificates and revocation lists, honest and hostile servers.
//!
//! Nothing here knows the crate under test. Everything that is minted is a function of its seed: the same seed gives
//! the same bytes on every machine and in every year, so that committed test vectors can be minted again and compared.
//!
//! ```
//! use uptls_testkit::{Pki, San, chain_pem};
//!
//! let pki = Pki::new("docs");
//! let leaf = pki.leaf(&[San::dns("backend.example")]);
//! let pem = chain_pem(&[&leaf, &pki.intermediate]);
//! assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: a broken fixture must stop the test at once")]
#![allow(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    reason = "never published: tests write these types with struct update"
)]

mod asn1;
pub mod certificate;
pub mod clock;
pub mod crl;
pub mod envoy;
mod extensions;
mod former;
pub mod hostile;
pub mod key;
mod lines;
mod listen;
pub mod manifests;
#[cfg(target_os = "linux")]
pub mod memory;
pub mod module_graph;
pub mod nginx;
pub mod observations;
pub mod options;
pub mod pair;
pub mod pem;
pub mod pki;
pub mod process;
pub mod relay;
pub mod rotation;
pub mod san;
pub mod server;
#[cfg(target_os = "linux")]
mod silent;
pub mod template;
mod weak;

pub use certificate::Certificate;
pub use clock::{DAY, NOW, YEAR};
pub use crl::{CrlTemplate, crl_pem};
pub use former::Former;
pub use hostile::{HostileServer, Misbehaviour};
pub use key::{Key, SignatureHash};
pub use lines::lines_of;
pub use nginx::{Nginx, NginxOptions};
pub use options::{ProtocolVersion, Seen, ServerOptions, Sessions, Versions};
pub use pair::MemoryServer;
pub use pem::{chain_pem, pem, trusted_certificate_pem};
pub use pki::Pki;
pub use san::San;
pub use server::{RESPONSE_BODY, Server};
#[cfg(target_os = "linux")]
pub use silent::SilentAddress;
pub use template::{
    ANY, BasicConstraints, CLIENT_AUTH, EMAIL, KeyUsage, NameConstraints, NameEncoding, RawExtension, SERVER_AUTH,
    Template, Version,
};
