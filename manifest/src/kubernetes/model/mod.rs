//! What is said of objects, whatever their kind: data alone, which everything else here may use.

pub(super) mod backend;
pub(super) mod diagnostic;
pub(super) mod object;
pub(super) mod provenance;
pub(super) mod status_patch;

pub use backend::{BackendKind, BackendRef};
pub use diagnostic::{Diagnostic, Effect};
pub use object::{ObjectName, ObjectRef};
pub use provenance::Provenance;
pub use status_patch::StatusPatch;
