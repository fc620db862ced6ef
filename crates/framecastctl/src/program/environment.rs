use std::path::PathBuf;

use framecastctl::{Adapter, Client, Transport, select};

use super::failure::Failure;

/// The client of every command.
pub(super) type AnyClient = Client<Box<dyn Transport + Send + Sync>>;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use framecastctl::lab::{AdapterSpec, Config, Host, driver_file};

/// Which driver is asked.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "On Linux, without Windows")]
pub(super) struct EnvironmentArguments {
    /// Run the driver in ndis-lab, on x86-64 Linux
    #[arg(long, global = true, env = "FRAMECAST_LAB", value_parser = clap::builder::FalseyValueParser::new())]
    lab: bool,
    /// The driver to run there [default: what 'cargo xtask build' left]
    #[arg(long, global = true, value_name = "FILE.sys")]
    driver: Option<PathBuf>,
    /// An adapter there: NAME,KEY=VALUE,…; one, 'Lab 1', where none is given. Keys: mac, mtu,
    /// backfill, context, speed, timing, offloads, and wire- and above- with from, to or tap
    #[arg(long = "adapter", global = true, value_name = "SPEC")]
    lab_adapters: Vec<String>,
    /// A TOML file that describes all of that
    #[arg(long, global = true, value_name = "FILE.toml", env = "FRAMECAST_LAB_CONFIG")]
    lab_config: Option<PathBuf>,
}

impl EnvironmentArguments {
    fn wants_lab(&self) -> bool {
        self.lab || self.lab_config.is_some()
    }

    fn check(&self) -> Result<(), Failure> {
        if !self.wants_lab() && (self.driver.is_some() || !self.lab_adapters.is_empty()) {
            let message = "--driver and --adapter describe a lab; add --lab".to_owned();
            return Err(Failure::Usage(message));
        }
        Ok(())
    }
}

/// The driver that is asked, and where it runs.
pub(super) struct Environment {
    client: Option<AnyClient>,
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    host: Option<Host>,
}

#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    allow(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "a network needs no start, and what is installed stays"
    )
)]
impl Environment {
    /// Opens the driver's control device.
    #[cfg(windows)]
    pub(super) fn open(arguments: &EnvironmentArguments) -> Result<Self, Failure> {
        arguments.check()?;
        if arguments.wants_lab() {
            return Err(Failure::NoLab);
        }
        let device = framecastctl::Device::open()?;
        Ok(Self { client: Some(Client::new(Box::new(device))) })
    }

    /// Starts the lab.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    pub(super) fn open(arguments: &EnvironmentArguments) -> Result<Self, Failure> {
        arguments.check()?;
        if !arguments.wants_lab() {
            return Err(Failure::NoDevice);
        }
        let mut config = match &arguments.lab_config {
            Some(file) => Config::read(file)?,
            None => Config::default(),
        };
        for text in &arguments.lab_adapters {
            let spec = text.parse::<AdapterSpec>();
            config
                .adapters
                .push(spec.map_err(|error| Failure::Usage(format!("--adapter {text}: {error}")))?);
        }
        if config.adapters.is_empty() {
            config.adapters.push(AdapterSpec::default());
        }
        let driver = arguments.driver.clone().or(config.driver).unwrap_or_else(driver_file);
        let host = Host::start(&driver, &config.adapters)?;
        let client = Client::new(Box::new(host.open()?) as Box<dyn Transport + Send + Sync>);
        Ok(Self { client: Some(client), host: Some(host) })
    }

    /// Says that there is none.
    #[cfg(not(any(windows, all(target_os = "linux", target_arch = "x86_64"))))]
    pub(super) fn open(arguments: &EnvironmentArguments) -> Result<Self, Failure> {
        arguments.check()?;
        Err(if arguments.wants_lab() { Failure::NoLab } else { Failure::NoDevice })
    }

    /// The client.
    pub(super) fn client(&self) -> &AnyClient {
        self.client.as_ref().expect("it is there until the environment is closed")
    }

    /// Another client, with a handle of its own.
    pub(super) fn another_client(&self) -> Result<AnyClient, Failure> {
        #[cfg(windows)]
        return Ok(Client::new(Box::new(framecastctl::Device::open()?)));
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        {
            let host = self.host.as_ref().expect("it is there until the environment is closed");
            Ok(Client::new(Box::new(host.open()?)))
        }
        #[cfg(not(any(windows, all(target_os = "linux", target_arch = "x86_64"))))]
        Err(Failure::NoDevice)
    }

    /// The adapter that a text names.
    pub(super) fn adapter(&self, wanted: &str) -> Result<Adapter, Failure> {
        Ok(select(&self.client().adapters()?, wanted)?.clone())
    }

    /// Lets frames come from the ends of the lab's adapters, if there is a lab.
    pub(super) fn begin_traffic(&mut self) -> Result<(), Failure> {
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        if let Some(host) = &mut self.host {
            host.begin_traffic()?;
        }
        Ok(())
    }

    /// Whether no more frames will come: never on a network.
    pub(super) fn traffic_is_over(&self) -> bool {
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        return self.host.as_ref().is_some_and(Host::traffic_is_over);
        #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
        false
    }

    /// The lab, if there is one.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    pub(super) const fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// Closes the device, and ends the lab.
    pub(super) fn close(mut self) -> Result<(), Failure> {
        drop(self.client.take());
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        if let Some(host) = self.host.take() {
            host.end()?;
        }
        Ok(())
    }
}
