//! Verification: chains, anchors, names, lists and policies.

#[cfg(feature = "aws-lc-rs")]
mod agreement;
#[cfg(feature = "aws-lc-rs")]
mod bundles;
#[cfg(feature = "aws-lc-rs")]
mod chain_limits;
#[cfg(feature = "aws-lc-rs")]
mod fingerprint;
#[cfg(unix)]
mod material_encodings;
#[cfg(feature = "aws-lc-rs")]
mod native_roots;
#[cfg(feature = "aws-lc-rs")]
mod native_roots_issue;
#[cfg(feature = "aws-lc-rs")]
mod path_order;
#[cfg(feature = "aws-lc-rs")]
mod peer_texts;
mod policy;
#[cfg(feature = "aws-lc-rs")]
mod revocation_cost;
#[cfg(feature = "aws-lc-rs")]
mod spiffe;
#[cfg(feature = "aws-lc-rs")]
mod verified_chain;
