//! `uptls explain`, `init`, `completions` and `man`.

use std::fs;

use uptls::{Code, WarningCode};

use crate::support::{Folder, uptls};

#[test]
fn every_code_is_explained_by_its_name_and_its_number() {
    let folder = Folder::new();
    let ran = uptls(folder.path(), &["explain", "name_mismatch"]);
    assert_eq!(
        ran.stdout,
        "\
name_mismatch (601)

The certificate holds none of the wanted names.
Re-issue the certificate with that name, or correct the policy.

category   name
severity   error
alert      bad_certificate
exit code  1
"
    );
    assert_eq!(uptls(folder.path(), &["explain", "601"]).stdout, ran.stdout);
    let list = uptls(folder.path(), &["explain"]).stdout;
    assert_eq!(list.lines().count(), Code::ALL.len());
    for code in Code::ALL {
        assert!(list.contains(code.meaning()), "{code}");
    }
    for code in WarningCode::ALL {
        let ran = uptls(folder.path(), &["explain", code.as_str()]);
        assert!(ran.code == 0 && ran.stdout.starts_with(code.as_str()), "{ran:?}");
    }
    for unknown in ["600", "name_mismatched", "\u{1b}[2J", "-"] {
        let ran = uptls(folder.path(), &["explain", unknown]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(!ran.stderr.contains('\u{1b}'));
    }
}

#[test]
fn a_document_to_begin_with_is_a_policy() {
    let folder = Folder::new();
    for (args, code) in [(&["init", "payments.internal:8443"][..], 0), (&["init", "10.0.0.7:443"], 1), (&["init"], 0)] {
        let ran = uptls(folder.path(), args);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
        let plain: String = ran.stdout.lines().map(|line| format!("{line}\n")).collect();
        folder.write("begun.yaml", &plain);
        let verified = uptls(folder.path(), &["verify", "--policy", "begun.yaml", "--chain", "chain.pem"]);
        assert_eq!(verified.code, code, "{verified:?}");
        // What is a comment works once it is none.
        let whole =
            plain.replace("  # identity:", "  identity:").replace("  #   ", "    ").replace("tls.crt", "client.pem");
        let whole =
            whole.replace("tls.key", "client.key").replace("  # versions", "  versions").replace("  # alpn", "  alpn");
        folder.write("whole.yaml", &whole.replace("    # system", "    system").replace("    # - uri", "    - uri"));
        let verified = uptls(folder.path(), &["verify", "--policy", "whole.yaml", "--chain", "chain.pem"]);
        assert_eq!(verified.code, code, "{verified:?}");
    }
    assert_eq!(uptls(folder.path(), &["init", "no-port"]).code, 2);
}

#[test]
fn shells_and_man_know_the_options() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = uptls(folder.path(), &["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shell}");
        assert!(ran.stdout.contains("fail-within"), "{shell}");
    }
    assert_eq!(uptls(folder.path(), &["completions", "tcsh"]).code, 2);
    fs::create_dir(folder.path().join("man1")).unwrap();
    assert_eq!(uptls(folder.path(), &["man", "man1"]).code, 0);
    for page in ["uptls.1", "uptls-check.1", "uptls-export-envoy.1"] {
        assert!(fs::read_to_string(folder.path().join("man1").join(page)).unwrap().contains(".TH"), "{page}");
    }
    assert!(fs::read_to_string(folder.path().join("man1/uptls-check.1")).unwrap().contains("print\\-policy"));
    let ran = uptls(folder.path(), &["man", "absent"]);
    assert!(ran.code == 2 && ran.stderr.starts_with("error: cannot write to absent: "), "{ran:?}");
}
