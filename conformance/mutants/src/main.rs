//! Puts mutants behind a switch in a copy of the tree: `uptls-mutants TREE < mutants.json`, and says which stand where.
//!
//! Input is a list of [`Mutant`]s. The files in TREE are those of the working tree when this begins, and have the mutants when it ends.
#![allow(clippy::print_stdout, reason = "its answer")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use uptls_mutants::{MODULE, Mutant, SWITCH, Switched, Unswitched, rewrite};

/// The answer for one mutant.
#[derive(serde::Serialize)]
struct Answer {
    id: u32,
    file: String,
    switched: Option<Switched>,
    unswitched: Option<Unswitched>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let tree = PathBuf::from(env::args_os().nth(1).ok_or("usage: uptls-mutants TREE < mutants.json")?);
    let mutants: Vec<Mutant> = serde_json::from_reader(io::stdin())?;
    let mut files: BTreeMap<&str, Vec<Mutant>> = BTreeMap::new();
    for mutant in &mutants {
        files.entry(&mutant.file).or_default().push(mutant.clone());
    }
    let mut answers = Vec::new();
    let mut crates = BTreeMap::new();
    for (file, mutants) in files {
        answers.extend(switch(&tree, file, &mutants)?);
        let source =
            Path::new(file).ancestors().find(|path| path.ends_with("src")).ok_or(format!("{file} has no src"))?;
        crates.insert(tree.join(source), ());
    }
    for source in crates.into_keys() {
        fs::write(source.join(format!("{MODULE}.rs")), SWITCH)?;
        let root = source.join("lib.rs");
        let text = fs::read_to_string(&root)?;
        fs::write(root, format!("{text}\nmod {MODULE};\n"))?;
    }
    println!("{}", serde_json::to_string(&answers)?);
    Ok(())
}

fn switch(tree: &Path, file: &str, mutants: &[Mutant]) -> Result<Vec<Answer>, Box<dyn Error>> {
    let path = tree.join(file);
    let source = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let rewritten = rewrite(&source, mutants)?;
    fs::write(path, rewritten.text)?;
    let answer = |mutant: &Mutant| Answer {
        id: mutant.id,
        file: file.to_owned(),
        switched: rewritten.switched.get(&mutant.id).cloned(),
        unswitched: rewritten.unswitched.get(&mutant.id).copied(),
    };
    Ok(mutants.iter().map(answer).collect())
}
