//! Checks of references to material, and of digests.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::Checker;
use crate::policy::{Material, MaterialDraft, SecretDraft, SecretMaterial};

impl Checker {
    pub(super) fn materials(&mut self, path: &str, drafts: Vec<MaterialDraft>) -> Vec<Material> {
        let numbered = drafts.into_iter().enumerate();
        numbered.filter_map(|(index, draft)| self.material(&format!("{path}[{index}]"), draft)).collect()
    }

    pub(super) fn material(&mut self, path: &str, draft: MaterialDraft) -> Option<Material> {
        if draft.trust_domain.is_some() {
            let conflict = "trustDomain is set on material that vouches for no SPIFFE ID";
            self.contradiction(path, conflict, "remove trustDomain: only spec.trust.bundles vouch for SPIFFE IDs");
            return None;
        }
        match draft {
            MaterialDraft { file: Some(file), name: _, pem: None, trust_domain: _ } => {
                let path = self.file(path, file)?;
                Some(Material::File { base: self.base.clone(), path })
            }
            MaterialDraft { file: None, name, pem: Some(pem), trust_domain: _ } => {
                let name = name.unwrap_or_else(|| "inline".to_owned());
                Some(Material::Inline { content: pem.into(), name })
            }
            _ => {
                self.invalid(path, "an entry without exactly one source", "{file: PATH} or {pem: TEXT}");
                None
            }
        }
    }

    /// Errors name files. What was pasted here in place of a file's name may be a key, and is not repeated (I6).
    fn file(&mut self, path: &str, file: PathBuf) -> Option<PathBuf> {
        let text = file.to_string_lossy();
        if !text.is_empty()
            && text.len() <= MAX_PATH
            && !text.contains(['\n', '\r', '\0'])
            && !text.starts_with("-----")
        {
            return Some(file);
        }
        let wanted = "the name of a file; inline PEM goes under pem";
        self.invalid(format!("{path}.file"), "what is written there", wanted);
        None
    }

    pub(super) fn secret(&mut self, path: &str, draft: SecretDraft) -> Option<SecretMaterial> {
        match draft {
            SecretDraft { file: Some(file), pem: None, external: None } => {
                let path = self.file(path, file)?;
                Some(SecretMaterial::File { base: self.base.clone(), path })
            }
            SecretDraft { file: None, pem: Some(secret), external: None } => Some(SecretMaterial::Inline(secret)),
            SecretDraft { file: None, pem: None, external: Some(key) } => Some(SecretMaterial::External(*key)),
            _ => {
                self.invalid(path, "an entry without exactly one source", "{file: PATH} or {pem: TEXT}");
                None
            }
        }
    }

    pub(super) fn sha256_list(
        &mut self,
        path: &str,
        texts: &[String],
        parse: fn(&str) -> Option<[u8; 32]>,
    ) -> Vec<[u8; 32]> {
        let mut digests = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match parse(text) {
                Some(digest) if digests.contains(&digest) => {}
                Some(digest) => digests.push(digest),
                None => {
                    let form =
                        if path.ends_with("Certificates") { "64 hexadecimal digits" } else { "44 base64 characters" };
                    self.invalid(format!("{path}[{index}]"), text, format!("a SHA-256 in {form}"));
                }
            }
        }
        digests
    }
}

pub(super) fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b':').collect();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

pub(super) fn parse_base64(text: &str) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

/// PATH_MAX of the systems that have the longest.
const MAX_PATH: usize = 4096;
