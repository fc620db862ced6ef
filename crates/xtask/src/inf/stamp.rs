//! Version, date and processor put into a template, as stampinf does.

use anyhow::Result;
use wdk_kit::Architecture;

use super::syntax::same;
use crate::workspace::Workspace;

/// What a package says of when it was made: see [`Workspace::release`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Four numbers.
    pub version: String,
    /// Month, day and year, as DriverVer wants them.
    pub date: String,
}

impl Stamp {
    /// The version and the date that the workspace names.
    ///
    /// # Errors
    ///
    /// When it names none.
    pub fn of(workspace: &Workspace) -> Result<Self> {
        let release = workspace.release()?;
        let date: Vec<_> = release.date.split('-').collect();
        let [year, month, day] = date.as_slice() else {
            anyhow::bail!("the release date {:?} is not year-month-day", release.date);
        };
        Ok(Self {
            version: format!("{}.0", release.version),
            date: format!("{month}/{day}/{year}"),
        })
    }

    /// A template with the stamp on it.
    #[must_use]
    pub fn apply(&self, template: &str, architecture: Architecture) -> String {
        let name = match architecture {
            Architecture::X64 => "amd64",
            Architecture::Arm64 => "arm64",
        };
        let stamped = |line: &str| {
            let is_version =
                line.split_once('=').is_some_and(|(key, _)| same(key.trim(), "DriverVer"));
            if is_version {
                let key = line.split('=').next().unwrap_or_default();
                return format!("{key}= {},{}\r\n", self.date, self.version);
            }
            format!("{}\r\n", line.replace("$ARCH$", name))
        };
        template.lines().map(stamped).collect()
    }
}
