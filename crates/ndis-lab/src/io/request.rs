//! Files and requests as the I/O manager makes them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::abi::io::{
    DeviceObject, DriverObject, FileObject, IO_TYPE_FILE, IO_TYPE_IRP, Irp, SL_PENDING_RETURNED,
    StackLocation, major,
};
use crate::abi::kernel::UnicodeString;
use crate::counters::count;
use crate::file::{ControlResult, File};
use crate::guest::{Block, Guest};
use crate::io::buffers::{Buffers, Transfer};
use crate::io::device::{self, Device};
use crate::io::irp;
use crate::irql::Irql;
use crate::machine::Machine;
use crate::processor::Frame;
use crate::rtl::Text;
use crate::rule::Rule;
use crate::schedule::session;
use crate::status::NtStatus;
use crate::sync::{Signal, lock};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open file.
#[derive(Debug)]
pub(crate) struct FileState {
    device: Arc<Device>,
    object: Block,
    /// What the file object's name points to.
    _name: Text,
    is_32_bit: bool,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    outstanding: usize,
    /// Its handle is closed: nobody makes a request of it any more.
    handle_closed: bool,
    cleaned_up: bool,
    closed: bool,
}

/// The memory of a request that the driver may use until it completes it.
#[derive(Debug)]
pub(crate) struct IrpMemory {
    irp: Block,
    pub(crate) buffers: Buffers,
}

impl IrpMemory {
    pub(crate) fn irp(&self) -> Guest<Irp> {
        self.irp.guest()
    }
}

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) file: Arc<FileState>,
    pub(crate) major: u8,
    pub(crate) address: u64,
    /// How many bytes the caller has room for, or gave to be written.
    pub(crate) room: usize,
    /// Gone when the request is completed.
    pub(crate) memory: Mutex<Option<Arc<IrpMemory>>>,
    pub(crate) marked_pending: AtomicBool,
    done: Mutex<Option<ControlResult>>,
    changed: Signal,
}

impl Request {
    /// Whether the caller is a 32-bit process.
    pub(crate) fn is_32_bit(&self) -> bool {
        self.file.is_32_bit
    }

    pub(crate) fn is_done(&self) -> bool {
        lock(&self.done).is_some()
    }

    pub(crate) fn result(&self) -> Option<ControlResult> {
        lock(&self.done).clone()
    }

    /// Start and end of each buffer of the user that the driver may look at.
    pub(crate) fn user_ranges(&self) -> impl Iterator<Item = (u64, u64)> + use<> {
        let memory = lock(&self.memory).clone();
        memory.map(|memory| memory.buffers.user_ranges()).unwrap_or_default().into_iter()
    }

    /// Waits for the request.
    pub(crate) fn wait(&self, machine: &Machine) -> Option<ControlResult> {
        self.changed.wait(&self.done, PATIENCE, Option::is_some);
        if session::is_active() && !self.is_done() {
            let message = "a request is never completed: nobody is left to complete it".to_owned();
            let mut objects = vec![format!("IRP {:#x}", self.address)];
            objects.extend(session::describe_waiting());
            machine.violate(Rule::LostWakeUp, 0, message, objects);
        }
        self.result()
    }

    /// Ends the request with what its IRP says, and takes its memory away from the driver.
    pub(crate) fn finish(&self, machine: &Arc<Machine>) {
        let Some(memory) = lock(&self.memory).take() else { return };
        let irp = memory.irp();
        let status = irp.get(Irp::IO_STATUS);
        let information = irp.get(Irp::IO_INFORMATION);
        let copied = usize::try_from(information).unwrap_or(usize::MAX).min(self.room);
        let output = match memory.buffers.output() {
            Some(buffer) if !status.is_error() && self.major != major::WRITE => {
                buffer.read_bytes(copied)
            }
            _ => Vec::new(),
        };
        drop(memory);
        *lock(&self.done) = Some(ControlResult { status, information, output });
        self.changed.notify();
        let close = {
            let mut progress = lock(&self.file.progress);
            progress.outstanding -= 1;
            progress.outstanding == 0 && progress.cleaned_up && !progress.closed
        };
        if close && self.major != major::CLEANUP {
            let (machine, file) = (Arc::clone(machine), Arc::clone(&self.file));
            let queue = machine.work.clone();
            queue.push(0, move || send_close(&machine, &file));
        }
    }
}

/// Every entry of a fresh dispatch table completes with INVALID_DEVICE_REQUEST.
pub(crate) fn fill_dispatch_table(driver: Guest<DriverObject>) {
    let table = driver.field(DriverObject::MAJOR_FUNCTION).cast::<u64>();
    for index in 0..major::COUNT {
        table.index(index).write(irp::invalid_device_request as *const () as u64);
    }
}

/// Opens a device.
pub(crate) fn open(machine: &Arc<Machine>, name: &str, is_32_bit: bool) -> Result<File, NtStatus> {
    let (device, behind) = device::find(machine, name).ok_or(NtStatus::OBJECT_NAME_NOT_FOUND)?;
    let object = Block::guarded(FileObject::SIZE);
    let guest = object.guest::<FileObject>();
    guest.set(FileObject::TYPE, IO_TYPE_FILE);
    guest.set(FileObject::SIZE_FIELD, 216);
    guest.set(FileObject::DEVICE_OBJECT, device.object());
    let name = Text::new(behind);
    let name_field = guest.field(FileObject::FILE_NAME).cast::<u8>();
    name_field.copy_from(name.string().cast(), UnicodeString::SIZE);
    let file = FileState { device, object, _name: name, is_32_bit, progress: Mutex::default() };
    let file = Arc::new(file);
    let request = begin(machine, &file, major::CREATE, 0, &[], 0);
    let status = request.wait(machine).map_or(NtStatus::TIMEOUT, |result| result.status);
    if status.is_success() && status != NtStatus::TIMEOUT {
        Ok(File::new(Arc::clone(machine), file))
    } else {
        Err(status)
    }
}

/// Closes a file, if it is not closed: cleanup now, close when no request is left.
pub(crate) fn close(machine: &Arc<Machine>, file: &Arc<FileState>) {
    if std::mem::replace(&mut lock(&file.progress).handle_closed, true) {
        return;
    }
    // A cleanup that is not completed is reported where it was dispatched.
    let _ = begin(machine, file, major::CLEANUP, 0, &[], 0).wait(machine);
    let mut queued = outstanding(machine, file);
    queued.retain(|request| has_cancel_routine(request));
    if !queued.is_empty() {
        // Who is in the midst of completing one of them is about to make it uncancellable.
        machine.visits.wait_for_those_inside();
        queued.retain(|request| has_cancel_routine(request));
    }
    if !queued.is_empty() {
        let objects = queued.iter().map(|request| format!("IRP {:#x}", request.address)).collect();
        let message = format!("cleanup left {} cancellable requests queued", queued.len());
        machine.violate(Rule::IrpLeft, 0, message, objects);
    }
    for request in queued {
        cancel(machine, &request);
    }
    let idle = {
        let mut progress = lock(&file.progress);
        progress.cleaned_up = true;
        progress.outstanding == 0 && !progress.closed
    };
    if idle {
        send_close(machine, file);
    }
}

/// The requests of a file that are not done.
fn outstanding(machine: &Machine, file: &Arc<FileState>) -> Vec<Arc<Request>> {
    let io = lock(&machine.io);
    let own = io.irps.values().filter(|request| Arc::ptr_eq(&request.file, file));
    own.cloned().collect()
}

fn has_cancel_routine(request: &Request) -> bool {
    let memory = lock(&request.memory).clone();
    memory.is_some_and(|memory| memory.irp().get(Irp::CANCEL_ROUTINE) != 0)
}

fn send_close(machine: &Arc<Machine>, file: &Arc<FileState>) {
    if std::mem::replace(&mut lock(&file.progress).closed, true) {
        return;
    }
    let _ = begin(machine, file, major::CLOSE, 0, &[], 0).wait(machine);
}

/// Makes a request and sends it to the driver, unless it is one of a user whose handle is closed.
pub(crate) fn begin(
    machine: &Arc<Machine>,
    file: &Arc<FileState>,
    function: u8,
    code: u32,
    input: &[u8],
    output: usize,
) -> Arc<Request> {
    count(&machine.tally.irps);
    let memory = Arc::new(make_irp(file, function, code, input, output));
    let guest = memory.irp();
    let room = if function == major::WRITE { input.len() } else { output };
    let request = Arc::new(Request {
        file: Arc::clone(file),
        major: function,
        address: guest.address(),
        room,
        memory: Mutex::new(Some(memory)),
        marked_pending: AtomicBool::new(false),
        done: Mutex::default(),
        changed: Signal::default(),
    });
    let is_users = matches!(function, major::DEVICE_CONTROL | major::READ | major::WRITE);
    {
        let mut progress = lock(&file.progress);
        if is_users && progress.handle_closed {
            let result = ControlResult {
                status: NtStatus::INVALID_HANDLE,
                information: 0,
                output: Vec::new(),
            };
            *lock(&request.done) = Some(result);
            return request;
        }
        progress.outstanding += 1;
    }
    lock(&machine.io).irps.insert(guest.address(), Arc::clone(&request));
    dispatch(machine, &request, guest);
    request
}

fn make_irp(file: &FileState, function: u8, code: u32, input: &[u8], output: usize) -> IrpMemory {
    let irp = Block::guarded(Irp::SIZE + StackLocation::SIZE);
    let guest = irp.guest::<Irp>();
    let location = guest.byte_add(Irp::SIZE as u64).cast::<StackLocation>();
    guest.set(Irp::TYPE, IO_TYPE_IRP);
    guest.set(Irp::SIZE_FIELD, 280);
    guest.set(Irp::REQUESTOR_MODE, 1);
    guest.set(Irp::STACK_COUNT, 1);
    guest.set(Irp::CURRENT_LOCATION, 1);
    guest.set(Irp::CURRENT_STACK_LOCATION, location);
    guest.set(Irp::ORIGINAL_FILE_OBJECT, file.object.guest());
    location.set(StackLocation::MAJOR_FUNCTION, function);
    location.set(StackLocation::DEVICE_OBJECT, file.device.object());
    location.set(StackLocation::FILE_OBJECT, file.object.guest());
    let (input_length, output_length) =
        (u32::try_from(input.len()).unwrap_or(u32::MAX), u32::try_from(output).unwrap_or(u32::MAX));
    match function {
        major::DEVICE_CONTROL => {
            location.set(StackLocation::OUTPUT_BUFFER_LENGTH, output_length);
            location.set(StackLocation::INPUT_BUFFER_LENGTH, input_length);
            location.set(StackLocation::IO_CONTROL_CODE, code);
        }
        major::READ => location.set(StackLocation::LENGTH, output_length),
        major::WRITE => location.set(StackLocation::LENGTH, input_length),
        _ => {}
    }
    let flags = file.device.object().get(DeviceObject::FLAGS);
    let buffers = Buffers::new(Transfer::of(function, code, flags), input, output);
    buffers.describe(guest, location);
    IrpMemory { irp, buffers }
}

fn callback_name(function: u8) -> &'static str {
    match function {
        major::CREATE => "IRP_MJ_CREATE",
        major::CLOSE => "IRP_MJ_CLOSE",
        major::READ => "IRP_MJ_READ",
        major::WRITE => "IRP_MJ_WRITE",
        major::DEVICE_CONTROL => "IRP_MJ_DEVICE_CONTROL",
        major::CLEANUP => "IRP_MJ_CLEANUP",
        _ => "another dispatch routine",
    }
}

/// A frame for a callback that concerns a device.
pub(crate) fn frame(device: &Device, callback: &'static str) -> Frame {
    Frame { callback, driver: device.driver, flagged: false }
}

fn dispatch(machine: &Arc<Machine>, request: &Arc<Request>, irp: Guest<Irp>) {
    let device = &request.file.device;
    let routine = device.dispatch(request.major).unwrap_or(irp::invalid_device_request);
    let object = device.object();
    let frame = frame(device, callback_name(request.major));
    let returned =
        machine.call_driver(frame, Irql::PASSIVE, irp.address(), || routine(object, irp));
    // The request's memory may be gone by now; what it said of itself is kept.
    let memory = lock(&request.memory).clone();
    let marked = memory.as_ref().map_or_else(
        || request.marked_pending.load(Ordering::Acquire),
        |memory| is_marked_pending(memory.irp()),
    );
    let violate = |message: String| {
        machine.violate(Rule::IrpPending, 0, message, vec![format!("IRP {irp:?}")]);
    };
    let name = frame.callback;
    if returned == NtStatus::PENDING {
        if !marked {
            violate(format!("{name} returned PENDING for a request not marked pending"));
        }
        return;
    }
    if marked {
        violate(format!("{name} returned {returned} for a request marked pending"));
    }
    match request.result() {
        None => {
            violate(format!("{name} returned {returned} for a request that is not completed"));
            irp.set(Irp::IO_STATUS, returned);
            lock(&machine.io).irps.remove(&irp.address());
            request.finish(machine);
        }
        Some(result) if result.status != returned => {
            let completed = result.status;
            violate(format!("{name} returned {returned} for a request completed as {completed}"));
        }
        Some(_) => {}
    }
}

/// Whether the driver marked a request pending.
pub(crate) fn is_marked_pending(irp: Guest<Irp>) -> bool {
    let location = irp.get(Irp::CURRENT_STACK_LOCATION);
    location.get(StackLocation::CONTROL) & SL_PENDING_RETURNED != 0
}

/// Whether a request that is not done is cancelled.
pub(crate) fn is_cancelled(request: &Request) -> bool {
    let memory = lock(&request.memory).clone();
    memory.is_some_and(|memory| memory.irp().get(Irp::CANCEL) != 0)
}

/// Cancels a request; says whether its cancel routine was called.
pub(crate) fn cancel(machine: &Arc<Machine>, request: &Arc<Request>) -> bool {
    let Some(memory) = lock(&request.memory).clone() else { return false };
    let called = irp::cancel(machine, &request.file.device, memory.irp());
    drop(memory);
    called
}

/// Cancels a file's reads, writes and controls; says how many had a cancel routine.
pub(crate) fn cancel_all(machine: &Arc<Machine>, file: &Arc<FileState>) -> usize {
    let requests = outstanding(machine, file).into_iter();
    let ordinary = [major::READ, major::WRITE, major::DEVICE_CONTROL];
    requests.filter(|it| ordinary.contains(&it.major) && cancel(machine, it)).count()
}
