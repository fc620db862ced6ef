//! The control device: opens, closes and device controls, each answered exactly once.
#![expect(unsafe_code, reason = "answers IRPs")]

use super::{
    driver::{Filter, Registration},
    irp::{ControlRequest, Dispatched, Irp},
    memory::Shared,
    status::{Error, Result, Status},
    sys::{
        self, NDIS_DEVICE_OBJECT_ATTRIBUTES, NDIS_HANDLE, NDIS_OBJECT_HEADER, PDEVICE_OBJECT, PIRP,
        PVOID, UCHAR,
    },
    text::CountedString,
};
use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
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
    fn control<'r>(
        &self,
        handle: &Shared<Self::Handle>,
        request: ControlRequest<'r>,
    ) -> Dispatched<'r>;
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
/// `raw` came from NdisRegisterDeviceEx and is still registered. While it is, the device's
/// extension points to `device`, and the driver to `registration`.
///
/// Follows NdisRegisterDeviceEx and NdisDeregisterDeviceEx.
pub struct ControlDevice<D: Device, F: Filter> {
    raw: NonNull<c_void>,
    _device: Shared<D>,
    _registration: Registration<F>,
}

// SAFETY: NDIS takes the handle on any processor.
unsafe impl<D: Device, F: Filter> Send for ControlDevice<D, F> {}
// SAFETY: a shared device gives nothing.
unsafe impl<D: Device, F: Filter> Sync for ControlDevice<D, F> {}

/// What the device object keeps for this driver.
type Extension = AtomicPtr<c_void>;

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
    #[expect(clippy::needless_pass_by_value, reason = "dropped when there is no device")]
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
            #[expect(clippy::cast_possible_truncation, reason = "the size of a pointer")]
            ExtensionSize: size_of::<Extension>() as u32,
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
        // INVARIANT: registered; the extension follows. Requests that come before it does find
        // the device not ready.
        let registered = Self { raw, _device: device.clone(), _registration: registration };
        // SAFETY: the device object that was made just now.
        let extension = unsafe { extension(object) }.ok_or(Error::Resources)?;
        // Release: requests that find the device see it whole.
        extension.store(device.as_raw(), Ordering::Release);
        Ok(registered)
    }
}

impl<D: Device, F: Filter> Drop for ControlDevice<D, F> {
    fn drop(&mut self) {
        // The device that the extension points to ends after this, as a field; so does the
        // registration.
        // SAFETY: registered by the type's invariant, and deregistered once.
        unsafe { sys::NdisDeregisterDeviceEx(self.raw.as_ptr()) };
    }
}

/// Where the device object keeps this driver's pointer.
///
/// # Safety
///
/// `object` is null or a device of [`ControlDevice::new`], which stays for `'o`.
unsafe fn extension<'o>(object: PDEVICE_OBJECT) -> Option<&'o Extension> {
    if object.is_null() {
        return None;
    }
    // SAFETY: a device object that NdisRegisterDeviceEx made.
    let extension = unsafe { sys::NdisGetDeviceReservedExtension(object) };
    // SAFETY: `ExtensionSize` bytes, aligned for a pointer, or null; that they are zero until
    // `new` has set them is assumed, as it is documented of every device extension.
    unsafe { extension.cast::<Extension>().as_ref() }
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

    /// The device behind a device object, as the pointer that its extension keeps.
    ///
    /// # Safety
    ///
    /// `object` is the device that the I/O manager sends a request to.
    unsafe fn device(object: PDEVICE_OBJECT) -> PVOID {
        // SAFETY: the device stays while a request is on its way.
        let extension = unsafe { extension(object) };
        // Acquire: pairs with the Release in `ControlDevice::new`.
        extension.map_or(ptr::null_mut(), |extension| extension.load(Ordering::Acquire))
    }

    unsafe extern "C" fn create(object: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
        // SAFETY: the I/O manager's own request.
        let irp = unsafe { Irp::new(irp) };
        // SAFETY: the I/O manager's own device object.
        let kept = unsafe { Self::device(object) };
        // SAFETY: null or of a `Shared` that is kept as long as the device is registered.
        let status = match unsafe { Shared::<D>::peek(kept) } {
            None => Status::DEVICE_NOT_READY,
            // A name behind the device's would get past the device's security descriptor.
            Some(_) if irp.names_file() => Status::OBJECT_NAME_NOT_FOUND,
            Some(device) => irp.open(kept, || device.open()).into(),
        };
        irp.complete(status, 0).status().as_raw()
    }

    unsafe extern "C" fn cleanup(_object: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
        // SAFETY: the I/O manager's own request.
        let irp = unsafe { Irp::new(irp) };
        // SAFETY: `create` put the device there, which is registered while a file is open on it.
        let device = unsafe { irp.device::<D>() };
        // SAFETY: `create` put a handle of this type there.
        let handle = unsafe { irp.handle::<D::Handle>() };
        if let (Some(device), Some(handle)) = (device, handle) {
            device.close(&handle);
        }
        irp.complete(Status::SUCCESS, 0).status().as_raw()
    }

    unsafe extern "C" fn close(_object: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
        // SAFETY: the I/O manager's own request.
        let irp = unsafe { Irp::new(irp) };
        // SAFETY: `create` put a handle of this type there; close is its last request.
        drop(unsafe { irp.take_handle::<D::Handle>() });
        irp.complete(Status::SUCCESS, 0).status().as_raw()
    }

    unsafe extern "C" fn control(_object: PDEVICE_OBJECT, irp: PIRP) -> NTSTATUS {
        // SAFETY: the I/O manager's own request.
        let irp = unsafe { Irp::new(irp) };
        // SAFETY: `create` put the device there, which is registered while a file is open on it.
        let device = unsafe { irp.device::<D>() };
        // SAFETY: `create` put a handle of this type there.
        let handle = unsafe { irp.handle::<D::Handle>() };
        let dispatched = match (device, handle) {
            (Some(device), Some(handle)) => device.control(&handle, ControlRequest::new(irp)),
            _ => irp.complete(Status::DEVICE_NOT_READY, 0),
        };
        dispatched.status().as_raw()
    }
}
