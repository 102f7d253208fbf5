//! Checks of what is negotiated: versions, suites, groups, protocols, and the deadline.

use core::time::Duration;

use jiff::SignedDuration;

use super::Checker;
use crate::error::PolicyErrorKind;
use crate::policy::{
    Alpn, AlpnDraft, AlpnSelection, CIPHER_SUITES, GROUPS, Negotiation, TlsVersion, Versions, VersionsDraft,
};

impl Checker {
    /// H1.
    pub(super) fn versions(&mut self, draft: &VersionsDraft) -> Versions {
        let VersionsDraft { max, min } = draft;
        let default = Versions::default();
        let max = self.version("spec.versions.max", max.as_deref(), default.max);
        let min = self.version("spec.versions.min", min.as_deref(), default.min);
        if min > max {
            let change = format!("set spec.versions.max to {min}, or spec.versions.min to {max}");
            self.contradiction("spec.versions", format!("min {min} is newer than max {max}"), change);
        }
        Versions { max, min }
    }

    fn version(&mut self, path: &str, text: Option<&str>, default: TlsVersion) -> TlsVersion {
        let Some(text) = text else { return default };
        TlsVersion::parse(text).unwrap_or_else(|| {
            let supported = vec!["1.2".to_owned(), "1.3".to_owned()];
            self.fail(path, PolicyErrorKind::UnsupportedOption { given: text.to_owned(), supported });
            default
        })
    }

    /// H2.
    pub(super) fn cipher_suites(&mut self, names: &[String], versions: Versions) -> Vec<&'static str> {
        let (mut suites, known_problems) = (Vec::new(), self.problems.len());
        for (index, name) in names.iter().enumerate() {
            match CIPHER_SUITES.iter().find(|(known, ..)| known == name) {
                Some((known, ..)) if suites.contains(known) => {}
                Some((known, ..)) => suites.push(*known),
                None => {
                    let supported = CIPHER_SUITES.iter().map(|(known, ..)| (*known).to_owned()).collect();
                    let kind = PolicyErrorKind::UnsupportedOption { given: name.clone(), supported };
                    self.fail(format!("spec.cipherSuites[{index}]"), kind);
                }
            }
        }
        if self.problems.len() > known_problems {
            return suites;
        }
        let usable = |wanted: TlsVersion| CIPHER_SUITES.iter().any(|(n, _, v)| suites.contains(n) && *v == wanted);
        for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
            if !suites.is_empty() && versions.contains(version) && !usable(version) {
                let conflict = format!("spec.versions permits TLS {version}, and no suite of the list is for it");
                self.contradiction("spec.cipherSuites", conflict, suite_or_version(version));
            }
        }
        suites
    }

    pub(super) fn groups(&mut self, names: &[String]) -> Vec<&'static str> {
        let mut groups = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match GROUPS.iter().find(|(known, _)| known == name) {
                Some((known, _)) if groups.contains(known) => {}
                Some((known, _)) => groups.push(*known),
                None => {
                    let supported = GROUPS.iter().map(|(known, _)| (*known).to_owned()).collect();
                    let kind = PolicyErrorKind::UnsupportedOption { given: name.clone(), supported };
                    self.fail(format!("spec.groups[{index}]"), kind);
                }
            }
        }
        groups
    }

    /// H3.
    pub(super) fn alpn(&mut self, draft: AlpnDraft) -> Alpn {
        let AlpnDraft { protocols, required } = draft;
        for (index, protocol) in protocols.iter().enumerate() {
            if protocol.is_empty() || protocol.len() > 255 {
                let given = format!("a name of {} bytes", protocol.len());
                self.invalid(format!("spec.alpn.protocols[{index}]"), given, "a name of 1 to 255 bytes");
            }
        }
        let bytes: usize = protocols.iter().map(|p| p.len() + 1).sum();
        if bytes > usize::from(u16::MAX) {
            self.invalid("spec.alpn.protocols", format!("{bytes} bytes"), "a list of at most 65535 bytes");
        }
        if required && protocols.is_empty() {
            let change = "set spec.alpn.protocols, or remove spec.alpn.required";
            self.contradiction("spec.alpn.required", "a protocol is required, and none is offered", change);
        }
        let selection = if required { AlpnSelection::Required } else { AlpnSelection::Optional };
        Alpn { protocols, selection }
    }

    pub(super) fn timeout(&mut self, text: Option<&str>) -> Duration {
        let Some(text) = text else { return Negotiation::DEFAULT.handshake_timeout };
        let parsed = text.parse::<SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
        match parsed {
            Some(timeout) if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) => timeout,
            _ => {
                self.invalid("spec.handshakeTimeout", text, "a duration from 1ms to 1h, as 10s or 500ms");
                Negotiation::DEFAULT.handshake_timeout
            }
        }
    }
}

const MAX_TIMEOUT: Duration = Duration::from_secs(3600);
const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// What gives a list of suites one for `version`, or takes the version away.
fn suite_or_version(version: TlsVersion) -> String {
    let suite = match version {
        TlsVersion::V1_2 => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, or set spec.versions.min to 1.3",
        TlsVersion::V1_3 => "TLS_AES_128_GCM_SHA256, or set spec.versions.max to 1.2",
    };
    format!("add a suite for TLS {version}, such as {suite}")
}
