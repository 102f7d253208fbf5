//! Options that several subcommands share: the policy, the socket, the clock, and what becomes of hints.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use uptls::FixedClock;
use uptls_manifest::kubernetes::{BackendRef, ObjectName};

use crate::expiry;
use crate::options::PolicyOptions;
use crate::target::{ConnectTo, parse_timeout};

/// Where the policy comes from: a document of its own, Kubernetes objects, or options.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[group(skip)]
#[command(group(ArgGroup::new("source").required(true).multiple(true).args(["policy", "manifests", "ca", "system"])))]
#[command(group(ArgGroup::new("backends").args(["backend"])))]
#[command(group(ArgGroup::new("options").multiple(true).conflicts_with_all(["policy", "manifests"])
    .args(["ca", "system", "name", "san", "sni", "cert", "alpn", "crl", "min"])))]
pub(crate) struct Source {
    /// The policy document, YAML or JSON. `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "manifests")]
    pub(crate) policy: Option<PathBuf>,
    /// Kubernetes objects instead (BackendTLSPolicy, vendors' extensions, and the objects that both refer to): a file, or a
    /// folder with *.yaml, *.yml and *.json files.
    #[arg(long, value_name = "PATH", requires = "backends")]
    pub(crate) manifests: Option<PathBuf>,
    /// The backend to take the policy of, and its port if policies differ by port. Default namespace: default.
    #[arg(long, value_name = "[NAMESPACE/]NAME[:PORT]", requires = "manifests", conflicts_with = "policy", value_parser = BackendRef::parse)]
    pub(crate) backend: Option<BackendRef>,
    /// The Gateway that connects, if several use the backend. Default namespace: default.
    #[arg(long, value_name = "[NAMESPACE/]NAME", requires = "manifests", conflicts_with = "policy", value_parser = ObjectName::parse)]
    pub(crate) gateway: Option<ObjectName>,
    /// Also read subfolders, as `kubectl apply -R` does.
    #[arg(short = 'R', long, requires = "manifests", conflicts_with = "policy")]
    pub(crate) recursive: bool,
    /// Accept a ClusterTrustBundle as a CA reference; the Gateway API calls this experimental (GEP-5075).
    #[arg(long, requires = "manifests", conflicts_with = "policy")]
    pub(crate) cluster_trust_bundles: bool,
    /// The folder with the proxy's files that vendors' objects name: /etc/ca.pem is etc/ca.pem below it. Without it such a
    /// name is refused, since its author means the proxy's disk and not this one.
    #[arg(long, value_name = "DIR", requires = "manifests", conflicts_with = "policy")]
    pub(crate) files_root: Option<PathBuf>,
    /// Read vendors' objects as their vendors do, even if that verifies less; such a policy needs --allow-danger.
    #[arg(long, requires = "manifests", conflicts_with = "policy")]
    pub(crate) faithful: bool,
    /// Accept a policy that weakens verification (spec.danger).
    #[arg(long)]
    pub(crate) allow_danger: bool,
    #[command(flatten)]
    pub(crate) options: PolicyOptions,
}

/// Whether what hints ask for is done.
#[derive(Args, Debug, Default)]
pub(crate) struct FixArgs {
    /// Print the document with the changes that the hints ask for, and the results on stderr. A change removes a weakening or
    /// corrects a name or a value; it never weakens, and never trusts what was seen. A hint that leaves a choice changes nothing.
    #[arg(long, conflicts_with_all = ["json", "ndjson", "output"])]
    pub(crate) fix: bool,
    /// Write the changed document to its file instead of printing it. Comments stay if the change is one of whole lines.
    #[arg(long, requires = "fix")]
    pub(crate) in_place: bool,
}

/// How the socket is made.
#[derive(Args, Debug, Default)]
pub(crate) struct DialArgs {
    /// Dial this address instead of HOST:PORT; HOST stays the backend host.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = ConnectTo::parse)]
    pub(crate) connect_to: Option<ConnectTo>,
    /// The deadline for resolving, dialling and handshake together, such as 10s or 500ms. Default: the policy's, or 10s.
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub(crate) timeout: Option<Duration>,
}

/// Which time it is.
#[derive(Args, Debug)]
pub(crate) struct ClockArgs {
    /// Verify as of this time instead of now: a time such as 2027-01-01T00:00:00Z, a date, or from now on, as in +30d.
    #[arg(long, value_name = "TIME", value_parser = expiry::parse_time)]
    pub(crate) at: Option<FixedClock>,
}
