//! What is installed on Windows, as independent tools see it.

use anyhow::{Context, Result, ensure};
use framecast_tests::driver_file;
use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;
use wdk_kit::Architecture;
use xtask::{
    ctl::{self, Program},
    driver::{self, Image},
    kit::Kit,
    package::{Package, TestCertificate},
    tree,
    workspace::Workspace,
};

/// A package on disk, and the certificate that it is signed with.
struct Stage {
    folder: TempDir,
    package: Package,
}

impl Stage {
    /// The package of the driver that ships.
    fn new() -> Result<Self> {
        let certificate = TestCertificate::of(&Workspace::here())?;
        Self::of(packaged(Some(&certificate))?, &certificate)
    }

    /// A package that is signed with `certificate`.
    fn of(package: Package, certificate: &TestCertificate) -> Result<Self> {
        let stage = Self { folder: tempfile::tempdir()?, package };
        stage.package.write(&stage.path("package"))?;
        fs::write(stage.path("certificate.pem"), certificate.pem()?)?;
        Ok(stage)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a program says in the folder of the package, if it is content.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.current_dir(self.path("package")).args(arguments);
        let output = command.output().with_context(|| format!("cannot start {program}"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{program} {arguments:?}:\n{said}");
        Ok(said)
    }

    /// Whether osslsigncode finds the signature good.
    fn verify(&self, arguments: &[&str]) -> Result<String> {
        let usual = ["verify", "-verbose", "-CAfile", "../certificate.pem"];
        let said = self.run("osslsigncode", &[&usual, arguments].concat())?;
        ensure!(said.contains("Number of verified signatures: 1"), "{said}");
        Ok(said)
    }
}

/// The package of the driver and the program that ship.
fn packaged(certificate: Option<&TestCertificate>) -> Result<Package> {
    let driver = driver_file();
    let (symbols, map) = (driver.with_extension("pdb"), driver.with_extension("map"));
    let image = Image { driver, symbols, map: Some(map) };
    let workspace = Workspace::here();
    let program = Program::of(&workspace, Architecture::X64);
    Package::new(&workspace, Architecture::X64, &image, &program, certificate)
}

/// The driver and the program, built in `workspace` and packaged.
fn built(
    workspace: &Workspace,
    architecture: Architecture,
    certificate: &TestCertificate,
) -> Result<Package> {
    let image = driver::build_for(workspace, architecture)?;
    let program = ctl::build(workspace, architecture)?;
    Package::new(workspace, architecture, &image, &program, Some(certificate))
}

/// The processor that an image of the package is for.
fn machine(package: &Package, name: &str) -> Result<object::pe::Machine> {
    let image = package.file(name).context("an image")?;
    let image = object::read::pe::PeFile64::parse(image)?;
    Ok(image.nt_headers().file_header.machine.get(object::LittleEndian))
}

#[test]
fn the_package_is_whole_and_its_sums_are_right() -> Result<()> {
    let stage = Stage::new()?;
    let names: Vec<_> = stage.package.names().collect();
    for name in [
        "LICENSE",
        "SHA256SUMS",
        "framecast.cat",
        "framecast.cer",
        "framecast.inf",
        "framecast.map",
        "framecast.pdb",
        "framecast.sys",
        "framecastctl.exe",
        "framecastctl.pdb",
        "vm/README.md",
        "vm/install.ps1",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let checked = stage.run("sha256sum", &["--check", "--strict", "SHA256SUMS"])?;
    assert_eq!(checked.lines().filter(|line| line.ends_with(": OK")).count() + 1, names.len());
    Ok(())
}

#[test]
fn the_driver_the_catalog_and_the_program_are_signed() -> Result<()> {
    let stage = Stage::new()?;
    for name in ["framecast.sys", "framecast.cat", "framecastctl.exe"] {
        stage.verify(&["-in", name])?;
    }
    Ok(())
}

#[test]
fn the_catalog_vouches_for_the_driver() -> Result<()> {
    let stage = Stage::new()?;
    stage.verify(&["-catalog", "framecast.cat", "-in", "framecast.sys"])?;
    Ok(())
}

#[test]
fn the_catalog_names_both_files_under_both_hashes() -> Result<()> {
    let stage = Stage::new()?;
    let said = stage.verify(&["-in", "framecast.cat"])?;
    for (program, algorithm) in [("sha1sum", "SHA1"), ("sha256sum", "SHA256")] {
        let sum = stage.run(program, &["framecast.inf"])?;
        let sum = sum.split(' ').next().unwrap_or_default().to_uppercase();
        let member = format!(
            "File name: 2:10.0\n\tFile name: framecast.inf\n\t\
             Hash algorithm: {algorithm}\n\tMessage digest: {sum}"
        );
        assert!(said.contains(&member), "no {member} in\n{said}");
    }
    assert_eq!(said.matches("File name: framecast.sys").count(), 2, "{said}");
    // Text in a catalog is UTF-16.
    let catalog = stage.package.file("framecast.cat").context("a catalog")?;
    for text in ["framecast_lwf\0", "_v100_X64\0"] {
        let text: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(catalog.windows(text.len()).any(|bytes| bytes == text));
    }
    Ok(())
}

#[test]
fn a_changed_file_is_not_vouched_for() -> Result<()> {
    let stage = Stage::new()?;
    for (name, arguments) in [
        ("framecast.sys", &["-in", "framecast.sys"][..]),
        ("framecast.sys", &["-catalog", "framecast.cat", "-in", "framecast.sys"]),
        ("framecast.cat", &["-in", "framecast.cat"]),
        ("framecastctl.exe", &["-in", "framecastctl.exe"]),
    ] {
        let good = stage.package.file(name).context(name)?;
        let mut changed = good.to_vec();
        // A hash in the catalog, code in the others.
        let place = if name.ends_with("cat") { 0x200 } else { 0x1000 };
        changed[place] ^= 1;
        fs::write(stage.path("package").join(name), changed)?;
        assert!(stage.verify(arguments).is_err(), "{arguments:?}");
        fs::write(stage.path("package").join(name), good)?;
        stage.verify(arguments)?;
    }
    Ok(())
}

#[test]
fn without_their_signatures_the_images_are_what_was_built() -> Result<()> {
    let stage = Stage::new()?;
    let program = Program::of(&Workspace::here(), Architecture::X64).program;
    for (name, built) in [("framecast.sys", driver_file()), ("framecastctl.exe", program)] {
        let arguments = ["remove-signature", "-in", name, "-out", "../unsigned"];
        stage.run("osslsigncode", &arguments)?;
        assert!(fs::read(stage.path("unsigned"))? == fs::read(built)?, "{name}");
        fs::remove_file(stage.path("unsigned"))?;
    }
    Ok(())
}

#[test]
fn the_same_certificate_gives_the_same_package() -> Result<()> {
    assert!(Stage::new()?.package == Stage::new()?.package);
    Ok(())
}

#[test]
fn the_package_is_the_same_from_another_folder() -> Result<()> {
    let here = Workspace::here();
    let there = tree::copy(&here, &Path::new(env!("CARGO_TARGET_TMPDIR")).join("another-folder"))?;
    // The tools and what build scripts are made of need not be made again.
    fs::create_dir_all(there.kit().join("build"))?;
    Kit::prepare(&here)?;
    for shared in ["vendor", "vendor.stamp", "wdk", "build/release"] {
        let link = there.kit().join(shared);
        if !link.is_symlink() {
            symlink(here.kit().join(shared), link)?;
        }
    }
    let certificate = TestCertificate::of(&here)?;
    let packaged = |workspace| built(workspace, Architecture::X64, &certificate);
    let (one, other) = (packaged(&here)?, packaged(&there)?);
    assert!(one.names().eq(other.names()));
    for name in one.names() {
        assert!(one.file(name) == other.file(name), "{name} is another");
    }
    Ok(())
}

#[test]
fn the_inf_tells_the_version_of_the_workspace() -> Result<()> {
    let stage = Stage::new()?;
    let inf = String::from_utf8(stage.package.file("framecast.inf").context("an INF")?.to_vec())?;
    let line = inf.lines().find(|line| line.starts_with("DriverVer")).context("a version")?;
    let (_, version) = line.split_once(',').context("a date and a version")?;
    assert_eq!(version, concat!(env!("CARGO_PKG_VERSION"), ".0"));
    Ok(())
}

#[test]
fn an_unsigned_package_is_left_to_others_to_sign() -> Result<()> {
    let package = packaged(None)?;
    assert_eq!(package.file("framecast.cer"), None);
    let program = Program::of(&Workspace::here(), Architecture::X64).program;
    assert!(package.file("framecast.sys") == Some(&fs::read(driver_file())?));
    assert!(package.file("framecastctl.exe") == Some(&fs::read(program)?));
    let stage = Stage::new()?;
    fs::write(stage.path("package/unsigned.cat"), package.file("framecast.cat").context("one")?)?;
    let key = Workspace::here().target().join("certificate/framecast-test.key");
    let key = key.to_str().context("a plain path")?;
    let sign = ["sign", "-h", "sha256", "-certs", "../certificate.pem", "-key", key];
    let files = ["-in", "unsigned.cat", "-out", "signed.cat"];
    stage.run("osslsigncode", &[&sign[..], &files].concat())?;
    stage.verify(&["-in", "signed.cat"])?;
    stage.verify(&["-catalog", "signed.cat", "-in", "framecast.sys"])?;
    Ok(())
}

#[test]
fn there_is_a_package_for_arm64() -> Result<()> {
    let workspace = Workspace::here();
    let certificate = TestCertificate::of(&workspace)?;
    let package = built(&workspace, Architecture::Arm64, &certificate)?;
    let inf = String::from_utf8(package.file("framecast.inf").context("an INF")?.to_vec())?;
    assert!(inf.contains("[Framecast.NTarm64.10.0...25319]") && !inf.contains("amd64"), "{inf}");
    let stage = Stage::of(package, &certificate)?;
    let mut images = Vec::new();
    for name in stage.package.names().filter(|name| name.ends_with("sys") || name.ends_with("exe"))
    {
        assert_eq!(machine(&stage.package, name)?, object::pe::IMAGE_FILE_MACHINE_ARM64, "{name}");
        stage.verify(&["-in", name])?;
        images.push(name);
    }
    assert_eq!(images, ["framecast.sys", "framecastctl.exe"]);
    stage.verify(&["-in", "framecast.cat"])?;
    stage.verify(&["-catalog", "framecast.cat", "-in", "framecast.sys"])?;
    Ok(())
}
