//! What can be given on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ColorChoice, Parser, Subcommand};
use uptls::BackendHost;
use uptls_manifest::kubernetes::ObjectName;

use crate::expiry;
use crate::explain::ExplainArgs;
use crate::init::InitArgs;
use crate::output::OutputArgs;
#[cfg(unix)]
use crate::proxy::ProxyArgs;
pub(crate) use crate::shared_args::{ClockArgs, DialArgs, FixArgs, Source};
use crate::shell::{CompletionsArgs, ManArgs};
use crate::target::Target;

/// Tell whether a policy accepts an upstream, and if not, the one thing to change.
#[derive(Debug, Parser)]
#[command(name = "uptls", version, after_help = help("uptls demo
  uptls check payments.internal:8443 --ca ca.pem
  uptls check --policy payments.yaml payments.internal:8443
  uptls check --manifests ./manifests --backend shop/pay:443 pay.shop.svc:443
  uptls verify --policy payments.yaml --chain chain.pem --host payments.internal"))]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to colour the output: auto, always or never. auto follows the terminal, NO_COLOR and CLICOLOR_FORCE.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) color: ColorChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    Check(CheckArgs),
    Verify(VerifyArgs),
    Describe(DescribeArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Inspect(InspectArgs),
    Init(InitArgs),
    Explain(ExplainArgs),
    #[cfg(unix)]
    Proxy(Box<ProxyArgs>),
    Schema(SchemaArgs),
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl Command {
    /// Where its policy comes from, if it has one.
    pub(crate) fn source(&self) -> Option<&Source> {
        match self {
            Self::Check(args) => Some(&args.source),
            Self::Describe(args) => Some(&args.source),
            Self::Export(ExportArgs { target: ExportTarget::Envoy(args) }) => Some(&args.source),
            #[cfg(unix)]
            Self::Proxy(args) => Some(&args.source),
            Self::Verify(args) => Some(&args.source),
            Self::Completions(_)
            | Self::Demo(_)
            | Self::Explain(_)
            | Self::Import(_)
            | Self::Init(_)
            | Self::Inspect(_)
            | Self::Man(_)
            | Self::Schema(_) => None,
        }
    }
}

/// Show the main job on freshly made certificates and upstreams.
///
/// Makes certificates in a temporary folder, starts upstreams with them on 127.0.0.1, writes policies and connects. Shows
/// which connections the policies accept, which they refuse and why, and replaces a CA while the connector runs. Then does
/// the same with Kubernetes manifests: what kgateway drops, what the merge of both manifests gives, and an extension that
/// attacks. Removes everything at the end.
#[derive(Args, Debug)]
#[command(after_help = help("uptls demo
  uptls demo --keep ./uptls-demo"))]
pub(crate) struct DemoArgs {
    /// Keep the policies, certificates and presented chains in this folder, to try them with `uptls verify`. It must be empty,
    /// or `demo` creates it (mode 0700) if its parent exists.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// Connect to an upstream, and show each step of the verdict.
///
/// Dials each HOST:PORT, makes a TLS handshake by the policy and shows every step in order, the chain, the wanted and
/// the presented names, and one hint. HOST is the backend host: if the policy says serverName auto, the certificate must
/// hold it.
#[derive(Args, Debug)]
#[command(after_help = help("uptls check payments.internal:8443 --ca ca.pem
  uptls check 10.0.0.7:8443 --ca ca.pem --name payments.internal
  uptls check payments.internal:8443 --ca ca.pem --min 1.3 --print-policy > payments.yaml
  uptls check --policy payments.yaml payments.internal:8443
  uptls check --policy payments.yaml --connect-to 10.0.0.7 payments.internal:8443
  uptls check --policy payments.yaml --fail-within 14d payments.internal:8443
  uptls check --policy payments.yaml --all-addresses payments.internal:8443
  uptls check --policy payments.yaml --repeat 2 payments.internal:8443
  uptls check --policy payments.yaml --timeout 500ms --json a.internal:443 b.internal:443
  uptls check --policy payments.yaml --fix payments.internal:8443 > fixed.yaml
  uptls check --manifests ./manifests --backend shop/pay:443 pay.shop.svc:443
  uptls check --manifests ./manifests --all --ndjson
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
    /// Check every address of each name, one line for each.
    #[arg(long)]
    pub(crate) all_addresses: bool,
    /// With --manifests: check every backend that has a policy, one line for each. A Service is dialled as NAME.NAMESPACE.svc.
    #[arg(long, group = "backends", requires = "manifests", conflicts_with_all = ["backend", "targets", "all_addresses", "fix"])]
    pub(crate) all: bool,
    /// Dial IPv4 addresses only.
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// Dial IPv6 addresses only.
    #[arg(short = '6', long)]
    pub(crate) ipv6: bool,
    /// How many connections to make at a time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,
    /// Fail with the exit code 6 if the proof of an accepted peer ends within this time, such as 14d, 36h or 90m.
    #[arg(long, value_name = "TIME", value_parser = expiry::parse_limit)]
    pub(crate) fail_within: Option<Duration>,
    /// Print failures and warnings only.
    #[arg(long)]
    pub(crate) only_problems: bool,
    /// Print one line for each endpoint, and the hint of a failure.
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print every step, also with --all and --all-addresses.
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// The backend host and its port; IPv6 in brackets.
    #[arg(required_unless_present_any = ["print_policy", "all"], value_name = "HOST:PORT", value_parser = Target::parse)]
    pub(crate) targets: Vec<Target>,
}

/// Give the same verdict offline, for a chain in a file.
#[derive(Args, Debug)]
#[command(after_help = help("uptls verify --policy payments.yaml --chain chain.pem
  uptls verify --ca ca.pem --name payments.internal --chain chain.pem
  uptls verify --policy payments.yaml --chain chain.pem --host payments.internal --at 2026-11-23T00:00:00Z
  uptls verify --manifests ./manifests --backend shop/pay:443 --chain chain.pem
  openssl s_client -connect payments.internal:8443 -showcerts </dev/null | uptls verify --policy payments.yaml --chain -"))]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The presented chain: PEM, leaf first. `-` is standard input.
    #[arg(long, value_name = "FILE", required_unless_present = "print_policy")]
    pub(crate) chain: Option<PathBuf>,
    /// The backend host, for a policy with serverName auto.
    #[arg(long, value_name = "NAME-OR-IP")]
    pub(crate) host: Option<String>,
    #[command(flatten)]
    pub(crate) clock: ClockArgs,
    /// Fail with the exit code 6 if the proof of an accepted chain ends within this time, such as 14d, 36h or 90m.
    #[arg(long, value_name = "TIME", value_parser = expiry::parse_limit)]
    pub(crate) fail_within: Option<Duration>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Show what a policy trusts, sends and accepts, and when its certificates end.
#[derive(Args, Debug)]
#[command(after_help = help("uptls describe --policy payments.yaml
  uptls describe --ca ca.pem --name payments.internal
  uptls describe --policy payments.yaml --json --at 2027-01-01T00:00:00Z
  uptls describe --manifests ./manifests --backend shop/pay:443
  uptls describe --manifests ./manifests --backend shop/pay:443 --gateway edge/public"))]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) clock: ClockArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Write the policy for another TLS stack.
///
/// Refuses, by name, what that stack would ignore or weaken. A warning says where its engine decides differently about
/// certificates.
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

/// Print the policy as an Envoy UpstreamTlsContext, in JSON.
///
/// The context holds certificates and lists, and the names of the identity's files, unless you give a file or folder for
/// them. A running Envoy reads only SDS again.
#[derive(Args, Debug)]
#[command(after_help = help("uptls export envoy --policy payments.yaml
  uptls export envoy --ca ca.pem --name payments.internal
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
    /// The backend host, for a policy with serverName auto.
    #[arg(long, value_name = "NAME-OR-IP", value_parser = parse_host)]
    pub(crate) host: Option<BackendHost>,
    /// Write the CA certificates to this file, and refer to it. Its folder must exist. The export replaces only a file that
    /// this policy's last export wrote.
    #[arg(long, value_name = "FILE", conflicts_with = "sds")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Load this library into Envoy: libuptls_envoy.so gives the verdict, by the policy in the context. It watches the policy's
    /// files. --ca-file then holds the bundles that are text, and --sds only the identity.
    #[arg(long)]
    pub(crate) module: bool,
    /// Write certificates, lists and key below this folder for file-based SDS, and refer to them: a running Envoy then picks up
    /// the policy's next export. One folder serves any number of policies. The export creates it (mode 0700) if its parent
    /// exists. Only the owner can read the key.
    #[arg(long, value_name = "DIR")]
    pub(crate) sds: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) clock: ClockArgs,
}

/// Show the policy of each backend in Kubernetes manifests, where each field comes from, and what was overridden and why.
///
/// Reads Kubernetes objects (BackendTLSPolicy, vendors' objects for the same backends, and the objects that they refer to)
/// from files or folders. If an Envoy configuration is among them, shows which of its clusters verify what they seem to.
/// Makes no connection.
///
/// The exit code is 0 if every policy is ready and every cluster verified, else 2.
#[derive(Args, Debug)]
#[command(after_help = help("uptls import ./manifests
  uptls import ./manifests --gateway edge/public
  uptls import pay.yaml ca.yaml --strict --json
  uptls import ./manifests --sarif > uptls.sarif
  uptls import ./manifests --fix --in-place
  uptls import ./manifests --status=example.com/gateway
  uptls import envoy.yaml"))]
pub(crate) struct ImportArgs {
    /// Files, or folders with *.yaml, *.yml and *.json files.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Show the policies of this Gateway, with its client certificate for each backend that has none of its own.
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = ObjectName::parse)]
    pub(crate) gateway: Option<ObjectName>,
    /// Also read subfolders, as `kubectl apply -R` does.
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
    /// Also fail for what is otherwise a notice: unknown kinds, and fields that are left out, overridden or made stricter.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Accept a ClusterTrustBundle as a CA reference; the Gateway API calls this experimental (GEP-5075).
    #[arg(long)]
    pub(crate) cluster_trust_bundles: bool,
    /// The folder with the proxy's files that vendors' objects name: /etc/ca.pem is etc/ca.pem below it. Without it such a
    /// name is refused, since its author means the proxy's disk and not this one.
    #[arg(long, value_name = "DIR")]
    pub(crate) files_root: Option<PathBuf>,
    /// Read vendors' objects as their vendors do, even if that verifies less; such a policy needs --allow-danger.
    #[arg(long)]
    pub(crate) faithful: bool,
    /// Accept policies that weaken verification.
    #[arg(long)]
    pub(crate) allow_danger: bool,
    /// Also show what a controller would write to the status of each object, under this controller name.
    #[arg(long, value_name = "CONTROLLER", num_args = 0..=1, require_equals = true, default_missing_value = CONTROLLER)]
    pub(crate) status: Option<String>,
    #[command(flatten)]
    pub(crate) fix: FixArgs,
    #[command(flatten)]
    pub(crate) clock: ClockArgs,
    /// Print SARIF 2.1.0, for code review: each problem with its place.
    #[arg(long, conflicts_with_all = ["junit", "fix", "json", "ndjson", "output"])]
    pub(crate) sarif: bool,
    /// Print JUnit, for test reports: each backend and cluster is a test case.
    #[arg(long, conflicts_with_all = ["fix", "json", "ndjson", "output"])]
    pub(crate) junit: bool,
    /// Print only the backends and clusters that fail, and what is wrong.
    #[arg(long, conflicts_with_all = ["sarif", "junit", "fix", "json", "ndjson", "output"])]
    pub(crate) only_problems: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Show certificates from a file or a server, without verifying them.
///
/// The file holds PEM or DER. `inspect` does not authenticate a server: the certificates may come from an attacker. Use
/// `check` for a verdict.
#[derive(Args, Debug)]
#[command(after_help = help("uptls inspect ca.pem
  uptls inspect payments.internal:8443
  uptls inspect --pem payments.internal:8443 > chain.pem
  uptls inspect --connect-to 10.0.0.7 --json payments.internal:8443"))]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) dial: DialArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Print the certificates as PEM, as `verify --chain` reads them.
    #[arg(long, conflicts_with_all = ["json", "ndjson", "output"])]
    pub(crate) pem: bool,
    /// Offer a server this application protocol, such as h2. Several are in order of preference.
    #[arg(long, value_name = "PROTOCOL", value_delimiter = ',')]
    pub(crate) alpn: Vec<String>,
    /// A file or HOST:PORT. `-` is standard input.
    #[arg(value_name = "FILE|HOST:PORT")]
    pub(crate) subject: String,
}

/// Print a JSON Schema, by default that of the policy document.
#[derive(Args, Debug)]
#[command(after_help = help("uptls schema > policy.schema.json
  uptls schema --report"))]
#[group(multiple = false)]
pub(crate) struct SchemaArgs {
    /// The schema of the output of `check` and `verify`.
    #[arg(long)]
    pub(crate) report: bool,
    /// The schema of the output of `describe`.
    #[arg(long)]
    pub(crate) describe: bool,
    /// The schema of the events that a program reads from a connector.
    #[arg(long)]
    pub(crate) event: bool,
    /// The schema of the output of `import`.
    #[arg(long)]
    pub(crate) import: bool,
    /// The schema of the output of `inspect`.
    #[arg(long)]
    pub(crate) inspect: bool,
}

fn parse_host(text: &str) -> Result<BackendHost, String> {
    BackendHost::parse(text).map_err(|reason| reason.to_string())
}

/// What stands below each help text.
pub(crate) fn help(examples: &str) -> String {
    format!("Examples:\n  {examples}\n\n{EXIT_CODES}")
}

/// The `controllerName` where none is given.
pub(crate) const CONTROLLER: &str = "uptls.example/import";
const EXIT_CODES: &str = "\
Exit codes:
  0  accepted, or done
  1  the policy refused the peer
  2  usage, policy or material error
  3  could not connect: DNS, TCP, timeout, not TLS
  4  the peer refused us: alert, client certificate required
  5  internal
  6  accepted, but it ends within --fail-within
With several targets: the first of 1, 4, 5, 2, 3, 6 that one of them has. 130: interrupted.";
