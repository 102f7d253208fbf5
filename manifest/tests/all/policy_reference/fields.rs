//! Every field of a policy document: an example, a mistake, and what follows from getting it wrong.

use uptls::Code;

/// One field.
pub(super) struct Field {
    /// Of the fault in `mistake`.
    pub(super) code: Code,
    /// The attack or outage that follows from a wrong value which is no error.
    pub(super) consequence: &'static str,
    /// Fields of `spec` that a policy accepts, or of `metadata`.
    pub(super) example: &'static str,
    /// The same with one fault.
    pub(super) mistake: &'static str,
    /// Where it is, from `spec`.
    pub(super) path: &'static str,
}

const fn field(
    path: &'static str,
    example: &'static str,
    mistake: &'static str,
    code: Code,
    consequence: &'static str,
) -> Field {
    Field { code, consequence, example, mistake, path }
}

/// In the order of the page.
pub(super) const FIELDS: &[Field] = &[
    field(
        "metadata.name",
        "metadata: {name: payments}",
        "metadata: {name: ''}",
        Code::PolicyInvalid,
        "Reports, events and logs name the policy by it. Two policies of one name cannot be told apart there.",
    ),
    field(
        "spec.trust.bundles[].file",
        "trust: {bundles: [{file: ca.pem}]}",
        "trust: {bundles: [{file: gone.pem}]}",
        Code::TrustUnreadable,
        "Every CA in the file can issue a certificate for your backend. Give the CA of the backend and no other.",
    ),
    field(
        "spec.trust.bundles[].pem",
        "trust:\n  bundles:\n    - pem: |\n        @ca.pem",
        "trust: {bundles: [{pem: not a certificate}]}",
        Code::TrustBundleEmpty,
        "A bundle in the document changes only with the document, so a watch of files never renews it.",
    ),
    field(
        "spec.trust.bundles[].trustDomain",
        "trust: {bundles: [{file: ca.pem, trustDomain: prod.example}]}\nsubjectAltNames: [{uri: spiffe://prod.example/ns/pay}]",
        "trust: {bundles: [{file: ca.pem, trustDomain: Prod.Example}]}\nsubjectAltNames: [{uri: spiffe://prod.example/ns/pay}]",
        Code::NameInvalid,
        "A CA that is filed under the trust domain of another organization can issue its SPIFFE IDs.",
    ),
    field(
        "spec.trust.pinnedCertificates",
        "trust: {pinnedCertificates: [9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]}",
        "trust: {pinnedCertificates: [9f86d0]}",
        Code::PolicyInvalid,
        "A renewed certificate has another digest. Pin the next one before the backend presents it, or the renewal is an outage.",
    ),
    field(
        "spec.trust.pinnedKeys",
        "trust: {pinnedKeys: [AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=]}",
        "trust: {pinnedKeys: [AAAA]}",
        Code::PolicyInvalid,
        "A pinned key is trusted without a CA. If it leaks, only a change of this policy ends the trust.",
    ),
    field(
        "spec.trust.system",
        "trust: {system: mozilla}\nserverName: payments.example",
        "trust: {system: windows}",
        Code::PolicyInvalid,
        "With public roots each of some 150 CAs can issue a certificate for your backend. Use a bundle for internal backends.",
    ),
    field(
        "spec.trust.systemTrustDomain",
        "trust: {system: mozilla, systemTrustDomain: prod.example}\nsubjectAltNames: [{uri: spiffe://prod.example/ns/pay}]",
        "trust: {system: mozilla, systemTrustDomain: spiffe://prod.example}\nsubjectAltNames: [{uri: spiffe://prod.example/ns/pay}]",
        Code::NameInvalid,
        "It lets every public CA issue SPIFFE IDs of that domain. Set it only if the system's roots are your own.",
    ),
    field(
        "spec.serverName",
        "serverName: payments.internal",
        "serverName: 10.0.0.7",
        Code::NameInvalid,
        "It is the SNI, and without `subjectAltNames` also the name that the certificate must hold. `none` sends no name, and then \
         `subjectAltNames` are required.",
    ),
    field(
        "spec.subjectAltNames[].dns",
        "subjectAltNames: [{dns: payments.internal}]",
        "subjectAltNames: [{dns: payments..internal}]",
        Code::NameInvalid,
        "Every entry is one more name that a peer may have. The server name no longer counts once there is an entry.",
    ),
    field(
        "spec.subjectAltNames[].ip",
        "subjectAltNames: [{ip: 10.0.0.7}]",
        "subjectAltNames: [{ip: 10.0.0.0/8}]",
        Code::PolicyInvalid,
        "An address that another pod gets later is then an identity of that pod. Prefer a name.",
    ),
    field(
        "spec.subjectAltNames[].spiffe.pathPrefix",
        "subjectAltNames: [{spiffe: {trustDomain: prod.example, pathPrefix: /ns/pay}}]",
        "subjectAltNames: [{spiffe: {trustDomain: prod.example, pathPrefix: ns/pay}}]",
        Code::NameInvalid,
        "Without it every workload of the trust domain is accepted.",
    ),
    field(
        "spec.subjectAltNames[].spiffe.trustDomain",
        "subjectAltNames: [{spiffe: {trustDomain: prod.example}}]",
        "subjectAltNames: [{spiffe: {pathPrefix: /ns/pay}}]",
        Code::PolicyInvalid,
        "IDs of this domain count only under a CA that vouches for it.",
    ),
    field(
        "spec.subjectAltNames[].spiffeTrustDomain",
        "subjectAltNames: [{spiffeTrustDomain: prod.example}]",
        "subjectAltNames: [{spiffeTrustDomain: prod.example/ns}]",
        Code::NameInvalid,
        "Every workload of the trust domain is accepted.",
    ),
    field(
        "spec.subjectAltNames[].uri",
        "subjectAltNames: [{uri: 'spiffe://prod.example/ns/pay/sa/api'}]",
        "subjectAltNames: [{uri: payments.internal}]",
        Code::NameInvalid,
        "URIs are compared byte for byte. Another spelling of the same URI does not match.",
    ),
    field(
        "spec.spkiPins",
        "spkiPins: [AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=]",
        "spkiPins: [AAAA]",
        Code::PolicyInvalid,
        "The leaf must have one of these keys as well. Add the next key before the backend changes its key, or the change is an outage.",
    ),
    field(
        "spec.identity.certificate.file",
        "identity: {certificate: {file: tls.crt}, key: {file: tls.key}}",
        "identity: {certificate: {file: tls.key}, key: {file: tls.key}}",
        Code::IdentityParse,
        "A peer that asks for a certificate sees this chain and may log it.",
    ),
    field(
        "spec.identity.certificate.pem",
        "identity:\n  certificate:\n    pem: |\n      @tls.crt\n  key: {file: tls.key}",
        "identity: {certificate: {pem: ''}, key: {file: tls.key}}",
        Code::IdentityParse,
        "A certificate in the document and a key in a file are renewed by two writers, and then do not belong together.",
    ),
    field(
        "spec.identity.key.file",
        "identity: {certificate: {file: tls.crt}, key: {file: tls.key}}",
        "identity: {certificate: {file: tls.crt}, key: {file: other.key}}",
        Code::IdentityKeyMismatch,
        "A user who can read this file can act as your gateway. uptls does not check its permissions.",
    ),
    field(
        "spec.identity.key.pem",
        "identity:\n  certificate: {file: tls.crt}\n  key:\n    pem: |\n      @tls.key",
        "identity: {certificate: {file: tls.crt}, key: {pem: '', file: tls.key}}",
        Code::PolicyInvalid,
        "A key in the document is in every copy of the document: in version control, in a backup, in a ConfigMap.",
    ),
    field(
        "spec.identity.passphrase.file",
        "identity: {certificate: {file: tls.crt}, key: {file: encrypted.key}, passphrase: {file: passphrase}}",
        "identity: {certificate: {file: tls.crt}, key: {file: encrypted.key}}",
        Code::IdentityPassphrase,
        "A passphrase beside its key protects backups of the key file alone.",
    ),
    field(
        "spec.identity.passphrase.pem",
        "identity: {certificate: {file: tls.crt}, key: {file: encrypted.key}, passphrase: {pem: correct horse}}",
        "identity: {certificate: {file: tls.crt}, key: {file: encrypted.key}, passphrase: {pem: wrong}}",
        Code::IdentityPassphrase,
        "A passphrase in the document is readable wherever the document is.",
    ),
    field(
        "spec.revocation.crls[].file",
        "revocation: {crls: [{file: ca.crl}]}",
        "revocation: {crls: [{file: gone.crl}]}",
        Code::CrlUnreadable,
        "A list that is not renewed ends at its nextUpdate, and then covers nothing: with `unknown: deny` that is an outage.",
    ),
    field(
        "spec.revocation.crls[].pem",
        "revocation:\n  crls:\n    - pem: |\n        @ca.crl",
        "revocation: {crls: [{pem: not a list}]}",
        Code::CrlParse,
        "A list in the document is as old as the document.",
    ),
    field(
        "spec.revocation.depth",
        "revocation: {crls: [{file: ca.crl}], depth: leaf}",
        "revocation: {crls: [{file: ca.crl}], depth: root}",
        Code::PolicyInvalid,
        "With `leaf` a revoked intermediate still vouches for its leaves.",
    ),
    field(
        "spec.revocation.unknown",
        "revocation: {crls: [{file: ca.crl}], unknown: allow}",
        "revocation: {crls: [{file: ca.crl}], unknown: 'yes'}",
        Code::PolicyInvalid,
        "With `allow` an attacker who keeps a list from you can use a revoked certificate.",
    ),
    field(
        "spec.versions.max",
        "versions: {max: '1.2'}",
        "versions: {min: '1.3', max: '1.2'}",
        Code::PolicyInvalid,
        "TLS 1.2 shows certificates of both sides to anyone who reads the wire.",
    ),
    field(
        "spec.versions.min",
        "versions: {min: '1.3'}",
        "versions: {min: '1.1'}",
        Code::UnsupportedOption,
        "A backend that has no version in common fails every connection with `version_mismatch`.",
    ),
    field(
        "spec.cipherSuites",
        "cipherSuites: [TLS_AES_256_GCM_SHA384]\nversions: {min: '1.3'}",
        "cipherSuites: [TLS_RSA_WITH_AES_128_CBC_SHA]",
        Code::UnsupportedOption,
        "A fixed list keeps out the suites of a later provider, and a backend that drops the last common one is unreachable.",
    ),
    field(
        "spec.groups",
        "groups: [X25519MLKEM768, X25519]",
        "groups: [P-256]",
        Code::UnsupportedOption,
        "Without X25519MLKEM768, an attacker who records the traffic now can read it once there are large quantum computers.",
    ),
    field(
        "spec.alpn.protocols",
        "alpn: {protocols: [h2, http/1.1]}",
        "alpn: {protocols: ['']}",
        Code::PolicyInvalid,
        "A client that offers a protocol must speak it: a backend that selects `h2` sends frames at once.",
    ),
    field(
        "spec.alpn.required",
        "alpn: {protocols: [h2], required: true}",
        "alpn: {required: true}",
        Code::PolicyInvalid,
        "Without it a backend that selects no protocol is accepted, and a client that continues with `h2` gets an error of HTTP.",
    ),
    field(
        "spec.handshakeTimeout",
        "handshakeTimeout: 2s",
        "handshakeTimeout: 2",
        Code::PolicyInvalid,
        "It bounds the whole connect. A long one lets a silent peer hold a task; a short one refuses a backend under load.",
    ),
    field(
        "spec.resumption",
        "resumption: false",
        "resumption: 'no'",
        Code::PolicyInvalid,
        "Without resumption each connection costs a full handshake. With it a session lives on until its policy or material changes.",
    ),
    field(
        "spec.danger.acceptAnyCertificate.reason",
        "danger: {acceptAnyCertificate: {reason: a lab device}}",
        "danger: {acceptAnyCertificate: {}}",
        Code::DocumentParse,
        "Anyone on the path can impersonate the backend.",
    ),
    field(
        "spec.danger.acceptAnyName.reason",
        "danger: {acceptAnyName: {reason: certificates of this CA have no names}}",
        "danger: {acceptAnyName: {reason: no names}}\nsubjectAltNames: [{dns: payments.internal}]",
        Code::PolicyInvalid,
        "Every owner of a certificate under the trust can impersonate the backend.",
    ),
    field(
        "spec.danger.tolerate[].reason",
        "danger: {tolerate: [{rule: key_usage, reason: 'old PKI, renewed in March'}]}",
        "danger: {tolerate: [{rule: key_usage}]}",
        Code::DocumentParse,
        "The reason is in every report, so that its readers know why the rule is off.",
    ),
    field(
        "spec.danger.tolerate[].rule",
        "danger: {tolerate: [{rule: expired_leaf, reason: renewal is broken}]}",
        "danger: {tolerate: [{rule: signature, reason: no}]}",
        Code::UnsupportedOption,
        "The rule keeps out what it is named after: an expired leaf, for one, may have been replaced because its key leaked.",
    ),
    field(
        "spec.danger.tolerate[].until",
        "danger: {tolerate: [{rule: common_name, reason: old PKI, until: '2027-03-01T00:00:00Z'}]}",
        "danger: {tolerate: [{rule: common_name, reason: old PKI, until: March}]}",
        Code::PolicyInvalid,
        "Without an end the weakening stays until an operator remembers it.",
    ),
];
