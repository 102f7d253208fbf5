//! Documents in, policies out: text is read once, strictly, and every field remembers the line it came from.
//!
//! ```text
//!  bytes          source     1 MiB, UTF-8
//!    |  yaml       events of one parser for YAML and JSON, within budgets -> node
//!    v
//!  document        whether apiVersion and kind are what is wanted
//!    |  decode     node -> typed fields; unknown and duplicate ones are problems, each with its line
//!    v
//!  native          -> uptls::PolicyDraft, with the origin of every field
//!    |  calls      check, prepare, judge: what command, C and Python call
//!    v
//!  uptls::Prepared or uptls::Report
//! ```
//!
//! [`kubernetes`] goes the same way with the objects of the Gateway API: several documents in, one policy for each backend
//! out. [`report`] says what all documents, those of Envoy among them, come to.
//!
//! [`ManifestSet`] reads those objects once and answers for each backend: what C and Python hold.
//!
//! [`ManifestFolder`] follows the files of a folder, with a connector for each backend in it.
//!
//! [`fix`] applies what a hint asks for to the text itself.
//!
//! Everything but [`load`], [`prepare_file`], [`kubernetes::load`] and [`envoy::Export::write`] is pure: bytes in, value or
//! [`uptls::Problems`] out. (Preparing reads the files that a policy names; that is [`uptls::Runtime::prepare`].)
//!
//! What is stricter here than in most readers of YAML, and why:
//!
//! - A field without a value (`subjectAltNames:`, `null`, `~`) is an error. It is what a template leaves behind when
//!   its variable is empty, and to read it as "not given" would fall back to a default that its author did not choose.
//! - Only `true` and `false` are booleans, and neither is a text. `no` is the text `no`. Numbers may stand where text
//!   is wanted, spelled as they are: `min: 1.2` is `"1.2"`.
//! - Unknown and duplicate fields, tags, directives and merge keys are errors. Aliases work, within the budgets. (In
//!   Kubernetes objects merge keys work as well, since kubectl reads them.)
//! - No value of the document is quoted in an error of the reader, and no name from under a private key: an error
//!   may be logged.
//!
//! ```
//! use std::path::Path;
//! use uptls::UpstreamTlsPolicy;
//! use uptls::danger::DangerPermission;
//!
//! let text = br#"
//! apiVersion: uptls/v1
//! kind: UpstreamTlsPolicy
//! metadata: {name: payments}
//! spec:
//!   trust: {system: mozilla}
//!   serverName: payments.example
//! "#;
//! let draft = uptls_manifest::parse(text, "payments.yaml", Some(Path::new("/etc/uptls")))?;
//! assert_eq!(draft.origins["spec.serverName"].line, 7);
//! let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)?;
//! assert_eq!(policy.name(), Some("payments"));
//!
//! let problems = uptls_manifest::parse(b"apiVersion: uptls/v2", "payments.yaml", None).err();
//! assert_eq!(problems.map(|problems| problems.code()), Some(uptls::Code::PolicyInvalid));
//! # Ok::<(), uptls::Problems>(())
//! ```
#![forbid(unsafe_code)]

mod answer;
mod calls;
mod decode;
mod document;
mod head;
mod manifest_folder;
mod manifest_set;
mod manifest_store;
mod native;
mod node;
mod other_document;
mod position;
mod source;
mod suggest;
mod yaml;

pub mod envoy;
pub mod fix;
pub mod kubernetes;
pub mod report;
pub mod schema;

pub use calls::{prepare, prepare_file, verify_document};
pub use manifest_folder::ManifestFolder;
pub use manifest_set::ManifestSet;
pub use manifest_store::ManifestStore;
pub use native::{load, parse};
pub use other_document::read_document;
