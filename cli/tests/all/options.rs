//! A policy by options: the verdict that a document would give, the document itself, and what is no such policy.

use uptls_testkit::{San, Server, ServerOptions, Template};

use crate::support::{Folder, uptls, uptls_with_input};

const CHAIN: [&str; 3] = ["verify", "--chain", "chain.pem"];

#[test]
fn one_line_gives_the_verdict_from_nothing() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let place = server.addr().to_string();
    let check = |name: &str| uptls(folder.path(), &["check", &place, "--ca", "ca.pem", "--name", name]);
    let ran = check("payments.internal");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(server.wait_for_handshakes(1)[0].sni.as_deref(), Some("payments.internal"), "the name is sent as well");
    let ran = check("orders.internal");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stdout.contains("name_mismatch (601)"), "{ran:?}");
}

#[test]
fn options_judge_as_the_printed_document_does() {
    let folder = Folder::new();
    let cases: [&[&str]; 8] = [
        &["--ca", "ca.pem", "--name", "payments.internal"],
        &["--ca", "ca.pem", "--system", "mozilla", "--name", "payments.internal", "--min", "1.3"],
        &["--ca", "ca.pem", "--name", "10.0.0.7", "--san", "dns:payments.internal", "--sni", "none"],
        &["--ca", "ca.pem", "--ca", "intermediate.pem", "--name", "payments.internal", "--alpn", "h2,http/1.1"],
        &["--ca", "ca.pem", "--name", "payments.internal", "--cert", "client.pem", "--key", "client.key"],
        &["--ca", "ca.pem", "--san", "uri:spiffe://prod/ns/pay", "--san", "dns:payments.internal", "--sni", "auto"],
        &["--ca", "ca.pem", "--name", "*.internal", "--name", "payments.internal"],
        &["--ca", "ca.pem", "--sni", "payments.internal"],
    ];
    for options in cases {
        let host = ["--host", "payments.internal"];
        let by_options = uptls(folder.path(), &[&CHAIN, options, &host, &["--json"]].concat());
        assert_eq!(by_options.code, 0, "{options:?} {by_options:?}");
        let printed = uptls(folder.path(), &[&["verify", "--print-policy"], options].concat());
        assert_eq!((printed.code, printed.stderr.as_str()), (0, ""), "{printed:?}");
        folder.write("printed.yaml", &printed.stdout);
        let args = [&CHAIN, &["--policy", "printed.yaml"][..], &host, &["--json"]].concat();
        let by_document = uptls(folder.path(), &args);
        assert_eq!(by_options.results()[0]["policy"], by_document.results()[0]["policy"], "{}", printed.stdout);
    }
    let printed = uptls(folder.path(), &[&["check", "--print-policy"], cases[1]].concat());
    assert_eq!(
        printed.stdout,
        "\
apiVersion: uptls/v1
kind: UpstreamTlsPolicy
spec:
  serverName: payments.internal
  subjectAltNames:
    -
      dns: payments.internal
  trust:
    bundles:
      -
        file: ca.pem
    system: mozilla
  versions:
    min: \"1.3\"
"
    );
}

#[test]
fn each_option_can_refuse() {
    let folder = Folder::new();
    let refused = |options: &[&str], code: &str| {
        let ran = uptls(folder.path(), &[&CHAIN, options, &["--json"]].concat());
        assert_eq!(ran.results()[0]["code"].as_str(), Some(code), "{options:?} {ran:?}");
    };
    refused(&["--system", "mozilla", "--name", "payments.internal"], "cert_unknown_issuer");
    refused(&["--ca", "ca.pem", "--san", "uri:spiffe://prod/ns/pay", "--sni", "none"], "name_mismatch");
    let name = ["--ca", "ca.pem", "--name", "payments.internal"];
    let list = uptls_testkit::crl_pem(&uptls_testkit::CrlTemplate::new(&[]).issued_by(&folder.root));
    folder.write("ca.crl", &list);
    refused(&[&name[..], &["--crl", "ca.crl"]].concat(), "revocation_unknown");
    // TLS 1.2 alone, and no protocol.
    let server = Server::start(&ServerOptions { versions: uptls_testkit::Versions::Tls12, ..folder.options() });
    let place = server.addr().to_string();
    let check = |more: &[&str]| uptls(folder.path(), &[&["check", &place, "--json"], &name[..], more].concat());
    assert_eq!(check(&["--min", "1.2"]).code, 0);
    assert_eq!(check(&["--min", "1.3"]).results()[0]["code"], "no_common_version");
}

#[test]
fn the_client_certificate_is_sent() {
    let folder = Folder::new();
    let server = Server::start(&folder.options().with_client_roots(&[&folder.root]));
    let place = server.addr().to_string();
    let name = ["check", &place, "--ca", "ca.pem", "--name", "payments.internal"];
    assert_eq!(uptls(folder.path(), &name).code, 4);
    let ran = uptls(folder.path(), &[&name[..], &["--cert", "client.pem", "--key", "client.key"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("client     sent CN=gateway"), "{ran:?}");
}

#[test]
fn neither_policy_nor_options_is_an_error_with_an_example() {
    let folder = Folder::new();
    for args in [
        &["check", "a.internal:443"][..],
        &["check", "a.internal:443", "--name", "a.internal"],
        &["verify", "--chain", "chain.pem"],
        &["describe"],
        &["export", "envoy"],
        &["proxy", "--listen", "0", "a.internal:443"],
    ] {
        let ran = uptls(folder.path(), args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains("hint: uptls check payments.internal:8443 --ca ca.pem"), "{ran:?}");
    }
}

#[test]
fn a_policy_with_options_is_refused() {
    let folder = Folder::new();
    let options: [&[&str]; 9] = [
        &["--ca", "ca.pem"],
        &["--system", "mozilla"],
        &["--name", "payments.internal"],
        &["--san", "dns:payments.internal"],
        &["--sni", "none"],
        &["--cert", "client.pem", "--key", "client.key"],
        &["--alpn", "h2"],
        &["--crl", "ca.crl"],
        &["--min", "1.3"],
    ];
    for option in options {
        for source in [&["--policy", "policy.yaml"][..], &["--manifests", ".", "--backend", "pay"]] {
            let ran = uptls(folder.path(), &[&CHAIN, source, option].concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
            assert!(ran.stderr.contains("cannot be used with"), "{ran:?}");
        }
    }
    let ran = uptls(folder.path(), &["describe", "--policy", "policy.yaml", "--print-policy"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
}

/// The text that the author can change is the option.
#[test]
fn problems_name_the_option() {
    let folder = Folder::new();
    for (options, wanted) in [
        (&["--ca", "ca.pem", "--name", "a b"][..], "--name: "),
        (&["--ca", "ca.pem", "--san", "ip:nowhere"], "--san: "),
        (&["--ca", "ca.pem", "--sni", "10.0.0.7"], "--sni: "),
        (&["--ca", "ca.pem", "--sni", "none"], "--sni: "),
        (&["--ca", "ca.pem", "--alpn", ""], "--alpn: "),
    ] {
        let ran = uptls(folder.path(), &[&CHAIN, options].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.stdout.contains(wanted), "{wanted}: {ran:?}");
        let ran = uptls(folder.path(), &[&["describe", "--print-policy"], options].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    }
    for options in
        [&["--san", "mail:a@b"][..], &["--san", "payments.internal"], &["--system", "none"], &["--min", "1.1"]]
    {
        let ran = uptls(folder.path(), &[&CHAIN, &["--ca", "ca.pem"][..], options].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    }
    let ran = uptls(folder.path(), &[&CHAIN, &["--ca", "no.pem", "--name", "a.internal"][..]].concat());
    assert!(ran.code == 2 && ran.stdout.contains("no.pem"), "{ran:?}");
}

#[test]
fn standard_input_is_one_file() {
    let folder = Folder::new();
    let verify = |args: &[&str], input: &str| {
        let args = [&["verify", "--json", "--host", "payments.internal"], args].concat();
        uptls_with_input(folder.path(), &args, input.as_bytes())
    };
    let policy = std::fs::read_to_string(folder.path().join("policy.yaml")).unwrap();
    let ran = verify(&["--policy", "-", "--chain", "chain.pem"], &policy);
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = verify(&["--ca", "-", "--chain", "chain.pem"], &folder.root.pem());
    assert_eq!(ran.code, 0, "{ran:?}");
    let other = folder.issue(Template::leaf("x").with_sans(&[San::dns("payments.internal")]).lasting());
    let ran = verify(&["--ca", "-", "--chain", "chain.pem"], &other.pem());
    assert_eq!(ran.code, 1, "{ran:?}");
    // It must not vouch for itself.
    let ran = verify(&["--ca", "-", "--chain", "-"], &folder.leaf.pem());
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(format!("{ran:?}").contains("standard input is --chain already"), "{ran:?}");
    let ran = verify(&["--policy", "-", "--chain", "chain.pem"], "spec: {}");
    assert!(ran.code == 2 && ran.stdout.contains("\"document\": \"standard input\""), "{ran:?}");
}
