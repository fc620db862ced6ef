use std::path::Path;

use ndis_lab::{Driver, Lab, Stack};

use super::{AdapterSpec, Device, LabError, driver_file, traffic::Traffic};

/// The name by which programs open the control device.
const DEVICE: &str = r"\\.\Framecast";

/// A machine of the lab on which the driver serves adapters.
///
/// ```
/// use framecastctl::lab::{AdapterSpec, Host, driver_file};
///
/// let specs = ["Uplink,backfill=256".parse::<AdapterSpec>()?];
/// let host = Host::start(&driver_file(), &specs)?;
/// let client = framecastctl::Client::new(host.open()?);
/// assert_eq!(client.adapters()?[0].data_backfill, 256);
/// drop(client);
/// host.end()?; // the driver broke no rule and left nothing behind
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Host {
    lab: Lab,
    driver: Driver,
    stacks: Vec<Stack>,
    specs: Vec<AdapterSpec>,
    traffic: Traffic,
}

impl Host {
    /// Starts the driver on these adapters; nothing comes from their ends yet.
    ///
    /// # Errors
    ///
    /// [`LabError`].
    pub fn start(driver: &Path, adapters: &[AdapterSpec]) -> Result<Self, LabError> {
        if !driver.is_file() {
            return Err(LabError::NoDriver(driver.to_owned()));
        }
        // What happened long ago is of no use to who reads a breach.
        let lab = Lab::builder().trace_capacity(256).build();
        let driver = lab.load(driver)?;
        driver.start().map_err(LabError::at("start"))?;
        let mut stacks = Vec::new();
        for (number, spec) in (1..).zip(adapters) {
            let config = spec.config(number);
            let name = config.friendly_name.clone();
            let stack = driver.attach(config);
            let stack = stack.map_err(LabError::at(format!("attach to '{name}'")))?;
            stack.start().map_err(LabError::at(format!("restart on '{name}'")))?;
            stacks.push(stack);
        }
        let traffic = Traffic::default();
        Ok(Self { lab, driver, stacks, specs: adapters.to_vec(), traffic })
    }

    /// Starts the built driver on one adapter, `Lab 1`.
    ///
    /// # Errors
    ///
    /// [`LabError`].
    pub fn of_one_adapter() -> Result<Self, LabError> {
        Self::start(&driver_file(), &[AdapterSpec::default()])
    }

    /// Starts the built driver on two adapters, `Lab 1` and `Lab 2`.
    ///
    /// # Errors
    ///
    /// [`LabError`].
    pub fn of_two_adapters() -> Result<Self, LabError> {
        Self::start(&driver_file(), &[AdapterSpec::default(), AdapterSpec::default()])
    }

    /// Opens the driver's control device.
    ///
    /// # Errors
    ///
    /// [`LabError::Step`].
    pub fn open(&self) -> Result<Device, LabError> {
        let file = self.driver.open(DEVICE).map_err(LabError::at("open its device"))?;
        Ok(Device::new(file))
    }

    /// The lab itself.
    #[must_use]
    pub const fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The adapters' stacks, in the order of their descriptions.
    #[must_use]
    pub fn stacks(&self) -> &[Stack] {
        &self.stacks
    }

    /// The stack of the adapter with this LUID.
    #[must_use]
    pub fn stack(&self, luid: u64) -> Option<&Stack> {
        self.stacks.iter().find(|stack| stack.config().luid == luid)
    }

    /// Lets frames come from the ends, and takes those that arrive there.
    ///
    /// # Errors
    ///
    /// [`LabError`].
    pub fn begin_traffic(&mut self) -> Result<(), LabError> {
        if self.traffic.is_begun() {
            return Ok(());
        }
        self.traffic = Traffic::begin(&self.stacks, &self.specs)?;
        Ok(())
    }

    /// Whether all frames that were to come have come; never where a TAP device may bring more, or
    /// where none were to come.
    #[must_use]
    pub fn traffic_is_over(&self) -> bool {
        self.traffic.is_over()
    }

    /// Ends all traffic, unloads the driver and says whether it kept every rule.
    ///
    /// # Errors
    ///
    /// [`LabError`]; [`LabError::Rules`] with every breach.
    pub fn end(self) -> Result<(), LabError> {
        self.traffic.end(&self.lab)?;
        for stack in &self.stacks {
            stack.detach();
        }
        let verdict = self.driver.unload();
        if verdict.is_clean() { Ok(()) } else { Err(LabError::Rules(Box::new(verdict))) }
    }
}
