//! Envoy: policies out as `UpstreamTlsContext`, and contexts in, judged by what they really verify (X1..X5).
//!
//! ```text
//!  uptls::Prepared  --export-->  context (JSON), files, warnings     or  not_exportable, with the rule
//!  text  --read-->  one judgement for each cluster, and a PolicyDraft where the context is sound
//! ```
//!
//! [`export`] gives the verdict of this library or none: what Envoy cannot say is refused by name (X2), what its engine
//! decides differently is a warning, one for each class of `docs/envoy-differences.md` that the export can touch.
//!
//! [`Export::write`] puts the files of an export to where its context says that they are: a whole state, for its [`Owner`] alone (L12, X5).
//!
//! [`export_module`] makes the context that loads `libuptls_envoy.so` instead: then this library itself gives the verdict (X4).
//!
//! Field names are those of `envoy.extensions.transport_sockets.tls.v3`; everything here was tried with Envoy 1.40.

mod cluster;
mod difference;
mod export;
mod exportable;
mod exported;
mod mark;
mod matchers;
mod module;
mod options;
mod output;
mod owner;
mod parameters;
mod place;
mod read;
mod sds;
mod spiffe;

pub use cluster::cluster;
pub use difference::Difference;
pub use export::export;
pub use exported::{Export, ExportedFile, Secrecy};
pub use module::export_module;
pub use options::{ExportOptions, Placement};
pub use output::OutputError;
pub use owner::{Owner, OwnerError};
pub use read::{ClusterReading, Effect, Finding, ReadFile, Reading, Standing, read};
