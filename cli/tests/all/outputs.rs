//! What `uptls export envoy` writes: to which path, for which policy, and what it never replaces.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use uptls_testkit::{CrlTemplate, crl_pem};

use crate::manifests::objects;
use crate::support::{Folder, Ran, uptls};

pub(crate) const IDENTITY: &str = "identity: {certificate: {file: client.pem}, key: {file: client.key}}";

/// Exports `policy` with these options more.
pub(crate) fn export(folder: &Folder, policy: &str, more: &[&str]) -> Ran {
    uptls(folder.path(), &[&["export", "envoy", "--policy", policy], more].concat())
}

/// An export that was refused as a wrong call is: nothing on stdout, and this in what it says.
fn refused(ran: &Ran, wanted: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.trim_end().lines().count() == 1, "{ran:?}");
    for part in wanted {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
}

/// Where the context looks for the CA.
pub(crate) fn trust_path(ran: &Ran) -> PathBuf {
    assert_eq!(ran.code, 0, "{ran:?}");
    let combined = &ran.json()["common_tls_context"]["combined_validation_context"];
    path_in(&combined["validation_context_sds_secret_config"])
}

/// Where the context looks for the identity.
pub(crate) fn identity_path(ran: &Ran) -> PathBuf {
    assert_eq!(ran.code, 0, "{ran:?}");
    path_in(&ran.json()["common_tls_context"]["tls_certificate_sds_secret_configs"][0])
}

fn path_in(config: &Value) -> PathBuf {
    config["sds_config"]["path_config_source"]["path"].as_str().unwrap_or_else(|| panic!("{config}")).into()
}

/// A secret as Envoy reads it.
pub(crate) fn secret(path: &Path, kind: &str) -> Value {
    let resource: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    resource["resources"][0][kind].clone()
}

pub(crate) fn trusted(path: &Path) -> String {
    secret(path, "validation_context")["trusted_ca"]["inline_string"].as_str().unwrap().to_owned()
}

#[test]
fn sds_writes_secrets_that_envoy_watches() {
    let folder = Folder::new();
    let ran = export(&folder, "mtls.yaml", &["--sds", "sds"]);
    assert!(!ran.stdout.contains("BEGIN"), "{ran:?}");
    let pair = secret(&identity_path(&ran), "tls_certificate");
    assert!(pair["certificate_chain"]["inline_string"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(pair["private_key"]["inline_bytes"].is_string());
    assert_eq!(trusted(&trust_path(&ran)), folder.root.pem());
    // Envoy runs in a folder of its own.
    assert!(trust_path(&ran).is_absolute());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&identity_path(&ran)), mode(&trust_path(&ran))), (0o600, 0o644));
        assert_eq!(mode(&folder.path().join("sds")), 0o700);
    }
}

/// L12, with equal and unequal material.
#[test]
fn policies_share_a_folder_and_no_file() {
    let folder = Folder::new();
    for (name, bundle) in [("a", "ca.pem"), ("b", "intermediate.pem"), ("c", "ca.pem")] {
        fs::create_dir(folder.path().join(name)).unwrap();
        // All three are called alike.
        let spec = format!("{{trust: {{bundles: [{{file: ../{bundle}}}]}}, serverName: payments.internal}}");
        let text =
            format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: payments}}\nspec: {spec}\n");
        folder.write(&format!("{name}/policy.yaml"), &text);
    }
    let path = |name: &str| trust_path(&export(&folder, &format!("{name}/policy.yaml"), &["--sds", "sds"]));
    let [a, b, c] = ["a", "b", "c"].map(path);
    let (root, issuing) = (folder.root.pem(), folder.intermediate.pem());
    let all = || [&a, &b, &c].map(|path| trusted(path));
    assert_eq!(all(), [root.as_str(), &issuing, &root]);
    assert!(a != b && a != c && b != c);
    // Equal material is one file.
    assert_eq!(a.canonicalize().unwrap(), c.canonicalize().unwrap());
    // A rotation of one is none of another's, and its path stays.
    let text = fs::read_to_string(folder.path().join("a/policy.yaml")).unwrap();
    folder.write("a/policy.yaml", &text.replace("ca.pem", "intermediate.pem"));
    assert_eq!(path("a"), a);
    assert_eq!(all(), [issuing.as_str(), &issuing, &root]);
}

#[test]
fn backends_of_one_name_share_no_file() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    fs::create_dir(folder.path().join("others")).unwrap();
    for file in ["pay.yaml", "ca.yaml"] {
        let text = fs::read_to_string(folder.path().join("objects").join(file)).unwrap();
        let another = text.replace("namespace: shop", "namespace: books");
        folder.write(&format!("objects/books-{file}"), &another);
        folder.write(&format!("others/{file}"), &text);
    }
    let path = |manifests: &str, backend: &str| {
        let from = ["export", "envoy", "--manifests", manifests, "--backend", backend, "--sds", "sds"];
        trust_path(&uptls(folder.path(), &from))
    };
    let paths = [path("objects", "shop/pay:443"), path("objects", "books/pay:443"), path("others", "shop/pay:443")];
    assert!(paths[0] != paths[1] && paths[0] != paths[2], "{paths:?}");
    assert_eq!(path("./objects/", "shop/pay:443"), paths[0]);
}

#[test]
fn a_ca_file_is_of_one_policy() {
    let folder = Folder::new();
    folder.policy("other.yaml", "");
    let write = |policy: &str| export(&folder, policy, &["--ca-file", "out.pem"]);
    let ran = write("policy.yaml");
    assert_eq!(ran.code, 0, "{ran:?}");
    let name = ran.json()["common_tls_context"]["validation_context"]["trusted_ca"]["filename"].clone();
    assert!(name.as_str().unwrap().ends_with("/out.pem"), "{name}");
    let text = || fs::read_to_string(folder.path().join("out.pem")).unwrap();
    assert!(text().ends_with(&folder.root.pem()), "{}", text());
    assert!(text().contains("policy.yaml named payments"), "{}", text());
    // It is a bundle as it stands.
    folder.write(
        "reads.yaml",
        "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {trust: {bundles: [{file: out.pem}]}}\n",
    );
    assert_eq!(uptls(folder.path(), &["describe", "--policy", "reads.yaml"]).code, 0);
    let before = text();
    refused(
        &write("other.yaml"),
        &["out.pem was written for the policy ", "policy.yaml named payments", "file of its own"],
    );
    refused(&export(&folder, "policy.yaml", &["--ca-file", "ca.pem"]), &["ca.pem is what the policy reads"]);
    assert_eq!(text(), before);
    // The same policy replaces it.
    folder.write("ca.pem", &folder.intermediate.pem());
    assert_eq!(write("policy.yaml").code, 0);
    assert!(text().ends_with(&folder.intermediate.pem()), "{}", text());
    let both = ["--ca-file", "a", "--sds", "b"];
    assert_eq!(export(&folder, "policy.yaml", &both).code, 2);
}

/// Texts of ConfigMaps, for the module: the same promise.
#[test]
fn texts_for_the_module_are_of_one_policy() {
    let folder = Folder::new();
    for (name, pem) in [("a", folder.root.pem()), ("b", folder.intermediate.pem())] {
        let trust = serde_json::json!({"bundles": [{"pem": pem}]});
        let spec = format!("{{trust: {trust}, serverName: payments.internal}}");
        folder.write(
            &format!("{name}.yaml"),
            &format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: {name}}}\nspec: {spec}\n"),
        );
    }
    let write = |policy: &str, file: &str| export(&folder, policy, &["--module", "--ca-file", file]);
    assert_eq!(write("a.yaml", "a.pem").code, 0);
    refused(&write("b.yaml", "a.pem"), &["a.pem was written for the policy ", "a.yaml named a, with the module"]);
    // Each form reads the file in its own way.
    refused(&export(&folder, "a.yaml", &["--ca-file", "a.pem"]), &["a.pem was written for the policy "]);
    assert_eq!((write("b.yaml", "b.pem").code, write("a.yaml", "a.pem").code), (0, 0));
    let text = fs::read_to_string(folder.path().join("a.pem")).unwrap();
    assert!(text.trim_end().ends_with(folder.root.pem().trim_end()), "{text}");
}

/// Every kind of input, by its own name, and by a symbolic and a hard link.
#[cfg(unix)]
#[test]
fn what_a_policy_is_made_of_is_no_output() {
    let folder = Folder::new();
    let lists = [&folder.root, &folder.intermediate].map(|issuer| crl_pem(&CrlTemplate::new(&[]).issued_by(issuer)));
    folder.write("ca.crl", &lists.concat());
    folder.policy("all.yaml", &format!("{IDENTITY}\n  revocation: {{crls: [{{file: ca.crl}}]}}"));
    objects(&folder, "payments.internal", "");
    let document = ["export", "envoy", "--policy", "all.yaml", "--ca-file"];
    let manifests = ["export", "envoy", "--manifests", "objects", "--backend", "shop/pay:443", "--ca-file"];
    let cases = ["all.yaml", "ca.pem", "ca.crl", "client.pem", "client.key"].map(|input| (document.as_slice(), input));
    let objects = ["objects/pay.yaml", "objects/ca.yaml"].map(|input| (manifests.as_slice(), input));
    for (command, input) in cases.into_iter().chain(objects) {
        let path = folder.path().join(input);
        let content = fs::read(&path).unwrap();
        std::os::unix::fs::symlink(&path, folder.path().join("soft.pem")).unwrap();
        fs::hard_link(&path, folder.path().join("hard.pem")).unwrap();
        for name in [input, &format!("objects/../{input}"), "soft.pem", "hard.pem"] {
            let ran = uptls(folder.path(), &[command, &[name]].concat());
            // By links it is said which one.
            refused(&ran, &["is not replaced: give another path", if name.ends_with(input) { input } else { name }]);
            assert!(
                ran.stderr.contains("what the policy is made of") || ran.stderr.contains("what the policy reads as")
            );
            assert_eq!(fs::read(&path).unwrap(), content, "{name}");
        }
        for link in ["soft.pem", "hard.pem"] {
            assert_eq!(fs::read(folder.path().join(link)).unwrap(), content);
            fs::remove_file(folder.path().join(link)).unwrap();
        }
        // The twin.
        assert_eq!(uptls(folder.path(), &[command, &["new.pem"]].concat()).code, 0);
        fs::remove_file(folder.path().join("new.pem")).unwrap();
    }
    // What would be read next time.
    refused(
        &uptls(folder.path(), &[manifests.as_slice(), &["objects/new.yaml"]].concat()),
        &["objects/new.yaml is what"],
    );
    // By SDS all of it is written, and beside its inputs as well.
    let inputs = || {
        ["all.yaml", "ca.pem", "ca.crl", "client.pem", "client.key"]
            .map(|name| fs::read(folder.path().join(name)).unwrap())
    };
    let before = inputs();
    assert!(identity_path(&export(&folder, "all.yaml", &["--sds", "."])).exists());
    assert_eq!(inputs(), before);
}

#[test]
fn what_no_export_wrote_stays() {
    let folder = Folder::new();
    folder.write("mine.pem", "mine");
    for (path, wanted) in [
        (
            "mine.pem",
            "mine.pem is a file that no export wrote, and is not replaced: give another path, or remove it first",
        ),
        ("leaf.key", "leaf.key is a file that no export wrote"),
        (".", "is a folder that no export wrote"),
        ("/dev/null", "/dev/null is a device or pipe that no export wrote"),
        ("typo/out.pem", "/typo does not exist: correct the path, or create it first"),
        ("mine.pem/out.pem", "mine.pem is no folder"),
    ] {
        refused(&export(&folder, "policy.yaml", &["--ca-file", path]), &[wanted]);
    }
    assert_eq!(fs::read_to_string(folder.path().join("mine.pem")).unwrap(), "mine");
    for (path, wanted) in [
        ("typo/sds", "/typo does not exist: correct the path, or create it first"),
        ("mine.pem", "mine.pem is no folder: give the path of one"),
        ("mine.pem/sds", "mine.pem is no folder"),
    ] {
        refused(&export(&folder, "policy.yaml", &["--sds", path]), &[wanted]);
    }
    assert!(!folder.path().join("typo").exists());
    // Refusals of the policy itself come first, and leave nothing.
    folder.policy("bad.yaml", "danger: {acceptAnyName: {reason: an old appliance}}");
    assert_eq!(export(&folder, "bad.yaml", &["--sds", "new"]).code, 2);
    assert!(!folder.path().join("new").exists());
}

/// One document after another may stand in one file, as a script has it.
#[test]
fn a_policy_without_a_name_writes_nothing() {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.path().join("policy.yaml")).unwrap();
    let run = |name: &str, more: &[&str]| {
        folder.write("p.yaml", &text.replace("metadata: {name: payments}\n", name));
        export(&folder, "p.yaml", more)
    };
    for more in [["--sds", "sds"], ["--ca-file", "out.pem"]] {
        for module in [&[][..], &["--module"]] {
            let ran = run("", &[&more, module].concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
            for part in ["not_exportable (115)", "metadata.name", "(L12)", "metadata: {name: NAME}"] {
                assert!(ran.stderr.contains(part), "{part}: {ran:?}");
            }
        }
        assert!(!folder.path().join(more[1]).exists());
    }
    assert_eq!(run("", &[]).code, 0);
    // The hint; and the next document is another policy.
    let [one, other] =
        ["metadata: {name: one}\n", "metadata: {name: other}\n"].map(|name| run(name, &["--sds", "sds"]));
    assert_ne!(trust_path(&one), trust_path(&other));
}

#[cfg(target_os = "linux")]
#[test]
fn a_policy_on_a_pipe_writes_nothing() {
    let folder = Folder::new();
    let text = fs::read_to_string(folder.path().join("policy.yaml")).unwrap();
    let text = text.replace("ca.pem", folder.path().join("ca.pem").to_str().unwrap());
    let run = |more: &[&str]| {
        let args = [&["export", "envoy", "--policy", "/dev/stdin"], more].concat();
        crate::support::uptls_with_input(folder.path(), &args, text.as_bytes())
    };
    for more in [["--sds", "sds"], ["--ca-file", "out.pem"]] {
        refused(&run(&more), &["/dev/stdin is a stream", "keep it in a file"]);
    }
    let ran = run(&[]);
    assert!(ran.code == 2 && ran.stdout.is_empty(), "{ran:?}");
    assert!(ran.stderr.contains("not a regular file") && ran.stderr.contains("write it to a file"), "{ran:?}");
    assert!(!folder.path().join("sds").exists());
    // The twin: the same text in a file.
    fs::write(folder.path().join("text.yaml"), &text).unwrap();
    let args = ["export", "envoy", "--policy", "text.yaml", "--sds", "sds"];
    assert_eq!(uptls(folder.path(), &args).code, 0);
}
