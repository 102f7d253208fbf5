//! A validator that is this library's own module (X4): it verifies by the policy document in its configuration.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use uptls::danger::{Danger, DangerPermission, PeerDanger};
use uptls::{PolicyDraft, PolicySpec, SanDraft, UpstreamTlsPolicy};

use super::finding::{Effect, Findings};
use super::object::Object;
use super::sent_name::SentName;
use super::spot::Spot;
use crate::envoy::module::{ALLOWS_DANGER, CONFIG_TYPE, FORBIDS_DANGER, MODULE, STRING_TYPE};
use crate::native;

/// Judges the validator of `validation`, if it is the module and nothing stands beside it; then the policy is that of its
/// document, with what of it is Envoy's own. `false`: it is a validator of somebody else.
pub(super) fn judge(validation: &Object<'_>, sent: &SentName, spec: &mut PolicySpec, findings: &mut Findings) -> bool {
    let Some(written) = Written::of(validation) else { return false };
    let (effect, reason, change) = match written.policy(sent, spec) {
        Err(reason) => (Effect::Unclear, reason, "export the policy once more"),
        Ok(danger) => match (&danger.peer, danger.tolerations.is_empty()) {
            (PeerDanger::AnyCertificate { .. }, _) => (Effect::Nothing, ANY_CERTIFICATE, "remove its danger"),
            (PeerDanger::AnyName { .. }, _) => (Effect::Less, ANY_NAME, "remove its danger"),
            (_, false) => (Effect::Less, TOLERATES, "remove its danger"),
            (_, true) => (Effect::Note, VERIFIES, ""),
        },
    };
    findings.add(&written.spot, effect, "uptls_module", reason, change);
    true
}

/// The configuration of the module.
struct Written<'a> {
    document: &'a str,
    permission: DangerPermission,
    spot: Spot,
}

impl<'a> Written<'a> {
    fn of(validation: &Object<'a>) -> Option<Self> {
        let validator = validation.only("custom_validator_config")?;
        let config = validator.get("typed_config")?;
        let is_module = config.text("@type") == Some(CONFIG_TYPE)
            && config.dig(&["dynamic_module_config"])?.text("name") == Some(MODULE);
        let permission = match config.text("validator_name") {
            Some(ALLOWS_DANGER) => DangerPermission::Allowed,
            Some(FORBIDS_DANGER) => DangerPermission::Forbidden,
            _ => return None,
        };
        let document = config.get("validator_config").filter(|text| text.text("@type") == Some(STRING_TYPE))?;
        let document = document.text("value").filter(|_| is_module)?;
        Some(Self { document, permission, spot: validator.spot().clone() })
    }

    /// Puts what the document says of the verification into `spec`; what it gives up, or why the module refuses it.
    fn policy(&self, sent: &SentName, spec: &mut PolicySpec) -> Result<Danger, &'static str> {
        let document = document(self.document).ok_or(REFUSED)?;
        let draft = native::parse(document.as_bytes(), "the module's policy", None).map_err(|_| REFUSED)?;
        UpstreamTlsPolicy::check(draft.clone(), self.permission).map_err(|_| REFUSED)?;
        let PolicySpec { danger, revocation, server_name, spki_pins, mut subject_alt_names, trust, .. } = draft.spec;
        // The names that are listed do not ask for what is sent (N4).
        let is_reference = subject_alt_names.is_empty() && danger.accept_any_name.is_none();
        match (server_name.as_deref(), sent) {
            (Some(name), SentName::Fixed(sent)) if name == sent => {}
            // N3: it takes what Envoy has sent.
            (None | Some("auto"), SentName::None) if is_reference => return Err(NO_NAME),
            (None | Some("auto"), _) => {}
            (Some(name), _) if is_reference => subject_alt_names = vec![SanDraft::dns(name)],
            _ => {}
        }
        *spec = PolicySpec { danger, revocation, spki_pins, subject_alt_names, trust, ..core::mem::take(spec) };
        let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec.clone()), DangerPermission::Allowed);
        policy.map(|policy| policy.danger().clone()).map_err(|_| REFUSED)
    }
}

/// `{"policy": DOCUMENT, "onInvalid": "failClosed"}`, or the document alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Beside<'a> {
    #[serde(rename = "onInvalid", default)]
    on_invalid: Option<String>,
    #[serde(borrow)]
    policy: &'a RawValue,
}

/// The document, as it was written: its own reader is stricter than that of JSON. `None`: the module takes no such text.
fn document(text: &str) -> Option<&str> {
    let fields = serde_json::from_str::<BTreeMap<String, &RawValue>>(text).unwrap_or_default();
    if !fields.contains_key("policy") && !fields.contains_key("onInvalid") {
        return Some(text);
    }
    let Beside { on_invalid, policy } = serde_json::from_str(text).ok()?;
    matches!(on_invalid.as_deref(), None | Some("failClosed" | "keepLastGood")).then(|| policy.get())
}

const ANY_CERTIFICATE: &str = "uptls verifies, and its policy accepts any certificate (D2)";
const ANY_NAME: &str = "uptls verifies, and its policy accepts any name (D1)";
const NO_NAME: &str = "the policy wants the name that is sent, and none is: uptls refuses every certificate";
const REFUSED: &str = "uptls refuses the policy in it";
const TOLERATES: &str = "uptls verifies, and its policy tolerates what breaks a rule (D4)";
const VERIFIES: &str = "it is the module of uptls, which verifies by the policy in it";
