//! What documents come to: `uptls.import/v1`, and which files count.

use std::fs;
use std::path::Path;

use uptls::Problems;
use uptls_manifest::envoy::Standing;
use uptls_manifest::kubernetes::{Document, ObjectName, load};
use uptls_manifest::report::{Import, ImportOptions};
use uptls_manifest::schema;

use crate::common::runtime;
use crate::validator::findings;

const POLICY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: \"\", kind: Service, name: pay}]
  validation: {wellKnownCACertificates: System, hostname: pay.example}
";
const PLAIN: &str = "static_resources: {clusters: [{name: a, connect_timeout: 1s}]}\n";

fn import(documents: &[Document<'_>], options: &ImportOptions) -> Result<Import, Problems> {
    Import::of(documents, &runtime(), &|_| Err("no file is read".to_owned()), options)
}

#[test]
fn objects_and_clusters_stand_in_one_report_that_keeps_to_its_schema() {
    let documents = [Document::new("pay.yaml", POLICY.as_bytes()), Document::new("envoy.yaml", PLAIN.as_bytes())];
    let mut options = ImportOptions::default();
    let sound = import(&documents[..1], &options).unwrap();
    assert!(sound.ready && sound.backends[0].ready && sound.clusters.is_empty() && sound.status.is_empty());
    options.controller_name = Some("test/controller".to_owned());
    let both = import(&documents, &options).unwrap();
    assert!(!both.ready && both.backends[0].ready, "{both:?}");
    assert_eq!(both.clusters[0].standing, Standing::PlainText);
    assert!(both.ignored.is_empty(), "a document that is read is not counted: {:?}", both.ignored);
    let json = serde_json::from_str(&both.to_json()).unwrap();
    assert_eq!(findings(&schema::import(), &json), [""; 0]);
    let same = serde_json::from_str::<serde_json::Value>(&both.to_json().replace("\"ready\"", "\"is_ready\"")).unwrap();
    assert_ne!(findings(&schema::import(), &same), [""; 0]);
}

#[test]
fn strict_is_ready_only_if_there_is_nothing_to_say() {
    let documents = [
        Document::new("pay.yaml", POLICY.as_bytes()),
        Document::new("more.yaml", b"{apiVersion: apps/v1, kind: Deployment}"),
    ];
    let mut options = ImportOptions::default();
    assert!(import(&documents, &options).unwrap().ready);
    options.strict = true;
    assert!(!import(&documents, &options).unwrap().ready);
    assert!(import(&documents[..1], &options).unwrap().ready);
    assert!(import(&[], &options).unwrap().is_empty() && !import(&documents, &options).unwrap().is_empty());
}

#[test]
fn a_gateway_that_is_asked_for_must_be_there() {
    let gateway = "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: g, namespace: edge}, \
                   spec: {gatewayClassName: x, listeners: []}}";
    let documents = [Document::new("pay.yaml", POLICY.as_bytes()), Document::new("gateway.yaml", gateway.as_bytes())];
    let mut options = ImportOptions::default();
    options.gateway = Some(ObjectName::new("edge", "g"));
    assert!(import(&documents, &options).is_ok());
    let problems = import(&documents[..1], &options).err().unwrap();
    assert_eq!(problems.code().as_str(), "reference_unresolved");
}

#[test]
fn a_path_that_is_named_must_be_there_and_a_file_of_a_folder_might_be_any_policy() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("folder/pay.yaml"), POLICY).unwrap();
    fs::write(at("envoy.json"), PLAIN).unwrap();
    let ready = |paths: &[&Path]| {
        let manifests = load(paths).map_err(|problems| problems.to_string())?;
        Ok::<_, String>(import(&manifests.documents(), &ImportOptions::default()).unwrap())
    };
    assert!(ready(&[&at("folder")]).unwrap().ready);
    let both = ready(&[&at("folder"), &at("envoy.json")]).unwrap();
    assert_eq!((both.backends.len(), both.clusters.len()), (1, 1));
    let refused = ready(&[&at("folder"), &at("missing.yaml")]).err().unwrap();
    assert!(refused.contains("No such file"), "{refused}");
    // It stands there, and nobody can read it.
    std::os::unix::fs::symlink(at("nowhere"), at("folder/z.yaml")).unwrap();
    let unread = ready(&[&at("folder")]).unwrap();
    assert_eq!(unread.diagnostics.first().map(|one| one.effect), Some("unread"));
    assert!(!unread.ready && !unread.backends[0].ready);
}
