//! A C program says of the vectors what is committed.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

mod faces;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use faces::{built, compare};
use uptls_conformance::committed::Committed;

#[test]
fn c_says_what_is_committed() {
    let cases = Committed::all();
    let program = compile();
    let mut child = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program was just compiled");
    let lines: String = cases.iter().map(line).collect();
    let mut stdin = child.stdin.take().expect("it was piped");
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("it can be waited for");
    writer.join().expect("a write does not panic").expect("the program reads everything");
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let reports: Vec<&str> = text.split_terminator("----\n").collect();
    assert_eq!(reports.len(), cases.len(), "one report for each case");
    compare(
        "c",
        |report| report,
        cases.into_iter().zip(reports).map(|(case, report)| (case, report.as_bytes().to_vec())),
    );
}

/// A case as `vectors.c` wants it.
fn line(case: &Committed) -> String {
    let path = |name: &str| case.folder.join(name).display().to_string();
    let host = case.case.host.as_deref().unwrap_or("-");
    let (document, folder, chain) = (path(&case.case.document), case.folder.display(), path("chain.pem"));
    format!("{document}\t{folder}\t{chain}\t{host}\t{}\t{}\n", case.case.at, case.case.permission)
}

/// Compiles the program of the C library's tests against the library of this build.
fn compile() -> PathBuf {
    let ffi = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ffi");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("vectors-c-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder that can be made");
    let library = built("libuptls_ffi.so");
    for name in ["libuptls.so", "libuptls.so.0.1"] {
        let link = folder.join(name);
        let _ = fs::remove_file(&link);
        symlink(&library, link).expect("a link");
    }
    let program = folder.join("vectors");
    let status = Command::new("cc")
        .args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(ffi.join("include"))
        .arg(ffi.join("tests/c/vectors.c"))
        .arg("-o")
        .arg(&program)
        .arg("-L")
        .arg(&folder)
        .arg("-luptls")
        .arg(format!("-Wl,-rpath,{}", folder.display()))
        .status()
        .expect("a C compiler is here");
    assert!(status.success(), "vectors.c does not compile");
    program
}
