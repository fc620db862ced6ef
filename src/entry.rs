//! Loading and unloading the driver.

use crate::{
    filter::{Framecast, adapters::Adapters, copying::Copying},
    ndis::{
        ControlDevice, CountedString, DeviceNames, Driver, DriverObject, FilterNames,
        PartialCancelId, Registration, Result, Shared,
    },
    utf16,
};

/// What NDIS is told: the same names as in inf/framecast.inx.
const NAMES: FilterNames = FilterNames {
    friendly: CountedString::new(utf16!("Framecast")),
    unique: CountedString::new(utf16!("{5C2F3B0E-8D0A-4C2B-9F0E-6B7B1C6D4A51}")),
    service: CountedString::new(utf16!("framecast")),
    version: [0, 1],
};

/// Who may open the control device: SYSTEM and Administrators, nobody else.
const CONTROL: DeviceNames = DeviceNames {
    device: CountedString::new(utf16!("\\Device\\Framecast")),
    link: CountedString::new(utf16!("\\DosDevices\\Framecast")),
    security: CountedString::new(utf16!("D:P(A;;GA;;;SY)(A;;GA;;;BA)")),
};

/// The loaded driver: its control device, which keeps it registered.
struct LoadedFramecast {
    _control: ControlDevice<Framecast, Framecast>,
}

impl Driver for LoadedFramecast {
    fn load(object: &DriverObject<'_>) -> Result<Self> {
        let framecast = Shared::try_new(Framecast {
            adapters: Shared::try_new(Adapters::new())?,
            copying: Shared::try_new(Copying::new())?,
            cancel_ids: PartialCancelId::generate(),
        })?;
        let registration = Registration::new(object, &NAMES, framecast.clone())?;
        let control = ControlDevice::new(registration, &CONTROL, framecast)?;
        Ok(Self { _control: control })
    }
}

crate::driver_entry!(LoadedFramecast);
