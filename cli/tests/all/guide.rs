//! The guide says what is true: the manifests of its section on them, and what the command prints for them.

use crate::support::{Folder, uptls};

/// The block of `kind` that is the first after `begin`.
fn block<'a>(guide: &'a str, begin: &str, kind: &str) -> &'a str {
    let (_, section) = guide.split_once(begin).unwrap_or_else(|| panic!("the guide has no {begin:?}"));
    let (_, rest) = section.split_once(&format!("```{kind}\n")).unwrap_or_else(|| panic!("no block of {kind}"));
    rest.split_once("```").unwrap().0
}

/// PEM text below a key of a map.
fn below(key: &str, pem: &str) -> String {
    let lines: String = pem.lines().map(|line| format!("    {line}\n")).collect();
    format!("  {key}: |\n{lines}")
}

#[test]
#[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS=1 writes the file")]
fn the_guide_shows_what_import_prints() {
    let folder = Folder::new();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide.md");
    let guide = std::fs::read_to_string(&path).unwrap();
    std::fs::create_dir(folder.path().join("deploy")).unwrap();
    folder.write("deploy/pay.yaml", block(&guide, SECTION, "yaml"));
    let ca = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata:\n";
    folder.write("deploy/ca.yaml", &format!("{ca}{}", below("ca.crt", &folder.root.pem())));
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: gateway-client, namespace: shop}\n\
                  type: kubernetes.io/tls\nstringData:\n";
    let pair = [below("tls.crt", &folder.client.pem()), below("tls.key", &folder.client.key().pkcs8_pem())].concat();
    folder.write("deploy/secret.yaml", &format!("{secret}{pair}"));
    let ran = uptls(folder.path(), &["import", "deploy"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let shown = block(&guide, SECTION, "text");
    if std::env::var("UPTLS_BLESS").is_ok_and(|value| value == "1") {
        assert!(!shown.trim().is_empty(), "it stands somewhere");
        std::fs::write(&path, guide.replacen(shown, &ran.stdout, 1)).unwrap();
    } else {
        assert!(shown == ran.stdout, "docs/guide.md is out of date, run make bless; wanted:\n{}", ran.stdout);
    }
    // Without the object that the extension refers to, nothing is left of the policy.
    std::fs::remove_file(folder.path().join("deploy/secret.yaml")).unwrap();
    assert_eq!(uptls(folder.path(), &["import", "deploy"]).code, 2);
}

const SECTION: &str = "## From Kubernetes manifests";
