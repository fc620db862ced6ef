//! The table of rules in the crate's documentation is what the code says.
//!
//! `NDIS_LAB_WRITE_RULES=1 cargo test -p ndis-lab rules` writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use ndis_lab::{NAMED, Rule};

use crate::common::planted::Planted;

fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The tests that plant a breach of each rule, by the rule's number.
fn planted_breaches() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut breaches: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for planted in inventory::iter::<Planted> {
        // The name of the program comes first.
        let place = planted.place.split_once("::").map_or(planted.place, |(_, rest)| rest);
        breaches.entry(planted.rule.number()).or_default().push(place);
    }
    for places in breaches.values_mut() {
        places.sort_unstable();
    }
    breaches
}

fn table() -> String {
    let breaches = planted_breaches();
    let mut text = String::from(
        "\n# The rules\n\n\
         Each rule that the lab checks, with the tests that plant a breach of it: filters that break \
         this rule and, from their start to their end, no other. A rule without such a test, and a \
         test in which another check speaks up as well, fail. Sources are pages of the driver \
         documentation. Written by `NDIS_LAB_WRITE_RULES=1 cargo test -p ndis-lab rules`.\n\n\
         | number | name | what is checked | source | planted breaches |\n|---|---|---|---|---|\n",
    );
    for rule in Rule::ALL {
        let breach = breaches.get(rule.number()).map_or("none".to_owned(), |all| all.join(", "));
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
        Rule::ALL.iter().filter(|rule| !breaches.contains_key(rule.number())).collect();
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
