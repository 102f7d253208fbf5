//! Textual encoding (RFC 7468) of what the testkit mints.

use crate::certificate::Certificate;
use der::pem::{LineEnding, encode_string};

/// One block with this label around these bytes.
pub fn pem(label: &str, der: &[u8]) -> String {
    encode_string(label, LineEnding::LF, der).expect("the label is valid")
}

/// The certificates as `CERTIFICATE` blocks, in this order.
pub fn chain_pem(chain: &[&Certificate]) -> String {
    chain.iter().map(|certificate| certificate.pem()).collect()
}

/// The certificate under OpenSSL's label `TRUSTED CERTIFICATE` (without the trust settings that may follow).
pub fn trusted_certificate_pem(certificate: &Certificate) -> String {
    pem("TRUSTED CERTIFICATE", certificate.der())
}
