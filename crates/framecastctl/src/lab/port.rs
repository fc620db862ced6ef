use std::{
    fs::File,
    io::{self, IoSlice},
    sync::Arc,
    thread,
};

use nix::sched::{CloneFlags, setns};
use tun_rs::{DeviceBuilder, InterruptEvent, Layer, SyncDevice, VIRTIO_NET_HDR_LEN, VirtioNetHdr};

use super::{Hardware, LabError, TapSpec};

/// A TAP device: what the system sends on it is read here, and what is written here the system
/// receives.
pub(super) struct Port {
    device: SyncDevice,
    hardware: Hardware,
    name: String,
    ended: InterruptEvent,
}

impl Port {
    /// Makes the device, which goes away with it.
    pub(super) fn open(
        spec: &TapSpec,
        mac: [u8; 6],
        mtu: u32,
        hardware: Hardware,
    ) -> Result<Arc<Self>, LabError> {
        let name = match &spec.namespace {
            Some(namespace) => format!("{}@{}", spec.name, namespace.display()),
            None => spec.name.clone(),
        };
        let failed = |source| LabError::Tap { name: name.clone(), source };
        // A namespace is entered by a thread, which is then of no use for anything else.
        let device = thread::scope(|scope| {
            let made = scope.spawn(|| make(spec, mac, mtu, hardware)).join();
            made.unwrap_or_else(|_| Err(io::Error::other("making it panicked")))
        });
        let device = device.map_err(failed)?;
        let ended = InterruptEvent::new().map_err(failed)?;
        Ok(Arc::new(Self { device, hardware, name, ended }))
    }

    /// Waits for a frame that the system sends, with what is left to be done for it; `None` when the
    /// port is ended.
    pub(super) fn receive(
        &self,
        buffer: &mut [u8],
    ) -> Result<Option<(VirtioNetHdr, Vec<u8>)>, LabError> {
        let read = match self.device.recv_intr(buffer, &self.ended) {
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        let (header, frame) = match self.hardware {
            Hardware::None => (VirtioNetHdr::default(), read),
            Hardware::All => {
                let header = VirtioNetHdr::decode(read).map_err(|error| self.failed(error))?;
                (header, read.get(VIRTIO_NET_HDR_LEN..).unwrap_or_default())
            }
        };
        Ok(Some((header, frame.to_vec())))
    }

    /// Has the system receive a frame. A device that is down takes none, as a cable that is out.
    pub(super) fn send(&self, header: VirtioNetHdr, frame: &[u8]) -> Result<(), LabError> {
        let sent = match self.hardware {
            Hardware::None => self.device.send(frame),
            Hardware::All => {
                let mut front = [0; VIRTIO_NET_HDR_LEN];
                header.encode(&mut front).map_err(|error| self.failed(error))?;
                self.device.send_vectored(&[IoSlice::new(&front), IoSlice::new(frame)])
            }
        };
        match sent {
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

fn make(spec: &TapSpec, mac: [u8; 6], mtu: u32, hardware: Hardware) -> io::Result<SyncDevice> {
    if let Some(namespace) = &spec.namespace {
        setns(File::open(namespace)?, CloneFlags::CLONE_NEWNET)?;
    }
    let device = DeviceBuilder::new()
        .name(&spec.name)
        .layer(Layer::L2)
        .mac_addr(mac)
        .mtu(u16::try_from(mtu).unwrap_or(u16::MAX))
        .enable(true)
        .with(|builder| {
            builder.offload(hardware == Hardware::All);
        })
        .build_sync()?;
    device.set_nonblocking(true)?;
    Ok(device)
}
