//! `validation`, in a BackendTLSPolicy or in another object that has one: whom to trust, which names, and the `mode` of a
//! proposal (GEP-4152) that gives up a part of the verification (M9).

use serde::Deserialize;
use uptls::{DangerDraft, DnsName, NameError, PolicyErrorKind, ReasonDraft, TolerationDraft, UriName};

use super::crd;
use super::crd::{check_items, violated};
use crate::kubernetes::model::object::quotable;
use crate::position::Notes;

/// `spec.validation`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::kubernetes) struct Validation {
    pub(in crate::kubernetes) ca_certificate_refs: Vec<CaRef>,
    pub(in crate::kubernetes) hostname: Option<String>,
    /// Of a proposal for the standard (M9).
    pub(in crate::kubernetes) mode: Option<String>,
    pub(in crate::kubernetes) subject_alt_names: Vec<SubjectAltName>,
    #[serde(rename = "wellKnownCACertificates")]
    pub(in crate::kubernetes) well_known: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::kubernetes) struct CaRef {
    pub(in crate::kubernetes) group: String,
    pub(in crate::kubernetes) kind: String,
    pub(in crate::kubernetes) name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::kubernetes) struct SubjectAltName {
    #[serde(default)]
    pub(in crate::kubernetes) hostname: Option<String>,
    #[serde(rename = "type")]
    pub(in crate::kubernetes) kind: String,
    #[serde(default)]
    pub(in crate::kubernetes) uri: Option<String>,
}

/// Notes whatever is wrong with the `validation` at `at`: in a BackendTLSPolicy, or in another object that has one.
pub(in crate::kubernetes) fn check_validation(validation: &Validation, at: &str, notes: &Notes<'_>) {
    let Validation { ca_certificate_refs, hostname, mode: _, subject_alt_names, well_known } = validation;
    check_mode(validation, at, notes);
    check_items(notes, &format!("{at}.caCertificateRefs"), ca_certificate_refs.len(), 0, 8);
    for (index, CaRef { group, kind, name }) in ca_certificate_refs.iter().enumerate() {
        let path = format!("{at}.caCertificateRefs[{index}]");
        crd::GROUP.check(notes, &format!("{path}.group"), group);
        crd::KIND.check(notes, &format!("{path}.kind"), kind);
        crd::NAME.check(notes, &format!("{path}.name"), name);
    }
    if let Some(well_known) = well_known {
        check_well_known(well_known, &format!("{at}.wellKnownCACertificates"), notes);
    }
    match (ca_certificate_refs.is_empty(), well_known.as_deref().unwrap_or_default().is_empty()) {
        (true, true) if !validation.needs_trust() => {}
        (true, true) => violated(notes, at, "", "must specify either CACertificateRefs or WellKnownCACertificates"),
        (false, false) => {
            violated(notes, at, "", "must not contain both CACertificateRefs and WellKnownCACertificates");
        }
        _ => {}
    }
    let path = &format!("{at}.hostname");
    let hostname = hostname.as_deref().unwrap_or_default();
    crd::PRECISE_HOSTNAME.check(notes, path, hostname);
    check_name(notes, path, hostname, DnsName::parse(hostname).err());
    check_items(notes, &format!("{at}.subjectAltNames"), subject_alt_names.len(), 0, 5);
    for (index, san) in subject_alt_names.iter().enumerate() {
        check_san(san, &format!("{at}.subjectAltNames[{index}]"), notes);
    }
}

fn check_well_known(text: &str, path: &str, notes: &Notes<'_>) {
    crd::WELL_KNOWN.check(notes, path, text);
    if text != SYSTEM && crd::WELL_KNOWN.permits(text) {
        let kind = PolicyErrorKind::UnsupportedOption { given: text.to_owned(), supported: vec![SYSTEM.to_owned()] };
        notes.near(path, kind);
    }
}

fn check_san(san: &SubjectAltName, path: &str, notes: &Notes<'_>) {
    let given = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
    let (hostname, uri) = (given(&san.hostname), given(&san.uri));
    if !SAN_TYPES.contains(&san.kind.as_str()) {
        let supported = SAN_TYPES.map(str::to_owned).to_vec();
        notes.near(
            &format!("{path}.type"),
            PolicyErrorKind::UnsupportedOption { given: quotable(&san.kind).to_owned(), supported },
        );
        return;
    }
    let is_hostname = san.kind == HOSTNAME;
    for (name, value, wanted) in [("Hostname", &hostname, is_hostname), ("URI", &uri, !is_hostname)] {
        if wanted && value.is_none() {
            let rule = format!("SubjectAltName element must contain {name}, if Type is set to {name}");
            violated(notes, path, "", &rule);
        } else if !wanted && value.is_some() {
            let rule = format!("SubjectAltName element must not contain {name}, if Type is not set to {name}");
            violated(notes, path, "", &rule);
        }
    }
    if let Some(hostname) = hostname.filter(|_| is_hostname) {
        let path = format!("{path}.hostname");
        crd::HOSTNAME.check(notes, &path, &hostname);
        let rest = hostname.strip_prefix("*.").unwrap_or(&hostname);
        check_name(notes, &path, &hostname, DnsName::parse(rest).err());
    }
    if let Some(uri) = uri.filter(|_| !is_hostname) {
        let path = format!("{path}.uri");
        crd::URI.check(notes, &path, &uri);
        check_name(notes, &path, &uri, UriName::parse(&uri).err());
    }
}

/// What the CRD's pattern lets through and no certificate can hold: an IP address, a label of 64 bytes.
pub(in crate::kubernetes) fn check_name(notes: &Notes<'_>, path: &str, given: &str, error: Option<NameError>) {
    let Some(reason) = error.filter(|_| !given.is_empty() && !notes.has_problem(path)) else { return };
    let given = given.to_owned();
    notes.near(
        path,
        match reason {
            NameError::IpLiteral => {
                PolicyErrorKind::Invalid { given, wanted: "a DNS name; IP addresses are not allowed".to_owned() }
            }
            reason => PolicyErrorKind::NameInvalid { given, reason },
        },
    );
}

/// What a mode gives up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum GivenUp {
    /// D2.
    Everything,
    /// D4, for the leaf alone: that an expired issuer is meant too, the proposal does not say.
    LeafExpiry,
    /// D1.
    Names,
    Nothing,
}

impl Validation {
    /// Whether a trust source has to be written.
    pub(in crate::kubernetes) fn needs_trust(&self) -> bool {
        self.given_up() != GivenUp::Everything
    }

    /// The weakening, and its path in a policy; `object` is who wants it.
    pub(in crate::kubernetes) fn danger(&self, object: &str) -> Option<(DangerDraft, &'static str)> {
        let mode = self.mode.as_deref().unwrap_or_default();
        let reason = format!("{object} sets the mode {mode}");
        let danger = DangerDraft::default();
        match self.given_up() {
            GivenUp::Everything => {
                let accept_any_certificate = Some(ReasonDraft { reason });
                Some((DangerDraft { accept_any_certificate, ..danger }, "spec.danger.acceptAnyCertificate"))
            }
            GivenUp::LeafExpiry => {
                let tolerate = vec![TolerationDraft { reason, rule: EXPIRED_LEAF.to_owned(), until: None }];
                Some((DangerDraft { tolerate, ..danger }, "spec.danger.tolerate[0]"))
            }
            GivenUp::Names => {
                let accept_any_name = Some(ReasonDraft { reason });
                Some((DangerDraft { accept_any_name, ..danger }, "spec.danger.acceptAnyName"))
            }
            GivenUp::Nothing => None,
        }
    }

    /// An unknown mode gives nothing up: it is a problem.
    fn given_up(&self) -> GivenUp {
        let found = self.mode.as_ref().and_then(|mode| MODES.iter().find(|row| row.0 == mode));
        found.map_or(GivenUp::Nothing, |row| row.1)
    }
}

/// Notes whatever is wrong with the mode of the `validation` at `at`, and with what may not stand beside it.
fn check_mode(validation: &Validation, at: &str, notes: &Notes<'_>) {
    let Some(mode) = &validation.mode else { return };
    let path = format!("{at}.mode");
    if !MODES.iter().any(|row| row.0 == mode) {
        let supported = MODES.iter().map(|row| row.0.to_owned()).collect();
        notes.near(&path, PolicyErrorKind::UnsupportedOption { given: quotable(mode).to_owned(), supported });
        return;
    }
    let given_up = validation.given_up();
    let has_names = !validation.subject_alt_names.is_empty();
    if has_names && matches!(given_up, GivenUp::Everything | GivenUp::Names) {
        violated(notes, at, "", &format!("subjectAltNames must be empty when mode is {mode}"));
    }
    let has_trust = !validation.ca_certificate_refs.is_empty() || validation.well_known.is_some();
    if has_trust && given_up == GivenUp::Everything {
        let rule = format!("caCertificateRefs and wellKnownCACertificates must be empty when mode is {mode}");
        violated(notes, at, "", &rule);
    }
}

pub(in crate::kubernetes) const HOSTNAME: &str = "Hostname";
pub(in crate::kubernetes) const SYSTEM: &str = "System";
const SAN_TYPES: [&str; 2] = [HOSTNAME, "URI"];
const EXPIRED_LEAF: &str = "expired_leaf";
/// The proposal was renamed while it was discussed: both spellings mean the same.
const MODES: [(&str, GivenUp); 6] = [
    ("InsecureAllowExpired", GivenUp::LeafExpiry),
    ("InsecureSkipOnlySANVerification", GivenUp::Names),
    ("InsecureSkipSANVerification", GivenUp::Names),
    ("InsecureSkipVerification", GivenUp::Everything),
    ("Standard", GivenUp::Nothing),
    ("Strict", GivenUp::Nothing),
];
