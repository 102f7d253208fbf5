//! Every condition that is written, by its reason. A test compares type and reason with the constants of the standard.

/// A reason, with the condition that has it.
#[derive(Clone, Copy)]
pub(super) struct Reason {
    /// The type of the condition.
    pub(super) condition: &'static str,
    /// Whether the condition is `True`, else `False`.
    pub(super) is_true: bool,
    pub(super) text: &'static str,
}

/// Name, status, condition and reason; in parentheses what the standard calls each of the two, if it has a word for it.
macro_rules! reasons {
    ($($name:ident: $is_true:literal $condition:literal ($type:literal) $text:literal ($reason:literal);)*) => {
        $(pub(super) const $name: Reason = Reason { condition: $condition, is_true: $is_true, text: $text };)*

        #[cfg(test)]
        const ALL: &[(Reason, &str, &str)] = &[$(($name, $type, $reason)),*];
    };
}

#[rustfmt::skip]
reasons! {
    POLICY_ACCEPTED: true "Accepted" ("PolicyConditionAccepted") "Accepted" ("PolicyReasonAccepted");
    POLICY_CONFLICTED: false "Accepted" ("PolicyConditionAccepted") "Conflicted" ("PolicyReasonConflicted");
    POLICY_INVALID: false "Accepted" ("PolicyConditionAccepted") "Invalid" ("PolicyReasonInvalid");
    POLICY_TARGET_NOT_FOUND: false "Accepted" ("PolicyConditionAccepted") "TargetNotFound" ("PolicyReasonTargetNotFound");
    NO_VALID_CA: false "Accepted" ("PolicyConditionAccepted") "NoValidCACertificate" ("BackendTLSPolicyReasonNoValidCACertificate");
    POLICY_RESOLVED: true "ResolvedRefs" ("BackendTLSPolicyConditionResolvedRefs") "ResolvedRefs" ("BackendTLSPolicyReasonResolvedRefs");
    INVALID_CA: false "ResolvedRefs" ("BackendTLSPolicyConditionResolvedRefs") "InvalidCACertificateRef" ("BackendTLSPolicyReasonInvalidCACertificateRef");
    INVALID_KIND: false "ResolvedRefs" ("BackendTLSPolicyConditionResolvedRefs") "InvalidKind" ("BackendTLSPolicyReasonInvalidKind");

    GATEWAY_RESOLVED: true "ResolvedRefs" ("GatewayConditionResolvedRefs") "ResolvedRefs" ("GatewayReasonResolvedRefs");
    GATEWAY_INVALID: false "ResolvedRefs" ("GatewayConditionResolvedRefs") "InvalidClientCertificateRef" ("GatewayReasonInvalidClientCertificateRef");
    GATEWAY_NOT_PERMITTED: false "ResolvedRefs" ("GatewayConditionResolvedRefs") "RefNotPermitted" ("GatewayReasonRefNotPermitted");

    // The standard has the first of them alone; the others are what it says of the same fields in a Gateway and a BackendTLSPolicy.
    BACKEND_ACCEPTED: true "Accepted" ("BackendConditionAccepted") "Accepted" ("BackendReasonAccepted");
    BACKEND_INVALID: false "Accepted" ("BackendConditionAccepted") "Invalid" ("PolicyReasonInvalid");
    BACKEND_RESOLVED: true "ResolvedRefs" ("GatewayConditionResolvedRefs") "ResolvedRefs" ("GatewayReasonResolvedRefs");
    BACKEND_INVALID_CA: false "ResolvedRefs" ("GatewayConditionResolvedRefs") "InvalidCACertificateRef" ("BackendTLSPolicyReasonInvalidCACertificateRef");
    BACKEND_INVALID_CLIENT: false "ResolvedRefs" ("GatewayConditionResolvedRefs") "InvalidClientCertificateRef" ("GatewayReasonInvalidClientCertificateRef");
    BACKEND_NOT_PERMITTED: false "ResolvedRefs" ("GatewayConditionResolvedRefs") "RefNotPermitted" ("GatewayReasonRefNotPermitted");

    // kgateway's own words, which are not the standard's.
    CONFIG_ATTACHED: true "Attached" ("") "Attached" ("");
    CONFIG_CONFLICTED: true "Overridden" ("") "ConflictedWithBackendTLSPolicy" ("");
    CONFIG_INVALID: false "Accepted" ("") "Invalid" ("");
    CONFIG_OVERRIDDEN: false "Attached" ("") "Overridden" ("");
    CONFIG_PENDING: false "Attached" ("") "Pending" ("");
    CONFIG_VALID: true "Accepted" ("") "Valid" ("");
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde::Deserialize;

    use super::*;

    /// The constants of the standard by their names: `testdata/gateway-api/conditions.json`.
    #[derive(Deserialize)]
    struct Standard {
        reasons: BTreeMap<String, String>,
        types: BTreeMap<String, String>,
    }

    fn standard() -> Standard {
        serde_json::from_str(include_str!("../../../../testdata/gateway-api/conditions.json")).unwrap()
    }

    /// The words of kgateway's Go types.
    #[derive(Deserialize)]
    struct Kgateway {
        reasons: BTreeSet<String>,
        types: BTreeSet<String>,
    }

    #[test]
    fn types_and_reasons_are_those_of_the_standard() {
        let Standard { reasons, types } = standard();
        let (own, theirs): (Vec<_>, Vec<_>) = ALL.iter().partition(|(_, name_of_type, _)| name_of_type.is_empty());
        for (reason, name_of_type, name) in theirs {
            assert_eq!(types.get(name_of_type).map(String::as_str), Some(reason.condition), "{name_of_type}");
            assert_eq!(reasons.get(name).map(String::as_str), Some(reason.text), "{name}");
        }
        // Its twin: a word that is no constant is none.
        assert_eq!(reasons.get("PolicyReasonAcceptable"), None);
        let kgateway: Kgateway =
            serde_json::from_str(include_str!("../../../../testdata/kgateway/types.json")).unwrap();
        for (reason, ..) in &own {
            assert!(kgateway.types.contains(reason.condition), "{}", reason.condition);
            assert!(kgateway.reasons.contains(reason.text), "{}", reason.text);
        }
        assert_eq!(own.len(), 6);
        assert!(!kgateway.reasons.contains("Conflicted"));
    }

    /// What the documentation names as the source of a condition.
    #[test]
    fn constants_in_the_documentation_exist() {
        let Standard { reasons, types } = standard();
        let page = include_str!("../../../../docs/manifests.md");
        let words: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
        let is_constant = |word: &&&str| {
            ["PolicyReason", "PolicyCondition", "GatewayReason", "GatewayCondition"]
                .iter()
                .any(|part| word.contains(part))
        };
        let named: Vec<&&str> = words.iter().filter(is_constant).collect();
        assert!(named.len() >= 8, "{named:?}");
        for name in named {
            assert!(reasons.contains_key(*name) || types.contains_key(*name), "{name}");
        }
    }
}
