//! Reading what a policy names: files and inline text, bounded in size, with errors that name the source.

use std::fs::File;
use std::io::Read;

use zeroize::Zeroizing;

use crate::policy::{Material, SecretMaterial, resolve};

/// The octets of public material.
///
/// # Errors
/// What the system says, or that the limit is exceeded.
pub(crate) fn read(material: &Material) -> Result<Vec<u8>, String> {
    match material {
        Material::File { base, path } => read_file(&resolve(base.as_deref(), path)).map(|bytes| bytes.to_vec()),
        Material::Inline { content, .. } => Ok(content.to_vec()),
    }
}

/// The octets of secret material.
pub(crate) fn read_secret(material: &SecretMaterial) -> Result<Zeroizing<Vec<u8>>, String> {
    match material {
        SecretMaterial::File { base, path } => read_file(&resolve(base.as_deref(), path)),
        SecretMaterial::Inline(secret) => Ok(Zeroizing::new(secret.expose().to_vec())),
    }
}

/// Reads into a buffer that is zeroized: whether a file is secret is not known here.
fn read_file(path: &std::path::Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if metadata.is_dir() {
        return Err("it is a directory".to_owned());
    }
    if metadata.len() > MAX_FILE {
        return Err(format!("it has {} octets, the limit is {MAX_FILE}", metadata.len()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1));
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(format!("it has more than {MAX_FILE} octets"));
    }
    Ok(bytes)
}

/// 16 MiB: the largest CRLs in use are half of it.
const MAX_FILE: u64 = 16 << 20;
