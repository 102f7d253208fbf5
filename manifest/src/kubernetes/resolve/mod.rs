//! From objects to the one policy of a Gateway, backend and port (M4..M9): link, precedence, merge, compose, find.

pub(super) mod ancestors;
pub(super) mod compose;
pub(super) mod depends;
pub(super) mod draft;
pub(super) mod effective;
pub(super) mod find;
pub(super) mod gateway_identity;
pub(super) mod hints;
pub(super) mod imported;
pub(super) mod index;
pub(super) mod link;
pub(super) mod merge;
pub(super) mod precedence;
mod protocols;
pub(super) mod resolution;
pub(super) mod room;
pub(super) mod said;
pub(super) mod scope;
mod selectors;
mod strict;
mod unread;

pub use depends::{Dependency, Presence};
pub use effective::{EffectivePolicy, ON_INVALID, Overridden};
pub use imported::{Accepted, Imported, ImportedPolicy, ResolvedRefs, Target, TargetState};
pub use resolution::Resolution;
pub use scope::{Mode, Scope};
