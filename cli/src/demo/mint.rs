//! Freshly minted certificates: authorities, and what they issue.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

/// A certificate authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    now: Duration,
    pub(super) pem: String,
    pub(super) der: Vec<u8>,
}

impl Authority {
    /// A root called `name`, valid for ten years around `now` (since 1970), with a key of its own.
    pub(super) fn new(name: &str, now: Duration) -> Result<Self, rcgen::Error> {
        let mut params = params(name, now.saturating_sub(days(365)), now + days(9 * 365 + 1));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let (pem, der) = (certificate.pem(), certificate.der().to_vec());
        Ok(Self { issuer: Issuer::new(params, key), now, pem, der })
    }

    /// A server certificate, valid from a month ago until the given time from now.
    pub(super) fn server(&self, name: &str, san: Name, until: Until) -> Result<Minted, rcgen::Error> {
        self.issue(name, san, until, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client certificate for the next month.
    pub(super) fn client(&self, name: &str, san: Name) -> Result<Minted, rcgen::Error> {
        self.issue(name, san, Until::Days(31), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(
        &self,
        name: &str,
        san: Name,
        until: Until,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Minted, rcgen::Error> {
        let end = match until {
            Until::Days(left) => self.now + days(left) + HOUR,
            Until::DaysAgo(past) => self.now.saturating_sub(days(past) + HOUR),
        };
        let mut params = params(name, self.now.saturating_sub(days(31)), end);
        params.subject_alt_names = vec![match san {
            Name::Dns(name) => SanType::DnsName(name.try_into()?),
            Name::Uri(uri) => SanType::URI(uri.try_into()?),
        }];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let (pem, der) = (certificate.pem(), certificate.der().to_vec());
        Ok(Minted { pem, der, key_pem: key.serialize_pem(), key_der: key.serialize_der() })
    }
}

/// A certificate and its key.
pub(super) struct Minted {
    pub(super) pem: String,
    pub(super) der: Vec<u8>,
    pub(super) key_pem: String,
    pub(super) key_der: Vec<u8>,
}

/// The one name of a certificate.
#[derive(Clone, Copy)]
pub(super) enum Name {
    Dns(&'static str),
    Uri(&'static str),
}

/// The end of a certificate.
#[derive(Clone, Copy)]
pub(super) enum Until {
    Days(u32),
    DaysAgo(u32),
}

/// From and to are since 1970.
fn params(name: &str, from: Duration, to: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(1970, 1, 1) + from;
    params.not_after = date_time_ymd(1970, 1, 1) + to;
    params
}

fn days(count: u32) -> Duration {
    HOUR * 24 * count
}

const HOUR: Duration = Duration::from_secs(3600);
