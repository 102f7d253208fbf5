//! `include/uptls.h` is what cbindgen and the table of codes give today; `UPTLS_BLESS=1` writes it again.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::disallowed_methods, reason = "UPTLS_BLESS is how a developer says yes")]

use std::fmt::Write;
use std::path::Path;

use uptls::Code;

const SOURCES: [&str; 23] = [
    "status.rs",
    "version.rs",
    "codes.rs",
    "error.rs",
    "strings.rs",
    "runtime.rs",
    "policy.rs",
    "manifests.rs",
    "builder/mod.rs",
    "connector.rs",
    "key_log.rs",
    "manifest_set.rs",
    "manifest_store.rs",
    "dialer.rs",
    "dialer_hook.rs",
    "options.rs",
    "evidence.rs",
    "peer.rs",
    "conn/mod.rs",
    "stream/mod.rs",
    "watch/mod.rs",
    "open_connections.rs",
    "audit.rs",
];

fn generated() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    config.after_includes = Some(constants());
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root.join("src").join(source));
    }
    let mut header = Vec::new();
    builder.generate().expect("the sources parse").write(&mut header);
    String::from_utf8(header).expect("UTF-8")
}

/// What stands in no source file: the version and the table of codes.
fn constants() -> String {
    let mut out = String::from("\n/* The version of this header; uptls_version_number() is that of the library. */\n");
    let (major, minor, patch) =
        (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH"));
    writeln!(out, "#define UPTLS_VERSION_MAJOR {major}").unwrap();
    writeln!(out, "#define UPTLS_VERSION_MINOR {minor}").unwrap();
    writeln!(out, "#define UPTLS_VERSION_PATCH {patch}").unwrap();
    out.push_str("#define UPTLS_VERSION_NUMBER \\\n");
    out.push_str("  ((UPTLS_VERSION_MAJOR << 16) | (UPTLS_VERSION_MINOR << 8) | UPTLS_VERSION_PATCH)\n");
    writeln!(out, "#define UPTLS_VERSION_STRING \"{}\"", env!("CARGO_PKG_VERSION")).unwrap();
    writeln!(out, "/* The ABI: that of the soname; uptls_abi_version() is that of the library. */").unwrap();
    let abi = if major == "0" { minor.to_owned() } else { format!("({major} << 8)") };
    writeln!(out, "#define UPTLS_ABI_VERSION {abi}").unwrap();
    out.push_str("\n/* The reasons, uptls_error_number(). Never changed or used again; new ones are added. */");
    let mut block = 0;
    for code in Code::ALL {
        if code.number() / 100 != block {
            block = code.number() / 100;
            write!(out, "\n/* {block}xx {} */\n", code.category().as_str()).unwrap();
        }
        writeln!(out, "#define UPTLS_CODE_{} {}", code.as_str().to_uppercase(), code.number()).unwrap();
    }
    out
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/uptls.h");
    let generated = generated();
    if std::env::var_os("UPTLS_BLESS").is_some() {
        std::fs::write(&path, &generated).expect("the header can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("the header can be read");
    assert!(committed == generated, "include/uptls.h is stale: UPTLS_BLESS=1 cargo test -p uptls-ffi --test header");
}

#[test]
fn the_header_holds_no_names_of_rust() {
    let header = generated();
    let types = [
        "Builder",
        "Conn",
        "ConnOptions",
        "Connector",
        "Danger",
        "Error",
        "Evidence",
        "Failure",
        "FdOwnership",
        "Handle",
        "HandshakeState",
        "Identity",
        "ManifestMode",
        "OnInvalidFiles",
        "Owned",
        "Policy",
        "Runtime",
        "Shared",
        "State",
        "Status",
        "Store",
        "Stream",
        "SystemRoots",
        "Watch",
        "WatchMode",
        "i32",
        "i64",
        "u16",
        "u32",
        "usize",
    ];
    for line in header.lines().filter(|line| !line.trim_start().starts_with(['*', '/'])) {
        for word in line.split(|c: char| !c.is_alphanumeric() && c != '_') {
            assert!(!types.contains(&word), "{line}");
        }
    }
}

#[test]
fn every_function_is_declared_once() {
    let header = generated();
    let code = header.lines().filter(|line| !line.trim_start().starts_with(['*', '/']));
    let calls = code.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next());
    let mut functions: Vec<_> = calls.filter(|name| name.starts_with("uptls_")).collect();
    let all = functions.len();
    assert!(all > 100, "{all}");
    functions.sort_unstable();
    functions.dedup();
    assert_eq!(functions.len(), all);
}

#[test]
fn every_constant_of_the_table_stands_in_it() {
    let header = generated();
    for code in Code::ALL {
        let line = format!("#define UPTLS_CODE_{} {}\n", code.as_str().to_uppercase(), code.number());
        assert!(header.contains(&line), "{code}");
    }
}
