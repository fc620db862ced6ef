//! The dependencies as files, with wdk-build edited so that it runs off Windows.
//!
//! wdk-build refuses any host but Windows, for no reason that concerns a build: it wants the
//! registry, and only Windows' forms of three calls. Neither Cargo.toml nor Cargo.lock can say so
//! without changing the build on Windows too; an edited copy that only our own commands see can.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{progress, setup::Toolchain, workspace::Workspace};

/// The release that the edits are made for.
const WDK_BUILD: &str = "wdk-build-0.6.0";

/// A change to a file of wdk-build.
#[derive(Debug)]
struct Edit {
    file: &'static str,
    /// What is there; the file must hold it exactly `times`.
    old: &'static str,
    new: &'static str,
    times: usize,
}

impl Edit {
    fn apply(&self, text: &str) -> Result<String> {
        let times = text.matches(self.old).count();
        ensure!(
            times == self.times,
            "{WDK_BUILD} holds {:?} {times} times in {} instead of {}; crates/xtask/src/vendor.rs \
             was made for another release",
            self.old,
            self.file,
            self.times
        );
        Ok(text.replace(self.old, self.new))
    }
}

const EDITS: &[Edit] = &[
    // The Windows forms are right on any host: a build script has one thread at that point.
    Edit {
        file: "src/utils.rs",
        old: "#[cfg(target_os = \"windows\")]\npub fn set_var",
        new: "pub fn set_var",
        times: 1,
    },
    Edit {
        file: "src/utils.rs",
        old: "#[cfg(not(target_os = \"windows\"))]\npub fn set_var",
        new: "#[cfg(any())]\npub fn set_var",
        times: 1,
    },
    Edit {
        file: "src/utils.rs",
        old: "#[cfg(target_os = \"windows\")]\npub fn remove_var",
        new: "pub fn remove_var",
        times: 1,
    },
    Edit {
        file: "src/utils.rs",
        old: "#[cfg(not(target_os = \"windows\"))]\npub fn remove_var",
        new: "#[cfg(any())]\npub fn remove_var",
        times: 1,
    },
    // With no registry to look into, only WDKContentRoot names the kit.
    Edit {
        file: "src/utils.rs",
        old: "use windows::{\n",
        new: "#[cfg(not(windows))]\nconst HKEY_LOCAL_MACHINE: () = ();\n\
              #[cfg(not(windows))]\nmacro_rules! s { ($text:literal) => { $text }; }\n\
              #[cfg(not(windows))]\n\
              fn read_registry_key_string_value(_: (), _: &str, _: &str) -> Option<String> {\n    \
              None\n}\n\
              #[cfg(windows)]\nuse windows::{\n",
        times: 1,
    },
    Edit {
        file: "src/utils.rs",
        old: "\nfn read_registry_key_string_value(\n",
        new: "\n#[cfg(windows)]\nfn read_registry_key_string_value(\n",
        times: 1,
    },
    Edit {
        file: "src/cargo_make.rs",
        old: "std::os::windows::fs::symlink_file",
        new: "std::os::unix::fs::symlink",
        times: 2,
    },
    // This dependency does not compile elsewhere.
    Edit {
        file: "Cargo.toml",
        old: "[dependencies.windows]",
        new: "[target.'cfg(windows)'.dependencies.windows]",
        times: 1,
    },
];

/// Vendors the dependencies of the workspace, and of the standard library where it is built from
/// source. Does nothing when they are there for the same Cargo.lock, toolchain and edits.
///
/// # Errors
///
/// When they cannot be fetched, or wdk-build is not the release that the edits are made for.
pub fn dependencies(workspace: &Workspace, toolchain: &Toolchain) -> Result<PathBuf> {
    let folder = workspace.kit().join("vendor");
    let stamp = workspace.kit().join("vendor.stamp");
    let lock = fs::read_to_string(workspace.root().join("Cargo.lock"))
        .context("cannot read Cargo.lock; it belongs to the repository")?;
    let version = progress::output(std::process::Command::new(&toolchain.rustc).arg("--version"))?;
    let wanted = format!("{version}{:?}\n{EDITS:?}\n{lock}", toolchain.library);
    if folder.is_dir() && fs::read_to_string(&stamp).is_ok_and(|present| present == wanted) {
        return canonical(&folder);
    }

    for stale in [&stamp, &folder.join(WDK_BUILD)] {
        remove(stale).with_context(|| format!("cannot remove {}", stale.display()))?;
    }
    let mut command = std::process::Command::new(&toolchain.cargo);
    command.current_dir(workspace.root()).env("RUSTC", &toolchain.rustc);
    command.args(["vendor", "--locked", "--versioned-dirs"]);
    if let Some(library) = &toolchain.library {
        command.env("RUSTC_BOOTSTRAP", "1").arg("--sync").arg(library.join("Cargo.toml"));
    }
    progress::quiet("Fetching the dependencies", command.arg(&folder))
        .context("the dependencies cannot be fetched; is the network there?")?;
    edit(&folder.join(WDK_BUILD))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    canonical(&folder)
}

/// Where several copies of the repository share a folder, all call it by one name: what cargo has
/// built of it is then good for all.
fn canonical(folder: &Path) -> Result<PathBuf> {
    fs::canonicalize(folder).with_context(|| format!("cannot find {}", folder.display()))
}

fn remove(path: &Path) -> std::io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.or_else(
        |error| {
            if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
        },
    )
}

/// Edits the vendored wdk-build in `folder`.
fn edit(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        bail!(
            "Cargo.lock does not name {WDK_BUILD}; crates/xtask/src/vendor.rs has to learn how to \
             edit the release that it names"
        );
    }
    for edit in EDITS {
        let path = folder.join(edit.file);
        // Its files end their lines as Windows does.
        let text = fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .replace("\r\n", "\n");
        write(&path, &edit.apply(&text)?)?;
    }
    // Cargo holds vendored files to these sums. The package's own sum stays: Cargo.lock names it.
    let sums = folder.join(".cargo-checksum.json");
    let text = fs::read_to_string(&sums).context("cannot read the sums of wdk-build")?;
    let package =
        text.split_once("\"package\":").context("the sums of wdk-build name no package")?;
    write(&sums, &format!("{{\"files\":{{}},\"package\":{}", package.1))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDIT: Edit = Edit { file: "file", old: "old", new: "new", times: 2 };

    #[test]
    fn an_edit_changes_every_place() -> Result<()> {
        assert_eq!(EDIT.apply("old, older")?, "new, newer");
        Ok(())
    }

    #[test]
    fn an_edit_that_does_not_fit_is_an_error() {
        for text in ["", "old", "old old old"] {
            let error = EDIT.apply(text).unwrap_err().to_string();
            assert!(error.contains("another release"), "{error}");
        }
    }
}
