//! Gives the shared library its versioned name: programs record `libuptls.so.0.1`, whatever cargo calls the file. It stays in memory
//! until the process ends.
#![allow(clippy::disallowed_methods, reason = "cargo speaks to build scripts by environment variables")]

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Before 1.0 another minor version is another interface.
    let abi = match env!("CARGO_PKG_VERSION_MAJOR") {
        "0" => concat!("0.", env!("CARGO_PKG_VERSION_MINOR")),
        major => major,
    };
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("macos") => println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libuptls.{abi}.dylib"),
        Ok("windows") | Err(_) => {}
        Ok(_) => {
            println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libuptls.so.{abi}");
            // A thread that looks up a name may outlive `dlclose`.
            println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
    }
}
