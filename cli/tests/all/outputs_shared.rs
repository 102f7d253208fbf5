//! Exports that run at the same time, and that are stopped in the middle: what is there is of one state.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use uptls_testkit::{CLIENT_AUTH, Certificate, Key, San, Template, chain_pem};

use crate::outputs::{IDENTITY, export, identity_path, secret, trust_path, trusted};
use crate::support::Folder;

fn start(folder: &Path, policy: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_uptls"))
        .args(["export", "envoy", "--policy", policy, "--sds", "sds"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The identity `number`, with its key.
fn client(folder: &Folder, number: usize) -> Certificate {
    let template = Template::leaf("gateway").with_sans(&[San::uri(&format!("spiffe://test/{number}"))]).lasting();
    let template = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..template };
    template.issued_by(&folder.intermediate, &Key::p256(&format!("client {number}")))
}

/// Two folders with all that a policy is made of: identity and CA of two states.
fn states(folder: &Folder) -> [(String, String); 2] {
    let states = [(1, folder.root.pem()), (2, folder.intermediate.pem())];
    states.map(|(number, ca)| {
        let client = client(folder, number);
        let chain = chain_pem(&[&client, &folder.intermediate]);
        fs::create_dir(folder.path().join(format!("state{number}"))).unwrap();
        folder.write(&format!("state{number}/client.pem"), &chain);
        folder.write(&format!("state{number}/client.key"), &client.key().pkcs8_pem());
        folder.write(&format!("state{number}/ca.pem"), &ca);
        (chain, ca)
    })
}

/// A policy that reads what the link `now` leads to.
fn rotating(folder: &Folder) {
    let identity = IDENTITY.replace("client.", "now/client.");
    let trust = "trust: {bundles: [{file: now/ca.pem}]}";
    let text = format!(
        "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: rotating}}\nspec:\n  {trust}\n  serverName: payments.internal\n  {identity}\n"
    );
    folder.write("rotating.yaml", &text);
}

fn lead_to(folder: &Folder, state: &str) {
    let next = folder.path().join("next");
    std::os::unix::fs::symlink(state, &next).unwrap();
    fs::rename(next, folder.path().join("now")).unwrap();
}

/// The state that the identity and the CA are of; the key belongs to the chain.
fn state(states: &[(String, String); 2], identity: &Path, trust: &Path) -> usize {
    let pair = secret(identity, "tls_certificate");
    let chain = pair["certificate_chain"]["inline_string"].as_str().unwrap();
    let of = states.iter().position(|state| state.0 == chain).unwrap();
    assert_eq!(trusted(trust), states[of].1, "the CA of another state");
    of
}

fn is_a_pair(folder: &Folder, state: usize, identity: &Path) -> bool {
    use std::fmt::Write as _;
    let key = client(folder, state + 1).key().pkcs8_pem();
    // Base64 of what the file has, as the secret says it.
    let mut wanted = String::new();
    write!(wanted, "{}", uptls_testkit::memory::base64(key.as_bytes())).unwrap();
    secret(identity, "tls_certificate")["private_key"]["inline_bytes"] == wanted.as_str()
}

/// 150 times two exports of one policy around a rotation: each is of one state or says that files changed under its hands.
#[test]
fn exports_around_a_rotation_leave_one_state() {
    let folder = Folder::new();
    let (states, identity, trust) = begun(&folder);
    let mut seen = [0, 0];
    for round in 0..150 {
        lead_to(&folder, ["state1", "state2"][round % 2]);
        let one = start(folder.path(), "rotating.yaml");
        lead_to(&folder, ["state2", "state1"][round % 2]);
        let other = start(folder.path(), "rotating.yaml");
        let succeeded = [one, other].map(|child| {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success() || said.contains("identity_"), "{said}");
            output.status.success()
        });
        assert!(succeeded[1], "nothing changed while it ran");
        let state = state_of_pair(&folder, &states, &identity, &trust);
        seen[state] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

/// The two states, the first of which has been exported, and where its identity and its CA are.
fn begun(folder: &Folder) -> ([(String, String); 2], PathBuf, PathBuf) {
    let states = states(folder);
    rotating(folder);
    lead_to(folder, "state1");
    let ran = export(folder, "rotating.yaml", &["--sds", "sds"]);
    (states, identity_path(&ran), trust_path(&ran))
}

fn state_of_pair(folder: &Folder, states: &[(String, String); 2], identity: &Path, trust: &Path) -> usize {
    let state = state(states, identity, trust);
    assert!(is_a_pair(folder, state, identity), "the key of another state");
    state
}

/// Two checkouts of a policy are two policies.
#[test]
fn exports_of_two_policies_at_the_same_time_are_both_there() {
    let folder = Folder::new();
    let states = states(&folder);
    rotating(&folder);
    for state in ["state1", "state2"] {
        let text = fs::read_to_string(folder.path().join("rotating.yaml")).unwrap().replace("now/", "");
        folder.write(&format!("{state}/policy.yaml"), &text);
    }
    for _ in 0..20 {
        let children = ["state1/policy.yaml", "state2/policy.yaml"].map(|policy| start(folder.path(), policy));
        assert!(children.map(|child| child.wait_with_output().unwrap().status.success()).iter().all(|is| *is));
        fs::remove_dir_all(folder.path().join("sds")).unwrap();
    }
    let runs = ["state1/policy.yaml", "state2/policy.yaml"].map(|policy| export(&folder, policy, &["--sds", "sds"]));
    for (index, ran) in runs.iter().enumerate() {
        assert_eq!(state_of_pair(&folder, &states, &identity_path(ran), &trust_path(ran)), index);
    }
}

/// The system kills it in the middle of a file, or refuses to write more of it.
#[test]
fn an_export_that_cannot_write_a_file_changes_nothing() {
    let folder = Folder::new();
    let (states, identity, trust) = begun(&folder);
    lead_to(&folder, "state2");
    let store = folder.path().join("sds/.uptls");
    let is_temporary = || store.join("new").exists();
    for (shell, left) in [("ulimit -f 1", true), ("trap '' XFSZ; ulimit -f 1", false)] {
        let script = format!("{shell}; exec \"$0\" export envoy --policy rotating.yaml --sds sds");
        let output = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_uptls")])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(!output.status.success(), "{output:?}");
        assert_eq!(output.status.code().is_none(), left, "{output:?}");
        assert_eq!(state_of_pair(&folder, &states, &identity, &trust), 0);
        assert_eq!(is_temporary(), left);
    }
    // The twin, over what a killed one left.
    fs::create_dir(store.join("new")).unwrap();
    fs::write(store.join("new/tls_certificate.json"), "half of").unwrap();
    assert_eq!(identity_path(&export(&folder, "rotating.yaml", &["--sds", "sds"])), identity);
    assert_eq!(state_of_pair(&folder, &states, &identity, &trust), 1);
    assert!(!is_temporary());
}
