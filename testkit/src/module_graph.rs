//! The graph of a crate's modules: they lean on each other one way, and no folder of `src` has a circle among its files and
//! folders.
//!
//! A module and the folder that it stands in may know each other: `mod.rs` ties what is in its folder. A name that a
//! `mod.rs` hands on counts as an import of the file that defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Module = Vec<String>;

/// The text of each module of a crate.
#[derive(Default)]
pub struct Sources(BTreeMap<Module, String>);

impl Sources {
    /// Those below a `src`.
    pub fn of(src: &Path) -> Self {
        let mut sources = Self::default();
        sources.read(src, &[]);
        sources
    }

    /// How many modules it has.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn read(&mut self, folder: &Path, module: &[String]) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let child = [module, core::slice::from_ref(&name)].concat();
            match name.as_str() {
                "tests" => {}
                _ if path.is_dir() => self.read(&path, &child),
                "lib" | "mod" => drop(self.0.insert(module.to_vec(), fs::read_to_string(&path).unwrap())),
                _ => drop(self.0.insert(child, fs::read_to_string(&path).unwrap())),
            }
        }
    }

    /// The units of each circle, in the order of the alphabet.
    pub fn circles(&self) -> Vec<String> {
        let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (from, text) in &self.0 {
            for path in paths(text) {
                let Some(path) = absolute(&path, from) else { continue };
                let to = self.resolve(&path, 0);
                let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if let (Some(a), Some(b)) = (from.get(..=shared), to.get(..=shared)) {
                    edges.entry(a.to_vec()).or_default().insert(b.to_vec());
                }
            }
        }
        let mut circles: BTreeSet<BTreeSet<&Module>> = BTreeSet::new();
        for unit in edges.keys() {
            let there = reachable(&edges, unit);
            let back = |other: &&&Module| reachable(&edges, other).contains(unit);
            let circle: BTreeSet<_> = there.iter().filter(back).copied().collect();
            circles.extend((!circle.is_empty()).then_some(circle));
        }
        let shown = |circle: &BTreeSet<&Module>| circle.iter().map(|of| of.join("::")).collect::<Vec<_>>().join(" ");
        circles.iter().map(shown).collect()
    }

    /// The module that defines what `path` names.
    fn resolve(&self, path: &[String], depth: usize) -> Module {
        let mut module = path.to_vec();
        while !module.is_empty() && !self.0.contains_key(&module) {
            module.pop();
        }
        let (Some(name), Some(text)) = (path.get(module.len()), self.0.get(&module)) else { return module };
        let is_folder = self.0.keys().any(|other| other.len() > module.len() && other.starts_with(&module));
        let handed_on = paths(text).into_iter().find(|path| is_folder && path.last() == Some(name));
        match handed_on.and_then(|path| absolute(&path, &module)) {
            Some(path) if depth < 8 => self.resolve(&path, depth + 1),
            _ => module,
        }
    }
}

fn reachable<'a>(edges: &'a BTreeMap<Module, BTreeSet<Module>>, from: &Module) -> BTreeSet<&'a Module> {
    let (mut found, mut left) =
        (BTreeSet::new(), edges.get_key_value(from).into_iter().map(|(unit, _)| unit).collect::<Vec<_>>());
    while let Some(unit) = left.pop() {
        if let Some((_, next)) = edges.get_key_value(unit) {
            left.extend(next.iter().filter(|unit| found.insert(*unit)));
        }
    }
    found
}

/// Every path of a module that the code names, in a `use` or in passing.
fn paths(text: &str) -> Vec<Vec<String>> {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|l| format!("{l}\n")).collect();
    let code = code.split("#[cfg(test)]").next().unwrap().replace("pub(in ", "pub(");
    let mut found = Vec::new();
    let mut rest = code.as_str();
    while let Some(at) = rest.find(['u', 's', 'c']) {
        let before = rest[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':');
        let (_, here) = rest.split_at(at);
        let tree = match here.strip_prefix("use ") {
            Some(tree) if before => tree.split(';').next(),
            _ if before && (here.starts_with("crate::") || here.starts_with("super::")) => {
                here.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').next()
            }
            _ => None,
        };
        if let Some(tree) = tree {
            expand(&mut Vec::new(), tree, &mut found);
        }
        rest = &here[tree.map_or(1, str::len)..];
    }
    found
}

/// The paths of `a::{b, c::d}`.
fn expand(prefix: &mut Vec<String>, tree: &str, found: &mut Vec<Vec<String>>) {
    let Some((path, list)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default();
        return found.push([prefix.clone(), segments(name.trim())].concat());
    };
    let kept = prefix.len();
    prefix.extend(segments(path.trim().trim_end_matches("::")));
    let (mut depth, mut part) = (0, String::new());
    let list = list.trim_end();
    for c in list.strip_suffix('}').unwrap_or(list).chars().chain([',']) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            let one = core::mem::take(&mut part);
            if !one.trim().is_empty() {
                expand(prefix, one.trim(), found);
            }
        } else {
            part.push(c);
        }
    }
    prefix.truncate(kept);
}

/// The path from the root of the crate; `None` for another crate.
fn absolute(path: &[String], from: &[String]) -> Option<Module> {
    let mut path = path.to_vec();
    path.retain(|segment| segment != "self");
    let mut base = from.to_vec();
    match path.first()?.as_str() {
        "crate" => return Some(path.split_off(1)),
        "super" => {}
        // A child of this module, or another crate: that does not matter, as a module may know its children.
        _ => return Some([base, path].concat()),
    }
    while path.first().is_some_and(|segment| segment == "super") {
        base.pop();
        path.remove(0);
    }
    Some([base, path].concat())
}

fn segments(path: &str) -> Module {
    path.split("::").filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found() {
        let circles = |files: &[(&str, &str)]| {
            let files = files.iter().map(|(path, text)| (segments(path), (*text).to_owned()));
            Sources(files.collect()).circles()
        };
        let straight =
            [("", "mod a; mod b;"), ("a", "use crate::b::X;"), ("b", "//! See [`crate::a`].\npub struct X;")];
        assert_eq!(circles(&straight), Vec::<String>::new());
        let direct = [("", ""), ("a", "use crate::b::X;"), ("b", "use super::{a::{Y, Z}, c};"), ("c", "")];
        assert_eq!(circles(&direct), ["a b"]);
        let in_passing = [("", ""), ("a", "use crate::b::X;"), ("b", "fn x() -> crate::a::Y { todo!() }")];
        assert_eq!(circles(&in_passing), ["a b"]);
        let handed_on = [
            ("", ""),
            ("d", "mod a; mod b;\npub(super) use a::Y;\npub use b::X;"),
            ("d::a", "use super::X;"),
            ("d::b", "use super::Y;"),
        ];
        assert_eq!(circles(&handed_on), ["d::a d::b"]);
        let of_folders =
            [("", ""), ("d", ""), ("d::a", "use crate::e::X;"), ("e", "use f::Y;"), ("e::f", "use crate::d::a;")];
        assert_eq!(circles(&of_folders), ["d e"]);
        let of_three = [("", ""), ("a", "use crate::b::X;"), ("b", "use crate::c::X;"), ("c", "use crate::a::X;")];
        assert_eq!(circles(&of_three), ["a b c"]);
        let of_tests = [("", ""), ("a", "use crate::b::X;"), ("b", "#[cfg(test)]\nmod tests { use crate::a::X; }")];
        assert_eq!(circles(&of_tests), Vec::<String>::new());
    }
}
