//! `uptls init`: a policy document to begin with, each field with its meaning.

use clap::Args;

use crate::args::help;
use crate::print::{self, CliError};
use crate::target::Target;

/// Print a policy document to begin with.
///
/// Every field that most upstreams need is in it, and those that few need are comments.
#[derive(Args, Debug)]
#[command(after_help = help("uptls init > policy.yaml
  uptls init payments.internal:8443 > payments.yaml"))]
pub(crate) struct InitArgs {
    /// The upstream that the policy is for.
    #[arg(value_name = "HOST:PORT", value_parser = Target::parse)]
    target: Option<Target>,
}

pub(crate) fn run(args: &InitArgs) -> Result<u8, CliError> {
    let host = args.target.as_ref().map_or_else(|| "payments.internal".to_owned(), |target| target.host.to_string());
    let is_address = args.target.as_ref().is_some_and(|target| matches!(target.host, uptls::BackendHost::Ip(_)));
    let (kind, server_name) = if is_address { ("ip", "none") } else { ("dns", host.as_str()) };
    let text = DOCUMENT.replace("@HOST@", &host).replace("@KIND@", kind).replace("@SNI@", server_name);
    print::out(&text).map(|()| 0)
}

const DOCUMENT: &str = r#"# uptls check --policy THIS-FILE @HOST@:PORT
apiVersion: uptls/v1
kind: UpstreamTlsPolicy
metadata:
  name: upstream
spec:
  # The CA certificates that you trust. Relative paths start from the folder of this file.
  trust:
    bundles:
      - file: ca.pem
    # The roots of the public web as well or instead: mozilla, native or platform.
    # system: mozilla

  # The certificate must hold one of these names.
  subjectAltNames:
    - @KIND@: "@HOST@"
    # - uri: spiffe://prod.example/ns/payments/sa/api

  # The name that is sent (SNI): a DNS name, auto (the host that you connect to) or none.
  serverName: @SNI@

  # Our own certificate, for an upstream that wants one.
  # identity:
  #   certificate: {file: tls.crt}
  #   key: {file: tls.key}

  # versions: {min: "1.3"}
  # alpn: {protocols: [h2, http/1.1]}
  # revocation: {crls: [{file: ca.crl}]}
"#;
