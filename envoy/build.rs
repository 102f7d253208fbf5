//! Links the module so that it stays once it is loaded.
#![allow(clippy::print_stdout, reason = "that is how a build script speaks")]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Envoy closes a module with the last cluster that uses it, unless the configuration says `do_not_close`; the shared
    // runtime and the thread-locals of its workers must outlive that.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
