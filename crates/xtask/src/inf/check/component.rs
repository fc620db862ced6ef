//! What the network component says of itself: DDInstall and its Ndi key.

use super::{Checker, Model, service::Service};
use crate::inf::{
    Line, Rule, Section,
    syntax::{number, same},
};

/// The classes that NDIS orders modifying filters by; those of the virtual switch are for its
/// extensions.
const CLASSES: [&str; 8] = [
    "scheduler",
    "encryption",
    "compression",
    "vpn",
    "loadbalance",
    "failover",
    "diagnostic",
    "custom",
];

/// Directives of DDInstall sections that a declarative package does not have.
const IMPERATIVE: [&str; 12] = [
    "BitReg",
    "DelFiles",
    "DelProperty",
    "DelReg",
    "DelService",
    "Ini2Reg",
    "ProfileItems",
    "RegisterDlls",
    "RenFiles",
    "UnregisterDlls",
    "UpdateIniFields",
    "UpdateInis",
];

/// Types of values in the registry.
const STRING: u32 = 0;
const STRINGS: u32 = 0x10000;
const NUMBER: u32 = 0x10001;

impl<'i> Checker<'i> {
    /// What a model leads to.
    pub(super) fn model(&mut self, model: &Model<'i>) {
        let install = model.install;
        self.expect_value(install, "Characteristics", Rule::Characteristics, |line| {
            line.number_at(0).is_some_and(|flags| flags & 0x4_0400 == 0x4_0000)
        });
        for line in &install.lines {
            let key = line.key.as_deref().unwrap_or_default();
            if IMPERATIVE.iter().any(|it| same(it, key)) {
                self.report(Rule::Declarative, line.number, format!("{key} is not declarative"));
            }
        }
        self.instance_id(install);
        let files = self.copied(model);
        let Some(service) = self.service(model, files.as_deref()) else { return };
        let Some(added) = self.list(install, "AddReg") else { return };
        let lines = added.iter().flat_map(|section| &section.lines).collect();
        let ndi = Ndi { install, lines };
        self.bound_service(&ndi, service.name);
        self.filter(&ndi, &service);
        self.interfaces(&ndi);
    }

    /// The sections that a directive of an install section lists; none unless all are there.
    pub(super) fn list(&mut self, section: &Section, key: &str) -> Option<Vec<&'i Section>> {
        let Some(line) = section.get(key) else {
            let problem = format!("[{}] has no {key}", section.name);
            self.report(Rule::RequiredSection, section.line, problem);
            return None;
        };
        line.values.iter().map(|name| self.named(name, line.number)).collect()
    }

    fn instance_id(&mut self, install: &Section) {
        self.expect_value(install, "NetCfgInstanceId", Rule::InstanceId, |line| {
            is_guid(line.value(0))
        });
        let ids = self.inf.sections().iter().filter_map(|it| it.get("NetCfgInstanceId"));
        let ids: Vec<_> = ids.collect();
        for pair in ids.windows(2) {
            let [one, other] = [pair[0].value(0), pair[1].value(0)];
            let problem =
                format!("NetCfgInstanceId is {one} in one section and {other} in another");
            self.expect(same(one, other), Rule::InstanceId, pair[1].number, &problem);
        }
    }

    fn bound_service(&mut self, ndi: &Ndi<'i>, name: &str) {
        self.value(ndi, "Service", Rule::NdiService, STRING, |line| same(line.value(4), name));
        self.value(ndi, "CoServices", Rule::CoServices, STRINGS, |line| {
            line.values.get(4..).is_some_and(|all| all.iter().any(|it| same(it, name)))
        });
    }

    /// What kind of filter it is, and when it runs.
    fn filter(&mut self, ndi: &Ndi<'i>, service: &Service<'i>) {
        let one_or_two = |line: &Line| matches!(line.number_at(4), Some(1 | 2));
        self.value(ndi, "FilterType", Rule::FilterType, NUMBER, one_or_two);
        self.value(ndi, "FilterRunType", Rule::FilterRunType, NUMBER, one_or_two);
        let of = |name| ndi.get("Ndi", name).and_then(|line| line.number_at(4));
        let (modifies, optional) = (of("FilterType") != Some(1), of("FilterRunType") != Some(1));
        if let Some(line) = ndi.get("Ndi", "FilterRunType") {
            let problem = "a monitoring filter is mandatory";
            self.expect(modifies || optional, Rule::Monitoring, line.number, problem);
        }
        self.class(ndi, modifies);
        self.start(ndi, service, optional);
    }

    fn class(&mut self, ndi: &Ndi<'i>, modifies: bool) {
        if !modifies {
            if let Some(line) = ndi.get("Ndi", "FilterClass") {
                let problem = "a monitoring filter has no FilterClass";
                self.report(Rule::FilterClass, line.number, problem);
            }
            return;
        }
        let version = self.inf.section("Version");
        let provider = version.and_then(|it| it.get("Provider")).map_or("", |line| line.value(0));
        let own = format!("{provider}_").to_ascii_lowercase();
        self.value(ndi, "FilterClass", Rule::FilterClass, STRING, |line| {
            let class = line.value(4).to_ascii_lowercase();
            CLASSES.contains(&class.as_str()) || (own.len() > 1 && class.starts_with(&own))
        });
    }

    /// When the driver starts, and whether networking waits for it.
    fn start(&mut self, ndi: &Ndi<'i>, service: &Service<'i>, optional: bool) {
        self.expect_value(service.section, "StartType", Rule::StartType, |line| {
            matches!((line.number_at(0), optional), (Some(1), _) | (Some(3), true))
        });
        let start = service.section.get("StartType").and_then(|line| line.number_at(0));
        let hint = ndi.get("Ndi", "NdisBootStart");
        let line = hint.map_or(service.section.line, |line| line.number);
        let (right, problem) = if start == Some(3) {
            let right = hint.is_some_and(|it| is_type(it, NUMBER) && it.number_at(4) == Some(0));
            (right, "networking waits for a filter that starts on demand")
        } else {
            (hint.is_none(), "networking is to wait for a filter that starts with the system")
        };
        self.expect(right, Rule::BootStart, line, problem);
    }

    fn interfaces(&mut self, ndi: &Ndi<'i>) {
        let mut one = |name, rule, right: &dyn Fn(&str) -> bool| {
            let Some(line) = ndi.get("Ndi\\Interfaces", name) else {
                let problem = format!("Ndi\\Interfaces has no {name}");
                return self.report(rule, ndi.install.line, problem);
            };
            let value = line.value(4);
            let holds = is_type(line, STRING) && right(value);
            self.expect(holds, rule, line.number, &format!("{name} is {value:?}"));
        };
        one("UpperRange", Rule::Ranges, &|value| same(value, "noupper"));
        one("LowerRange", Rule::Ranges, &|value| same(value, "nolower"));
        one("FilterMediaTypes", Rule::MediaTypes, &|value| {
            let mut media = value.split(',').map(str::trim);
            media.all(|medium| !medium.is_empty() && !same(medium, "nolower"))
        });
    }

    /// A value of the Ndi key is to be there, of its type, and `right`.
    fn value(
        &mut self,
        ndi: &Ndi<'i>,
        name: &str,
        rule: Rule,
        kind: u32,
        right: impl Fn(&Line) -> bool,
    ) {
        match ndi.get("Ndi", name) {
            None => self.report(rule, ndi.install.line, format!("the Ndi key has no {name}")),
            Some(line) if !is_type(line, kind) || !right(line) => {
                let (kind, data) = (line.value(3), line.value(4));
                let problem = format!("{name} is {data:?} of type {kind:?}");
                self.report(rule, line.number, problem);
            }
            Some(_) => {}
        }
    }
}

/// What an install section adds to the registry: root, key, name, type and data in each line.
struct Ndi<'i> {
    install: &'i Section,
    lines: Vec<&'i Line>,
}

impl<'i> Ndi<'i> {
    fn get(&self, key: &str, name: &str) -> Option<&'i Line> {
        let is_it = |line: &&&Line| same(line.value(1), key) && same(line.value(2), name);
        self.lines.iter().find(is_it).copied()
    }
}

/// Whether a value is of a type; none stands for a string.
fn is_type(line: &Line, kind: u32) -> bool {
    let given = line.value(3);
    if given.is_empty() { kind == STRING } else { number(given) == Some(kind) }
}

fn is_guid(text: &str) -> bool {
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    let lengths: Vec<_> = inner.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && inner.chars().all(|digit| digit.is_ascii_hexdigit() || digit == '-')
}
