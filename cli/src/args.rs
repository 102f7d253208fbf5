//! What can be given on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand};
use uptls::{BackendHost, FixedClock};
use uptls_manifest::kubernetes::{BackendRef, ObjectName};

use crate::target::{ConnectTo, Target, parse_timeout};

/// Would this policy accept this upstream, and if not, which one thing must change?
#[derive(Debug, Parser)]
#[command(name = "uptls", version, after_help = help("uptls demo
  uptls check --policy payments.yaml payments.internal:8443
  uptls check --manifests ./manifests --backend shop/pay:443 pay.shop.svc:443
  uptls verify --policy payments.yaml --chain chain.pem --host payments.internal"))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    Check(CheckArgs),
    Verify(VerifyArgs),
    #[command(alias = "explain")]
    Describe(DescribeArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Inspect(InspectArgs),
    Schema(SchemaArgs),
}

/// Show the main job on freshly made certificates and upstreams.
///
/// Starts upstreams on 127.0.0.1 with certificates made for the occasion in a temporary folder, writes policies for them,
/// connects, and shows what is accepted, what is refused and why, and a CA replaced while the connector lives; then the same
/// with Kubernetes manifests: what kgateway drops, what a merge of both manifests gives, and an extension that attacks. What
/// it made is removed at the end.
#[derive(Args, Debug)]
#[command(after_help = help("uptls demo
  uptls demo --keep ./uptls-demo"))]
pub(crate) struct DemoArgs {
    /// Keep the policies, certificates and presented chains here, to try them with `uptls verify`. The folder is empty or made
    /// (mode 0700), in one that exists.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// Would this policy accept this upstream? Connects, and shows each step.
///
/// Dials each HOST:PORT, makes a TLS handshake by the policy and shows every step in its order, the chain, the wanted and
/// the presented names, and one hint. HOST is the backend host: what the certificate must hold where the policy says
/// serverName auto.
#[derive(Args, Debug)]
#[command(after_help = help("uptls check --policy payments.yaml payments.internal:8443
  uptls check --policy payments.yaml --connect-to 10.0.0.7 payments.internal:8443
  uptls check --policy payments.yaml --repeat 2 payments.internal:8443
  uptls check --policy payments.yaml --timeout 500ms --json a.internal:443 b.internal:443
  uptls check --policy payments.yaml --fix payments.internal:8443 > fixed.yaml
  uptls check --manifests ./manifests --backend shop/pay:443 pay.shop.svc:443
  uptls check --manifests shop.yaml --backend shop/pay:443 --connect-to 127.0.0.1:8443 pay.shop.svc:443"))]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) dial: DialArgs,
    /// Make this many connections to each, one after the other: shows full and resumed handshakes.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) repeat: u16,
    #[command(flatten)]
    pub(crate) fix: FixArgs,
    /// Print one JSON document, uptls.report/v1.
    #[arg(long, conflicts_with = "fix")]
    pub(crate) json: bool,
    /// The backend host and its port; IPv6 in brackets.
    #[arg(required = true, value_name = "HOST:PORT", value_parser = Target::parse)]
    pub(crate) targets: Vec<Target>,
}

/// The same verdict for a chain in a file, offline.
#[derive(Args, Debug)]
#[command(after_help = help("uptls verify --policy payments.yaml --chain chain.pem
  uptls verify --policy payments.yaml --chain chain.pem --host payments.internal --at 2026-11-23T00:00:00Z
  uptls verify --manifests ./manifests --backend shop/pay:443 --chain chain.pem
  openssl s_client -connect payments.internal:8443 -showcerts </dev/null | uptls verify --policy payments.yaml --chain -"))]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The presented chain: PEM, leaf first. `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) chain: PathBuf,
    /// The backend host, used where the policy says serverName auto.
    #[arg(long, value_name = "NAME-OR-IP")]
    pub(crate) host: Option<String>,
    #[command(flatten)]
    pub(crate) clock: ClockArgs,
    /// Print one JSON document, uptls.report/v1.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a policy trusts, sends and accepts, and when it ends.
#[derive(Args, Debug)]
#[command(after_help = help("uptls describe --policy payments.yaml
  uptls describe --policy payments.yaml --json --at 2027-01-01T00:00:00Z
  uptls describe --manifests ./manifests --backend shop/pay:443
  uptls describe --manifests ./manifests --backend shop/pay:443 --gateway edge/public"))]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) clock: ClockArgs,
    /// Print one JSON document, uptls.description/v1.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write the policy for another TLS stack.
///
/// What that stack would ignore, or weaken, is refused by name; where its engine decides differently about certificates, a
/// warning says so.
#[derive(Args, Debug)]
#[command(after_help = help("uptls export envoy --policy payments.yaml
  uptls export envoy --manifests ./manifests --backend shop/pay:443 --cluster pay.shop.svc:443"))]
pub(crate) struct ExportArgs {
    #[command(subcommand)]
    pub(crate) target: ExportTarget,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExportTarget {
    Envoy(ExportEnvoyArgs),
}

/// The policy as an Envoy UpstreamTlsContext, in JSON.
///
/// Certificates and lists stand in the context, the identity by the names of its files, unless a file or folder is given
/// for them. A running Envoy reads nothing but SDS again.
#[derive(Args, Debug)]
#[command(after_help = help("uptls export envoy --policy payments.yaml
  uptls export envoy --policy payments.yaml --ca-file /etc/envoy/payments-ca.pem
  uptls export envoy --policy payments.yaml --cluster payments.internal:8443 --sds /etc/envoy/sds
  uptls export envoy --policy orders.yaml --cluster orders.internal:8443 --sds /etc/envoy/sds
  uptls export envoy --manifests ./manifests --backend shop/pay:443 --host pay.shop.svc
  uptls export envoy --policy payments.yaml --cluster payments.internal:8443 --module"))]
pub(crate) struct ExportEnvoyArgs {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Print a whole cluster that reaches this address. HOST is the backend host, unless --host names another.
    #[arg(long, value_name = "HOST:PORT", value_parser = Target::parse)]
    pub(crate) cluster: Option<Target>,
    /// The backend host, used where the policy says serverName auto.
    #[arg(long, value_name = "NAME-OR-IP", value_parser = parse_host)]
    pub(crate) host: Option<BackendHost>,
    /// Write the CA certificates to this file, and refer to it. Its folder must exist. What this policy's last export wrote is
    /// replaced, and nothing else: neither what another policy's export wrote, nor what none did.
    #[arg(long, value_name = "FILE", conflicts_with = "sds")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Load this library into Envoy: libuptls_envoy.so gives the verdict, by the policy in the context. The policy's files are
    /// watched; --ca-file takes its texts, and of --sds only the identity's part is written.
    #[arg(long)]
    pub(crate) module: bool,
    /// Write certificates, lists and key below this folder for file-based SDS, and refer to them: Envoy then takes what the
    /// policy's next export writes while it runs. One folder serves any number of policies; it is made (mode 0700) if the
    /// folder above it exists. The key is readable by its owner alone.
    #[arg(long, value_name = "DIR")]
    pub(crate) sds: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) clock: ClockArgs,
}

/// Manifests in, policies out: for each backend its policy, where each field comes from, and what was overridden and why.
///
/// Of Kubernetes objects (BackendTLSPolicy, vendors' objects for the same backends, and what they refer to) in files or in
/// folders. Of an Envoy configuration among them: which clusters verify what they seem to. It makes no connection.
///
/// The exit code is 0 if every policy is ready and every cluster verified, else 2.
#[derive(Args, Debug)]
#[command(after_help = help("uptls import ./manifests
  uptls import ./manifests --gateway edge/public
  uptls import pay.yaml ca.yaml --strict --json
  uptls import ./manifests --fix --in-place
  uptls import ./manifests --status=example.com/gateway
  uptls import envoy.yaml"))]
pub(crate) struct ImportArgs {
    /// Files, or folders with *.yaml, *.yml and *.json files.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// As this Gateway sees it: its client certificate counts where a backend has none of its own.
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = ObjectName::parse)]
    pub(crate) gateway: Option<ObjectName>,
    /// Also read the folders in folders, as `kubectl apply -R` does.
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
    /// Fail for all that could be passed over: unknown kinds, what was left out, overridden or made stricter.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Take a ClusterTrustBundle as a CA reference, which the Gateway API has as experimental (GEP-5075).
    #[arg(long)]
    pub(crate) cluster_trust_bundles: bool,
    /// Where the files of the proxy lie that vendors' objects name: /etc/ca.pem is etc/ca.pem below it. Without it they are
    /// refused, since their authors mean another disk than this one.
    #[arg(long, value_name = "DIR")]
    pub(crate) files_root: Option<PathBuf>,
    /// Read vendors' objects as their vendors do, where that verifies less; needs --allow-danger to be ready.
    #[arg(long)]
    pub(crate) faithful: bool,
    /// Accept policies that weaken verification.
    #[arg(long)]
    pub(crate) allow_danger: bool,
    /// Also show what a controller would write to the status of each object; of this name, if one is given.
    #[arg(long, value_name = "CONTROLLER", num_args = 0..=1, require_equals = true, default_missing_value = CONTROLLER)]
    pub(crate) status: Option<String>,
    #[command(flatten)]
    pub(crate) fix: FixArgs,
    #[command(flatten)]
    pub(crate) clock: ClockArgs,
    /// Print one JSON document, uptls.import/v1.
    #[arg(long, conflicts_with = "fix")]
    pub(crate) json: bool,
}

/// Show certificates from a file or a server, without verifying them.
///
/// The file holds PEM or DER. A server is not authenticated: what is shown may come from an attacker. Use `check` for a
/// verdict.
#[derive(Args, Debug)]
#[command(after_help = help("uptls inspect ca.pem
  uptls inspect payments.internal:8443
  uptls inspect --connect-to 10.0.0.7 --json payments.internal:8443"))]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) dial: DialArgs,
    /// Print one JSON document, uptls.inspect/v1.
    #[arg(long)]
    pub(crate) json: bool,
    /// A file or HOST:PORT.
    #[arg(value_name = "FILE|HOST:PORT")]
    pub(crate) subject: String,
}

/// Print a JSON Schema: of the policy document, or of an output.
#[derive(Args, Debug)]
#[command(after_help = help("uptls schema > policy.schema.json
  uptls schema --report"))]
#[group(multiple = false)]
pub(crate) struct SchemaArgs {
    /// Of what `check` and `verify` print.
    #[arg(long)]
    pub(crate) report: bool,
    /// Of what `describe` prints.
    #[arg(long)]
    pub(crate) describe: bool,
    /// Of the events that a program reads from a connector.
    #[arg(long)]
    pub(crate) event: bool,
    /// Of what `import` prints.
    #[arg(long)]
    pub(crate) import: bool,
    /// Of what `inspect` prints.
    #[arg(long)]
    pub(crate) inspect: bool,
}

/// Where the policy comes from: a document of its own, or Kubernetes objects.
#[derive(Args, Debug, Default)]
#[group(skip)]
#[command(group(ArgGroup::new("source").required(true).args(["policy", "manifests"])))]
pub(crate) struct Source {
    /// The policy document, YAML or JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Kubernetes objects instead (BackendTLSPolicy, what vendors add to it, and what both refer to): a file, or the *.yaml, *.yml and *.json files of a
    /// folder.
    #[arg(long, value_name = "PATH", requires = "backend")]
    pub(crate) manifests: Option<PathBuf>,
    /// The Service whose policy is wanted, and its port where policies differ by port. Default namespace: default.
    #[arg(long, value_name = "[NAMESPACE/]NAME[:PORT]", requires = "manifests", conflicts_with = "policy", value_parser = BackendRef::parse)]
    pub(crate) backend: Option<BackendRef>,
    /// The Gateway that connects, where several use the backend. Default namespace: default.
    #[arg(long, value_name = "[NAMESPACE/]NAME", requires = "manifests", conflicts_with = "policy", value_parser = ObjectName::parse)]
    pub(crate) gateway: Option<ObjectName>,
    /// Also read the folders in folders, as `kubectl apply -R` does.
    #[arg(short = 'R', long, requires = "manifests", conflicts_with = "policy")]
    pub(crate) recursive: bool,
    /// Take a ClusterTrustBundle as a CA reference, which the Gateway API has as experimental (GEP-5075).
    #[arg(long, requires = "manifests", conflicts_with = "policy")]
    pub(crate) cluster_trust_bundles: bool,
    /// Where the files of the proxy lie that vendors' objects name: /etc/ca.pem is etc/ca.pem below it. Without it they are
    /// refused, since their authors mean another disk than this one.
    #[arg(long, value_name = "DIR", requires = "manifests", conflicts_with = "policy")]
    pub(crate) files_root: Option<PathBuf>,
    /// Read vendors' objects as their vendors do, where that verifies less; needs --allow-danger.
    #[arg(long, requires = "manifests", conflicts_with = "policy")]
    pub(crate) faithful: bool,
    /// Accept a policy that weakens verification (spec.danger).
    #[arg(long)]
    pub(crate) allow_danger: bool,
}

/// Whether what hints ask for is done.
#[derive(Args, Debug, Default)]
pub(crate) struct FixArgs {
    /// Print the document with the changes that the hints ask for, and the results on stderr. A change removes a weakening or
    /// corrects a name or a value; it never weakens, and never trusts what was seen. What leaves a choice is left to you.
    #[arg(long)]
    pub(crate) fix: bool,
    /// Write the document where it came from instead of printing it. Comments stay, unless a change is not one of whole lines.
    #[arg(long, requires = "fix")]
    pub(crate) in_place: bool,
}

/// How the socket is made.
#[derive(Args, Debug, Default)]
pub(crate) struct DialArgs {
    /// Dial this instead of HOST:PORT; HOST stays the backend host.
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = ConnectTo::parse)]
    pub(crate) connect_to: Option<ConnectTo>,
    /// The deadline of resolving, dialling and handshake together, as 10s or 500ms. Default: that of the policy, or 10s.
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub(crate) timeout: Option<Duration>,
}

/// Which time it is.
#[derive(Args, Debug)]
pub(crate) struct ClockArgs {
    /// Judge as if it were this time.
    #[arg(long, value_name = "RFC3339", value_parser = FixedClock::parse)]
    pub(crate) at: Option<FixedClock>,
}

fn parse_host(text: &str) -> Result<BackendHost, String> {
    BackendHost::parse(text).map_err(|reason| reason.to_string())
}

/// What stands below each help text.
fn help(examples: &str) -> String {
    format!("Examples:\n  {examples}\n\n{EXIT_CODES}")
}

/// The `controllerName` where none is given.
pub(crate) const CONTROLLER: &str = "uptls.example/import";
const EXIT_CODES: &str = "\
Exit codes:
  0  accepted, or done
  1  the peer was refused by the policy
  2  usage, policy or material error
  3  could not connect: DNS, TCP, timeout, not TLS
  4  the peer refused us: alert, client certificate required
  5  internal
  With several targets: the highest.";
