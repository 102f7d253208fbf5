//! HTTP clients: each request goes to the route of its host, over a verified connection of the route's pool (P7 to P11).
//!
//! ```text
//!  hosts     which names are for a route
//!  table     the routes of one listener by their hosts
//!  serve     connections of clients, HTTP/1.1 and HTTP/2
//!  forward   one request -> the pool of its route -> the response
//!    head    the host of a request, and the fields that are for one connection only
//!    answer  what the proxy says itself
//!    upgrade 101, and the bytes behind it
//!  exchange  what became of a request, its bytes, and its line in the log
//! ```

mod answer;
mod exchange;
mod forward;
mod head;
mod hosts;
mod serve;
mod table;
mod upgrade;
mod upstream;

pub(super) use hosts::Hosts;
pub(super) use serve::{Shared, accept};
pub(super) use table::Table;
pub(super) use upstream::Upstream;
