//! System trust that this build was made without.

use super::SystemTrust;
use crate::error::{PolicyError, PolicyErrorKind, Problem};

impl SystemTrust {
    /// That this build has not got it.
    pub(crate) fn absent(self) -> Problem {
        let given = match self {
            Self::Mozilla => "mozilla",
            Self::Native => "native",
            Self::Off => "false",
            Self::Platform => "platform",
        };
        let kind = PolicyErrorKind::Value {
            reason: format!("{given} is not in this build of uptls"),
            wanted: Some(format!("false, or build uptls with its feature {given}")),
        };
        PolicyError::new("spec.trust.system", kind).into()
    }
}
