//! Compiles the OpenSSL side where the system has OpenSSL 3 with its headers; elsewhere the bench says `skipped`.
use std::process::Command;

fn main() {
    println!("cargo:rustc-check-cfg=cfg(openssl)");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/openssl.c");
    let Some(flags) = pkg_config(&["--cflags", "--libs", "libssl >= 3", "libcrypto >= 3"]) else { return };
    let mut cc = cc::Build::new();
    cc.file("src/openssl.c").opt_level(2).warnings_into_errors(true);
    for flag in flags.split_whitespace() {
        match flag.split_at(2.min(flag.len())) {
            ("-I", folder) => drop(cc.include(folder)),
            ("-L", folder) => println!("cargo:rustc-link-search=native={folder}"),
            ("-l", library) => println!("cargo:rustc-link-lib=dylib={library}"),
            _ => {}
        }
    }
    match cc.try_compile("uptls_bench_openssl") {
        Ok(()) => println!("cargo:rustc-cfg=openssl"),
        Err(error) => println!("cargo:warning=the OpenSSL side is left out: {error}"),
    }
}

fn pkg_config(arguments: &[&str]) -> Option<String> {
    let output = Command::new("pkg-config").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()
}
