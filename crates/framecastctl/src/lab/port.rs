use std::{fs::File, io, sync::Arc, thread};

use nix::sched::{CloneFlags, setns};
use tun_rs::{DeviceBuilder, InterruptEvent, Layer, SyncDevice};

use super::{LabError, TapSpec};

/// A TAP device: what the system sends on it is read here, and what is written here the system
/// receives.
pub(super) struct Port {
    device: SyncDevice,
    name: String,
    ended: InterruptEvent,
}

impl Port {
    /// Makes the device, which goes away with it.
    pub(super) fn open(spec: &TapSpec, mac: [u8; 6], mtu: u32) -> Result<Arc<Self>, LabError> {
        let name = match &spec.namespace {
            Some(namespace) => format!("{}@{}", spec.name, namespace.display()),
            None => spec.name.clone(),
        };
        let failed = |source| LabError::Tap { name: name.clone(), source };
        // A namespace is entered by a thread, which is then of no use for anything else.
        let device = thread::scope(|scope| {
            let made = scope.spawn(|| make(spec, mac, mtu)).join();
            made.unwrap_or_else(|_| Err(io::Error::other("making it panicked")))
        });
        let device = device.map_err(failed)?;
        let ended = InterruptEvent::new().map_err(failed)?;
        Ok(Arc::new(Self { device, name, ended }))
    }

    /// Waits for a frame that the system sends; `None` when the port is ended.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Result<Option<usize>, LabError> {
        match self.device.recv_intr(buffer, &self.ended) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Has the system receive a frame. A device that is down takes none, as a cable that is out.
    pub(super) fn send(&self, frame: &[u8]) -> Result<(), LabError> {
        match self.device.send(frame) {
            Ok(_) => Ok(()),
            Err(error) if error.raw_os_error() == Some(nix::libc::EIO) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Ends a wait for a frame, and every later one.
    pub(super) fn end(&self) {
        // A wait that cannot be ended would hang, but a pipe of one's own takes a byte.
        let _ended = self.ended.trigger();
    }

    fn failed(&self, source: io::Error) -> LabError {
        LabError::Tap { name: self.name.clone(), source }
    }
}

fn make(spec: &TapSpec, mac: [u8; 6], mtu: u32) -> io::Result<SyncDevice> {
    if let Some(namespace) = &spec.namespace {
        setns(File::open(namespace)?, CloneFlags::CLONE_NEWNET)?;
    }
    let device = DeviceBuilder::new()
        .name(&spec.name)
        .layer(Layer::L2)
        .mac_addr(mac)
        .mtu(u16::try_from(mtu).unwrap_or(u16::MAX))
        .enable(true)
        .build_sync()?;
    device.set_nonblocking(true)?;
    Ok(device)
}
