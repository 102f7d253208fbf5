//! What every example is run against.

use std::process::{Command, Output};

use uptls_testkit::{Certificate, Key, NOW, San, Server, ServerOptions, Template, YEAR};

/// A certificate for `pay.test` that is valid on whatever day this runs, and a folder with policies that trust its root.
pub(crate) struct Upstream {
    folder: tempfile::TempDir,
    pub(crate) leaf: Certificate,
}

impl Upstream {
    /// The policy wants `name`, and offers `alpn`.
    pub(crate) fn new(name: &str, alpn: &str) -> Self {
        let (begin, century) = (NOW - YEAR, NOW + 100 * YEAR);
        let root = Template::ca("Examples Root").with_validity(begin, century + 10 * YEAR);
        let root = root.self_signed(&Key::p256("root"));
        let template = Template::leaf("pay").with_sans(&[San::dns("pay.test")]).with_validity(begin, century);
        let leaf = template.issued_by(&root, &Key::p256("leaf"));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), root.pem()).unwrap();
        std::fs::write(folder.path().join("chain.pem"), leaf.pem()).unwrap();
        let upstream = Self { folder, leaf };
        upstream.write_policy("policy.yaml", name, alpn);
        upstream
    }

    pub(crate) fn write_policy(&self, file: &str, name: &str, alpn: &str) {
        let text = format!(
            "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: example}}\nspec:\n  trust: {{bundles: [{{file: ca.pem}}]}}\n  serverName: {name}\n  alpn: {{protocols: [{alpn}]}}\n"
        );
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }

    /// Answers one HTTP/1.1 request for each connection.
    pub(crate) fn serve(&self) -> Server {
        Server::start(&ServerOptions::new(&[&self.leaf]))
    }

    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program).current_dir(self.folder.path()).args(arguments).output().unwrap()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
