//! Which changes of a policy follow from what is wrong with it without a choice.

use std::net::IpAddr;

use serde_json::json;

use super::{PolicyError, PolicyErrorKind};
use crate::fix::{Fix, PatchOperation};
use crate::name::NameError;

impl PolicyError {
    /// The hint as a change of the document; `None` if it leaves a choice, needs something that the document does not
    /// hold, or would weaken verification.
    pub fn fix(&self) -> Option<Fix> {
        if self.fix.is_some() {
            return self.fix.clone();
        }
        let operation = match &self.kind {
            // What weakens is removed; that it may stay is nothing that a tool decides.
            PolicyErrorKind::DangerForbidden | PolicyErrorKind::Silenced { .. } => PatchOperation::remove(&self.path),
            PolicyErrorKind::UnknownField { field: Some(field), meant: Some(meant), taken: false, .. }
                if !self.is_of_danger(meant) =>
            {
                PatchOperation::rename(&self.path, field, meant)
            }
            PolicyErrorKind::NameInvalid { given, reason: NameError::IpLiteral } => {
                let entry = self.path.strip_suffix(".dns").filter(|path| path.starts_with("spec.subjectAltNames["))?;
                PatchOperation::replace(entry, json!({"ip": address(given)?.to_string()}))
            }
            // H1: never less than was written.
            PolicyErrorKind::UnsupportedOption { given, .. }
                if self.path == "spec.versions.min" && OLD_VERSIONS.contains(&given.as_str()) =>
            {
                PatchOperation::replace(&self.path, json!("1.2"))
            }
            _ => return None,
        };
        Some(Fix::new(vec![operation]))
    }

    /// Whether a new name would make a weakening of the field.
    fn is_of_danger(&self, meant: &str) -> bool {
        self.path.starts_with("spec.danger") || matches!(meant, "danger" | "mode")
    }

    /// An IP address as server name, where `listed` says whether subjectAltNames are written: those decide then, and nothing
    /// is added to them.
    pub(crate) fn mended_by_address(self, given: &str, listed: bool) -> Self {
        let Some(ip) = address(given) else { return self };
        let mut patch = vec![PatchOperation::replace("spec.serverName", json!("none"))];
        if !listed {
            patch.push(PatchOperation::add("spec.subjectAltNames", json!([{"ip": ip.to_string()}])));
        }
        self.mended_by(Fix::new(patch))
    }
}

fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok()
}

const OLD_VERSIONS: [&str; 4] = ["1.0", "1.1", "TLSv1.0", "TLSv1.1"];
