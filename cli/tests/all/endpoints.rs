//! `uptls check` of many endpoints: the addresses of a name, the backends of manifests, several at a time.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};

use uptls_testkit::{San, Server, Template};

use crate::manifests::objects;
use crate::support::{Folder, Ran, uptls};

fn lines(ran: &Ran) -> Vec<serde_json::Value> {
    ran.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

#[test]
fn every_address_of_a_name_is_one_line() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let place = format!("localhost:{}", server.addr().port());
    let check = |more: &[&str]| {
        let args = ["check", "--policy", "policy.yaml", "--connect-to", &place, "payments.internal:443"];
        uptls(folder.path(), &[&args, more].concat())
    };
    let ran = check(&["--all-addresses", "-4"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let line = ran.stdout.lines().next().unwrap();
    assert!(line.starts_with(&format!("ok    payments.internal ({}): accepted", server.addr())), "{ran:?}");
    assert!(line.contains(", ends 20"), "{ran:?}");
    assert_eq!(ran.stdout.lines().count(), 1, "{ran:?}");
    assert!(check(&["--all-addresses", "-4", "-v"]).stdout.lines().count() > 5);
    // The server listens on IPv4 alone: its neighbour of the same name is refused, or is not there.
    let ran = check(&["-6"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert_eq!(check(&["-4"]).code, 0);
    let ran =
        uptls(folder.path(), &["check", "--ca", "ca.pem", "--all-addresses", "--timeout", "5s", "no-such.invalid:1"]);
    assert!(ran.code == 3 && ran.stdout.contains("dns_failed (301)"), "{ran:?}");
    assert_eq!(check(&["-4", "-6"]).code, 2);
}

#[test]
fn every_backend_of_the_manifests_is_checked() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let server = Server::start(&folder.options());
    let place = server.addr().to_string();
    let check = |more: &[&str]| {
        let args = ["check", "--manifests", "objects", "--all", "--connect-to", &place];
        uptls(folder.path(), &[&args, more].concat())
    };
    let ran = check(&[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.starts_with("ok    pay.shop.svc ("), "{ran:?}");
    assert_eq!(server.wait_for_handshakes(1)[0].sni.as_deref(), Some("payments.internal"));
    objects(&folder, "orders.internal", "");
    let ran = check(&["--only-problems"]);
    assert!(ran.code == 1 && ran.stdout.contains("name_mismatch (601)"), "{ran:?}");
    for wrong in [&["--backend", "shop/pay"][..], &["a.internal:443"], &["--all-addresses"]] {
        assert_eq!(check(wrong).code, 2, "{wrong:?}");
    }
    assert_eq!(uptls(folder.path(), &["check", "--policy", "policy.yaml", "--all"]).code, 2);
    assert_eq!(uptls(folder.path(), &["check", "--manifests", "objects", "a.internal:443"]).code, 2);
    assert_eq!(uptls(folder.path(), &["describe", "--manifests", "objects"]).code, 2);
}

/// A backend that cannot be checked is not passed over.
#[test]
fn a_backend_without_a_usable_policy_or_an_address_is_a_failure() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    std::fs::remove_file(folder.path().join("objects/ca.yaml")).unwrap();
    let ran =
        uptls(folder.path(), &["check", "--manifests", "objects", "--all", "--json", "--connect-to", "127.0.0.1:1"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(ran.results().len(), 1);
    assert_eq!(ran.results()[0]["verdict"], "error");
}

#[test]
fn lines_of_json_keep_to_the_schema_and_problems_can_stand_alone() {
    let folder = Folder::new();
    folder.policy("auto.yaml", "subjectAltNames: [{dns: payments.internal}]");
    let server = Server::start(&folder.options());
    let other = folder.issue(Template::leaf("other").with_sans(&[San::dns("orders.internal")]).lasting());
    let wrong = Server::start(&folder.presenting(&[&other, &folder.intermediate]));
    let (good, wrong) = (server.addr().to_string(), wrong.addr().to_string());
    let run = |more: &[&str]| {
        uptls(folder.path(), &[&["check", "--policy", "auto.yaml", &good, &wrong, &good], more].concat())
    };
    let ran = run(&["--ndjson"]);
    assert_eq!((ran.code, lines(&ran).len()), (1, 3), "{ran:?}");
    assert!(
        lines(&ran)
            .iter()
            .all(|line| line["schema"] == "uptls.report/v1" && line["results"].as_array().unwrap().len() == 1)
    );
    let ran = run(&["-o", "ndjson", "--only-problems"]);
    assert_eq!((ran.code, lines(&ran).len()), (1, 1), "{ran:?}");
    assert_eq!(lines(&ran)[0]["results"][0]["code"], "name_mismatch");
    let ran = run(&["--only-problems"]);
    assert!(ran.stdout.matches("accepted by").count() == 0 && ran.stdout.ends_with("2 of 3 accepted\n"), "{ran:?}");
    // The order is that of the command line, whichever answers first.
    let verdicts: Vec<_> = run(&["--json"]).results().iter().map(|report| report["verdict"].clone()).collect();
    assert_eq!(verdicts, ["accepted", "rejected", "accepted"]);
    let ran = run(&["-o", "yaml"]);
    assert!(ran.code == 1 && ran.stdout.contains("schema: uptls.report/v1\n"), "{ran:?}");
    assert_eq!(run(&["-o", "xml"]).code, 2);
}

/// Four peers close their connections once all four have one. Alone, the first waits for its timeout.
#[test]
fn several_are_checked_at_a_time() {
    let folder = Folder::new();
    let codes = |jobs: &str, timeout: &str| {
        let all = Arc::new(Barrier::new(4));
        let listen = |_| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let place = listener.local_addr().unwrap().to_string();
            let all = Arc::clone(&all);
            (place, std::thread::spawn(move || listener.accept().map(|_connection| all.wait()).is_ok()))
        };
        let (places, peers): (Vec<String>, Vec<_>) = (0..4).map(listen).unzip();
        let targets: Vec<&str> = places.iter().map(String::as_str).collect();
        let args =
            ["check", "--ca", "ca.pem", "--name", "payments.internal", "--jobs", jobs, "--timeout", timeout, "--json"];
        let ran = uptls(folder.path(), &[&args, targets.as_slice()].concat());
        assert_eq!((ran.code, ran.results().len()), (3, 4), "{ran:?}");
        assert!(peers.into_iter().all(|peer| peer.join().unwrap()));
        ran.results().iter().map(|report| report["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let together = codes("4", "60s");
    assert!(!together.contains(&"handshake_timeout".to_owned()), "{together:?}");
    assert_eq!(codes("1", "500ms")[0], "handshake_timeout");
}

#[cfg(unix)]
#[test]
fn results_are_kept_when_the_user_interrupts() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (good, silent) = (server.addr().to_string(), silent.local_addr().unwrap().to_string());
    for format in ["ndjson", "json"] {
        let args = ["check", "--ca", "ca.pem", "--name", "payments.internal", "--timeout", "60m", "-o", format];
        let mut command = Command::new(env!("CARGO_BIN_EXE_uptls"));
        let child = command.args(args).args([&good, &silent]).current_dir(folder.path());
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        if format == "ndjson" {
            // The first result is there before the second.
            out.read_line(&mut text).unwrap();
        } else {
            server.wait_for_handshakes(2);
            // The report is made after the server has heard all.
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        std::io::Read::read_to_string(&mut out, &mut text).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(document["results"].as_array().unwrap().len(), 1, "{text}");
        assert_eq!(document["results"][0]["verdict"], "accepted");
    }
}
