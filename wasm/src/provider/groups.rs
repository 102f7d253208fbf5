//! The groups of aws-lc-rs, by name: no key exchange begins here.

use uptls::rustls::crypto::{ActiveKeyExchange, SupportedKxGroup};
use uptls::rustls::{Error, NamedGroup, ProtocolVersion};

use super::NO_HANDSHAKE;

/// In the order of aws-lc-rs with its preference for post-quantum groups.
pub(super) static ALL: &[&dyn SupportedKxGroup] = &[
    &Group(NamedGroup::X25519MLKEM768),
    &Group(NamedGroup::X25519),
    &Group(NamedGroup::secp256r1),
    &Group(NamedGroup::secp384r1),
];

#[derive(Debug)]
struct Group(NamedGroup);

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Err(Error::General(NO_HANDSHAKE.to_owned()))
    }

    fn name(&self) -> NamedGroup {
        self.0
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        self.0 != NamedGroup::X25519MLKEM768 || version == ProtocolVersion::TLSv1_3
    }
}
