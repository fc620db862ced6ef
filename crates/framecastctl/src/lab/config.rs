use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{AdapterSpec, EndSpec, LabError};

/// A lab as a TOML file describes it.
///
/// ```
/// use framecastctl::lab::Config;
///
/// let config: Config = toml::from_str(
///     r#"
///     driver = "framecast.sys"
///
///     [[adapter]]
///     name = "Uplink"
///     mac = "02:00:5e:10:00:01"
///     backfill = 256
///     wire = { from = "in.pcapng", to = "out.pcapng" }
///     above = { tap = "host0" }
///     timing = "original"
///     "#,
/// )?;
/// assert_eq!(config.adapters[0].backfill, 256);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The driver; see [`driver_file`](fn@super::driver_file) where none is named.
    pub driver: Option<PathBuf>,
    /// The adapters.
    #[serde(rename = "adapter")]
    pub adapters: Vec<AdapterSpec>,
}

impl Config {
    /// Reads a file; paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// [`LabError::Config`].
    pub fn read(file: &Path) -> Result<Self, LabError> {
        let wrong = |message: String| LabError::Config { file: file.to_owned(), message };
        let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| wrong(one_line(&error)))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        config.driver = config.driver.map(|path| folder.join(path));
        for adapter in &mut config.adapters {
            for EndSpec { from, to, .. } in [&mut adapter.wire, &mut adapter.above] {
                for path in [from, to].into_iter().flatten() {
                    *path = folder.join(&path);
                }
            }
        }
        Ok(config)
    }
}

/// Where it is, and what; toml's own report draws the place over several lines.
fn one_line(error: &toml::de::Error) -> String {
    let report = error.to_string();
    let place = report.lines().next().unwrap_or_default();
    format!("{}: {}", place.trim_start_matches("TOML parse error "), error.message())
}
