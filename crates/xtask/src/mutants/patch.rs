//! A mutant: what it says of itself, and how it changes the sources.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail, ensure};
use diffy::patch_set::{FileOperation, ParseOptions, PatchSet};

use crate::workspace::Workspace;

/// What stands before the name of a check in a patch.
const CAUGHT_BY: &str = "Caught-by: ";

/// The line of a patch whose mistake shows in guarded memory only.
const GUARDED: &str = "In guarded memory.";

/// The folders of what only the driver is made of, where mistakes are planted.
pub(super) const SOURCES: &[&str] = &["src", "crates/wire/src"];

/// A mistake that can be planted in the driver.
#[derive(Debug, Clone)]
pub struct Mutant {
    name: String,
    mistake: String,
    checks: Vec<Check>,
    guarded: bool,
    text: String,
}

/// What is to report a mutant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// A rule of the lab, by number and name: `C12 PoolInUse`.
    Rule(String),
    /// A story that fails, by its path: `inject::a_batch_is_one_call_into_ndis`.
    Story(String),
    /// A check of `framecastctl selftest` that fails, by its name.
    Selftest(String),
    /// The driver faults, or asks for the end.
    BugCheck,
    /// A story does not end.
    TimeOut,
}

/// A source file that a mutant changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From the top folder on.
    pub path: PathBuf,
    /// What the mutant makes of it.
    pub text: String,
}

impl Mutant {
    /// All mutants, in the order of their names.
    ///
    /// # Errors
    ///
    /// When a patch cannot be read or does not say what it has to say.
    pub fn all(workspace: &Workspace) -> Result<Vec<Self>> {
        let folder = workspace.root().join("tests/mutants");
        let entries = fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", workspace.shown(&folder)))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "patch") {
                paths.push(path);
            }
        }
        paths.sort();
        let read =
            |path: PathBuf| Self::read(&path).with_context(|| workspace.shown(&path).to_string());
        paths.into_iter().map(read).collect()
    }

    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).context("cannot be read")?;
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("has no plain name")?;
        let head: Vec<_> = text.lines().take_while(|line| !line.starts_with("--- ")).collect();
        let (checks, prose): (Vec<_>, Vec<_>) =
            head.into_iter().partition(|line| line.starts_with(CAUGHT_BY));
        let checks = checks.iter().filter_map(|line| line.strip_prefix(CAUGHT_BY));
        let checks = checks.map(str::parse).collect::<Result<Vec<_>>>()?;
        let mistake = prose.join(" ").trim().to_owned();
        ensure!(!mistake.is_empty(), "does not say what the mistake is");
        ensure!(!checks.is_empty(), "does not say what catches it: {CAUGHT_BY}…");
        let guarded = text.lines().any(|line| line == GUARDED);
        Ok(Self { name: name.to_owned(), mistake, checks, guarded, text })
    }

    /// The name of its patch.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its name starts with.
    #[must_use]
    pub fn number(&self) -> &str {
        self.name.split('-').next().unwrap_or_default()
    }

    /// What the mistake is, in plain words.
    #[must_use]
    pub fn mistake(&self) -> &str {
        &self.mistake
    }

    /// The mutant that is called so, by the name of its patch or its number.
    ///
    /// # Errors
    ///
    /// When there is none, or patches cannot be read.
    pub fn named(workspace: &Workspace, name: &str) -> Result<Self> {
        let found = Self::all(workspace)?
            .into_iter()
            .find(|mutant| mutant.name() == name || mutant.number() == name);
        found.context("there is no such patch in tests/mutants")
    }

    /// Whether it shows in guarded memory only.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.guarded
    }

    /// What is to report it: all of them.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whether a story, by its path, is to report it.
    pub(super) fn names(&self, story: &str) -> bool {
        self.checks.iter().any(|check| matches!(check, Check::Story(name) if name == story))
    }

    /// The files that it changes, as it leaves them; `source` reads them as they are.
    ///
    /// # Errors
    ///
    /// When the patch does not apply: the sources are no longer those that it was made for.
    pub fn apply(&self, source: impl Fn(&Path) -> Result<String>) -> Result<Vec<Place>> {
        let mut places = Vec::new();
        for file in PatchSet::parse(&self.text, ParseOptions::unidiff()) {
            let file = file.with_context(|| format!("{} is no unified diff", self.name))?;
            let FileOperation::Modify { modified, .. } = file.operation().strip_prefix(1) else {
                bail!("{} does not only change files", self.name);
            };
            let path = PathBuf::from(&*modified);
            let is_driver = SOURCES.iter().any(|folder| path.starts_with(folder));
            ensure!(is_driver, "{} changes what is not the driver", self.name);
            let old = source(&path)?;
            let change = file.patch().as_text().context("no text")?;
            let text = diffy::apply(&old, change).with_context(|| {
                format!("{} does not apply to {}; make it anew", self.name, path.display())
            })?;
            ensure!(text != old, "{} changes nothing", self.name);
            places.push(Place { path, text });
        }
        ensure!(!places.is_empty(), "{} holds no diff", self.name);
        Ok(places)
    }
}

impl FromStr for Check {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        match (text, text.split_once(' ')) {
            ("bug check", _) => Ok(Self::BugCheck),
            ("time-out", _) => Ok(Self::TimeOut),
            (_, Some(("story", name))) if name.contains("::") => Ok(Self::Story(name.to_owned())),
            (_, Some(("selftest", name))) => Ok(Self::Selftest(name.to_owned())),
            _ if is_rule(text) => Ok(Self::Rule(text.to_owned())),
            _ => bail!(
                "{text:?} is no check: C12 PoolInUse, story a::b, selftest CHECK, bug check, time-out"
            ),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => f.write_str(rule),
            Self::Story(name) => write!(f, "story {name}"),
            Self::Selftest(name) => write!(f, "selftest {name}"),
            Self::BugCheck => f.write_str("bug check"),
            Self::TimeOut => f.write_str("time-out"),
        }
    }
}

/// Whether a text looks like the number and name of a rule: `C12 PoolInUse`.
fn is_rule(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(number, name)| {
        number.ends_with(|last: char| last.is_ascii_digit())
            && name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.chars().all(char::is_alphanumeric)
    })
}
