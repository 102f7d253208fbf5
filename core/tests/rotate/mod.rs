//! Connectors that publish, withdraw and follow files.

#[cfg(not(shuttle))]
mod audited;
#[cfg(all(unix, not(shuttle)))]
mod authors;
#[cfg(all(unix, not(shuttle)))]
mod batch;
#[cfg(all(unix, not(shuttle)))]
mod events;
#[cfg(not(shuttle))]
mod faces;
#[cfg(all(unix, not(shuttle)))]
mod files;
#[cfg(all(shuttle, unix))]
mod interleavings;
#[cfg(all(unix, not(shuttle)))]
mod model;
#[cfg(not(shuttle))]
mod prepared;
#[cfg(not(shuttle))]
mod reconsidered;
#[cfg(all(unix, not(shuttle)))]
mod shared;
#[cfg(all(unix, not(shuttle)))]
mod unread;
#[cfg(all(not(shuttle), feature = "aws-lc-rs"))]
mod withdrawn;
