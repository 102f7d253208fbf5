//! Checks of the explicit weakenings (D1..D5).

use super::Checker;
use crate::danger::{Danger, DangerPermission, PeerDanger, ToleratedRule, Toleration};
use crate::error::PolicyErrorKind;
use crate::policy::{DangerDraft, TolerationDraft};
use crate::time::parse_rfc3339;

impl Checker {
    /// D1..D5.
    pub(super) fn danger(&mut self, draft: DangerDraft, permission: DangerPermission) -> Danger {
        let DangerDraft { accept_any_certificate, accept_any_name, tolerate } = draft;
        let peer = match (accept_any_certificate, accept_any_name) {
            (None, None) => PeerDanger::None,
            (Some(any), None) => PeerDanger::AnyCertificate { reason: any.reason },
            (None, Some(any)) => PeerDanger::AnyName { reason: any.reason },
            (Some(_), Some(_)) => {
                let change = "remove acceptAnyName: acceptAnyCertificate asks for no name either; or remove acceptAnyCertificate";
                self.contradiction("spec.danger", "acceptAnyCertificate and acceptAnyName are both set", change);
                PeerDanger::None
            }
        };
        match &peer {
            PeerDanger::AnyCertificate { reason } => {
                self.reason("spec.danger.acceptAnyCertificate", reason, permission)
            }
            PeerDanger::AnyName { reason } => self.reason("spec.danger.acceptAnyName", reason, permission),
            PeerDanger::None => {}
        }
        let mut tolerations = Vec::new();
        for (index, draft) in tolerate.into_iter().enumerate() {
            let path = format!("spec.danger.tolerate[{index}]");
            self.reason(&path, &draft.reason, permission);
            tolerations.extend(self.toleration(&path, draft));
        }
        Danger { peer, tolerations }
    }

    fn reason(&mut self, path: &str, reason: &str, permission: DangerPermission) {
        if permission == DangerPermission::Forbidden {
            self.fail(path, PolicyErrorKind::DangerForbidden);
        }
        if reason.trim().is_empty() {
            self.invalid(format!("{path}.reason"), "an empty text", "the reason for this weakening");
        }
    }

    fn toleration(&mut self, path: &str, draft: TolerationDraft) -> Option<Toleration> {
        let TolerationDraft { reason, rule, until } = draft;
        let Some(rule) = ToleratedRule::ALL.into_iter().find(|known| known.as_str() == rule) else {
            let supported = ToleratedRule::ALL.map(|known| known.as_str().to_owned()).to_vec();
            self.fail(format!("{path}.rule"), PolicyErrorKind::UnsupportedOption { given: rule, supported });
            return None;
        };
        let until = match until {
            None => None,
            Some(text) => match parse_rfc3339(&text) {
                Some(time) => Some(time),
                None => {
                    self.invalid(format!("{path}.until"), text, "a time as RFC 3339, 2027-01-01T00:00:00Z");
                    return None;
                }
            },
        };
        Some(Toleration { reason, rule, until })
    }
}
