use std::{
    env,
    path::{Path, PathBuf},
};

/// Where `cargo xtask build` leaves the driver, below the folder of the repository.
const BUILT: &str = "target/driver/x64/framecast.sys";

/// The driver to run where none is named: the one in `FRAMECAST_SYS`, else `framecast.sys` beside
/// the program, else the one that `cargo xtask build` left for the repository that the current
/// folder or the program is in.
#[must_use]
pub fn driver_file() -> PathBuf {
    if let Some(named) = env::var_os("FRAMECAST_SYS") {
        return named.into();
    }
    let program = env::current_exe().unwrap_or_default();
    let beside = program.with_file_name("framecast.sys");
    let current = env::current_dir().unwrap_or_default();
    let folders = current.ancestors().chain(program.ancestors());
    let built = folders.map(|folder: &Path| folder.join(BUILT));
    [beside].into_iter().chain(built).find(|file| file.is_file()).unwrap_or_else(|| BUILT.into())
}
