//! Help, usage errors, colour, and a reader that goes away.

use std::process::{Command, Stdio};

use crate::support::{Folder, uptls};

const COMMANDS: [&str; 12] = [
    "demo",
    "check",
    "verify",
    "describe",
    "export",
    "import",
    "inspect",
    "init",
    "explain",
    "schema",
    "completions",
    "man",
];

#[test]
fn every_help_has_examples_and_the_exit_codes() {
    let folder = Folder::new();
    for command in COMMANDS {
        let ran = uptls(folder.path(), &[command, "--help"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
        assert!(ran.stdout.contains(&format!("Examples:\n  uptls {command}")), "{ran:?}");
        assert!(ran.stdout.contains("Exit codes:\n  0  accepted, or done\n"), "{ran:?}");
    }
    let ran = uptls(folder.path(), &["--help"]);
    assert_eq!(ran.code, 0);
    for command in COMMANDS {
        assert!(ran.stdout.contains(&format!("\n  {command} ")), "{ran:?}");
    }
    assert!(uptls(folder.path(), &["--version"]).stdout.starts_with("uptls "));
}

#[test]
fn usage_errors_are_complaints_with_exit_code_2() {
    let folder = Folder::new();
    for args in [
        &[][..],
        &["frobnicate"],
        &["check", "--unknown"],
        &["check", "--policy", "policy.yaml"],
        &["check", "a:1"],
        &["check", "--policy", "policy.yaml", "no-port"],
        &["check", "--policy", "policy.yaml", "--timeout", "soon", "a:1"],
        &["check", "--policy", "policy.yaml", "--repeat", "0", "a:1"],
        &["check", "--policy", "policy.yaml", "--connect-to", ":1", "a:1"],
        &["verify", "--policy", "policy.yaml", "--chain", "chain.pem", "--at", "yesterday"],
        &["describe"],
        &["inspect"],
        &["import"],
        &["import", "policy.yaml", "--gateway", "a/b/c"],
        &["import", "policy.yaml", "--gateway", "edge/public:443"],
        &["import", "policy.yaml", "--at", "yesterday"],
        &["import", "/no/such/file"],
        &["describe", "--policy", "policy.yaml", "--gateway", "edge/public"],
        &["describe", "--policy", "policy.yaml", "--faithful"],
        &["schema", "--import", "--report"],
    ] {
        let ran = uptls(folder.path(), args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?} {ran:?}");
        assert!(!ran.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn colour_is_for_terminals_only() {
    let folder = Folder::new();
    let ran = uptls(folder.path(), &["describe", "--policy", "policy.yaml"]);
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
    let forced = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uptls"));
        command.args(["describe", "--policy", "policy.yaml"]).current_dir(folder.path());
        command.env("CLICOLOR_FORCE", "1").env(name, "1");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(forced("CLICOLOR").contains('\u{1b}'));
    assert!(!forced("NO_COLOR").contains('\u{1b}'));
    for (when, colours) in [("always", true), ("never", false), ("auto", false)] {
        let ran = uptls(folder.path(), &["describe", "--policy", "policy.yaml", "--color", when]);
        assert_eq!(ran.stdout.contains('\u{1b}'), colours, "{when}");
    }
    assert_eq!(uptls(folder.path(), &["describe", "--policy", "policy.yaml", "--color", "blue"]).code, 2);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_uptls"));
    command.args(["schema"]).current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_printed_is_exit_code_5() {
    let folder = Folder::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_uptls"));
    let output = command.args(["schema"]).current_dir(folder.path()).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("error: cannot print"));
}

#[test]
fn what_comes_from_the_command_line_cannot_steer_the_terminal() {
    let folder = Folder::new();
    let ran = uptls(folder.path(), &["verify", "--policy", "policy.yaml", "--chain", "a\u{1b}[2J.pem"]);
    assert_eq!(ran.code, 2);
    assert!(!ran.stderr.contains('\u{1b}') && ran.stderr.contains("a\\u{1b}[2J.pem"), "{ran:?}");
}

#[test]
fn the_library_gives_the_exit_code() {
    assert_eq!(uptls_cli::run(["uptls", "inspect", "/no/such/file"]), 2);
}
