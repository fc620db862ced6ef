//! The mistakes that `cargo xtask mutants` plants: each still fits the driver as it is.

use ndis_lab::Rule;
use std::{collections::BTreeSet, fs, path::Path};
use xtask::{
    mutants::{Check, Mutant},
    workspace::Workspace,
};

fn mutants() -> Vec<Mutant> {
    Mutant::all(&Workspace::here()).expect("well-formed patches")
}

#[test]
fn every_mutant_applies_to_the_driver_as_it_is() {
    let root = Workspace::here().root().to_path_buf();
    let source = |path: &Path| Ok(fs::read_to_string(root.join(path))?);
    let refused = |mutant: &Mutant| Some(format!("{:#}", mutant.apply(source).err()?));
    let refused: Vec<_> = mutants().iter().filter_map(refused).collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn there_are_enough_mutants_each_with_a_number_of_its_own() {
    let mutants = mutants();
    assert!(mutants.len() >= 30, "{}", mutants.len());
    let numbers: BTreeSet<_> = mutants.iter().map(Mutant::number).collect();
    assert_eq!(numbers.len(), mutants.len());
}

#[test]
fn what_is_to_catch_a_mutant_exists() {
    let selftest = Workspace::here().root().join("crates/framecastctl/src/program/selftest/mod.rs");
    let selftest = fs::read_to_string(selftest).expect("the checks of the self-test");
    let rules: BTreeSet<_> = Rule::ALL.iter().map(ToString::to_string).collect();
    for mutant in &mutants() {
        for check in mutant.checks() {
            let exists = match check {
                Check::Rule(rule) => rules.contains(rule),
                Check::Story(name) => is_story(name),
                Check::Selftest(name) => selftest.contains(&format!("name: \"{name}\"")),
                Check::BugCheck | Check::TimeOut => true,
            };
            assert!(exists, "{}: there is no {check}", mutant.name());
        }
    }
}

fn is_story(path: &str) -> bool {
    let Some((module, name)) = path.split_once("::") else { return false };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("stories").join(module);
    let text = fs::read_to_string(file.with_extension("rs")).unwrap_or_default();
    text.contains(&format!("fn {name}("))
}
