//! `make install`: programs that see nothing but the installed tree, by pkg-config and by CMake, shared and static.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

mod common;
#[path = "common/tree.rs"]
mod tree;
#[path = "common/upstream.rs"]
mod upstream;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use common::{command, crate_folder, program, required_or_skipped, run, succeed, tool};
use tree::{Tree, install, script, words};
use upstream::Upstream;

fn example(name: &str) -> PathBuf {
    crate_folder().join("../examples/c").join(name)
}

/// With its identity it gets an answer from nginx, which knows it; a peer for another name it refuses.
fn talks_to_nginx(tree: &Tree, get: &Path) {
    let upstream = Upstream::new();
    let Some(nginx) = upstream.nginx() else { return };
    let (address, port) = (nginx.addr().ip().to_string(), nginx.addr().port().to_string());
    let arguments = |policy| [upstream.text_path(policy), "pay.test".to_owned(), port.clone(), address.clone()];
    let output = tree.run(get, &arguments("policy.yaml"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out} {err}");
    for line in ["HTTP/1.1 200", "ssl_client_verify=SUCCESS", "ssl_client_s_dn=CN=gateway", "ssl_server_name=pay.test"]
    {
        assert!(out.contains(line), "{out} {err}");
    }
    let output = tree.run(get, &arguments("other.yaml"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{out} {err}");
    assert!(out.is_empty() && err.starts_with("name_mismatch: ") && err.contains("\nhint: "), "{out} {err}");
    nginx.wait_for_log("SSL alert number 42");
}

/// The libraries that a program asks for when it starts.
fn needed(program: &Path) -> String {
    let printed = succeed(command("readelf", ["--dynamic"]).arg(program), &[]);
    String::from_utf8_lossy(&printed).lines().filter(|line| line.contains("(NEEDED)")).collect()
}

#[test]
fn a_program_of_pkg_config_with_the_shared_library() {
    let Some(tree) = Tree::new() else { return };
    let get = tree.compile(&example("get.c"), "shared", &tree.flags(&["--cflags", "--libs", "uptls"]));
    assert!(needed(&get).contains("[libuptls.so.0.1]"), "{}", needed(&get));
    talks_to_nginx(&tree, &get);
}

#[test]
fn a_program_of_pkg_config_with_the_static_library() {
    let Some(tree) = Tree::new() else { return };
    let get = tree.compile(&example("get.c"), "static", &static_flags(&tree));
    assert!(!needed(&get).contains("uptls"), "{}", needed(&get));
    talks_to_nginx(&tree, &get);
}

/// Each function has the version of the release that it came with, so that a package manager knows what a program needs.
#[test]
fn functions_have_versions() {
    let Some(tree) = Tree::new() else { return };
    let exported = |library: &Path| {
        let printed = succeed(command("nm", ["--dynamic", "--defined-only", "--format=posix"]).arg(library), &[]);
        let printed = String::from_utf8(printed).expect("UTF-8");
        let names = printed.lines().filter_map(|line| line.split(' ').next()).filter(|name| name.starts_with("uptls_"));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let functions = exported(&tree.library().join("libuptls.so.0.1"));
    assert!(functions.len() > 100 && functions.iter().all(|name| name.ends_with("@@UPTLS_0.1")), "{functions:?}");
    let get = tree.compile(&example("get.c"), "versions", &tree.flags(&["--cflags", "--libs", "uptls"]));
    let needed = succeed(command("readelf", ["--version-info"]).arg(get), &[]);
    assert!(String::from_utf8_lossy(&needed).contains("Name: UPTLS_0.1"), "{}", String::from_utf8_lossy(&needed));
    // The twin: it is the linking of the installer that gives them.
    let built = std::env::current_exe().expect("a test has a path");
    let plain = exported(&built.parent().expect("and a folder").join("libuptls_ffi.so"));
    assert!(plain.len() == functions.len() && plain.iter().all(|name| !name.contains('@')), "{plain:?}");
}

/// Both libraries stand in one folder, so the static one is asked for by its file.
fn static_flags(tree: &Tree) -> Vec<String> {
    let mut flags = tree.flags(&["--static", "--cflags", "--libs", "uptls"]);
    let ours = flags.iter_mut().find(|flag| *flag == "-luptls").expect("pkg-config names the library");
    *ours = "-l:libuptls.a".to_owned();
    flags
}

/// As for an image without any library.
#[test]
fn a_program_without_any_shared_library() {
    let Some(tree) = Tree::new() else { return };
    let mut flags = static_flags(&tree);
    flags.extend(["-static", "-I"].map(str::to_owned));
    flags.push(crate_folder().join("tests/c").display().to_string());
    let version = tree.compile(&program("version.c"), "version", &flags);
    assert_eq!(needed(&version), "");
    succeed(&mut command(version, [""; 0]), &[]);
}

/// A module of nginx, Apache or redis that holds the library shows its own functions and nothing else.
#[test]
fn a_plug_in_exports_nothing_of_the_library() {
    let Some(tree) = Tree::new() else { return };
    let source = tree.folder().join("plugin.c");
    let text = "#include <uptls.h>\nunsigned answer(void);\nunsigned answer(void) { return uptls_abi_version(); }\n";
    fs::write(&source, text).expect("it can be written");
    let mut flags = static_flags(&tree);
    flags.extend(["-shared", "-fPIC"].map(str::to_owned));
    let exported = |flags: &[String], name: &str| {
        let plugin = tree.compile(&source, name, flags);
        let printed = succeed(command("nm", ["--dynamic", "--defined-only", "--format=posix"]).arg(plugin), &[]);
        let printed = String::from_utf8_lossy(&printed).into_owned();
        printed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(exported(&flags, "plugin.so"), ["answer"]);
    // The twin: it is the flags that do it.
    flags.retain(|flag| !flag.contains("--exclude-libs"));
    assert!(exported(&flags, "open.so").len() > 100);
}

/// Distributions ship no .a: the shared target does not need it.
#[test]
fn cmake_needs_no_static_library() {
    let Some(tree) = Tree::new() else { return };
    if !tool("cmake") {
        return;
    }
    fs::remove_file(tree.library().join("libuptls.a")).expect("it was installed");
    for (target, found) in [("uptls::uptls", true), ("uptls::static", false)] {
        let source = tempfile::tempdir_in(tree.folder()).expect("a temporary folder");
        let text = format!(
            "cmake_minimum_required(VERSION 3.16)\nproject(x C)\nfind_package(uptls 0.1 CONFIG REQUIRED)\n\
             if(NOT TARGET {target})\nmessage(FATAL_ERROR absent)\nendif()\n"
        );
        fs::write(source.path().join("CMakeLists.txt"), text).expect("it can be written");
        let mut cmake = command("cmake", ["-S"]);
        cmake.arg(source.path()).arg("-B").arg(source.path().join("build"));
        let output = run(cmake.env("CMAKE_PREFIX_PATH", tree.prefix()), &[]);
        assert_eq!(output.status.success(), found, "{target}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_static_library_lives_beside_openssl() {
    let Some(tree) = Tree::new() else { return };
    let libssl = run(&mut command("pkg-config", ["--static", "--cflags", "--libs", "libssl >= 3"]), &[]);
    if !libssl.status.success() {
        return required_or_skipped("libssl-dev");
    }
    // All of it static, where a name that both have would be an error of the linker or, worse, one function for both.
    let mut flags = static_flags(&tree);
    let replace = |flag: &String| match flag.as_str() {
        "-lssl" => "-l:libssl.a".to_owned(),
        "-lcrypto" => "-l:libcrypto.a".to_owned(),
        _ => flag.clone(),
    };
    flags.splice(0..0, words(&libssl.stdout).iter().map(replace));
    let both = tree.compile(&program("beside_openssl.c"), "both", &flags);
    assert!(!needed(&both).contains("uptls") && !needed(&both).contains("ssl"), "{}", needed(&both));
    let upstream = Upstream::new();
    let Some(nginx) = upstream.nginx() else { return };
    let (address, port) = (nginx.addr().ip().to_string(), nginx.addr().port().to_string());
    let arguments = [upstream.text_path("policy.yaml"), upstream.text_path("ca.pem"), address, port];
    let output = tree.run(&both, &arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out} {err}");
    assert!(out.starts_with("OpenSSL 3.") && out.contains("\nuptls: OK\n"), "{out} {err}");
}

#[test]
fn programs_of_cmake() {
    let Some(tree) = Tree::new() else { return };
    if !tool("cmake") {
        return;
    }
    for (library, options) in [("shared", "-DSTATIC=OFF"), ("static", "-DSTATIC=ON")] {
        let build = tree.folder().join("cmake").join(library);
        let mut configure = command("cmake", ["-S"]);
        configure.arg(example("")).arg("-B").arg(&build).arg(options).arg("-DCMAKE_C_FLAGS=-Wall -Wextra -Werror");
        let mut prefix = std::ffi::OsString::from("-DCMAKE_PREFIX_PATH=");
        prefix.push(tree.prefix());
        succeed(configure.arg(prefix), &[]);
        succeed(command("cmake", ["--build"]).arg(&build), &[]);
        assert_eq!(needed(&build.join("get")).contains("[libuptls.so.0.1]"), library == "shared");
        talks_to_nginx(&tree, &build.join("get"));
    }
}

/// 0.1 is no 0.2, and not even what 0.1.9 would be.
#[test]
fn cmake_refuses_another_version() {
    let Some(tree) = Tree::new() else { return };
    if !tool("cmake") {
        return;
    }
    for (version, found) in
        [("", true), ("0.1", true), ("0.1.0 EXACT", true), ("0.1.9", false), ("0.2", false), ("1", false)]
    {
        let source = tempfile::tempdir_in(tree.folder()).expect("a temporary folder");
        let text = format!(
            "cmake_minimum_required(VERSION 3.16)\nproject(x C)\nfind_package(uptls {version} CONFIG REQUIRED)\n"
        );
        fs::write(source.path().join("CMakeLists.txt"), text).expect("it can be written");
        let mut cmake = command("cmake", ["-S"]);
        cmake.arg(source.path()).arg("-B").arg(source.path().join("build"));
        let output = run(cmake.env("CMAKE_PREFIX_PATH", tree.prefix()), &[]);
        assert_eq!(output.status.success(), found, "{version}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_makefile_of_the_examples() {
    let Some(tree) = Tree::new() else { return };
    if !tool("make") {
        return;
    }
    let copy = tree.folder().join("examples");
    fs::create_dir(&copy).expect("a folder");
    for entry in fs::read_dir(example("")).expect("the examples") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, copy.join(path.file_name().expect("a name"))).expect("it can be copied");
    }
    let path = format!("PKG_CONFIG_PATH={}", tree.library().join("pkgconfig").display());
    succeed(command("make", ["-C"]).arg(&copy).args([&path, "CFLAGS=-Werror"]), &[]);
    talks_to_nginx(&tree, &copy.join("get"));
}

/// As packages are made: the root is elsewhere, and libraries are in a folder of the processor's.
#[test]
fn a_tree_for_a_package() {
    if !(tool("python3") && tool("pkg-config")) {
        return;
    }
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
    let destination = root.path().as_os_str();
    let options = ["--prefix", "/usr", "--libdir", "/usr/lib/cpu-linux-gnu", "--destdir"].map(OsStr::new);
    install(&[&options[..], &[destination]].concat());
    let folder = root.path().join("usr/lib/cpu-linux-gnu");
    let mut pkg_config = command("pkg-config", ["--cflags", "--libs", "uptls"]);
    let flags = words(&succeed(pkg_config.env("PKG_CONFIG_PATH", folder.join("pkgconfig")), &[]));
    let at = |flag: &str, file: &str| {
        let folders = flags.iter().filter_map(|given| given.strip_prefix(flag));
        folders.map(|folder| Path::new(folder).join(file)).any(|path| path.exists())
    };
    assert!(at("-I", "uptls.h") && at("-L", "libuptls.so"), "{flags:?}");
    let link = |name: &str| fs::read_link(folder.join(name)).expect("a link").display().to_string();
    assert_eq!(link("libuptls.so"), "libuptls.so.0.1");
    assert_eq!(link("libuptls.so.0.1"), format!("libuptls.so.{}", env!("CARGO_PKG_VERSION")));
    for file in ["pkgconfig/uptls.pc", "cmake/uptls/uptls-config.cmake", "cmake/uptls/uptls-config-version.cmake"] {
        let text = fs::read_to_string(folder.join(file)).expect("it was installed");
        assert!(!text.contains(&root.path().display().to_string()) && !text.contains('@'), "{text}");
    }
}

#[test]
fn a_relative_prefix_is_refused() {
    if !tool("python3") {
        return;
    }
    let mut refused = command("python3", [script()]);
    let output = run(refused.args(["--built", ".", "--prefix", "here"]), &[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("must be absolute"), "{output:?}");
}
