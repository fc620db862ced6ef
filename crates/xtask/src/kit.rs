//! Cargo, set up to build drivers on a host that is not Windows.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use wdk_kit::{Architecture, KitRoot};

use crate::{
    linker,
    setup::{self, Tools},
    vendor,
    workspace::Workspace,
};

/// The target that drivers are built for, unless another is asked for.
pub const TARGET: &str = Architecture::X64.target();

/// Variables that would change what is built.
const UNWANTED: &[&str] = &[
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_AARCH64_PC_WINDOWS_MSVC_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_TARGET_X86_64_PC_WINDOWS_MSVC_RUSTFLAGS",
    "RUSTC",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "Version_Number",
];

/// All that a driver build needs, in place.
#[derive(Debug, Clone)]
pub struct Kit {
    workspace: Workspace,
    tools: Tools,
    linker: PathBuf,
    wdk: KitRoot,
    vendored: PathBuf,
}

impl Kit {
    /// Finds or installs the tools, vendors the dependencies and lays out the stand-in for a WDK.
    /// What is already in place is left alone.
    ///
    /// # Errors
    ///
    /// When a tool is missing and cannot be installed, when the dependencies cannot be fetched, or
    /// when they are not those that this crate knows how to edit.
    pub fn prepare(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.kit();
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Two commands at once must not write the same files.
        let guard = File::create(folder.join("lock")).context("cannot make the kit's lock")?;
        guard.lock().context("cannot take the kit's lock")?;

        let tools = setup::tools(workspace)?;
        let linker = linker::lay_out(workspace, &tools.linker)?;
        let wdk = wdk_kit::lay_out(&folder.join("wdk"))?;
        let vendored = vendor::dependencies(workspace, &tools.toolchain)?;
        Ok(Self { workspace: workspace.clone(), tools, linker, wdk, vendored })
    }

    /// Where the results of [`Kit::cargo`] are: below this folder, by profile.
    #[must_use]
    pub fn output(workspace: &Workspace) -> PathBuf {
        Self::output_for(workspace, Architecture::X64)
    }

    /// Where the results of [`Kit::cargo_for`] are: below this folder, by profile.
    #[must_use]
    pub fn output_for(workspace: &Workspace, architecture: Architecture) -> PathBuf {
        target_dir(workspace).join(architecture.target())
    }

    /// The stand-in for a WDK.
    #[must_use]
    pub fn wdk(&self) -> &KitRoot {
        &self.wdk
    }

    /// The dependencies as files.
    #[must_use]
    pub fn vendored(&self) -> &Path {
        &self.vendored
    }

    /// The tools in use.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// A cargo command for drivers for x64: see [`Kit::cargo_for`].
    #[must_use]
    pub fn cargo(&self, subcommand: &str) -> Command {
        self.cargo_for(Architecture::X64, subcommand)
    }

    /// A cargo command for drivers: `build`, `check`, `clippy`, `doc`, `rustc` … It runs in the
    /// top folder; name packages and further arguments as for any cargo.
    #[must_use]
    pub fn cargo_for(&self, architecture: Architecture, subcommand: &str) -> Command {
        self.cargo_with(architecture, subcommand, "core,alloc,panic_abort")
    }

    /// The same for programs, which have the whole standard library.
    #[must_use]
    pub fn cargo_for_programs(&self, architecture: Architecture, subcommand: &str) -> Command {
        self.cargo_with(architecture, subcommand, "std,panic_abort")
    }

    fn cargo_with(&self, architecture: Architecture, subcommand: &str, built: &str) -> Command {
        let target = architecture.target();
        let mut command = Command::new(&self.tools.toolchain.cargo);
        self.environment(&mut command);
        command
            .current_dir(self.workspace.root())
            .args([subcommand, "--locked", "--target", target])
            .arg("--target-dir")
            .arg(target_dir(&self.workspace))
            .args(["--config", r#"source.crates-io.replace-with="kit""#])
            .arg("--config")
            .arg(setting("source.kit.directory", &literal(&self.vendored.to_string_lossy())))
            .arg("--config")
            .arg(setting(&format!("target.{target}.rustflags"), &list(&self.rustflags())));
        if self.tools.toolchain.library.is_some() {
            command.arg("-Z").arg(format!("build-std={built}"));
        }
        command
    }

    /// What the compiler is to run as the linker.
    #[must_use]
    pub fn linker(&self) -> &Path {
        &self.linker
    }

    /// The flags that every crate of a driver is compiled with.
    #[must_use]
    pub fn rustflags(&self) -> Vec<String> {
        // The same bytes wherever the repository is.
        let root = self.workspace.root().display();
        let vendored = self.vendored.display();
        // The compiler goes by the last that fits.
        [format!("{root}=framecast"), format!("{vendored}=vendor")]
            .map(|it| format!("--remap-path-prefix={it}"))
            .to_vec()
    }

    /// Sets the variables that cargo, the compiler and wdk-build go by. For commands other than
    /// [`Kit::cargo`]'s, a plain `rustc` among them.
    pub fn environment(&self, command: &mut Command) {
        for name in UNWANTED {
            command.env_remove(name);
        }
        command.env("WDKContentRoot", self.wdk.content_root());
        // Not a flag: cargo hands flags on to build scripts, whose own cargo would take it for the
        // host's linker.
        for architecture in Architecture::ALL {
            let target = architecture.target().replace('-', "_").to_uppercase();
            command.env(format!("CARGO_TARGET_{target}_LINKER"), self.linker());
        }
        // Cargo looks for clippy along the path.
        command.env("PATH", self.tools.toolchain.path());
        command.env("RUSTC", &self.tools.toolchain.rustc);
        command.env("RUSTDOC", self.tools.toolchain.rustc.with_file_name("rustdoc"));
        if let Some(folder) = &self.tools.libclang {
            command.env("LIBCLANG_PATH", folder);
        }
        if self.tools.toolchain.library.is_some() {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
    }
}

/// Drivers have a folder of their own: host builds, which do not know the kit, would build all of
/// it anew each time.
fn target_dir(workspace: &Workspace) -> PathBuf {
    workspace.kit().join("build")
}

/// A setting as cargo's `--config` takes it.
fn setting(key: &str, value: &str) -> String {
    format!("{key}={value}")
}

/// A TOML string.
fn literal(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// A TOML array of strings.
fn list(items: &[String]) -> String {
    let items: Vec<_> = items.iter().map(|item| literal(item)).collect();
    format!("[{}]", items.join(","))
}
