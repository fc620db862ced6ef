//! The control device: opens, closes and device controls, each answered exactly once.
#![expect(unsafe_code, reason = "answers IRPs")]

use super::{
    driver::{Filter, Registration},
    irp::{ControlRequest, Dispatched, Irp},
    memory::Shared,
    status::{Error, Result, Status},
    sync::SpinLock,
    sys::{
        self, NDIS_DEVICE_OBJECT_ATTRIBUTES, NDIS_HANDLE, NDIS_OBJECT_HEADER, PDEVICE_OBJECT, PIRP,
        UCHAR,
    },
    text::CountedString,
};
use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr::{self, NonNull},
};
use wdk_sys::NTSTATUS;

/// What answers at a control device.
pub trait Device: Send + Sync + 'static {
    /// What belongs to one open handle.
    type Handle: Send + Sync + 'static;

    /// Opens the device; the handle is dropped after its last request.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// Why the device cannot be opened.
    fn open(&self) -> Result<Self::Handle>;

    /// Ends what waits under a handle that its last user has closed.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn close(&self, handle: &Self::Handle);

    /// Answers a device control, now or later.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn control<'r>(&self, handle: &Self::Handle, request: ControlRequest<'r>) -> Dispatched<'r>;
}

/// Names of a control device, in full.
pub struct DeviceNames {
    /// `\Device\…`.
    pub device: CountedString,
    /// `\DosDevices\…`.
    pub link: CountedString,
    /// Who may open it, in the security descriptor definition language.
    pub security: CountedString,
}

/// A control device; dropping it removes it.
///
/// # Invariants
///
/// `raw` and `object` came from NdisRegisterDeviceEx and are still registered, with the driver of
/// `registration`.
///
/// Follows NdisRegisterDeviceEx and NdisDeregisterDeviceEx.
pub struct ControlDevice<D: Device, F: Filter> {
    raw: NonNull<c_void>,
    object: PDEVICE_OBJECT,
    _device: PhantomData<Shared<D>>,
    _registration: Registration<F>,
}

// SAFETY: NDIS takes the handle on any processor; so does the device, by its trait.
unsafe impl<D: Device, F: Filter> Send for ControlDevice<D, F> {}
// SAFETY: a shared control device gives nothing.
unsafe impl<D: Device, F: Filter> Sync for ControlDevice<D, F> {}

/// What the device object keeps: an owner of the device, while that is registered.
///
/// Zeros are a lock that nobody holds, and no owner.
type Extension<D> = SpinLock<Option<Shared<D>>>;

impl<D: Device, F: Filter> ControlDevice<D, F> {
    /// Makes the device; the driver stays registered while there is one.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// What NDIS says.
    pub fn new(
        registration: Registration<F>,
        names: &DeviceNames,
        device: Shared<D>,
    ) -> Result<Self> {
        let dispatch = Dispatch::<D>::TABLE;
        let attributes = NDIS_DEVICE_OBJECT_ATTRIBUTES {
            #[expect(clippy::cast_possible_truncation, reason = "both constants fit a byte")]
            Header: NDIS_OBJECT_HEADER {
                Type: sys::NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES as UCHAR,
                Revision: sys::NDIS_DEVICE_OBJECT_ATTRIBUTES_REVISION_1 as UCHAR,
                Size: sys::NDIS_SIZEOF_DEVICE_OBJECT_ATTRIBUTES_REVISION_1,
            },
            DeviceName: names.device.as_raw().cast_mut(),
            SymbolicName: names.link.as_raw().cast_mut(),
            MajorFunctions: dispatch.as_ptr().cast_mut(),
            #[expect(clippy::cast_possible_truncation, reason = "the size of two pointers")]
            ExtensionSize: size_of::<Extension<D>>() as u32,
            DefaultSDDLString: names.security.as_raw(),
            DeviceClassGuid: ptr::null(),
        };
        let mut object: PDEVICE_OBJECT = ptr::null_mut();
        let mut raw: NDIS_HANDLE = ptr::null_mut();
        // SAFETY: the driver handle is registered, and everything the attributes point to lives
        // through the call.
        let status = unsafe {
            sys::NdisRegisterDeviceEx(
                registration.as_raw(),
                (&raw const attributes).cast_mut(),
                &raw mut object,
                &raw mut raw,
            )
        };
        Status::from_raw(status).ok()?;
        let raw = NonNull::new(raw).ok_or(Error::Resources)?;
        // INVARIANT: registered just now.
        let registered = Self { raw, object, _device: PhantomData, _registration: registration };
        // Opens that come before this find the device not ready.
        let extension = registered.extension().ok_or(Error::Resources)?;
        let none = extension.with(|place| place.replace(device));
        drop(none);
        Ok(registered)
    }

    fn extension(&self) -> Option<&Extension<D>> {
        // SAFETY: by the type's invariant a device of `new`, which stays at least as long as this.
        unsafe { extension(self.object) }
    }
}

impl<D: Device, F: Filter> Drop for ControlDevice<D, F> {
    fn drop(&mut self) {
        // The extension may go with the device object. Whoever has the device open owns it, too.
        let device = self.extension().and_then(|extension| extension.with(Option::take));
        // SAFETY: registered by the type's invariant, and deregistered once.
        unsafe { sys::NdisDeregisterDeviceEx(self.raw.as_ptr()) };
        drop(device);
    }
}

/// Where the device object keeps an owner of the device.
///
/// # Safety
///
/// `object` is null or a device object of [`ControlDevice::new`] with this `D`, which stays for `'o`.
unsafe fn extension<'o, D>(object: PDEVICE_OBJECT) -> Option<&'o Extension<D>> {
    if object.is_null() {
        return None;
    }
    // SAFETY: a device object that NdisRegisterDeviceEx made.
    let extension = unsafe { sys::NdisGetDeviceReservedExtension(object) };
    // SAFETY: `ExtensionSize` bytes, aligned for a pointer, or null; that they are zero until
    // `new` has set them is assumed, as it is documented of every device extension.
    unsafe { extension.cast::<Extension<D>>().as_ref() }
}

/// An open handle, with the device that answers it: what a file object keeps.
///
/// Field order is the order of ends.
struct Opened<D: Device> {
    handle: D::Handle,
    device: Shared<D>,
}

/// The dispatch routines of a [`Device`].
struct Dispatch<D>(PhantomData<fn(D)>);

type Table = [sys::PDRIVER_DISPATCH; MAJOR_FUNCTIONS];

/// `IRP_MJ_MAXIMUM_FUNCTION + 1`, wdm.h.
const MAJOR_FUNCTIONS: usize = 28;

impl<D: Device> Dispatch<D> {
    #[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
    const TABLE: Table = {
        let mut table: Table = [None; MAJOR_FUNCTIONS];
        table[sys::IRP_MJ_CREATE as usize] = Some(Self::create);
        table[sys::IRP_MJ_CLOSE as usize] = Some(Self::close);
        table[sys::IRP_MJ_CLEANUP as usize] = Some(Self::cleanup);
        table[sys::IRP_MJ_DEVICE_CONTROL as usize] = Some(Self::control);
        table
    };

    unsafe extern "C" fn create(object: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
        // SAFETY: the I/O manager's own request.
        let irp = unsafe { Irp::new(irp) };
        // SAFETY: the device object that these routines were registered with, which stays while a
        // request is on its way.
        let extension = unsafe { extension::<D>(object) };
        let device = extension.and_then(|extension| extension.with(|device| device.clone()));
        let status = match device {
            None => Status::DEVICE_NOT_READY,
            // A name behind the device's would get past the device's security descriptor.
            Some(_) if irp.names_file() => Status::OBJECT_NAME_NOT_FOUND,
            Some(device) => irp.open(|| Ok(Opened { handle: device.open()?, device })).into(),
        };
        irp.complete(status, 0).status().as_raw()
    }

    unsafe extern "C" fn cleanup(_object: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
        // SAFETY: the I/O manager's own request.
        let irp = unsafe { Irp::new(irp) };
        // SAFETY: `create` put an `Opened<D>` there, or nothing.
        if let Some(opened) = unsafe { irp.opened::<Opened<D>>() } {
            opened.device.close(&opened.handle);
        }
        irp.complete(Status::SUCCESS, 0).status().as_raw()
    }

    unsafe extern "C" fn close(_object: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
        // SAFETY: the I/O manager's own request.
        let irp = unsafe { Irp::new(irp) };
        // SAFETY: `create` put an `Opened<D>` there, or nothing; close is the last request.
        drop(unsafe { irp.take_opened::<Opened<D>>() });
        irp.complete(Status::SUCCESS, 0).status().as_raw()
    }

    unsafe extern "C" fn control(_object: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
        // SAFETY: the I/O manager's own request.
        let irp = unsafe { Irp::new(irp) };
        // SAFETY: `create` put an `Opened<D>` there, or nothing.
        let dispatched = match unsafe { irp.opened::<Opened<D>>() } {
            Some(opened) => opened.device.control(&opened.handle, ControlRequest::new(irp)),
            None => irp.complete(Status::DEVICE_NOT_READY, 0),
        };
        dispatched.status().as_raw()
    }
}
