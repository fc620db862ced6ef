//! The tools that a driver build needs: found, or installed where that can be done.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{kit::TARGET, progress, workspace::Workspace};

/// Names the toolchain to use, where a choice is to be forced: `rustup` or `debian`.
const CHOICE: &str = "FRAMECAST_TOOLCHAIN";

/// What a driver build runs.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The compiler and cargo.
    pub toolchain: Toolchain,
    /// LLVM's linker for Windows images: the one inside the toolchain, or a program.
    pub linker: PathBuf,
    /// The folder of libclang; none where its finder is to look by itself.
    pub libclang: Option<PathBuf>,
}

/// A Rust toolchain that can build for Windows.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// Its cargo.
    pub cargo: PathBuf,
    /// Its compiler.
    pub rustc: PathBuf,
    /// The source of the standard library, when `core` has to be built from it.
    pub library: Option<PathBuf>,
}

impl Toolchain {
    /// A search path on which its programs come before those of any other toolchain.
    #[must_use]
    pub fn path(&self) -> OsString {
        let rest = env::var_os("PATH").unwrap_or_default();
        let first = self.cargo.parent().map(Path::to_path_buf);
        let folders = first.into_iter().chain(env::split_paths(&rest));
        env::join_paths(folders).unwrap_or(rest)
    }
}

/// Finds the tools, and installs what is missing where that can be done: the Windows target through
/// rustup, packages on Debian as root.
///
/// # Errors
///
/// Names what is missing when it cannot be installed.
pub fn tools(workspace: &Workspace) -> Result<Tools> {
    let found = find(workspace)?;
    let missing = found.missing();
    if missing.is_empty() {
        return found.complete();
    }
    install(&missing)?;
    find(workspace)?.complete()
}

/// Makes sure that `toolchain` can build for `target`.
///
/// # Errors
///
/// Says what to install when it cannot be installed.
pub fn target(toolchain: &Toolchain, target: &str) -> Result<()> {
    if toolchain.library.is_some() || has_target(&toolchain.rustc, target) {
        return Ok(());
    }
    // Rustup goes by the toolchain whose folder its programs are in.
    let folder = toolchain.cargo.ancestors().nth(2).and_then(Path::file_name);
    let folder = folder.context("the toolchain has no folder")?;
    add("target", target, &["--toolchain".as_ref(), folder])
        .with_context(|| format!("missing: rustup target add {target}"))
}

/// Makes sure that `cargo <subcommand>` is there, which comes with `component` of the toolchain.
///
/// # Errors
///
/// Says what to install when it cannot be installed.
pub fn component(workspace: &Workspace, subcommand: &str, component: &str) -> Result<()> {
    let there = || progress::output(workspace.cargo(subcommand).arg("--version")).is_ok();
    if there() {
        return Ok(());
    }
    if add("component", component, &[]).is_err() {
        install(&[if component == "clippy" { "rust-web-clippy" } else { "rustfmt-web" }])?;
    }
    if there() {
        Ok(())
    } else {
        bail!("missing: cargo {subcommand} (rustup component add {component})")
    }
}

/// Makes sure that a command succeeds, whose program comes with a package of Debian's.
///
/// # Errors
///
/// Names the program when it cannot be installed.
pub fn program(command: &[&str], package: &'static str) -> Result<()> {
    let there = || match command {
        [name, arguments @ ..] => progress::output(Command::new(name).args(arguments)).is_ok(),
        [] => true,
    };
    if there() {
        return Ok(());
    }
    install(&[package])?;
    if there() { Ok(()) } else { bail!(wanting(&[package])) }
}

/// What has been found so far.
struct Found {
    toolchain: Option<Toolchain>,
    linker: Option<PathBuf>,
    libclang: Option<PathBuf>,
}

fn find(workspace: &Workspace) -> Result<Found> {
    let toolchain = toolchain(workspace)?;
    let linker = toolchain.as_ref().and_then(linker).or_else(lld_link);
    Ok(Found { toolchain, linker, libclang: libclang() })
}

impl Found {
    fn missing(&self) -> Vec<&'static str> {
        let mut packages = Vec::new();
        if self.toolchain.is_none() {
            packages.extend(["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy"]);
        }
        if self.linker.is_none() {
            packages.push("lld-19");
        }
        if self.libclang.is_none() {
            packages.push("libclang-19-dev");
        }
        packages
    }

    fn complete(self) -> Result<Tools> {
        let (Some(toolchain), Some(linker), true) =
            (&self.toolchain, &self.linker, self.libclang.is_some())
        else {
            bail!(wanting(&self.missing()));
        };
        Ok(Tools {
            toolchain: toolchain.clone(),
            linker: linker.clone(),
            libclang: self.libclang.clone(),
        })
    }
}

/// One line about what is missing, for someone who has to install it.
pub(crate) fn wanting(packages: &[&str]) -> String {
    let of = |package: &str| match package {
        "rustc-web" => Some(format!("the Rust target {TARGET} (rustup target add {TARGET})")),
        "lld-19" => Some("lld-link (LLVM's linker)".to_owned()),
        "libclang-19-dev" => Some("libclang (or LIBCLANG_PATH to say where it is)".to_owned()),
        "rust-web-clippy" => Some("clippy (rustup component add clippy)".to_owned()),
        "rustfmt-web" => Some("rustfmt (rustup component add rustfmt)".to_owned()),
        "wireshark-common" => Some("editcap (Wireshark's)".to_owned()),
        "python3-scapy" => Some("Python 3 with scapy".to_owned()),
        "iproute2" => Some("ip (iproute2)".to_owned()),
        "util-linux" => Some("unshare, which may make network namespaces".to_owned()),
        "libimage-exiftool-perl" => Some("exiftool".to_owned()),
        "g++" => Some("a C++ compiler".to_owned()),
        "iputils-ping" => Some("ping".to_owned()),
        "wine64" => Some("Wine for 64-bit programs".to_owned()),
        // Come with the Rust target.
        "cargo-web" | "rust-web-src" => None,
        named => Some(named.to_owned()),
    };
    let things: Vec<_> = packages.iter().filter_map(|package| of(package)).collect();
    format!(
        "missing: {}; on Debian 12 as root they are installed by themselves, from the packages {}",
        things.join(", "),
        packages.join(" ")
    )
}

/// Has rustup add something to a toolchain.
fn add(kind: &str, name: &str, more: &[&OsStr]) -> Result<()> {
    let home = progress::output(Command::new("rustup").args(["show", "home"])).unwrap_or_default();
    // It knows nothing of another rustup.
    let _alone = alone(Path::new(home.trim()));
    let mut rustup = Command::new("rustup");
    let what = format!("Adding {name} to the Rust toolchain");
    progress::quiet(&what, rustup.args([kind, "add", name]).args(more))
}

/// Keeps a folder to ourselves among all who ask for it like this, which may be in other clones, until
/// the result is dropped; where that cannot be done, nobody is waited for.
fn alone(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

/// Installs Debian packages.
fn install(packages: &[&str]) -> Result<()> {
    let root = progress::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !Path::new("/etc/debian_version").exists() || !root {
        bail!(wanting(packages));
    }
    // It gives up where another fetches or installs; whoever else it is has ten minutes to finish.
    let _alone = alone(Path::new("/var/lib/dpkg"));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        let patience = ["-o", "DPkg::Lock::Timeout=600"];
        command.env("DEBIAN_FRONTEND", "noninteractive").args(patience).args(arguments);
        command
    };
    progress::quiet("Updating the package lists", &mut apt(&["update"]))?;
    let mut command = apt(&["install", "--yes", "--no-install-recommends"]);
    progress::quiet(&format!("Installing {}", packages.join(" ")), command.args(packages))
        .with_context(|| wanting(packages))
}

/// A toolchain that can build for Windows: one that has the target, or can have it added, else one
/// that carries the sources of the standard library.
fn toolchain(workspace: &Workspace) -> Result<Option<Toolchain>> {
    match env::var(CHOICE).as_deref() {
        Err(_) => Ok(own().or_else(|| rustup(workspace)).or_else(debian)),
        Ok("rustup") => Ok(own().or_else(|| rustup(workspace))),
        Ok("debian") => Ok(debian()),
        Ok(other) => bail!("{CHOICE} is {other:?}; it can be rustup or debian"),
    }
}

/// The toolchain that runs us, if it has the target.
fn own() -> Option<Toolchain> {
    let cargo = PathBuf::from(env::var_os("CARGO")?);
    let rustc = cargo.with_file_name("rustc");
    has_target(&rustc, TARGET).then_some(Toolchain { cargo, rustc, library: None })
}

/// The toolchain of rustup, if it has the target or can have it added.
fn rustup(workspace: &Workspace) -> Option<Toolchain> {
    let which = |tool| {
        let path = progress::output(Command::new("rustup").args(["which", tool])).ok()?;
        Some(PathBuf::from(path.trim()))
    };
    let (cargo, rustc) = (which("cargo")?, which("rustc")?);
    if !has_target(&rustc, TARGET) {
        // Remembered, so that a machine with no way out does not wait for it each time.
        let refused = workspace.kit().join("rustup-refused");
        let version = progress::output(Command::new(&rustc).arg("-vV")).ok()?;
        if fs::read_to_string(&refused).is_ok_and(|remembered| remembered == version) {
            return None;
        }
        if add("target", TARGET, &[]).is_err() || !has_target(&rustc, TARGET) {
            fs::create_dir_all(workspace.kit()).and_then(|()| fs::write(refused, version)).ok()?;
            return None;
        }
    }
    Some(Toolchain { cargo, rustc, library: None })
}

/// Debian's toolchain, if it is recent enough and its library sources are there.
fn debian() -> Option<Toolchain> {
    let (cargo, rustc) = (PathBuf::from("/usr/bin/cargo"), PathBuf::from("/usr/bin/rustc"));
    let sysroot = progress::output(Command::new(&rustc).args(["--print", "sysroot"])).ok()?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
    let library = fs::canonicalize(library).ok()?;
    let usable = cargo.exists() && library.join("Cargo.toml").exists() && recent(&rustc);
    usable.then_some(Toolchain { cargo, rustc, library: Some(library) })
}

/// Whether `rustc` is as recent as the workspace asks for.
fn recent(rustc: &Path) -> bool {
    let numbers = |version: &str| -> Option<(u32, u32)> {
        let mut parts = version.trim().split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    let version = progress::output(Command::new(rustc).arg("-vV")).unwrap_or_default();
    let release = version.lines().find_map(|line| line.strip_prefix("release: "));
    release.and_then(numbers) >= numbers(env!("CARGO_PKG_RUST_VERSION"))
}

/// Whether `rustc` has the library for `target`.
fn has_target(rustc: &Path, target: &str) -> bool {
    let mut command = Command::new(rustc);
    let folder = progress::output(command.args(["--print", "target-libdir", "--target", target]));
    folder.ok().and_then(|folder| fs::read_dir(folder.trim()).ok()).is_some_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
        })
    })
}

/// The linker that comes with `toolchain`.
fn linker(toolchain: &Toolchain) -> Option<PathBuf> {
    let query = |what: &str| {
        let printed = progress::output(Command::new(&toolchain.rustc).args(["--print", what]));
        printed.ok().map(|text| PathBuf::from(text.trim()))
    };
    let program = query("target-libdir")?.with_file_name("bin").join("rust-lld");
    program.exists().then_some(program)
}

/// LLVM's linker for Windows images, on the PATH or where Debian puts it.
fn lld_link() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).map(|folder| folder.join("lld-link"));
    let program = on_path.into_iter().find(|program| program.exists());
    program.or_else(|| llvm("bin", |name| name == "lld-link"))
}

/// The folder of libclang.
fn libclang() -> Option<PathBuf> {
    if let Some(named) = env::var_os("LIBCLANG_PATH") {
        return Some(named.into());
    }
    // Not libclang-cpp, which is another library and often there alone.
    let is_libclang = |name: &str| {
        let of_version = name.strip_prefix("libclang-");
        name.starts_with("libclang.so")
            || of_version.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
            || name == "libclang.dylib"
    };
    let of_llvm = llvm("lib", is_libclang).and_then(|file| Some(file.parent()?.to_path_buf()));
    of_llvm.or_else(|| {
        let elsewhere = ["/usr/lib64", "/usr/lib", "/opt/homebrew/opt/llvm/lib", "/usr/local/lib"];
        elsewhere.iter().map(PathBuf::from).find(|folder| holds(folder, is_libclang).is_some())
    })
}

/// A file of the newest LLVM below `/usr/lib` that has one in `folder`.
fn llvm(folder: &str, wanted: impl Fn(&str) -> bool + Copy) -> Option<PathBuf> {
    let version = |path: &PathBuf| -> Option<u32> {
        path.file_name()?.to_str()?.strip_prefix("llvm-")?.parse().ok()
    };
    let entries = fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    let mut versions: Vec<_> = entries.map(|entry| entry.path()).collect();
    versions.retain(|path| version(path).is_some());
    versions.sort_by_key(version);
    versions.iter().rev().find_map(|path| holds(&path.join(folder), wanted))
}

/// The first file in `folder` whose name is `wanted`.
fn holds(folder: &Path, wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    entries
        .map(|entry| entry.path())
        .find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&wanted))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_kept_from_others_until_it_is_given_back() -> std::io::Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let other = File::open(&folder)?;
        let kept = alone(&folder);
        assert!(kept.is_some() && other.try_lock().is_err());
        drop(kept);
        other.try_lock()?;
        assert!(alone(Path::new("/nowhere")).is_none());
        Ok(())
    }
}
