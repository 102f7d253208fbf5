//! The library, installed by the script of `make install`.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use super::common::{command, crate_folder, run, succeed, tool};

/// A tree that `.ci/install.py` made of what cargo built for this test.
pub(crate) struct Tree {
    folder: tempfile::TempDir,
    /// Where it was moved after that.
    prefix: PathBuf,
}

impl Tree {
    /// `None` where there is no Python, which is said.
    pub(crate) fn new() -> Option<Self> {
        if !(tool("python3") && tool("pkg-config")) {
            return None;
        }
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
        let (made, prefix) = (folder.path().join("made"), folder.path().join("moved"));
        install(&[OsStr::new("--prefix"), made.as_os_str()]);
        // All paths are relative: it can be moved.
        fs::rename(made, &prefix).expect("it can be moved");
        Some(Self { folder, prefix })
    }

    /// A folder that lives as long.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What `--prefix` says, after the move.
    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Where the libraries are.
    pub(crate) fn library(&self) -> PathBuf {
        self.prefix.join("lib")
    }

    /// What pkg-config says of this tree.
    pub(crate) fn flags(&self, arguments: &[&str]) -> Vec<String> {
        let mut pkg_config = command("pkg-config", arguments);
        pkg_config.env("PKG_CONFIG_PATH", self.library().join("pkgconfig"));
        words(&succeed(&mut pkg_config, &[]))
    }

    /// Compiles a program with these flags behind it.
    pub(crate) fn compile(&self, source: &Path, name: &str, flags: &[String]) -> PathBuf {
        let program = self.folder.path().join(name);
        let mut cc = command("cc", ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]);
        succeed(cc.arg(source).arg("-o").arg(&program).args(flags), &[]);
        program
    }

    /// A program with the shared library of this tree.
    pub(crate) fn run(&self, program: &Path, arguments: &[String]) -> Output {
        run(command(program, arguments).env("LD_LIBRARY_PATH", self.library()), &[])
    }
}

/// Runs the script of `make install`; the libraries stand beside this test's own program.
pub(crate) fn install(arguments: &[&OsStr]) {
    let built = std::env::current_exe().expect("a test has a path");
    let built = built.parent().expect("and a folder");
    let built = [OsStr::new("--built"), built.as_os_str()];
    succeed(command("python3", [script()]).args(built).args(arguments), &[]);
}

/// What `make install` runs.
pub(crate) fn script() -> PathBuf {
    crate_folder().join("../.ci/install.py")
}

/// The words of an output.
pub(crate) fn words(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).split_whitespace().map(str::to_owned).collect()
}
