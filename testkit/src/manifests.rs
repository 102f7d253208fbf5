//! Kubernetes objects that belong together: a Service, its standard policy, and a Gateway with a client certificate.

/// A Gateway with a client certificate, the Secret `client` of its namespace.
pub const GATEWAY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: outer, namespace: infra}
spec: {tls: {backend: {clientCertificateRef: {name: client}}}}";

/// Lets Gateways of `infra` refer to Secrets of `vault`.
pub const GRANT: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: vault}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: infra}]
  to: [{group: '', kind: Secret}]";

/// The standard policy of the Service, by the system's roots.
pub const POLICY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation: {wellKnownCACertificates: System, hostname: pay.example}";

/// Leads from the Gateway to the Service.
pub const ROUTE: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: pay, namespace: shop}
spec:
  parentRefs: [{name: outer, namespace: infra}]
  rules: [{backendRefs: [{name: pay, port: 443}]}]";

/// What the Gateway refers to: neither certificate nor key can be read.
pub const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata: {name: client, namespace: infra}
stringData:
  tls.crt: \"-----BEGIN CERTIFICATE-----\\nYg==\\n-----END CERTIFICATE-----\\n\"
  tls.key: not-a-key-but-secret";

/// The backend `shop/pay`, with port 443.
pub const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {ports: [{name: https, port: 443}]}";
