//! A file held to the rules: what it is, and what it leads to.

mod component;
mod service;

use std::fmt;

use super::{
    Inf, Line, Rule, Section,
    syntax::{same, unknown_strings},
};

/// The first build of Windows that runs network components from the driver store.
const STORE_BUILD: u32 = 25319;

/// A rule that a file breaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where, from 1.
    pub line: usize,
    /// The rule.
    pub rule: Rule,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.line, self.rule, self.problem)
    }
}

/// Holds a file to every rule, and gives what it breaks in the order of its lines.
#[must_use]
pub fn check(inf: &Inf) -> Vec<Finding> {
    let mut checker = Checker { inf, findings: Vec::new() };
    checker.sections();
    checker.version();
    checker.strings();
    checker.registry_roots();
    for model in checker.models() {
        checker.model(&model);
    }
    let mut findings = checker.findings;
    findings.sort();
    findings.dedup();
    findings
}

/// A file, and what has been found in it.
struct Checker<'i> {
    inf: &'i Inf,
    findings: Vec<Finding>,
}

/// What a line of a Models section leads to.
#[derive(Debug)]
struct Model<'i> {
    line: &'i Line,
    /// DDInstall.
    install: &'i Section,
    /// Whether files run from the driver store.
    from_store: bool,
}

impl<'i> Checker<'i> {
    fn report(&mut self, rule: Rule, line: usize, problem: impl Into<String>) {
        self.findings.push(Finding { line, rule, problem: problem.into() });
    }

    /// Reports unless `holds`.
    fn expect(&mut self, holds: bool, rule: Rule, line: usize, problem: &str) {
        if !holds {
            self.report(rule, line, problem);
        }
    }

    /// The value of `key` in `section` is to be one that is `right`.
    fn expect_value(
        &mut self,
        section: &Section,
        key: &str,
        rule: Rule,
        right: impl Fn(&Line) -> bool,
    ) {
        match section.get(key) {
            None => self.report(rule, section.line, format!("[{}] has no {key}", section.name)),
            Some(line) if !right(line) => {
                self.report(rule, line.number, format!("{key} is {}", line.values.join(",")));
            }
            Some(_) => {}
        }
    }

    /// The section that `name` leads to from `line`.
    fn named(&mut self, name: &str, line: usize) -> Option<&'i Section> {
        let section = self.inf.section(name);
        if section.is_none() {
            self.report(Rule::RequiredSection, line, format!("there is no [{name}]"));
        }
        section
    }

    fn sections(&mut self) {
        for name in ["Version", "Manufacturer", "DestinationDirs", "Strings"] {
            self.named(name, 1);
        }
        for section in self.inf.sections() {
            let first = section.name.split('.').next().unwrap_or_default();
            if same(first, "DefaultInstall") {
                let problem = format!("[{}] is for SetupAPI", section.name);
                self.report(Rule::NoDefaultInstall, section.line, problem);
            }
        }
    }

    fn version(&mut self) {
        let Some(version) = self.inf.section("Version") else { return };
        let is = |wanted: &'static str| move |line: &Line| same(line.value(0), wanted);
        self.expect_value(version, "Signature", Rule::Signature, is("$WINDOWS NT$"));
        self.expect_value(version, "Class", Rule::Class, is("NetService"));
        let guid = "{4D36E974-E325-11CE-BFC1-08002BE10318}";
        self.expect_value(version, "ClassGuid", Rule::Class, is(guid));
        self.expect_value(version, "PnpLockdown", Rule::Lockdown, is("1"));
        self.expect_value(version, "Provider", Rule::Provider, |line| !line.value(0).is_empty());
        self.expect_value(version, "CatalogFile", Rule::Catalog, |line| {
            let name = line.value(0).to_ascii_lowercase();
            name.strip_suffix(".cat").is_some_and(|stem| !stem.is_empty())
        });
        self.expect_value(version, "DriverVer", Rule::DriverVersion, |line| {
            is_date(line.value(0)) && is_version(line.value(1)) && line.values.len() == 2
        });
    }

    fn strings(&mut self) {
        // Models are named by strings, and so are the values of most sections.
        for section in self.inf.sections().iter().filter(|it| !same(&it.name, "Strings")) {
            for line in &section.lines {
                for text in line.key.iter().chain(&line.values) {
                    for name in unknown_strings(text) {
                        let problem = format!("Strings does not hold {name}");
                        self.report(Rule::UnknownString, line.number, problem);
                    }
                }
            }
        }
    }

    /// Every section that an AddReg leads to, whose ever it is.
    fn registry_roots(&mut self) {
        let lines = self.inf.sections().iter().flat_map(|section| &section.lines);
        let added = lines.filter(|line| line.key.as_deref().is_some_and(|it| same(it, "AddReg")));
        let names: Vec<_> = added.flat_map(|line| &line.values).collect();
        for section in names.into_iter().filter_map(|name| self.inf.section(name)) {
            for line in section.lines.iter().filter(|line| !same(line.value(0), "HKR")) {
                self.report(
                    Rule::RelativeRoot,
                    line.number,
                    format!("{} is not HKR", line.value(0)),
                );
            }
        }
    }

    /// What the Manufacturer section leads to.
    fn models(&mut self) -> Vec<Model<'i>> {
        let Some(manufacturers) = self.inf.section("Manufacturer") else { return Vec::new() };
        let mut models = Vec::new();
        for manufacturer in &manufacturers.lines {
            let (name, decorations) = (manufacturer.value(0), manufacturer.values.get(1..));
            let decorations = decorations.unwrap_or_default();
            let targets: Vec<_> = decorations.iter().filter_map(|it| Target::parse(it)).collect();
            self.decorations(manufacturer.number, decorations, &targets);
            for target in &targets {
                let section = format!("{name}.{}", target.decoration);
                let section = self.named(&section, manufacturer.number);
                for line in section.into_iter().flat_map(|section| &section.lines) {
                    let Some(install) = self.named(line.value(0), line.number) else { continue };
                    let from_store = target.build >= STORE_BUILD;
                    models.push(Model { line, install, from_store });
                }
            }
        }
        if let Some(first) = models.first().map(|model| model.line.value(1).to_owned()) {
            for model in &models {
                self.hardware_id(model, &first);
            }
        }
        models
    }

    fn decorations(&mut self, line: usize, decorations: &[String], targets: &[Target<'_>]) {
        if decorations.is_empty() || targets.len() != decorations.len() {
            let problem = "each Models section is for a processor, NTamd64 or NTarm64";
            return self.report(Rule::Decoration, line, problem);
        }
        for target in targets {
            let of = targets.iter().filter(|other| other.processor == target.processor);
            let (store, before): (Vec<_>, Vec<_>) =
                of.map(|target| target.build).partition(|&build| build >= STORE_BUILD);
            if store != [STORE_BUILD] || before != [0] {
                let problem = format!(
                    "{} has Models from the builds {before:?} and {store:?}, not from 0 and \
                     {STORE_BUILD}",
                    target.processor
                );
                self.report(Rule::Decoration, line, problem);
            }
        }
    }

    fn hardware_id(&mut self, model: &Model<'i>, first: &str) {
        let id = model.line.value(1);
        let parts = id.split_once('_');
        let is_name = parts.is_some_and(|(provider, product)| {
            !provider.is_empty() && !product.is_empty() && !id.contains(char::is_whitespace)
        });
        let number = model.line.number;
        self.expect(is_name, Rule::HardwareId, number, &format!("{id} is not provider_product"));
        let is_one = id == first;
        self.expect(is_one, Rule::HardwareId, number, &format!("{id} is not {first}"));
    }
}

/// What a decoration says: NTprocessor, then version, kind and build of Windows.
#[derive(Debug)]
struct Target<'i> {
    decoration: &'i str,
    processor: String,
    build: u32,
}

impl<'i> Target<'i> {
    fn parse(decoration: &'i str) -> Option<Self> {
        let mut parts = decoration.split('.');
        let processor = parts.next()?.to_ascii_lowercase();
        if !["ntamd64", "ntarm64"].contains(&processor.as_str()) {
            return None;
        }
        // Major, minor, product type and suite stand before the build.
        let build = match parts.nth(4) {
            Some(build) => build.parse().ok()?,
            None => 0,
        };
        Some(Self { decoration, processor, build })
    }
}

/// Whether a text is month, day and year.
fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('/').map(|part| part.parse().unwrap_or(0_u32)).collect();
    matches!(parts.as_slice(), [1..=12, 1..=31, 1601..=9999])
}

/// Whether a text is four numbers of 16 bits.
fn is_version(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').map(str::parse::<u16>).collect();
    parts.len() == 4 && parts.iter().all(Result::is_ok)
}
