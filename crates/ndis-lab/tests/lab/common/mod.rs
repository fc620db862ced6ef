//! A filter driver made of functions of this process, which passes everything on unless a test
//! tells it otherwise.

#![allow(dead_code, reason = "each test program uses its part")]

mod own_frame;
#[macro_use]
pub(crate) mod planted;

pub(crate) use own_frame::{OwnFrame, originator, send_own};

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use ndis_lab::abi::Handle;
use ndis_lab::abi::io::{DeviceObject, DriverObject, Irp};
use ndis_lab::abi::kernel::UnicodeString;
use ndis_lab::abi::nbl::{NbPoolParameters, NblPoolParameters, NetBufferList};
use ndis_lab::abi::ndis::{
    DeviceObjectAttributes, FilterAttachParameters, FilterAttributes, FilterDriverCharacteristics,
    FilterPauseParameters, FilterRestartParameters, OidRequest, StatusIndication,
};
use ndis_lab::exports::*;
use ndis_lab::guest::{Block, Guest};
use ndis_lab::{AdapterConfig, Driver, Irql, Lab, NtStatus, Rule, Stack};

/// A list on its way: module handle, chain, port, flags.
pub(crate) type OnSend = Box<dyn Fn(Handle, Guest<NetBufferList>, u32, u32) + Send + Sync>;
/// A list on its way back: module handle, chain, flags.
pub(crate) type OnComplete = Box<dyn Fn(Handle, Guest<NetBufferList>, u32) + Send + Sync>;
/// A list on its way up: module handle, chain, port, count, flags.
pub(crate) type OnReceive = Box<dyn Fn(Handle, Guest<NetBufferList>, u32, u32, u32) + Send + Sync>;
/// A change of state: module handle.
pub(crate) type OnState = Box<dyn Fn(Handle) -> NtStatus + Send + Sync>;
/// A restart: module handle, parameters.
pub(crate) type OnRestart =
    Box<dyn Fn(Handle, Guest<FilterRestartParameters>) -> NtStatus + Send + Sync>;
/// An OID request: module handle, request.
pub(crate) type OnOid = Box<dyn Fn(Handle, Guest<OidRequest>) -> NtStatus + Send + Sync>;
/// A dispatch routine.
pub(crate) type OnIrp = Box<dyn Fn(Guest<Irp>) -> NtStatus + Send + Sync>;
/// Something to do in the driver: module handle.
type Errand = Box<dyn FnOnce(Handle) + Send>;

/// What a test changes about the driver.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) edit: Option<Box<dyn Fn(Guest<FilterDriverCharacteristics>) + Send + Sync>>,
    pub(crate) on_entry: Option<Box<dyn Fn(Handle) + Send + Sync>>,
    pub(crate) on_driver: Option<Box<dyn Fn(Guest<DriverObject>) + Send + Sync>>,
    pub(crate) on_unload: Option<Box<dyn Fn(Handle) + Send + Sync>>,
    pub(crate) keeps_registration: bool,
    pub(crate) on_attach: Option<OnState>,
    pub(crate) on_restart: Option<OnRestart>,
    pub(crate) on_pause: Option<OnState>,
    pub(crate) on_detach: Option<Box<dyn Fn(Handle) + Send + Sync>>,
    pub(crate) on_send: Option<OnSend>,
    pub(crate) on_send_complete: Option<OnComplete>,
    pub(crate) on_receive: Option<OnReceive>,
    pub(crate) on_return: Option<OnComplete>,
    pub(crate) on_oid: Option<OnOid>,
    pub(crate) on_oid_complete: Option<OnOid>,
    pub(crate) on_irp: Option<OnIrp>,
    pub(crate) state: State,
}

#[derive(Default)]
pub(crate) struct State {
    registration: Mutex<Handle>,
    modules: Mutex<HashMap<u64, Handle>>,
    errand: Mutex<Option<Errand>>,
}

static FAKES: OnceLock<Mutex<Vec<Arc<Fake>>>> = OnceLock::new();

thread_local! {
    static STARTING: RefCell<Option<Arc<Fake>>> = const { RefCell::new(None) };
    /// The context of the driver that this thread started last.
    static STARTED: Cell<Handle> = const { Cell::new(Handle::NULL) };
    static UNLOADING: RefCell<HashMap<u64, Handle>> = RefCell::default();
}

fn fakes() -> &'static Mutex<Vec<Arc<Fake>>> {
    FAKES.get_or_init(Mutex::default)
}

/// A driver's context is its number, a module's its number and the adapter's, both from 1.
fn fake(context: Handle) -> Arc<Fake> {
    let index = usize::try_from(context.0 & 0xFFFF_FFFF).expect("a number") - 1;
    Arc::clone(&fakes().lock().expect("fakes")[index])
}

fn module(context: Handle) -> (Arc<Fake>, Handle) {
    let fake = fake(context);
    let handle = fake.state.modules.lock().expect("modules")[&context.0];
    (fake, handle)
}

/// A running stack with a fake driver.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) driver: Driver,
    pub(crate) stack: Stack,
    pub(crate) fake: Arc<Fake>,
}

impl Fake {
    /// Starts the driver.
    pub(crate) fn start(self, lab: &Lab) -> (Driver, Arc<Self>, Result<(), NtStatus>) {
        let fake = Arc::new(self);
        STARTING.set(Some(Arc::clone(&fake)));
        let driver = lab.driver(entry);
        planted::note(lab, &driver);
        let result = driver.start();
        (driver, fake, result)
    }

    /// Starts the driver on an adapter and lets it run.
    pub(crate) fn run_on(self, config: AdapterConfig) -> World {
        let lab = Lab::default();
        let (driver, fake, result) = self.start(&lab);
        result.expect("the fake driver starts");
        let stack = driver.attach(config).expect("the fake driver attaches");
        stack.start().expect("the fake driver restarts");
        World { lab, driver, stack, fake }
    }

    /// Starts the driver on an ordinary adapter and lets it run.
    pub(crate) fn run(self) -> World {
        self.run_on(AdapterConfig::default())
    }

    /// The handle of the registration.
    pub(crate) fn registration(&self) -> Handle {
        *self.state.registration.lock().expect("registration")
    }
}

impl World {
    /// Does something in the driver, at `PASSIVE_LEVEL`, with the module's handle.
    pub(crate) fn in_driver<R: Send + 'static>(
        &self,
        errand: impl FnOnce(Handle) -> R + Send + 'static,
    ) -> R {
        self.in_driver_at(Irql::PASSIVE, errand)
    }

    /// Does something in the driver at an IRQL.
    pub(crate) fn in_driver_at<R: Send + 'static>(
        &self,
        level: Irql,
        errand: impl FnOnce(Handle) -> R + Send + 'static,
    ) -> R {
        let result = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&result);
        let errand: Errand =
            Box::new(move |module| *slot.lock().expect("slot") = Some(errand(module)));
        *self.fake.state.errand.lock().expect("errand") = Some(errand);
        self.stack.set_level(level);
        self.stack.status_indication(NtStatus(0x4001_0017), &[]);
        self.stack.set_level(Irql::DISPATCH);
        let done = result.lock().expect("result").take();
        done.expect("the errand ran")
    }

    /// Demands that exactly these rules were broken so far, and forgets them.
    #[track_caller]
    pub(crate) fn expect_broken(&self, rules: &[Rule]) {
        expect_broken(&self.lab, rules);
    }

    /// Ends the driver's life, which must break no further rule.
    #[track_caller]
    pub(crate) fn end(self) {
        self.driver.unload().expect_clean();
    }
}

/// Demands that exactly these rules were broken so far, and forgets them.
#[track_caller]
pub(crate) fn expect_broken(lab: &Lab, rules: &[Rule]) {
    let violations = lab.take_violations();
    let found: Vec<_> = violations.iter().map(|violation| violation.rule).collect();
    let told: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert_eq!(found, rules, "\n{}", told.join("\n"));
}

/// A `UNICODE_STRING` and its units, which live as long as the process.
pub(crate) fn unicode(text: &str) -> Guest<UnicodeString> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let block = keep(units.len());
    block.write_bytes(&units);
    let length = u16::try_from(units.len()).expect("a short string");
    let string = keep(16).cast::<UnicodeString>();
    string.set(UnicodeString::LENGTH, length);
    string.set(UnicodeString::MAXIMUM_LENGTH, length);
    string.set(UnicodeString::BUFFER, block.cast());
    string
}

/// Memory that lives as long as the process.
pub(crate) fn keep(size: usize) -> Guest<u8> {
    let block = Box::leak(Box::new(Block::zeroed(size)));
    block.guest()
}

extern "win64" fn entry(driver: Guest<DriverObject>, _path: Guest<UnicodeString>) -> NtStatus {
    type C = FilterDriverCharacteristics;
    let fake = STARTING.take().expect("a fake driver is starting");
    let context = {
        let mut fakes = fakes().lock().expect("fakes");
        fakes.push(Arc::clone(&fake));
        Handle(fakes.len() as u64)
    };
    STARTED.set(context);
    driver.set(DriverObject::DRIVER_UNLOAD, Some(unload));
    UNLOADING.with_borrow_mut(|map| map.insert(driver.address(), context));
    if let Some(on_driver) = &fake.on_driver {
        on_driver(driver);
    }
    let c = keep(C::SIZE).cast::<C>();
    c.set(C::HEADER_TYPE, 0x8B);
    c.set(C::HEADER_REVISION, 2);
    c.set(C::HEADER_SIZE, 224);
    c.set(C::MAJOR_NDIS_VERSION, 6);
    c.set(C::MINOR_NDIS_VERSION, 30);
    c.set(C::ATTACH, Some(attach));
    c.set(C::DETACH, Some(detach));
    c.set(C::RESTART, Some(restart));
    c.set(C::PAUSE, Some(pause));
    c.set(C::SEND, Some(send));
    c.set(C::SEND_COMPLETE, Some(send_complete));
    c.set(C::CANCEL_SEND, Some(cancel_send));
    c.set(C::RECEIVE, Some(receive));
    c.set(C::RETURN, Some(give_back));
    c.set(C::OID_REQUEST, Some(oid));
    c.set(C::OID_REQUEST_COMPLETE, Some(oid_complete));
    c.set(C::STATUS, Some(status));
    if let Some(edit) = &fake.edit {
        edit(c);
    }
    let handle = keep(8).cast::<Handle>();
    let result = NdisFRegisterFilterDriver(driver, context, c, handle);
    *fake.state.registration.lock().expect("registration") = handle.read();
    if let (Some(on_entry), true) = (&fake.on_entry, result.is_success()) {
        on_entry(handle.read());
    }
    result
}

extern "win64" fn unload(driver: Guest<DriverObject>) {
    let context = UNLOADING.with_borrow(|map| map[&driver.address()]);
    let fake = fake(context);
    if let Some(on_unload) = &fake.on_unload {
        on_unload(fake.registration());
    }
    if !fake.keeps_registration {
        NdisFDeregisterFilterDriver(fake.registration());
    }
}

extern "win64" fn attach(
    handle: Handle,
    context: Handle,
    _parameters: Guest<FilterAttachParameters>,
) -> NtStatus {
    let fake = fake(context);
    if let Some(on_attach) = &fake.on_attach {
        let status = on_attach(handle);
        if status != NtStatus::SUCCESS {
            return status;
        }
    }
    let number = fake.state.modules.lock().expect("modules").len() as u64 + 1;
    let module_context = Handle(number << 32 | context.0);
    fake.state.modules.lock().expect("modules").insert(module_context.0, handle);
    set_attributes(handle, module_context)
}

/// Sets the attributes of a module as it should.
pub(crate) fn set_attributes(handle: Handle, context: Handle) -> NtStatus {
    let attributes = keep(8).cast::<FilterAttributes>();
    attributes.set(FilterAttributes::HEADER_TYPE, 0x8D);
    attributes.set(FilterAttributes::HEADER_REVISION, 1);
    attributes.set(FilterAttributes::HEADER_SIZE, 8);
    NdisFSetAttributes(handle, context, attributes)
}

extern "win64" fn detach(context: Handle) {
    let (fake, handle) = module(context);
    if let Some(on_detach) = &fake.on_detach {
        on_detach(handle);
    }
}

extern "win64" fn restart(context: Handle, parameters: Guest<FilterRestartParameters>) -> NtStatus {
    let (fake, handle) = module(context);
    fake.on_restart.as_ref().map_or(NtStatus::SUCCESS, |hook| hook(handle, parameters))
}

extern "win64" fn pause(context: Handle, _parameters: Guest<FilterPauseParameters>) -> NtStatus {
    let (fake, handle) = module(context);
    fake.on_pause.as_ref().map_or(NtStatus::SUCCESS, |hook| hook(handle))
}

extern "win64" fn send(context: Handle, list: Guest<NetBufferList>, port: u32, flags: u32) {
    let (fake, handle) = module(context);
    match &fake.on_send {
        Some(hook) => hook(handle, list, port, flags),
        None => NdisFSendNetBufferLists(handle, list, port, flags),
    }
}

extern "win64" fn send_complete(context: Handle, list: Guest<NetBufferList>, flags: u32) {
    let (fake, handle) = module(context);
    match &fake.on_send_complete {
        Some(hook) => hook(handle, list, flags),
        None => NdisFSendNetBufferListsComplete(handle, list, flags),
    }
}

extern "win64" fn cancel_send(context: Handle, id: Guest<u8>) {
    let (_, handle) = module(context);
    NdisFCancelSendNetBufferLists(handle, id);
}

extern "win64" fn receive(
    context: Handle,
    list: Guest<NetBufferList>,
    port: u32,
    count: u32,
    flags: u32,
) {
    let (fake, handle) = module(context);
    match &fake.on_receive {
        Some(hook) => hook(handle, list, port, count, flags),
        None => NdisFIndicateReceiveNetBufferLists(handle, list, port, count, flags),
    }
}

extern "win64" fn give_back(context: Handle, list: Guest<NetBufferList>, flags: u32) {
    let (fake, handle) = module(context);
    match &fake.on_return {
        Some(hook) => hook(handle, list, flags),
        None => NdisFReturnNetBufferLists(handle, list, flags),
    }
}

extern "win64" fn oid(context: Handle, request: Guest<OidRequest>) -> NtStatus {
    let (fake, handle) = module(context);
    fake.on_oid.as_ref().map_or(NtStatus::NOT_SUPPORTED, |hook| hook(handle, request))
}

extern "win64" fn oid_complete(context: Handle, request: Guest<OidRequest>, _status: NtStatus) {
    let (fake, handle) = module(context);
    if let Some(hook) = &fake.on_oid_complete {
        hook(handle, request);
    }
}

extern "win64" fn status(context: Handle, indication: Guest<StatusIndication>) {
    let (fake, handle) = module(context);
    let errand = fake.state.errand.lock().expect("errand").take();
    match errand {
        Some(errand) => errand(handle),
        None => NdisFIndicateStatus(handle, indication),
    }
}

/// Completes foreign lists as paused.
pub(crate) fn reject(handle: Handle, first: Guest<NetBufferList>, flags: u32) {
    let mut list = first;
    while !list.is_null() {
        list.set(NetBufferList::STATUS, NtStatus::NDIS_PAUSED);
        list = list.get(NetBufferList::NEXT);
    }
    NdisFSendNetBufferListsComplete(handle, first, flags & 1);
}

/// Parameters of a pool of lists.
pub(crate) fn list_pool_parameters(
    buffers: bool,
    context: u16,
    data: u32,
) -> Guest<NblPoolParameters> {
    type P = NblPoolParameters;
    let parameters = keep(P::SIZE).cast::<P>();
    parameters.set(P::HEADER_TYPE, 0x80);
    parameters.set(P::HEADER_REVISION, 1);
    parameters.set(P::HEADER_SIZE, 16);
    parameters.set(P::ALLOCATE_NET_BUFFER, u8::from(buffers));
    parameters.set(P::CONTEXT_SIZE, context);
    parameters.set(P::POOL_TAG, TAG);
    parameters.set(P::DATA_SIZE, data);
    parameters
}

/// A pool of lists with buffers.
pub(crate) fn list_pool(handle: Handle) -> Handle {
    NdisAllocateNetBufferListPool(handle, list_pool_parameters(true, 0, 0))
}

/// A pool of lists without buffers.
pub(crate) fn bare_list_pool(handle: Handle) -> Handle {
    NdisAllocateNetBufferListPool(handle, list_pool_parameters(false, 0, 0))
}

/// A pool of buffers.
pub(crate) fn buffer_pool(handle: Handle, data: u32) -> Handle {
    type P = NbPoolParameters;
    let parameters = keep(P::SIZE).cast::<P>();
    parameters.set(P::HEADER_TYPE, 0x80);
    parameters.set(P::HEADER_REVISION, 1);
    parameters.set(P::HEADER_SIZE, 12);
    parameters.set(P::POOL_TAG, TAG);
    parameters.set(P::DATA_SIZE, data);
    NdisAllocateNetBufferPool(handle, parameters)
}

/// A tag.
pub(crate) const TAG: u32 = 0x6B61_4601;

/// Nonpaged memory.
pub(crate) const NON_PAGED: u64 = 0x40;

/// Registers the driver's device, whose requests `on_irp` serves.
pub(crate) fn register_device(registration: Handle, name: &str) -> Handle {
    type A = DeviceObjectAttributes;
    let table = keep(28 * 8)
        .cast::<Option<extern "win64" fn(Guest<DeviceObject>, Guest<Irp>) -> NtStatus>>();
    for function in [0, 2, 3, 4, 14, 18] {
        table.index(function).write(Some(dispatch));
    }
    let attributes = keep(A::SIZE).cast::<A>();
    attributes.set(A::HEADER_TYPE, 0x85);
    attributes.set(A::HEADER_REVISION, 1);
    attributes.set(A::HEADER_SIZE, 56);
    attributes.set(A::DEVICE_NAME, unicode(&format!("\\Device\\{name}")));
    attributes.set(A::SYMBOLIC_NAME, unicode(&format!("\\DosDevices\\{name}")));
    attributes.set(A::MAJOR_FUNCTIONS, table);
    attributes.set(A::EXTENSION_SIZE, 16);
    let (device, handle) = (keep(8).cast(), keep(8).cast::<Handle>());
    let status = NdisRegisterDeviceEx(registration, attributes, device, handle);
    assert_eq!(status, NtStatus::SUCCESS);
    NdisGetDeviceReservedExtension(device.read()).cast::<Handle>().write(STARTED.get());
    handle.read()
}

extern "win64" fn dispatch(device: Guest<DeviceObject>, irp: Guest<Irp>) -> NtStatus {
    let fake = fake(NdisGetDeviceReservedExtension(device).cast::<Handle>().read());
    let hook = fake.on_irp.as_ref().expect("a driver with a device serves requests");
    hook(irp)
}

/// Completes a request.
pub(crate) fn complete(irp: Guest<Irp>, status: NtStatus, information: u64) -> NtStatus {
    irp.set(Irp::IO_STATUS, status);
    irp.set(Irp::IO_INFORMATION, information);
    IofCompleteRequest(irp, 0);
    status
}
