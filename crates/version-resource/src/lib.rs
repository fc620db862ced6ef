//! The version resource of a Windows image: what Explorer shows under Details, and what crash
//! dumps and update services go by.
//!
//! Resource compilers come with a Windows SDK. A build script that links the object file which this
//! crate writes needs none, and Microsoft's, LLVM's and GNU's linkers all take it:
//!
//! ```no_run
//! use version_resource::{Kind, VersionResource};
//!
//! # fn main() -> Result<(), version_resource::Error> {
//! // In build.rs.
//! let object = VersionResource::of_package(Kind::NetworkDriver, "framecast.sys")?.write()?;
//! println!("cargo::rustc-cdylib-link-arg={}", object.display());
//! # Ok(())
//! # }
//! ```
//!
//! | file | what |
//! |---|---|
//! | `block` | the tree of blocks that a version resource is |
//! | `directory` | the object file that holds it |

mod block;
mod directory;

use std::{env, fs, path::PathBuf};

use block::Block;
pub use directory::Machine;

/// US English, in UTF-16: the language of what the resource says.
const LANGUAGE: u16 = 0x0409;
const CODE_PAGE: u16 = 1200;

/// Why a resource could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This is not run by cargo, as a build script.
    #[error("cargo sets {0} for build scripts; it is not set")]
    NoPackage(&'static str),
    /// The version of the package is not three numbers that fit 16 bits each.
    #[error("version {0} is not three numbers up to 65535")]
    Version(String),
    /// There are no version resources for this processor here.
    #[error("{0} is neither x86_64 nor aarch64")]
    Machine(String),
    /// A text is too long for a version resource.
    #[error("{0} bytes do not fit a block of a version resource")]
    TooLong(usize),
    /// The object file could not be made.
    #[error("cannot make the object file: {0}")]
    Object(#[from] object::write::Error),
    /// The object file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What kind of image it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A program.
    Program,
    /// A kernel driver for networks.
    NetworkDriver,
}

impl Kind {
    /// `dwFileType` and `dwFileSubtype`.
    const fn numbers(self) -> [u32; 2] {
        match self {
            Self::Program => [1, 0],
            Self::NetworkDriver => [3, 6],
        }
    }
}

/// What an image says of itself.
#[derive(Debug, Clone)]
pub struct VersionResource {
    /// Of the image.
    pub kind: Kind,
    /// Major, minor, patch.
    pub version: [u16; 3],
    /// What it is.
    pub description: String,
    /// What its file was called when it was built.
    pub file_name: String,
    /// Its licence.
    pub licence: String,
    /// The processor that it runs on.
    pub machine: Machine,
}

impl VersionResource {
    /// What Cargo.toml says of the package whose build script runs, for an image of this name.
    ///
    /// # Errors
    ///
    /// When no build script runs, or the package's version or target has no place in a resource.
    pub fn of_package(kind: Kind, file_name: &str) -> Result<Self, Error> {
        let variable = |name| env::var(name).map_err(|_| Error::NoPackage(name));
        let version = variable("CARGO_PKG_VERSION")?;
        let mut parts = version.split('.').map(|part| part.parse().ok());
        let (Some(Some(major)), Some(Some(minor)), Some(Some(patch)), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Error::Version(version));
        };
        let architecture = variable("CARGO_CFG_TARGET_ARCH")?;
        let machine = Machine::of_target(&architecture).ok_or(Error::Machine(architecture))?;
        Ok(Self {
            kind,
            version: [major, minor, patch],
            description: variable("CARGO_PKG_DESCRIPTION")?,
            file_name: file_name.to_owned(),
            licence: variable("CARGO_PKG_LICENSE")?,
            machine,
        })
    }

    /// Writes the object file into the build script's folder; gives its path.
    ///
    /// # Errors
    ///
    /// When there is no such folder, or it cannot be written.
    pub fn write(&self) -> Result<PathBuf, Error> {
        let folder = env::var("OUT_DIR").map_err(|_| Error::NoPackage("OUT_DIR"))?;
        let path = PathBuf::from(folder).join("version.obj");
        match fs::write(&path, self.object()?) {
            Ok(()) => Ok(path),
            Err(source) => Err(Error::Write { path, source }),
        }
    }

    /// The object file. The same resource gives the same bytes.
    ///
    /// # Errors
    ///
    /// When a text is too long.
    pub fn object(&self) -> Result<Vec<u8>, Error> {
        directory::object(self.machine, LANGUAGE, &self.bytes()?)
    }

    /// The resource itself: VS_VERSIONINFO.
    fn bytes(&self) -> Result<Vec<u8>, Error> {
        let [major, minor, patch] = self.version;
        let version = format!("{major}.{minor}.{patch}.0");
        let texts = [
            ("CompanyName", "Framecast"),
            ("FileDescription", &self.description),
            ("FileVersion", &version),
            ("InternalName", self.file_name.split('.').next().unwrap_or_default()),
            ("LegalCopyright", &format!("Licence: {}", self.licence)),
            ("OriginalFilename", &self.file_name),
            ("ProductName", "Framecast"),
            ("ProductVersion", &version),
        ];
        let texts = texts.into_iter().map(|(name, text)| Block::text(name, text));
        let table = Block::group(&format!("{LANGUAGE:04X}{CODE_PAGE:04X}"), texts.collect());
        let translation = [LANGUAGE.to_le_bytes(), CODE_PAGE.to_le_bytes()].concat();
        let root = Block {
            key: "VS_VERSION_INFO".to_owned(),
            value: block::Value::Binary(self.fixed()),
            children: vec![
                Block::group("StringFileInfo", vec![table]),
                Block::group("VarFileInfo", vec![Block::binary("Translation", translation)]),
            ],
        };
        root.bytes()
    }

    /// VS_FIXEDFILEINFO: the version as numbers.
    fn fixed(&self) -> Vec<u8> {
        const SIGNATURE: u32 = 0xFEEF_04BD;
        const STRUCTURE_VERSION: u32 = 0x1_0000;
        const FLAGS_MASK: u32 = 0x3F;
        const WINDOWS_NT: u32 = 0x4_0004;
        let [major, minor, patch] = self.version.map(u32::from);
        let version = [major << 16 | minor, patch << 16];
        let [file_type, subtype] = self.kind.numbers();
        [
            [SIGNATURE, STRUCTURE_VERSION].as_slice(),
            &version,
            &version,
            &[FLAGS_MASK, 0, WINDOWS_NT, file_type, subtype, 0, 0],
        ]
        .concat()
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect()
    }
}
