//! The commands that make readable material of what other tools wrote. A test runs each of them.

use crate::text::printable;

/// How a file in a format that is not read becomes one that is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Conversion {
    /// A key that is encrypted by a scheme that is too weak or too old.
    EncryptedKey,
    /// A Java key store, JKS or JCEKS.
    JavaKeyStore,
    /// A key in OpenSSH's format.
    OpenSsh,
    /// PKCS#12: `.p12`, `.pfx`.
    Pkcs12,
    /// PKCS#7: `.p7b`, `.p7c`.
    Pkcs7,
    /// A key under a passphrase, in a build without the feature `encrypted-keys`.
    PlainKey,
    /// A `TRUSTED CERTIFICATE` block.
    TrustedCertificate,
    /// Text in UTF-16.
    Utf16,
    /// Text in UTF-32.
    Utf32,
}

impl Conversion {
    /// The command for the file `source`, in the words of a POSIX shell; for a source that is no file it says `FILE`.
    pub fn command(self, source: &str) -> String {
        let file = file(source);
        match self {
            Self::EncryptedKey => format!("openssl pkcs8 -topk8 -v2 aes-256-cbc -in {file} -out new.key"),
            Self::JavaKeyStore => format!("keytool -list -rfc -keystore {file} > new.pem"),
            Self::OpenSsh => format!("ssh-keygen -p -m PKCS8 -f {file}"),
            Self::Pkcs12 => format!("openssl pkcs12 -noenc -in {file} -out new.pem"),
            Self::Pkcs7 => format!("openssl pkcs7 -print_certs -in {file} -out new.pem"),
            Self::PlainKey => format!("openssl pkcs8 -topk8 -nocrypt -in {file} -out new.key"),
            Self::TrustedCertificate => format!("openssl x509 -in {file} -out new.pem"),
            Self::Utf16 => format!("iconv -f UTF-16 -t UTF-8 {file} > new.pem"),
            Self::Utf32 => format!("iconv -f UTF-32 -t UTF-8 {file} > new.pem"),
        }
    }

    pub(super) fn hint(self, source: &str) -> String {
        let rest = match self {
            Self::EncryptedKey => ", and set identity.passphrase",
            Self::JavaKeyStore => " (for its certificates; a key goes by way of keytool -importkeystore)",
            Self::OpenSsh => " (it rewrites the file in place)",
            Self::PlainKey => ", let the proxy alone read new.key, and remove identity.passphrase",
            Self::Pkcs12 => ", and name new.pem as certificate and as key",
            _ => "",
        };
        format!("convert it: {}{rest}", self.command(source))
    }
}

/// A file name as a shell takes it. Objects of Kubernetes and inline texts are no files.
fn file(source: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ',' | '@' | '%');
    if source == "inline" || source.is_empty() || source.contains(' ') || source.starts_with('-') {
        "FILE".to_owned()
    } else if source.chars().all(is_plain) {
        source.to_owned()
    } else {
        format!("'{}'", printable(source).replace('\'', r"'\''"))
    }
}
