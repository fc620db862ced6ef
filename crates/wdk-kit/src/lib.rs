//! Headers and import definitions that stand in for a WDK where there is none.
//!
//! windows-drivers-rs finds a WDK through the environment variable `WDKContentRoot` and reads
//! `Include/<version>/{km/crt,km,shared}` and `Lib/<version>/km/<arch>` below it. [`lay_out`]
//! writes such a tree: the headers of this crate's `include` folder, and import libraries made
//! from its `imports` folder.
//!
//! The kit declares what a lightweight filter driver needs and no more. Names, layouts, values and
//! nesting are those of the WDK, so that bindgen gives the same Rust types for both; the layout
//! test of this crate holds the headers to them.

mod headers;
mod imports;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use imports::{Export, exports_of, images};

/// The WDK release whose place the kit takes: the name of its version folders.
pub const VERSION: &str = "10.0.26100.0";

/// Why a kit could not be laid out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of the tree could not be written.
    #[error("cannot write {}: {source}; check the rights and the free space there", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An import definition of this crate is not well formed.
    #[error("imports/{file}, line {line}: {problem}")]
    Definition {
        /// The file below `imports`.
        file: &'static str,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The processor a driver is built for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64.
    #[default]
    X64,
    /// 64-bit Arm.
    Arm64,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::X64, Self::Arm64];

    /// What Rust calls its target.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::X64 => "x86_64-pc-windows-msvc",
            Self::Arm64 => "aarch64-pc-windows-msvc",
        }
    }

    /// The name of its folder below `Lib/<version>/km`.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "ARM64",
        }
    }
}

/// A kit on disk.
#[derive(Debug, Clone)]
pub struct KitRoot(PathBuf);

impl KitRoot {
    /// The folder to name in `WDKContentRoot`.
    #[must_use]
    pub fn content_root(&self) -> &Path {
        &self.0
    }

    /// The folder of the headers: `km`, `km/crt` and `shared` are below it.
    #[must_use]
    pub fn include(&self) -> PathBuf {
        self.0.join("Include").join(VERSION)
    }

    /// The folder of the import libraries for drivers.
    #[must_use]
    pub fn libraries(&self, architecture: Architecture) -> PathBuf {
        self.0.join("Lib").join(VERSION).join("km").join(architecture.folder())
    }

    /// The folder of the import libraries for programs.
    #[must_use]
    pub fn user_libraries(&self, architecture: Architecture) -> PathBuf {
        self.0.join("Lib").join(VERSION).join("um").join(architecture.folder())
    }
}

/// Writes the kit below `root` and says where it is.
///
/// The same crate always writes the same bytes. A file that is already right is left alone, so
/// that its time does not make anything build again.
///
/// # Errors
///
/// [`Error::Write`] when the tree cannot be written.
pub fn lay_out(root: &Path) -> Result<KitRoot, Error> {
    let kit = KitRoot(root.to_path_buf());
    for header in headers::ALL {
        write(&kit.include().join(header.path), header.text.as_bytes())?;
    }
    // wdk-build insists on these folders, whatever is in them.
    for folder in ["km/crt", "shared"] {
        make_folder(&kit.include().join(folder))?;
    }
    for architecture in Architecture::ALL {
        for library in imports::LIBRARIES {
            let path = kit.libraries(architecture).join(library.file);
            write(&path, &library.bytes(architecture)?)?;
        }
        for library in imports::USER_LIBRARIES {
            let path = kit.user_libraries(architecture).join(library.file);
            write(&path, &library.bytes(architecture)?)?;
        }
    }
    Ok(kit)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    fs::write(path, bytes).map_err(|source| Error::Write { path: path.to_path_buf(), source })
}

fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::Write { path: path.to_path_buf(), source })
}
