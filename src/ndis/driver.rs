//! A filter driver: what it implements, how it is registered, how it is loaded and unloaded.
#![expect(unsafe_code, reason = "registers callbacks with NDIS")]

use super::{
    attach::Attachment,
    callbacks,
    event::{DevicePnPEvent, NetPnPEvent, StatusIndication},
    homecoming::Homecoming,
    memory::Shared,
    oid::{OidAnswer, OidRequest},
    origin::{Origin, Passing},
    pool::PoolSizes,
    restart::RestartAttributes,
    status::{Error, Result, Status},
    sys::{
        self, DRIVER_OBJECT, NDIS_FILTER_DRIVER_CHARACTERISTICS, NDIS_HANDLE, NDIS_OBJECT_HEADER,
        UCHAR,
    },
    text::CountedString,
    traffic::{BorrowedIndication, ReceiveIndication, SendRequest},
};
use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr::{self, NonNull},
    sync::atomic::AtomicPtr,
};

/// A filter driver as a whole: it makes a [`Module`] for each adapter.
pub trait Filter: Send + Sync + Sized + 'static {
    /// What the driver keeps for one adapter.
    type Module: Module;

    /// Attaches to an adapter; `origin` is what the module originates lists with.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// Why the module cannot be; the adapter goes on without it.
    fn attach(
        &self,
        adapter: &Attachment<'_>,
        origin: Shared<Origin<Ticket<Self>>>,
    ) -> Result<Shared<Self::Module>>;
}

/// What each list of a filter driver carries along.
pub type Ticket<F> = <<F as Filter>::Module as Module>::Ticket;

/// What a filter driver does on one adapter.
///
/// Unless an implementation says otherwise, everything passes as if the module were not there.
/// What NDIS demands of a module's states is done by this layer, around these calls.
pub trait Module: Send + Sync + Sized + 'static {
    /// What each list that this module originates carries along.
    type Ticket: Send + 'static;

    /// Says how large the pools must be for what the drivers below say now.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// Why the module cannot run; NDIS detaches it.
    fn restart(&self, attributes: &RestartAttributes<'_>) -> Result<PoolSizes>;

    /// Hears whether the module runs now; after [`Module::restart`], once.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn restarted(&self, _result: Result) {}

    /// Gives up what waits to be originated: the module does not run any more.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn pausing(&self) {}

    /// Forgets the adapter: NDIS takes its handle back.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn detached(&self) {}

    /// Does what [`Running::go_on_later`](super::Running::go_on_later) asked for.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn go_on(&self) {}

    /// Takes lists that the drivers above want sent; `passing` if the module is running.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    fn send(&self, request: SendRequest<'_>, passing: Option<&Passing<'_>>) {
        match passing {
            Some(passing) => request.forward(passing),
            None => request.complete(Status::PAUSED),
        }
    }

    /// Takes lists that the drivers below received; `passing` if the module is running.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    fn receive(&self, indication: ReceiveIndication<'_>, passing: Option<&Passing<'_>>) {
        match passing {
            Some(passing) => indication.forward(passing),
            None => indication.give_back(),
        }
    }

    /// Looks at lists that the drivers below want back when this returns; `passing` if the
    /// module is running.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    fn receive_borrowed(
        &self,
        indication: &mut BorrowedIndication<'_>,
        passing: Option<&Passing<'_>>,
    ) {
        if let Some(passing) = passing {
            indication.forward(passing);
        }
    }

    /// Takes lists back that this module sent or indicated.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    fn came_home(&self, lists: &mut Homecoming<'_, Self::Ticket>) {
        while lists.next().is_some() {}
    }

    /// Takes a request that the drivers above make of the drivers below.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    fn oid_request<'m>(&self, request: OidRequest<'m>) -> OidAnswer<'m> {
        request.forward()
    }

    /// Takes a status indication of the drivers below.
    ///
    /// # IRQL
    ///
    /// `<= DISPATCH_LEVEL`.
    fn status(&self, indication: StatusIndication<'_>) {
        indication.forward();
    }

    /// Takes a network Plug and Play or power event.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn net_pnp_event(&self, event: NetPnPEvent<'_>) -> Status {
        event.forward()
    }

    /// Takes a Plug and Play or power event of the adapter's device.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    fn device_pnp_event(&self, event: DevicePnPEvent<'_>) {
        event.forward();
    }
}

/// What a driver tells NDIS of itself.
pub struct FilterNames {
    /// What people read.
    pub friendly: CountedString,
    /// The GUID in braces that the INF gives as NetCfgInstanceId.
    pub unique: CountedString,
    /// The service that the INF's AddService makes.
    pub service: CountedString,
    /// The driver's own version: major, minor.
    pub version: [u8; 2],
}

/// The NDIS version that this layer is written for: major, minor.
pub const NDIS_VERSION: [u8; 2] = [6, 84];

/// The driver object, for the length of [`Driver::load`].
pub struct DriverObject<'l> {
    raw: NonNull<DRIVER_OBJECT>,
    _load: PhantomData<&'l ()>,
}

impl DriverObject<'_> {
    /// # Safety
    ///
    /// `raw` is what the system gave to DriverEntry, which has not returned.
    #[doc(hidden)]
    pub unsafe fn from_raw(raw: *mut DRIVER_OBJECT) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self { raw, _load: PhantomData })
    }

    /// Has the system call `unload` before it unloads the image.
    ///
    /// # Safety
    ///
    /// `unload` can be called at `PASSIVE_LEVEL` once DriverEntry has returned success.
    #[doc(hidden)]
    pub unsafe fn set_unload(&self, unload: unsafe extern "C" fn(*mut DRIVER_OBJECT)) {
        // SAFETY: the driver object is this driver's while DriverEntry runs.
        unsafe { (*self.raw.as_ptr()).DriverUnload = Some(unload) };
    }
}

/// A registered filter driver; dropping it deregisters it, which detaches its modules first.
///
/// # Invariants
///
/// `raw` came from NdisFRegisterFilterDriver and is still registered; NDIS has a pointer to
/// `context` as the driver's context.
///
/// Follows NdisFRegisterFilterDriver and NdisFDeregisterFilterDriver.
pub struct Registration<F: Filter> {
    raw: NonNull<c_void>,
    _context: Shared<DriverContext<F>>,
}

/// What NDIS keeps for the driver.
pub(super) struct DriverContext<F> {
    pub(super) filter: Shared<F>,
    /// The driver's handle: FilterSetOptions brings it, before any module is attached.
    pub(super) handle: AtomicPtr<c_void>,
}

// SAFETY: NDIS takes the handle on any processor.
unsafe impl<F: Filter> Send for Registration<F> {}
// SAFETY: a shared registration gives only its handle.
unsafe impl<F: Filter> Sync for Registration<F> {}

impl<F: Filter> Registration<F> {
    /// Registers `filter`. Its modules may be attached before this returns.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// What NDIS says.
    pub fn new(driver: &DriverObject<'_>, names: &FilterNames, filter: Shared<F>) -> Result<Self> {
        let characteristics = characteristics::<F>(names);
        let handle = AtomicPtr::new(ptr::null_mut());
        let context = Shared::try_new(DriverContext { filter, handle })?;
        let mut raw: NDIS_HANDLE = ptr::null_mut();
        // SAFETY:
        // - The driver object is alive, and this runs in DriverEntry.
        // - The context outlives the registration, which keeps an owner.
        // - NDIS copies the characteristics; their strings live forever.
        let status = unsafe {
            sys::NdisFRegisterFilterDriver(
                driver.raw.as_ptr(),
                context.as_raw(),
                (&raw const characteristics).cast_mut(),
                &raw mut raw,
            )
        };
        Status::from_raw(status).ok()?;
        // INVARIANT: registered just now.
        NonNull::new(raw).map(|raw| Self { raw, _context: context }).ok_or(Error::Resources)
    }

    pub(super) const fn as_raw(&self) -> NDIS_HANDLE {
        self.raw.as_ptr()
    }
}

impl<F: Filter> Drop for Registration<F> {
    fn drop(&mut self) {
        // SAFETY: registered by the type's invariant, and deregistered once.
        unsafe { sys::NdisFDeregisterFilterDriver(self.raw.as_ptr()) };
    }
}

/// The handlers that a [`Module`] has a say in, and those that NDIS wants beside them. What others
/// would pass on passes without them.
fn characteristics<F: Filter>(names: &FilterNames) -> NDIS_FILTER_DRIVER_CHARACTERISTICS {
    let [major_ndis, minor_ndis] = NDIS_VERSION;
    let [major_driver, minor_driver] = names.version;
    #[expect(clippy::cast_possible_truncation, reason = "both constants fit a byte")]
    let header = NDIS_OBJECT_HEADER {
        Type: sys::NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS as UCHAR,
        Revision: sys::NDIS_FILTER_CHARACTERISTICS_REVISION_3 as UCHAR,
        Size: sys::NDIS_SIZEOF_FILTER_DRIVER_CHARACTERISTICS_REVISION_3,
    };
    NDIS_FILTER_DRIVER_CHARACTERISTICS {
        Header: header,
        MajorNdisVersion: major_ndis,
        MinorNdisVersion: minor_ndis,
        MajorDriverVersion: major_driver,
        MinorDriverVersion: minor_driver,
        FriendlyName: names.friendly.head(),
        UniqueName: names.unique.head(),
        ServiceName: names.service.head(),
        SetOptionsHandler: Some(callbacks::set_options::<F>),
        AttachHandler: Some(callbacks::attach::<F>),
        DetachHandler: Some(callbacks::detach::<F>),
        RestartHandler: Some(callbacks::restart::<F>),
        PauseHandler: Some(callbacks::pause::<F>),
        SendNetBufferListsHandler: Some(callbacks::send::<F>),
        SendNetBufferListsCompleteHandler: Some(callbacks::send_complete::<F>),
        ReceiveNetBufferListsHandler: Some(callbacks::receive::<F>),
        ReturnNetBufferListsHandler: Some(callbacks::give_back::<F>),
        OidRequestHandler: Some(callbacks::oid_request::<F>),
        OidRequestCompleteHandler: Some(callbacks::oid_request_complete::<F>),
        CancelOidRequestHandler: Some(callbacks::cancel_oid_request::<F>),
        DevicePnPEventNotifyHandler: Some(callbacks::device_pnp_event::<F>),
        NetPnPEventHandler: Some(callbacks::net_pnp_event::<F>),
        StatusHandler: Some(callbacks::status::<F>),
        ..Default::default()
    }
}

/// A whole driver: loading it makes it, unloading it drops it.
pub trait Driver: Send + Sized + 'static {
    /// Does what DriverEntry does.
    ///
    /// # IRQL
    ///
    /// `PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// Why the driver cannot load; what it made is undone.
    fn load(object: &DriverObject<'_>) -> Result<Self>;
}

/// Makes a [`Driver`] the one that this image holds: DriverEntry and its unload routine.
#[macro_export]
macro_rules! driver_entry {
    ($driver:ty) => {
        /// Where the system enters and leaves this image.
        #[allow(unsafe_code, reason = "the system calls these")]
        mod image {
            use super::*;
            use wdk_sys::{DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING};
            use $crate::ndis::{Driver, DriverObject, SpinLock, Status, wait_for_deadlines};

            static DRIVER: SpinLock<Option<$driver>> = SpinLock::new(None);

            /// Loads the driver.
            ///
            /// # Safety
            ///
            /// The system calls this once, with a driver object of this image.
            #[unsafe(export_name = "DriverEntry")]
            unsafe extern "system" fn driver_entry(
                object: *mut DRIVER_OBJECT,
                _registry_path: PCUNICODE_STRING,
            ) -> NTSTATUS {
                // SAFETY: from the system, within DriverEntry.
                let Some(object) = (unsafe { DriverObject::from_raw(object) }) else {
                    return Status::INVALID_PARAMETER.as_raw();
                };
                // SAFETY: it undoes what is done here, whenever the system says so.
                unsafe { object.set_unload(driver_unload) };
                match <$driver as Driver>::load(&object) {
                    Ok(driver) => {
                        // Out of the lock: there is none before this one.
                        let none = DRIVER.with(|place| place.replace(driver));
                        drop(none);
                        Status::SUCCESS.as_raw()
                    }
                    Err(error) => {
                        wait_for_deadlines();
                        Status::from(error).as_raw()
                    }
                }
            }

            unsafe extern "C" fn driver_unload(_object: *mut DRIVER_OBJECT) {
                // Out of the lock first: what unloading calls is called at PASSIVE_LEVEL.
                let driver = DRIVER.with(Option::take);
                drop(driver);
                wait_for_deadlines();
            }
        }
    };
}
