//! Files that the command line names, within limits; `-` is standard input.

use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use uptls::input::read_file;

/// A file within limits.
pub(crate) fn read_named(path: &Path) -> io::Result<Vec<u8>> {
    Ok(read_file(path, MAX_FILE).map_err(io::Error::other)?.to_vec())
}

/// A file within limits, or standard input for `-`. `option` names what wants it: standard input can be one file alone, and
/// is read once.
pub(crate) fn read(path: &Path, option: &'static str) -> io::Result<Vec<u8>> {
    if !is_standard_input(path) {
        return read_named(path).map_err(|error| if is_pipe(path) { by_standard_input(&error) } else { error });
    }
    let mut known = STANDARD_INPUT.lock().unwrap_or_else(PoisonError::into_inner);
    match &*known {
        Some((other, bytes)) if *other == option => Ok(bytes.clone()),
        Some((other, _)) => {
            Err(io::Error::other(format!("standard input is {other} already, and not {option} as well")))
        }
        None => Ok(known.insert((option, standard_input()?)).1.clone()),
    }
}

/// Whether `path` stands for standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// How errors and reports call the file.
pub(crate) fn name(path: &Path) -> String {
    if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() }
}

fn standard_input() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(io::Error::other(format!("it has more than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}

/// As `/dev/stdin` and what a shell gives for `<(command)` are.
fn is_pipe(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn by_standard_input(error: &io::Error) -> io::Error {
    io::Error::other(format!("{error}; give - instead, and the text on standard input"))
}

/// What was read, and for what.
static STANDARD_INPUT: Mutex<Option<(&str, Vec<u8>)>> = Mutex::new(None);
/// Of text; a chain itself is held to 64 KiB (V1).
const MAX_FILE: u64 = 4 << 20;
