//! Builds C programs against the library of this build and runs them.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::disallowed_methods, reason = "UPTLS_REQUIRE_SUITES decides which tests run, nothing else")]
#![allow(clippy::print_stdout, reason = "what is skipped must be seen")]

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

/// How a program is linked.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Link {
    /// With libuptls.so, as the system's linker finds it.
    Shared,
    /// With libuptls.a.
    Static,
}

/// The library, installed as a package would.
pub(crate) struct Installed {
    folder: tempfile::TempDir,
}

impl Installed {
    /// Installs what cargo built for this test: it stands beside the test's own program.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
        let built = std::env::current_exe().expect("a test has a path");
        let built = built.parent().expect("and a folder");
        for (name, file) in [
            ("libuptls.so.0.1", "libuptls_ffi.so"),
            ("libuptls.so", "libuptls_ffi.so"),
            ("libuptls.a", "libuptls_ffi.a"),
        ] {
            let target = built.join(file);
            assert!(target.is_file(), "{} was not built", target.display());
            std::os::unix::fs::symlink(target, folder.path().join(name)).expect("a link");
        }
        Self { folder }
    }

    /// Where `libuptls.so` stands.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Compiles `source` (C99 without extensions, no warning) and links it.
    pub(crate) fn compile(&self, source: &Path, link: Link) -> PathBuf {
        let program = self.folder().join(source.file_stem().expect("a name"));
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-g", "-pthread"]);
        self.finish(cc, source, &program, link);
        program
    }

    /// Compiles `source` as [`Installed::compile`] does, with gcc's sanitizers; whatever they find ends the program with
    /// another status than it has itself.
    pub(crate) fn compile_sanitized(&self, source: &Path) -> PathBuf {
        let program = self.folder().join(source.file_stem().expect("a name"));
        let mut cc = Command::new("gcc");
        cc.args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-g", "-pthread"]);
        cc.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]);
        self.finish(cc, source, &program, Link::Shared);
        program
    }

    /// The same with another folder of headers.
    pub(crate) fn compile_with(&self, source: &Path, link: Link, headers: &Path) -> PathBuf {
        let program = self.folder().join(source.file_stem().expect("a name"));
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-g", "-I"]).arg(headers);
        self.finish(cc, source, &program, link);
        program
    }

    /// Compiles `source` as C++17 and links it.
    pub(crate) fn compile_cpp(&self, source: &Path) -> PathBuf {
        let program = self.folder().join("cpp");
        let mut cc = Command::new("c++");
        cc.args(["-std=c++17", "-pedantic", "-Wall", "-Wextra", "-Werror"]);
        self.finish(cc, source, &program, Link::Shared);
        program
    }

    fn finish(&self, mut cc: Command, source: &Path, program: &Path, link: Link) {
        cc.arg("-I")
            .arg(crate_folder().join("include"))
            .arg(source)
            .arg("-o")
            .arg(program)
            .arg("-L")
            .arg(self.folder());
        match link {
            Link::Shared => cc.arg("-luptls").arg(format!("-Wl,-rpath,{}", self.folder().display())),
            // What `rustc --print native-static-libs` says for Linux.
            Link::Static => cc.args(["-l:libuptls.a", "-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"]),
        };
        succeed(&mut cc, &[]);
    }
}

/// Runs a command with `input`; its status must be 0.
pub(crate) fn succeed(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let Output { status, stdout, stderr } = run(command, input);
    assert!(
        status.success(),
        "{command:?}: {status}\n{}\n{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    stdout
}

/// Runs a command with `input`.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("it was piped");
    thread::scope(|scope| {
        // A program that does not read its input to the end is not at fault for that.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("it can be waited for")
    })
}

/// Whether a tool is here. It must be where `UPTLS_REQUIRE_SUITES` is 1; else its absence is said.
pub(crate) fn tool(name: &str) -> bool {
    let found = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        required_or_skipped(name);
    }
    found
}

/// Says that something is absent; a panic where `UPTLS_REQUIRE_SUITES` is 1.
pub(crate) fn required_or_skipped(name: &str) {
    let required = std::env::var_os("UPTLS_REQUIRE_SUITES").is_some_and(|value| value == "1");
    assert!(!required, "{name} is absent and UPTLS_REQUIRE_SUITES=1");
    println!("skipped: {name} is absent");
}

/// The folder of this crate.
pub(crate) fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A C program of these tests.
pub(crate) fn program(name: &str) -> PathBuf {
    crate_folder().join("tests/c").join(name)
}

/// A command with arguments.
pub(crate) fn command<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// valgrind, without a program to run yet; nothing where it is absent.
pub(crate) fn valgrind() -> Option<Command> {
    tool("valgrind").then(|| command("valgrind", VALGRIND))
}

/// Programs of these tests by their file, each with its arguments.
pub(crate) type Programs = Vec<(&'static str, Vec<String>)>;

/// Each ends well.
pub(crate) fn all_end_well(programs: Programs) {
    let installed = Installed::new();
    for (name, arguments) in programs {
        let executable = installed.compile(&program(name), Link::Shared);
        succeed(&mut command(executable, arguments), &[]);
    }
}

/// Each ends well with gcc's sanitizers, where that is present.
pub(crate) fn all_end_well_sanitized(programs: Programs) {
    if !tool("gcc") {
        return;
    }
    let installed = Installed::new();
    for (name, arguments) in programs {
        succeed(&mut command(installed.compile_sanitized(&program(name)), arguments), &[]);
    }
}

/// Each ends well under valgrind, where that is present.
pub(crate) fn all_end_well_under_valgrind(programs: Programs) {
    let installed = Installed::new();
    for (name, arguments) in programs {
        let executable = installed.compile(&program(name), Link::Shared);
        let Some(mut valgrind) = valgrind() else { return };
        succeed(valgrind.arg(executable).args(arguments), &[]);
    }
}

/// With what is shipped for users. What is only possibly lost are tables and handles that live as long as the process.
pub(crate) const VALGRIND: [&str; 6] = [
    "--quiet",
    "--leak-check=full",
    "--show-leak-kinds=definite,indirect",
    "--errors-for-leak-kinds=definite,indirect",
    "--error-exitcode=99",
    concat!("--suppressions=", env!("CARGO_MANIFEST_DIR"), "/packaging/valgrind.supp"),
];
