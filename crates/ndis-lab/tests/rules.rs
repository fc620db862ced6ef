//! The table of rules in the crate's documentation is what the code says.
//!
//! `NDIS_LAB_WRITE_RULES=1 cargo test -p ndis-lab --test rules` writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use ndis_lab::{NAMED, Rule};

fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The first test of each rule's name: `file::function`.
fn planted_breaches() -> BTreeMap<String, String> {
    let mut files: Vec<_> = fs::read_dir(crate_folder().join("tests"))
        .expect("the folder of tests")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    let mut breaches = BTreeMap::new();
    for file in files {
        note_breaches(&file, &mut breaches);
    }
    breaches
}

fn note_breaches(file: &Path, breaches: &mut BTreeMap<String, String>) {
    let stem = file.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut function = String::new();
    let mut is_test = false;
    for line in fs::read_to_string(file).expect("a source").lines() {
        is_test |= line == "#[test]";
        if let Some(rest) = line.strip_prefix("fn ") {
            function = if is_test {
                rest.split('(').next().unwrap_or(rest).to_owned()
            } else {
                String::new()
            };
            is_test = false;
        }
        for mention in line.split("Rule::").skip(1).filter(|_| !function.is_empty()) {
            let end = mention.find(|c: char| !c.is_alphanumeric()).unwrap_or(mention.len());
            let place = format!("{stem}::{function}");
            breaches.entry(mention[..end].to_owned()).or_insert(place);
        }
    }
}

fn table() -> String {
    let breaches = planted_breaches();
    let mut text = String::from(
        "\n# The rules\n\n\
         Each rule that the lab checks, with the test that plants a breach of it, which the check \
         reports alone. Sources are pages of the driver documentation. Written by \
         `NDIS_LAB_WRITE_RULES=1 cargo test -p ndis-lab --test rules`.\n\n\
         | number | name | what is checked | source | planted breach |\n|---|---|---|---|---|\n",
    );
    for rule in Rule::ALL {
        let breach = breaches.get(rule.name()).map_or("none", String::as_str);
        let (number, name, source) = (rule.number(), rule.name(), rule.source());
        let what = rule.what().trim();
        writeln!(text, "| {number} | {name} | {what} | {source} | {breach} |").expect("a string");
    }
    text.push_str(
        "\n# Rules under other names\n\n\
         What became of the rules that Static Driver Verifier, Driver Verifier and NDIS have names \
         for. Those without a rule of the lab cannot be observed, for the reason given.\n\n\
         | name | set | checked by | how, or why not |\n|---|---|---|---|\n",
    );
    for named in NAMED {
        let rules: Vec<_> = named.rules.iter().map(|rule| rule.number()).collect();
        let rules = if rules.is_empty() { "not observed".to_owned() } else { rules.join(", ") };
        writeln!(text, "| {} | {} | {rules} | {} |", named.name, named.source, named.remark)
            .expect("a string");
    }
    text
}

#[test]
fn every_rule_has_a_planted_breach() {
    let breaches = planted_breaches();
    let missing: Vec<_> =
        Rule::ALL.iter().filter(|rule| !breaches.contains_key(rule.name())).collect();
    assert!(missing.is_empty(), "no test plants a breach of {missing:?}");
}

#[test]
fn numbers_are_unique() {
    let numbers: BTreeMap<_, _> = Rule::ALL.iter().map(|rule| (rule.number(), rule)).collect();
    assert_eq!(numbers.len(), Rule::ALL.len());
}

#[test]
fn the_table_in_the_documentation_is_up_to_date() {
    let path = crate_folder().join("RULES.md");
    let table = table();
    if env::var_os("NDIS_LAB_WRITE_RULES").is_some() {
        fs::write(&path, &table).expect("the table can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == table, "RULES.md is out of date; write it with NDIS_LAB_WRITE_RULES=1");
}
