//! SHA-2 and its HMACs for rustls, over RustCrypto.

use core::marker::PhantomData;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha384};
use uptls::rustls::crypto::{hash, hmac as tls};

/// A hash function.
pub(super) struct Sha2<D> {
    algorithm: hash::HashAlgorithm,
    digest: PhantomData<fn() -> D>,
}

pub(super) static SHA256: Sha2<Sha256> = Sha2 { algorithm: hash::HashAlgorithm::SHA256, digest: PhantomData };
pub(super) static SHA384: Sha2<Sha384> = Sha2 { algorithm: hash::HashAlgorithm::SHA384, digest: PhantomData };

impl<D: Digest + Clone + Send + Sync + 'static> hash::Hash for Sha2<D> {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Running(D::new()))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        hash::Output::new(&D::digest(data))
    }

    fn output_len(&self) -> usize {
        <D as Digest>::output_size()
    }

    fn algorithm(&self) -> hash::HashAlgorithm {
        self.algorithm
    }
}

/// A hash of what was said so far.
struct Running<D>(D);

impl<D: Digest + Clone + Send + Sync + 'static> hash::Context for Running<D> {
    fn fork_finish(&self) -> hash::Output {
        hash::Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> hash::Output {
        hash::Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

/// The HMAC (RFC 2104) of a hash function.
pub(super) struct HmacOf<M>(PhantomData<fn() -> M>);

pub(super) static HMAC_SHA256: HmacOf<Hmac<Sha256>> = HmacOf(PhantomData);
pub(super) static HMAC_SHA384: HmacOf<Hmac<Sha384>> = HmacOf(PhantomData);

impl<M: Mac + KeyInit + Clone + Send + Sync + 'static> tls::Hmac for HmacOf<M> {
    #[allow(clippy::expect_used, reason = "RFC 2104: a key may have any length")]
    fn with_key(&self, key: &[u8]) -> Box<dyn tls::Key> {
        Box::new(Keyed(<M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of all lengths")))
    }

    fn hash_output_len(&self) -> usize {
        M::output_size()
    }
}

struct Keyed<M>(M);

impl<M: Mac + Clone + Send + Sync + 'static> tls::Key for Keyed<M> {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> tls::Tag {
        let mut mac = self.0.clone();
        for part in [&[first], middle, &[last]].concat() {
            mac.update(part);
        }
        tls::Tag::new(&mac.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        M::output_size()
    }
}
