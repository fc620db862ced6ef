//! `cargo xtask package`: what is copied to a Windows machine and installed there, made on any host.
//!
//! The package is that of `cargo make` on Windows: a stamped INF, the driver with its symbols and
//! map, a catalog of both, framecastctl with its symbols, and a certificate for testing that the
//! driver, the catalog and the program are signed with. The same sources and the same certificate give the same bytes.
//!
//! | file | what |
//! |---|---|
//! | `subject` | what is hashed for a signature: an image without its signature, or any file |
//! | `catalog` | the catalog of a driver package |
//! | `certificate` | the certificate for testing |
//! | `signature` | signatures as Windows wants them, in a catalog and in an image |

mod catalog;
mod certificate;
mod signature;
mod subject;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use wdk_kit::Architecture;

pub use catalog::{Catalog, Member};
pub use certificate::TestCertificate;
pub use signature::sign_image;
pub use subject::{Algorithm, Subject};

use crate::{
    ctl::{self, Program},
    driver::{self, Image},
    inf::{self, Inf, Stamp},
    workspace::Workspace,
};

/// The checksums of the other files, as `sha256sum --check` reads them.
const CHECKSUMS: &str = "SHA256SUMS";

/// What is to be packaged.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// The processor that it is for
    #[arg(long, value_name = "ARCH", value_parser = driver::architecture, default_value = "x64")]
    pub arch: Architecture,
    /// The folder that receives the package, new or empty [default: target/package/ARCH]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Sign nothing: for those who sign with a certificate of their own
    #[arg(long)]
    pub unsigned: bool,
}

/// Builds the driver and packages it.
///
/// # Errors
///
/// When the driver does not build, or a part of the package cannot be made.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let image = driver::build_for(workspace, arguments.arch)?;
    let certificate = if arguments.unsigned { None } else { Some(TestCertificate::of(workspace)?) };
    let program = ctl::build(workspace, arguments.arch)?;
    let package = Package::new(workspace, arguments.arch, &image, &program, certificate.as_ref())?;
    let default = workspace.target().join("package").join(arguments.arch.folder());
    if arguments.out.is_none() && default.exists() {
        fs::remove_dir_all(&default)
            .with_context(|| format!("cannot empty {}", default.display()))?;
    }
    let folder = arguments.out.clone().unwrap_or(default);
    package.write(&folder)?;
    for (name, bytes) in &package.files {
        println!("{:>9}  {}", bytes.len(), workspace.shown(&folder.join(name)));
    }
    Ok(())
}

/// The files of a package, by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    files: Vec<(String, Vec<u8>)>,
}

impl Package {
    /// Packages a built driver and the program, signed where there is a certificate.
    ///
    /// # Errors
    ///
    /// When a part is missing or cannot be read, when the INF breaks a rule, or when it does not
    /// belong to the driver.
    pub fn new(
        workspace: &Workspace,
        architecture: Architecture,
        image: &Image,
        program: &Program,
        certificate: Option<&TestCertificate>,
    ) -> Result<Self> {
        let (driver, executable) = (read(&image.driver)?, read(&program.program)?);
        let inf = setup_information(workspace, architecture, &driver)?;
        let catalog = Catalog {
            date: workspace.release()?.date,
            architecture,
            hardware_ids: vec!["framecast_lwf".to_owned()],
            members: vec![
                Member::new("framecast.inf", Subject::Flat, &inf)?,
                Member::new("framecast.sys", Subject::Image, &driver)?,
            ],
        };
        let mut package = Self { files: Vec::new() };
        if let Some(certificate) = certificate {
            package.add("framecast.sys", sign_image(&driver, certificate)?);
            package.add("framecastctl.exe", sign_image(&executable, certificate)?);
            package.add("framecast.cat", catalog.signed(certificate)?);
            package.add("framecast.cer", certificate.der()?);
        } else {
            package.add("framecast.sys", driver);
            package.add("framecastctl.exe", executable);
            package.add("framecast.cat", catalog.unsigned()?);
        }
        package.add("framecast.inf", inf);
        package.add("framecast.pdb", read(&image.symbols)?);
        package.add("framecastctl.pdb", read(&program.symbols)?);
        if let Some(map) = &image.map {
            package.add("framecast.map", read(map)?);
        }
        for (name, path) in extras(workspace)? {
            package.add(&name, read(&path)?);
        }
        package.sum()?;
        Ok(package)
    }

    /// The file of this name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        let named = self.files.iter().find(|(it, _)| it == name);
        named.map(|(_, bytes)| bytes.as_slice())
    }

    /// The names of all files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Writes all files into a folder that is new or empty.
    ///
    /// # Errors
    ///
    /// When it is neither, or cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let wrong = || format!("cannot write {}", folder.display());
        fs::create_dir_all(folder).with_context(wrong)?;
        let is_empty = fs::read_dir(folder).with_context(wrong)?.next().is_none();
        ensure!(is_empty, "{} is not empty; name a new folder", folder.display());
        for (name, bytes) in &self.files {
            let path = folder.join(name);
            let made = path.parent().map_or(Ok(()), fs::create_dir_all);
            made.and_then(|()| fs::write(&path, bytes))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.push((name.to_owned(), bytes));
    }

    /// Adds the checksums of the other files.
    fn sum(&mut self) -> Result<()> {
        self.files.sort();
        let mut sums = String::new();
        for (name, bytes) in &self.files {
            writeln!(sums, "{}  {name}", hexadecimal(&Sha256::digest(bytes)))?;
        }
        self.add(CHECKSUMS, sums.into_bytes());
        Ok(())
    }
}

/// What is packaged beside the driver, by name and where it comes from.
fn extras(workspace: &Workspace) -> Result<Vec<(String, PathBuf)>> {
    let mut extras = vec![("LICENSE".to_owned(), workspace.root().join("LICENSE"))];
    let scripts = workspace.root().join("tests/vm");
    let wrong = || format!("cannot read {}", scripts.display());
    for entry in fs::read_dir(&scripts).with_context(wrong)? {
        let entry = entry.with_context(wrong)?;
        extras.push((format!("vm/{}", entry.file_name().display()), entry.path()));
    }
    Ok(extras)
}

/// The stamped INF, which keeps every rule and belongs to the driver.
fn setup_information(
    workspace: &Workspace,
    architecture: Architecture,
    driver: &[u8],
) -> Result<Vec<u8>> {
    let path = workspace.root().join("inf/framecast.inx");
    let template =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = Stamp::of(workspace)?.apply(&template, architecture);
    let parsed = Inf::parse(&text).context("inf/framecast.inx")?;
    let findings = inf::check(&parsed);
    if let Some(first) = findings.first() {
        bail!(
            "inf/framecast.inx breaks {} rules; cargo xtask inf tells which: {first}",
            findings.len()
        );
    }
    // The driver names itself to NDIS as the INF names it to the network configuration.
    let named = parsed.sections().iter().filter_map(|section| section.get("NetCfgInstanceId"));
    for line in named {
        let name: Vec<_> = line.value(0).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let is_there = driver.windows(name.len()).any(|bytes| bytes == name);
        ensure!(is_there, "the driver does not call itself {} as its INF does", line.value(0));
    }
    Ok(text.into_bytes())
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| DIGITS.get(usize::from(digit))).collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
