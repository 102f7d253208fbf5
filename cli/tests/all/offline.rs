//! `verify`, `describe`, `inspect` and `schema`: at a fixed clock, without a socket.

use crate::support::{Folder, uptls, uptls_with_input};
use crate::validator::findings;
use uptls::danger::DangerPermission;
use uptls::{Envelope, FixedClock, Runtime};
use uptls_testkit::{Pki, San, chain_pem};

const AT: &str = "2026-11-23T00:00:00Z";

/// The ordinary validities of the testkit, which `--at` makes steady.
fn ordinary() -> Folder {
    let folder = Folder::new();
    let pki = Pki::new("offline");
    let leaf = pki.leaf(&[San::dns("payments.internal"), San::uri("spiffe://test/payments")]);
    folder.write("ca.pem", &pki.root.pem());
    folder.write("chain.pem", &chain_pem(&[&leaf, &pki.intermediate]));
    folder
}

#[test]
fn verify_accepts_at_its_time_and_refuses_after_it() {
    let folder = ordinary();
    let args = ["verify", "--policy", "policy.yaml", "--chain", "chain.pem", "--at"];
    let ran = uptls(folder.path(), &[args.as_slice(), &[AT]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.steady(),
        "\
ok    payments.internal: accepted by the policy payments
  ok    policy     payments, fingerprint sha256:...
  skip  tcp, hello
  ok    chain      trusted by CN=offline root, ca.pem #1
                   CN=offline root             ends 2035-11-21, in 9 years  ca.pem #1
                   └─ CN=offline intermediate  ends 2035-11-21, in 9 years
                      └─ CN=leaf               ends 2027-01-22, in 60 days  dns:payments.internal and 1 more
  skip  revocation
  ok    usage      the key may sign handshakes
  ok    name       matched dns:payments.internal
  skip  pin, client, alpn
"
    );
    let ran = uptls(folder.path(), &[args.as_slice(), &["2027-02-01T00:00:00Z"]].concat());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("rejected by the policy payments: cert_expired (405)"), "{ran:?}");
    assert!(ran.stdout.contains("ended 2027-01-22, 10 days ago"), "{ran:?}");
    assert!(ran.stdout.contains("\nhint: renew CN=leaf on the upstream"), "{ran:?}");
}

#[test]
fn verify_prints_byte_for_byte_what_the_library_says() {
    let folder = ordinary();
    folder.policy("auto.yaml", "versions: {min: '1.3'}");
    let args = ["verify", "--policy", "auto.yaml", "--chain", "chain.pem", "--host", "10.0.0.7", "--at", AT, "--json"];
    let ran = uptls(folder.path(), &args);
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::parse(AT).unwrap()).build();
    let text = std::fs::read(folder.path().join("auto.yaml")).unwrap();
    let chain = std::fs::read(folder.path().join("chain.pem")).unwrap();
    let report = uptls_manifest::verify_document(
        &runtime,
        &text,
        "auto.yaml",
        Some(folder.path()),
        DangerPermission::Forbidden,
        &chain,
        Some("10.0.0.7"),
    );
    assert_eq!(ran.stdout, Envelope::reports(vec![report]).to_json() + "\n");
}

#[test]
fn verify_reads_the_chain_from_standard_input() {
    let folder = ordinary();
    let chain = std::fs::read_to_string(folder.path().join("chain.pem")).unwrap();
    let text = format!("CONNECTED(00000003)\n---\n{chain}---\nread R BLOCK\n");
    let args = ["verify", "--policy", "policy.yaml", "--chain", "-", "--at", AT];
    assert_eq!(uptls_with_input(folder.path(), &args, text.as_bytes()).code, 0);
}

/// Opening a FIFO waits for a writer, and reading a device never ends: neither is done, whatever the file is for.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let folder = ordinary();
    let path = |name: &str| folder.path().join(name);
    assert!(std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    let of = |file: &str| {
        let spec = format!("{{trust: {{bundles: [{{file: {file}}}]}}, serverName: a.test}}");
        std::fs::write(path("special.yaml"), format!("{{apiVersion: uptls/v1, kind: UpstreamTlsPolicy, spec: {spec}}}"))
    };
    for (file, kind) in [("fifo", "it is a FIFO or a pipe"), ("/dev/zero", "it is a character device")] {
        let chain = uptls(folder.path(), &["verify", "--policy", "policy.yaml", "--chain", file]);
        assert_eq!(chain.code, 2, "{chain:?}");
        assert!(chain.stderr.contains(kind) && chain.stderr.contains("give - instead"), "{chain:?}");
        let inspected = uptls(folder.path(), &["inspect", file]);
        assert!(inspected.code == 2 && inspected.stderr.contains(kind), "{inspected:?}");
        let policy = uptls(folder.path(), &["describe", "--policy", file]);
        assert!(policy.code == 2 && policy.stderr.contains(kind), "{policy:?}");
        let imported = uptls(folder.path(), &["import", file]);
        assert!(imported.code == 2 && imported.stderr.contains(kind), "{imported:?}");
        of(file).unwrap();
        let args = ["check", "--policy", "special.yaml", "--timeout", "1s", "127.0.0.1:1"];
        let checked = uptls(folder.path(), &args);
        assert_eq!(checked.code, 2, "{checked:?}");
        assert!(checked.stdout.contains("trust_unreadable (108)") && checked.stdout.contains(kind), "{checked:?}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_exit_code_2() {
    let folder = ordinary();
    let ran = uptls(folder.path(), &["verify", "--policy", "policy.yaml", "--chain", "absent.pem"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.starts_with("error: cannot read absent.pem: "), "{ran:?}");
    let ran = uptls(folder.path(), &["verify", "--policy", "absent.yaml", "--chain", "chain.pem", "--json"]);
    assert_eq!((ran.code, ran.results()[0]["verdict"].as_str()), (2, Some("error")), "{ran:?}");
    let args = ["verify", "--policy", "policy.yaml", "--chain", "chain.pem", "--host", "a b", "--json"];
    let ran = uptls(folder.path(), &args);
    assert_eq!((ran.code, ran.results()[0]["code"].as_str()), (2, Some("name_invalid")), "{ran:?}");
    let ran = uptls(folder.path(), &["describe", "--policy", "absent.yaml"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("the policy cannot be used: document_unreadable (122)"), "{ran:?}");
    assert!(ran.stderr.contains("  FAIL  cannot read absent.yaml: "), "{ran:?}");
}

#[test]
fn explain_shows_what_is_trusted_sent_and_accepted() {
    let folder = ordinary();
    let ran = uptls(folder.path(), &["describe", "--policy", "mtls.yaml", "--at", AT]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = ran.steady();
    for wanted in [
        "policy payments sha256:...\n\ntrusts\n  system        no\n",
        "  ANCHOR           AS      NOT AFTER                    WHERE\n",
        "  CN=offline root  issuer  2035-11-21  ends in 9 years  ca.pem #1\n",
        "  server name   payments.internal\n",
        "  identity      CN=gateway, ends in 20 years uri:spiffe://test/gateway\n",
        "  timeout       10 s\n",
        "\naccepts\n  any of        dns:payments.internal\n",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in {text}");
    }
    let ran = uptls(folder.path(), &["describe", "--policy", "mtls.yaml", "--at", AT, "--json"]);
    assert_eq!(ran.json()["schema"], "uptls.description/v1");
    assert_eq!(ran.results()[0]["at"], AT);
}

#[test]
fn explain_warns_of_what_ends_soon() {
    let folder = ordinary();
    let ran = uptls(folder.path(), &["describe", "--policy", "policy.yaml", "--at", "2035-11-10T00:00:00Z"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("\nwarnings\n  warn  trust_entry_expiring "), "{ran:?}");
}

#[test]
fn inspect_says_loudly_that_it_verifies_nothing() {
    let folder = ordinary();
    let ran = uptls(folder.path(), &["inspect", "chain.pem"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("NOT VERIFIED: "), "{ran:?}");
    assert_eq!(ran.stdout.matches("\nchain.pem #").count(), 2, "{ran:?}");
    let ran = uptls(folder.path(), &["inspect", "--json", "chain.pem"]);
    assert_eq!(ran.json()["schema"], "uptls.inspect/v1");
    assert_eq!(ran.results()[1]["subject"], "CN=offline intermediate");
    for (subject, text) in [
        ("client.key", "client.key: it holds no certificate"),
        ("absent.pem", "absent.pem is neither a file nor HOST:PORT: the port is missing"),
    ] {
        let ran = uptls(folder.path(), &["inspect", subject]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains(text), "{ran:?}");
    }
}

#[test]
fn schemas_are_json() {
    let folder = Folder::new();
    for (args, schema) in [
        (&["schema"][..], uptls_manifest::schema::policy()),
        (&["schema", "--report"], uptls_manifest::schema::report()),
        (&["schema", "--describe"], uptls_manifest::schema::description()),
        (&["schema", "--event"], uptls_manifest::schema::event()),
        (&["schema", "--inspect"], uptls_manifest::schema::inspect()),
    ] {
        let ran = uptls(folder.path(), args);
        assert_eq!((ran.code, ran.json()), (0, schema));
    }
    assert_eq!(uptls(folder.path(), &["schema", "--report", "--describe"]).code, 2);
}

/// A reader of `--json` needs one schema, whatever happens.
#[test]
fn a_failure_is_a_document_of_the_schema_that_was_asked_for() {
    let folder = ordinary();
    folder.write("bad.yaml", "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {trust: {}}\n");
    folder.write("empty.pem", "nothing\n");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let free = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let closed = free.local_addr().unwrap().to_string();
    drop(free);
    for (args, schema, code, exit) in [
        (&["describe", "--policy", "bad.yaml"][..], "uptls.description/v1", "trust_missing", 2),
        (&["describe", "--policy", "none.yaml"], "uptls.description/v1", "document_unreadable", 2),
        (&["verify", "--policy", "policy.yaml", "--chain", "none.pem"], "uptls.report/v1", "document_unreadable", 2),
        (&["inspect", "empty.pem"], "uptls.inspect/v1", "chain_parse", 2),
        (&["inspect", "."], "uptls.inspect/v1", "document_unreadable", 2),
        (&["inspect", &closed], "uptls.inspect/v1", "tcp_refused", 3),
        (&["import", "none"], "uptls.import/v1", "document_unreadable", 2),
        (&["import", "policy.yaml"], "uptls.import/v1", "reference_unresolved", 2),
        (&["import", "empty"], "uptls.import/v1", "document_parse", 2),
    ] {
        for format in ["--json", "--ndjson"] {
            let ran = uptls(folder.path(), &[args, &[format]].concat());
            assert_eq!((ran.code, ran.stderr.as_str()), (exit, ""), "{args:?} {ran:?}");
            let document = ran.json();
            assert_eq!(document["schema"], schema, "{ran:?}");
            assert_eq!(document["results"].as_array().unwrap().len(), 0, "{ran:?}");
            assert_eq!(document["errors"][0]["code"], code, "{ran:?}");
            let kind = schema.split(['.', '/']).nth(1).unwrap();
            assert_eq!(findings(&schema_of(folder.path(), kind), &document), [""; 0]);
        }
        let ran = uptls(folder.path(), args);
        assert_eq!((ran.code, ran.stdout.as_str()), (exit, ""), "{args:?}: people read it on stderr: {ran:?}");
        assert!(!ran.stderr.is_empty());
    }
}

fn schema_of(folder: &std::path::Path, kind: &str) -> serde_json::Value {
    let option = format!("--{}", if kind == "description" { "describe" } else { kind });
    uptls(folder, &["schema", &option]).json()
}
