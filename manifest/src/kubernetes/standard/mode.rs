//! `validation.mode` (GEP-4152): which part of the verification the standard itself gives up, as D1, D2 or D4 (M9).

use uptls::{DangerDraft, PolicyErrorKind, ReasonDraft, TolerationDraft};

use crate::kubernetes::backend_tls_policy::Validation;
use crate::kubernetes::crd::violated;
use crate::kubernetes::object::quotable;
use crate::position::Notes;

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

    /// A mode that nobody knows gives nothing up: it is a problem.
    fn given_up(&self) -> GivenUp {
        let found = self.mode.as_ref().and_then(|mode| MODES.iter().find(|row| row.0 == mode));
        found.map_or(GivenUp::Nothing, |row| row.1)
    }
}

/// Notes whatever is wrong with the mode of the `validation` at `at`, and with what may not stand beside it.
pub(in crate::kubernetes) fn check(validation: &Validation, at: &str, notes: &Notes<'_>) {
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
