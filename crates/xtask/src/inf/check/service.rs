//! The service and the files.

use super::{Checker, Model};
use crate::inf::{Line, Rule, Section, syntax::same};

/// SPSVCINST_STOPSERVICE: the service stops before it is deleted.
const STOP_SERVICE: u32 = 0x200;

/// A service that an install section adds.
pub(super) struct Service<'i> {
    pub(super) name: &'i str,
    pub(super) section: &'i Section,
}

/// A file that an install section copies.
pub(super) struct CopiedFile<'i> {
    /// DIRID of the folder.
    directory: &'i str,
    name: &'i str,
}

impl<'i> Checker<'i> {
    /// The files that a model copies, where that can be told.
    pub(super) fn copied(&mut self, model: &Model<'i>) -> Option<Vec<CopiedFile<'i>>> {
        let directories = self.inf.section("DestinationDirs");
        let mut files = Vec::new();
        for list in self.list(model.install, "CopyFiles")? {
            let directory = directories.and_then(|directories| {
                directories.get(&list.name).or_else(|| directories.get("DefaultDestDir"))
            });
            let directory = directory.map_or("", |line| line.value(0));
            let right = if model.from_store { "13" } else { "12" };
            if directory != right && directories.is_some() {
                let problem = format!("[{}] goes to DIRID {directory}, not {right}", list.name);
                self.report(Rule::Directory, list.line, problem);
            }
            for line in &list.lines {
                self.source(line);
                files.push(CopiedFile { directory, name: line.value(0) });
            }
        }
        Some(files)
    }

    /// A file that is copied is to be on a disk.
    fn source(&mut self, line: &Line) {
        // A file may be called otherwise on the disk.
        let name = if line.value(1).is_empty() { line.value(0) } else { line.value(1) };
        let files = self.inf.section("SourceDisksFiles");
        let disks = self.inf.section("SourceDisksNames");
        let disk = files.and_then(|files| files.get(name)).map(|file| file.value(0));
        let is_there = disk.and_then(|disk| disks?.get(disk)).is_some();
        self.expect(is_there, Rule::SourceDisks, line.number, &format!("{name} is on no disk"));
    }

    /// The service that a model adds, and removes.
    pub(super) fn service(
        &mut self,
        model: &Model<'i>,
        files: Option<&[CopiedFile<'i>]>,
    ) -> Option<Service<'i>> {
        let install = model.install;
        let services = self.named(&format!("{}.Services", install.name), install.line)?;
        let Some(added) = services.get("AddService") else {
            let problem = format!("[{}] adds no service", services.name);
            self.report(Rule::RequiredSection, services.line, problem);
            return None;
        };
        let section = self.named(added.value(2), added.number)?;
        let service = Service { name: added.value(0), section };
        self.removal(install, service.name);

        let is_one = |line: &Line| line.number_at(0) == Some(1);
        self.expect_value(section, "ServiceType", Rule::ServiceType, is_one);
        self.expect_value(section, "ErrorControl", Rule::ErrorControl, is_one);
        self.expect_value(section, "LoadOrderGroup", Rule::LoadOrderGroup, |line| {
            same(line.value(0), "NDIS")
        });
        if let Some(files) = files {
            self.expect_value(section, "ServiceBinary", Rule::ServiceBinary, |line| {
                // Where a file has no folder to go to, that is the finding.
                files.iter().any(|file| {
                    let name = format!("%{}%\\{}", file.directory, file.name);
                    same(&name, line.value(0)) || file.directory.is_empty()
                })
            });
        }
        self.parameters(section);
        Some(service)
    }

    fn removal(&mut self, install: &Section, service: &str) {
        let name = format!("{}.Remove.Services", install.name);
        let Some(section) = self.inf.section(&name) else {
            return self.report(Rule::Removal, install.line, format!("there is no [{name}]"));
        };
        self.expect_value(section, "DelService", Rule::Removal, |line| {
            let stops = line.number_at(1).is_some_and(|flags| flags & STOP_SERVICE != 0);
            same(line.value(0), service) && stops
        });
    }

    fn parameters(&mut self, service: &Section) {
        let Some(added) = service.get("AddReg") else { return };
        for name in &added.values {
            let section = self.named(name, added.number);
            for line in section.into_iter().flat_map(|section| &section.lines) {
                let first = line.value(1).split('\\').next().unwrap_or_default();
                let problem = format!("{} is not below Parameters", line.value(2));
                self.expect(same(first, "Parameters"), Rule::Parameters, line.number, &problem);
            }
        }
    }
}
