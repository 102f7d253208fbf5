//! The scenes of the hybrid: a standard policy and a vendor's extension for one backend, merged field by field (M5).

use uptls::Code;

use super::broken;
use super::files::{CLIENT, Folder, Props};
use super::mint::Minted;
use super::stage::{Expected, Override, Policy, Scene, Stage};
use super::upstream::{Clients, Upstream};
use crate::print::Complaint;

/// Writes the manifests.
pub(super) fn write(folder: &Folder, props: &Props) -> std::io::Result<()> {
    folder.write("manifests/standard.yaml", &standard(props))?;
    folder.write(ATTACKED, &extension(props))
}

/// `orders` wants a certificate of us.
pub(super) fn play(stage: &mut Stage<'_>, orders: &Upstream, props: &Props) -> Result<(), Complaint> {
    let title = "Gateway API: what kgateway makes of the manifests";
    let remark = "beside a BackendTLSPolicy it drops all of the BackendConfigPolicy's spec.tls, our certificate with it:\n   \
                  what is left is standard.yaml alone";
    let refused = Expected::Code(Code::IdentityRequired);
    stage.check_with(&scene(title, "manifests/standard.yaml", orders, refused), remark)?;
    let title = "Gateway API: both manifests, merged field by field";
    let merged = scene(title, MANIFESTS, orders, Expected::Accepted);
    stage.check_with(&merged, "CA and names are the standard's, the certificate that we show is the extension's")?;
    stage.get(&merged, &format!("uri:{CLIENT}"))?;
    attack(stage, props)?;
    stage.write(ATTACKED, &extension(props), "")
}

/// Impostors, each with an extension that would let it in.
fn attack(stage: &mut Stage<'_>, props: &Props) -> Result<(), Complaint> {
    let start = |certificate: &Minted| {
        Upstream::start(uptls::aws_lc_rs::provider(), certificate, Clients::Anybody).map_err(|error| broken(&error))
    };
    let (fake, misnamed) = (start(&props.orders_fake)?, start(&props.misnamed)?);
    let unknown = Expected::Code(Code::CertUnknownIssuer);
    let lost = |field| Override { field, kept: STANDARD_OBJECT, lost: EXTENSION_OBJECT };

    stage.write(ATTACKED, &skip_verify(), "")?;
    let skipping = scene("an extension attacks: it turns verification off", MANIFESTS, &fake, unknown);
    let remark = "extension.yaml says insecureSkipVerify: true";
    stage.check_overridden(&skipping, remark, &lost("spec.danger.acceptAnyCertificate"))?;

    stage.write(ATTACKED, &other_trust(props), "")?;
    let trusting = scene("an extension attacks: it brings the impostor's CA", MANIFESTS, &fake, unknown);
    let remark = "the Secret of extension.yaml holds another ca.crt";
    stage.check_overridden(&trusting, remark, &lost("spec.trust"))?;

    let mismatch = Expected::Code(Code::NameMismatch);
    let naming = scene("an extension attacks: it adds the impostor's name", MANIFESTS, &misnamed, mismatch);
    let remark = "extension.yaml says verifySubjectAltNames: [reports.internal]";
    stage.check_overridden(&naming, remark, &lost("spec.subjectAltNames"))
}

fn scene<'a>(title: &'a str, path: &'a str, upstream: &'a Upstream, expected: Expected) -> Scene<'a> {
    let policy = Policy::Manifests { path, backend: ("shop", "orders") };
    Scene { title, policy, host: "orders.shop.svc", upstream, expected }
}

/// What the Gateway API itself can say.
fn standard(props: &Props) -> String {
    format!("{STANDARD}{}{ROUTE}", block("ca.crt", &props.ca.pem))
}

/// kgateway's extension: the certificate that we show.
fn extension(props: &Props) -> String {
    format!("{}{}", policy(&["secretRef: {name: gateway-client}", "alpnProtocols: [http/1.1]"]), secret(props, None))
}

fn skip_verify() -> String {
    policy(&["insecureSkipVerify: true"])
}

fn other_trust(props: &Props) -> String {
    let names = "verifySubjectAltNames: [reports.internal]";
    format!("{}{}", policy(&["secretRef: {name: gateway-client}", names]), secret(props, Some(&props.next_ca.pem)))
}

fn policy(fields: &[&str]) -> String {
    let fields: String = fields.iter().map(|field| format!("    {field}\n")).collect();
    format!("{EXTENSION}{fields}")
}

fn secret(props: &Props, ca: Option<&str>) -> String {
    let ca = ca.map(|ca| block("ca.crt", ca)).unwrap_or_default();
    let pair = [block("tls.crt", &props.client.pem), block("tls.key", &props.client.key_pem)].concat();
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
