//! What `uptls proxy` can be given.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::listen::Listen;
use crate::args::{Source, help};
use crate::target::{ConnectTo, Target, parse_timeout};

/// Give programs without TLS a verified connection to an upstream.
///
/// Listens for plain connections, and for each one opens a TLS connection to HOST:PORT by the policy. A client whose upstream
/// the policy refuses gets no byte: its connection is closed, and the log says why. The proxy never speaks plaintext to an
/// upstream. It follows the policy, the routes and all files that they name: a rotation ends no connection.
///
/// With --http, or for routes with hosts, clients send HTTP requests in the clear, and the host of each picks its route.
///
/// Each connection that ended is a line on stdout, and so is each HTTP request. Events of the policies are lines on stderr. On SIGTERM or SIGINT the
/// proxy takes no more connections, and ends with those that are open or after --drain-timeout.
#[derive(Args, Clone, Debug)]
#[command(after_help = help("uptls proxy --listen 127.0.0.1:6380 --policy redis.yaml redis.internal:6379
  uptls proxy --listen 127.0.0.1:6380 --ca ca.pem redis.internal:6379
  uptls proxy --listen unix:/run/app/db.sock --policy db.yaml --idle-timeout 10m db.internal:5432
  uptls proxy --listen 8080 --manifests ./manifests --backend shop/pay:443 pay.shop.svc:443
  uptls proxy --http --listen 8080 --policy pay.yaml pay.internal:443
  uptls proxy --routes routes.yaml --admin 127.0.0.1:9180 --json"))]
#[command(group(ArgGroup::new("upstream").required(true).args(["routes", "target"])))]
#[command(mut_group("source", |group| group.required(false)))]
pub(crate) struct ProxyArgs {
    /// Where clients connect: PORT or ADDRESS:PORT, or unix:PATH, which only the proxy's own user can connect to. A PORT alone
    /// is one of 127.0.0.1. systemd:0 is the first socket of a socket unit, which says who can connect.
    #[arg(long, value_name = "WHERE", value_parser = Listen::parse, requires = "target")]
    pub(crate) listen: Option<Listen>,
    #[command(flatten)]
    pub(crate) source: Source,
    /// A second policy that judges the same upstreams and decides nothing. /status, /metrics and the page count the peers that it would have
    /// refused, so that you can try a stricter policy before you enforce it.
    #[arg(long, value_name = "FILE", conflicts_with = "routes")]
    pub(crate) audit_policy: Option<PathBuf>,
    /// A document with many routes instead (kind: Proxy, see docs/proxy.md). The proxy reads it again when it changes; a
    /// document with an error changes nothing.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["policy", "manifests", "options"])]
    pub(crate) routes: Option<PathBuf>,
    /// Let --listen, the routes and --admin name addresses that other hosts can reach. Each such client speaks with the proxy's
    /// client certificate, and without TLS.
    #[arg(long)]
    pub(crate) allow_remote_clients: bool,
    /// Serve /status, /metrics, /healthz, /readyz and a page for people here: PORT, ADDRESS:PORT or unix:PATH.
    #[arg(long, value_name = "WHERE", value_parser = Listen::parse)]
    pub(crate) admin: Option<Listen>,
    /// Dial this address instead of HOST:PORT; HOST stays the backend host.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = ConnectTo::parse, conflicts_with = "routes")]
    pub(crate) connect_to: Option<ConnectTo>,
    /// The most connections at a time. Further clients wait in the queue of the system.
    #[arg(long, value_name = "N", default_value_t = 10_000, conflicts_with = "routes", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,
    /// Close a connection on which no byte went either way for so long, such as 10m. Default: never.
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, conflicts_with = "routes")]
    pub(crate) idle_timeout: Option<Duration>,
    /// Expect a header of the PROXY protocol, version 1 or 2, from each client.
    #[arg(long, conflicts_with = "routes")]
    pub(crate) accept_proxy_header: bool,
    /// Take HTTP requests, version 1.1 or 2, instead of bytes: for any host, each over a connection by the policy of that
    /// moment. Connections are kept for later requests. The policy's alpn decides whether the upstream is offered HTTP/2.
    #[arg(long, conflicts_with_all = ["routes", "send_proxy_header"])]
    pub(crate) http: bool,
    /// With --http: ask the upstream for the host that the client asked for, and not for HOST:PORT.
    #[arg(long, requires = "http")]
    pub(crate) preserve_host: bool,
    /// Send a header of the PROXY protocol, version 2, before TLS: the upstream learns the client's address.
    #[arg(long, conflicts_with = "routes")]
    pub(crate) send_proxy_header: bool,
    /// How long open connections may take to end after SIGTERM.
    #[arg(long, value_name = "TIME", value_parser = parse_timeout, default_value = "30s")]
    pub(crate) drain_timeout: Duration,
    /// Print each line of the log as one JSON object, uptls.access/v1.
    #[arg(long)]
    pub(crate) json: bool,
    /// The backend host and its port; IPv6 in brackets.
    #[arg(value_name = "HOST:PORT", value_parser = Target::parse, requires = "listen", requires = "source")]
    pub(crate) target: Option<Target>,
}
