//! A backend for `pay.test`, valid on whatever day this runs, with policies that accept and refuse it.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

use std::path::{Path, PathBuf};

use uptls_testkit::{CLIENT_AUTH, Certificate, Key, NOW, Nginx, NginxOptions, San, ServerOptions, Template, YEAR};

/// Certificates, and a folder with policies that trust their root: `policy.yaml` wants the name that is there, `other.yaml`
/// another one, and `anonymous.yaml` has no identity.
pub(crate) struct Upstream {
    folder: tempfile::TempDir,
    leaf: Certificate,
    root: Certificate,
}

impl Upstream {
    pub(crate) fn new() -> Self {
        let (begin, century) = (NOW - YEAR, NOW + 100 * YEAR);
        let root = Template::ca("Upstream Root").with_validity(begin, century + 10 * YEAR);
        let root = root.self_signed(&Key::p256("upstream root"));
        let issue = |template: Template, key| template.with_validity(begin, century).issued_by(&root, &Key::p256(key));
        let leaf = issue(Template::leaf("pay").with_sans(&[San::dns("pay.test")]), "upstream leaf");
        let client = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf("gateway") };
        let client = issue(client.with_sans(&[San::dns("gateway.test")]), "upstream client");
        let upstream = Self { folder: tempfile::tempdir().expect("a temporary folder"), leaf, root };
        upstream.write("ca.pem", &upstream.root.pem());
        upstream.write("chain.pem", &upstream.leaf.pem());
        upstream.write("tls.crt", &client.pem());
        upstream.write("tls.key", &client.key().pkcs8_pem());
        upstream.policy("policy.yaml", "pay.test", IDENTITY);
        upstream.policy("other.yaml", "other.test", IDENTITY);
        upstream.policy("anonymous.yaml", "pay.test", "");
        upstream
    }

    /// Writes a policy that wants `name`; `fields` are more lines of its specification.
    pub(crate) fn policy(&self, file: &str, name: &str, fields: &str) {
        let head = "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: example}\nspec:\n";
        self.write(
            file,
            &format!("{head}  trust: {{bundles: [{{file: ca.pem}}]}}\n  serverName: {name}\n{TIME}{fields}"),
        );
    }

    /// A real nginx that demands a client certificate. `None` where there is none.
    pub(crate) fn nginx(&self) -> Option<Nginx> {
        Nginx::start(&NginxOptions::new(&[&self.leaf]).with_client_roots(&[&self.root]))
    }

    /// The certificate of the backend, for `pay.test`.
    pub(crate) fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Options of the testkit's servers.
    pub(crate) fn options(&self) -> ServerOptions {
        ServerOptions::new(&[&self.leaf])
    }

    /// The folder of all files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// The same as text.
    pub(crate) fn text_path(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the folder is writable");
    }
}

/// Lines of a specification: what the client shows.
pub(crate) const IDENTITY: &str = "  identity: {certificate: {file: tls.crt}, key: {file: tls.key}}\n";

/// Under valgrind a handshake takes long.
const TIME: &str = "  handshakeTimeout: 300s\n";
