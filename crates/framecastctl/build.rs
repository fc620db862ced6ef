//! Links the version resource into the program for Windows.

use std::{env, process::ExitCode};

use version_resource::{Error, Kind, VersionResource};

fn main() -> ExitCode {
    match link() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn link() -> Result<(), Error> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_CFG_WINDOWS").is_some() {
        let object = VersionResource::of_package(Kind::Program, "framecastctl.exe")?.write()?;
        println!("cargo::rustc-link-arg-bins={}", object.display());
    }
    Ok(())
}
