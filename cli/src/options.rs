//! A policy that stands on the command line: its options, and the document that they are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};
use uptls::{Origin, PolicyDraft, PolicyError, PolicyErrorKind, PolicySpec, Problem, Problems};

use crate::input;

/// A policy by options, instead of a document. None of them weakens verification.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[group(skip)]
pub(crate) struct PolicyOptions {
    /// Instead of a policy: trust the CA certificates in this file. `-` is standard input.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub(crate) ca: Vec<PathBuf>,
    /// Trust the roots that are compiled in (mozilla), or those of this machine (native).
    #[arg(long, value_name = "ROOTS", value_parser = ["mozilla", "native"], help_heading = HEADING)]
    pub(crate) system: Option<String>,
    /// A DNS name or an IP address that the certificate must hold; it must hold one of several. The first DNS name is also the
    /// server name (SNI). Default: the host of HOST:PORT.
    #[arg(long, value_name = "NAME-OR-IP", help_heading = HEADING)]
    pub(crate) name: Vec<String>,
    /// A name that the certificate may hold instead: dns:NAME, ip:ADDRESS, uri:URI or spiffeTrustDomain:NAME.
    #[arg(long, value_name = "TYPE:NAME", value_parser = San::parse, help_heading = HEADING)]
    pub(crate) san: Vec<San>,
    /// Send this server name (SNI): a name, auto (the host of HOST:PORT) or none.
    #[arg(long, value_name = "NAME|auto|none", help_heading = HEADING)]
    pub(crate) sni: Option<String>,
    /// Our own certificate and its chain, for a peer that wants one.
    #[arg(long, value_name = "FILE", requires = "key", help_heading = HEADING)]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of --cert.
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = HEADING)]
    pub(crate) key: Option<PathBuf>,
    /// Offer this application protocol, such as h2. Several are in order of preference.
    #[arg(long, value_name = "PROTOCOL", value_delimiter = ',', help_heading = HEADING)]
    pub(crate) alpn: Vec<String>,
    /// Refuse what this revocation list revokes, and what no list is about.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    pub(crate) crl: Vec<PathBuf>,
    /// The lowest TLS version: 1.2 or 1.3.
    #[arg(long, value_name = "VERSION", value_parser = ["1.2", "1.3"], help_heading = HEADING)]
    pub(crate) min: Option<String>,
    /// Print the policy document that these options are, and do nothing else. Its files are relative to the current folder.
    #[arg(long, requires = "options", help_heading = HEADING)]
    pub(crate) print_policy: bool,
}

/// A name of a certificate, as `subjectAltNames` has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct San {
    kind: &'static str,
    name: String,
}

impl San {
    fn parse(text: &str) -> Result<Self, String> {
        let wanted = || format!("TYPE:NAME is wanted, with a TYPE of {}", KINDS.join(", "));
        let (kind, name) = text.split_once(':').ok_or_else(wanted)?;
        let kind = KINDS.into_iter().find(|known| *known == kind).ok_or_else(wanted)?;
        Ok(Self { kind, name: name.to_owned() })
    }

    fn of_name(name: &str) -> Self {
        let kind = if name.parse::<IpAddr>().is_ok() { "ip" } else { "dns" };
        Self { kind, name: name.to_owned() }
    }
}

impl PolicyOptions {
    /// The policy, whose problems name the options.
    pub(crate) fn draft(&self) -> Result<PolicyDraft, Problems> {
        let mut written = Written::default();
        let spec = self.spec(&mut written)?;
        let unread = |error: serde_json::Error| problem(PolicyErrorKind::DocumentParse { reason: error.to_string() });
        let mut draft = PolicyDraft::new(serde_json::from_value::<PolicySpec>(spec).map_err(unread)?);
        draft.origins = written.origins.into();
        Ok(draft)
    }

    /// The document that says the same.
    pub(crate) fn document(&self) -> Result<String, Problems> {
        let spec = self.spec(&mut Written::default())?;
        let document = json!({"apiVersion": "uptls/v1", "kind": "UpstreamTlsPolicy", "spec": spec});
        Ok(uptls_manifest::fix::to_yaml(&document))
    }

    fn spec(&self, written: &mut Written) -> Result<Value, Problems> {
        let mut spec = Map::new();
        spec.insert("trust".to_owned(), self.trust(written)?);
        let names: Vec<(&str, San)> = self.names().collect();
        for (index, (option, _)) in names.iter().enumerate() {
            written.at(format!("spec.subjectAltNames[{index}]"), option);
        }
        if !names.is_empty() {
            let names: Vec<Value> = names.into_iter().map(|(_, san)| json!({san.kind: san.name})).collect();
            spec.insert("subjectAltNames".to_owned(), names.into());
        }
        if let Some(name) = self.server_name() {
            written.at("spec.serverName", if self.sni.is_some() { "--sni" } else { "--name" });
            spec.insert("serverName".to_owned(), name.into());
        }
        if let (Some(certificate), Some(key)) = (&self.cert, &self.key) {
            written.at("spec.identity.certificate", "--cert");
            written.at("spec.identity.key", "--key");
            spec.insert("identity".to_owned(), json!({"certificate": file(certificate), "key": file(key)}));
        }
        if !self.alpn.is_empty() {
            written.at("spec.alpn", "--alpn");
            spec.insert("alpn".to_owned(), json!({"protocols": self.alpn}));
        }
        if !self.crl.is_empty() {
            written.at("spec.revocation", "--crl");
            let lists = material(&self.crl, "--crl")?;
            spec.insert("revocation".to_owned(), json!({"crls": lists}));
        }
        if let Some(version) = &self.min {
            written.at("spec.versions", "--min");
            spec.insert("versions".to_owned(), json!({"min": version}));
        }
        Ok(spec.into())
    }

    fn trust(&self, written: &mut Written) -> Result<Value, Problems> {
        let mut trust = Map::new();
        written.at("spec.trust", if self.ca.is_empty() { "--system" } else { "--ca" });
        if !self.ca.is_empty() {
            trust.insert("bundles".to_owned(), material(&self.ca, "--ca")?.into());
        }
        if let Some(roots) = &self.system {
            written.at("spec.trust.system", "--system");
            trust.insert("system".to_owned(), roots.as_str().into());
        }
        Ok(trust.into())
    }

    /// Each wanted name, and the option that gave it.
    fn names(&self) -> impl Iterator<Item = (&'static str, San)> {
        let names = self.name.iter().map(|name| ("--name", San::of_name(name)));
        names.chain(self.san.iter().map(|san| ("--san", san.clone())))
    }

    fn server_name(&self) -> Option<&str> {
        let is_dns = |name: &&str| name.parse::<IpAddr>().is_err() && !name.contains('*');
        self.sni.as_deref().or_else(|| self.name.iter().map(String::as_str).find(is_dns))
    }
}

/// Which option each field comes from.
#[derive(Default)]
struct Written {
    origins: BTreeMap<String, Origin>,
}

impl Written {
    fn at(&mut self, path: impl Into<String>, option: &str) {
        self.origins.insert(path.into(), Origin::new(option, 0, 0));
    }
}

/// The files, or the text that stands on standard input.
fn material(paths: &[PathBuf], option: &'static str) -> Result<Vec<Value>, Problems> {
    let one = |path: &PathBuf| match input::is_standard_input(path) {
        true => Ok(json!({"pem": standard_input(path, option)?})),
        false => Ok(file(path)),
    };
    paths.iter().map(one).collect()
}

fn standard_input(path: &Path, option: &'static str) -> Result<String, Problems> {
    let bytes = input::read(path, option).map_err(|error| unreadable(option, error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| unreadable(option, "it is not PEM".to_owned()))
}

fn unreadable(option: &str, reason: String) -> Problems {
    let document = format!("standard input ({option})");
    problem(PolicyErrorKind::DocumentUnreadable { document, reason })
}

fn problem(kind: PolicyErrorKind) -> Problems {
    Problem::from(PolicyError::new("spec", kind)).into()
}

fn file(path: &Path) -> Value {
    json!({"file": path})
}

const HEADING: &str = "Options instead of a policy";
const KINDS: [&str; 4] = ["dns", "ip", "uri", "spiffeTrustDomain"];
