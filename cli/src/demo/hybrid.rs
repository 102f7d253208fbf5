//! The cases of the hybrid: a standard policy and a vendor's extension for one backend, merged field by field (M5).

use uptls::Code;

use super::broken;
use super::files::{CLIENT, Fixtures, Folder};
use super::mint::Minted;
use super::runner::{Case, Expected, Override, Policy, Runner};
use super::upstream::{Clients, Upstream};
use crate::print::CliError;

/// Writes the manifests.
pub(super) fn write(folder: &Folder, fixtures: &Fixtures) -> std::io::Result<()> {
    folder.write("manifests/standard.yaml", &standard(fixtures))?;
    folder.write(ATTACKED, &extension(fixtures))
}

/// `orders` wants a certificate of us.
pub(super) fn run_cases(runner: &mut Runner<'_>, orders: &Upstream, fixtures: &Fixtures) -> Result<(), CliError> {
    let title = "Gateway API: what kgateway makes of the manifests";
    let remark = "beside a BackendTLSPolicy it drops all of the BackendConfigPolicy's spec.tls, our certificate with it:\n   \
                  what is left is standard.yaml alone";
    let refused = Expected::Code(Code::IdentityRequired);
    runner.check_with(&case(title, "manifests/standard.yaml", orders, refused), remark)?;
    let title = "Gateway API: both manifests, merged field by field";
    let merged = case(title, MANIFESTS, orders, Expected::Accepted);
    runner.check_with(&merged, "CA and names are the standard's, the certificate that we show is the extension's")?;
    runner.get(&merged, &format!("uri:{CLIENT}"))?;
    attack(runner, fixtures)?;
    runner.write(ATTACKED, &extension(fixtures), "")
}

/// Impostors, each with an extension that would let it in.
fn attack(runner: &mut Runner<'_>, fixtures: &Fixtures) -> Result<(), CliError> {
    let start = |certificate: &Minted| {
        Upstream::start(uptls::aws_lc_rs::provider(), certificate, Clients::Anybody).map_err(|error| broken(&error))
    };
    let (fake, misnamed) = (start(&fixtures.orders_fake)?, start(&fixtures.misnamed)?);
    let unknown = Expected::Code(Code::CertUnknownIssuer);
    let lost = |field| Override { field, kept: STANDARD_OBJECT, lost: EXTENSION_OBJECT };

    runner.write(ATTACKED, &skip_verify(), "")?;
    let skipping = case("an extension attacks: it turns verification off", MANIFESTS, &fake, unknown);
    let remark = "extension.yaml says insecureSkipVerify: true";
    runner.check_overridden(&skipping, remark, &lost("spec.danger.acceptAnyCertificate"))?;

    runner.write(ATTACKED, &other_trust(fixtures), "")?;
    let trusting = case("an extension attacks: it brings the impostor's CA", MANIFESTS, &fake, unknown);
    let remark = "the Secret of extension.yaml holds another ca.crt";
    runner.check_overridden(&trusting, remark, &lost("spec.trust"))?;

    let mismatch = Expected::Code(Code::NameMismatch);
    let naming = case("an extension attacks: it adds the impostor's name", MANIFESTS, &misnamed, mismatch);
    let remark = "extension.yaml says verifySubjectAltNames: [reports.internal]";
    runner.check_overridden(&naming, remark, &lost("spec.subjectAltNames"))
}

fn case<'a>(title: &'a str, path: &'a str, upstream: &'a Upstream, expected: Expected) -> Case<'a> {
    let policy = Policy::Manifests { path, backend: ("shop", "orders") };
    Case { title, policy, host: "orders.shop.svc", upstream, expected }
}

/// What the Gateway API itself can say.
fn standard(fixtures: &Fixtures) -> String {
    format!("{STANDARD}{}{ROUTE}", block("ca.crt", &fixtures.ca.pem))
}

/// kgateway's extension: the certificate that we show.
fn extension(fixtures: &Fixtures) -> String {
    format!("{}{}", policy(&["secretRef: {name: gateway-client}", "alpnProtocols: [http/1.1]"]), secret(fixtures, None))
}

fn skip_verify() -> String {
    policy(&["insecureSkipVerify: true"])
}

fn other_trust(fixtures: &Fixtures) -> String {
    let names = "verifySubjectAltNames: [reports.internal]";
    format!(
        "{}{}",
        policy(&["secretRef: {name: gateway-client}", names]),
        secret(fixtures, Some(&fixtures.next_ca.pem))
    )
}

fn policy(fields: &[&str]) -> String {
    let fields: String = fields.iter().map(|field| format!("    {field}\n")).collect();
    format!("{EXTENSION}{fields}")
}

fn secret(fixtures: &Fixtures, ca: Option<&str>) -> String {
    let ca = ca.map(|ca| block("ca.crt", ca)).unwrap_or_default();
    let pair = [block("tls.crt", &fixtures.client.pem), block("tls.key", &fixtures.client.key_pem)].concat();
    format!("{SECRET}{pair}{ca}")
}

/// PEM text under a key of `data` or `stringData`.
fn block(key: &str, pem: &str) -> String {
    let lines: String = pem.lines().map(|line| format!("    {line}\n")).collect();
    format!("  {key}: |\n{lines}")
}

const ATTACKED: &str = "manifests/extension.yaml";
const MANIFESTS: &str = "manifests";
/// Who wins, and who loses.
const STANDARD_OBJECT: &str = "BackendTLSPolicy shop/orders-tls";
const EXTENSION_OBJECT: &str = "BackendConfigPolicy shop/orders-mtls";

const STANDARD: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: orders-tls, namespace: shop}
spec:
  targetRefs: [{group: \"\", kind: Service, name: orders}]
  validation:
    caCertificateRefs: [{group: \"\", kind: ConfigMap, name: orders-ca}]
    hostname: orders.internal
    subjectAltNames: [{type: URI, uri: spiffe://demo/ns/shop/sa/orders}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: orders-ca, namespace: shop}
data:
";

const ROUTE: &str = "\
---
apiVersion: v1
kind: Service
metadata: {name: orders, namespace: shop}
spec:
  ports: [{name: https, port: 443}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  gatewayClassName: kgateway
  listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: orders, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: edge}]
  rules:
    - backendRefs: [{name: orders, port: 443}]
";

const EXTENSION: &str = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: orders-mtls, namespace: shop}
spec:
  targetRefs: [{group: \"\", kind: Service, name: orders}]
  tls:
";

const SECRET: &str = "\
---
apiVersion: v1
kind: Secret
metadata: {name: gateway-client, namespace: shop}
type: kubernetes.io/tls
stringData:
";
