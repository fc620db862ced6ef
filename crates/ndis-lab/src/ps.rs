//! System threads.
#![expect(non_snake_case, reason = "exports bear their kernel names")]
#![expect(unsafe_code, reason = "runs a driver's thread routine and ends it where it asks for it")]

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use crate::abi::Handle;
use crate::abi::kernel::Event;
use crate::abi::registry::ObjectAttributes;
use crate::abi::sync::THREAD_OBJECT;
use crate::asm::{self, Exit};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::Guest;
use crate::irql::Irql;
use crate::ledger::{Kind, ObjectRecord};
use crate::machine::Machine;
use crate::ndis::pool::owner_of;
use crate::ob::{self, Object, ObjectType};
use crate::processor::Frame;
use crate::rule::Rule;
use crate::schedule::session;
use crate::status::NtStatus;
use crate::sync::lock;

exports![PsCreateSystemThread, PsTerminateSystemThread];

thread_local! {
    /// How this thread ends, if it is a system thread; zeros if not.
    static EXIT: Cell<Exit> = const { Cell::new([0; 2]) };
}

/// A thread that is to run.
struct Start {
    machine: Arc<Machine>,
    frame: Frame,
    object: Arc<Object>,
    routine: u64,
    context: Guest<u8>,
    key: u64,
}

impl Start {
    fn run(self) {
        let Self { routine, context, .. } = self;
        let exit = EXIT.with(Cell::as_ptr);
        self.machine.call_driver(self.frame, Irql::PASSIVE, routine, || {
            // SAFETY: the driver's start routine. Between here and PsTerminateSystemThread lie
            // frames of the driver, and of that export, which has nothing to drop by then.
            unsafe { asm::run(routine, context.address(), exit) };
        });
        EXIT.set([0; 2]);
        lock(&self.machine.ledger).objects.remove(&self.key);
        self.object.event().field(Event::SIGNAL_STATE).atomic_i32().store(1, Ordering::Release);
    }
}

/// Makes a thread that runs a routine at PASSIVE_LEVEL.
pub extern "win64" fn PsCreateSystemThread(
    handle: Guest<Handle>,
    _access: u32,
    _attributes: Guest<ObjectAttributes>,
    _process: Handle,
    _client: Guest<u8>,
    routine: u64,
    context: Guest<u8>,
) -> NtStatus {
    let call = Call::enter("PsCreateSystemThread", Irql::PASSIVE, routine);
    if call.allocation_fails() {
        return NtStatus::INSUFFICIENT_RESOURCES;
    }
    call.took_memory();
    let object = Object::new(ObjectType::Thread, THREAD_OBJECT, "");
    handle.write(ob::add_handle(&call, Arc::clone(&object)));
    let key = call.machine.new_handle().0;
    let owner = owner_of(&call, Handle::NULL);
    let record = ObjectRecord { kind: Kind::Thread, owner, site: call.site, block: None };
    lock(&call.machine.ledger).objects.insert(key, record);
    let mut frame = Call::frame();
    frame.callback = "a system thread";
    frame.flagged = false;
    let machine = Arc::clone(&call.machine);
    let start = Start { machine, frame, object, routine, context, key };
    if session::is_active() {
        let threads = call.machine.threads.clone();
        threads.push(key, move || start.run());
    } else {
        thread::spawn(move || start.run());
    }
    NtStatus::SUCCESS
}

/// Ends the calling thread, which must be one of the driver's own; then it does not return.
pub extern "win64" fn PsTerminateSystemThread(status: NtStatus) -> NtStatus {
    let call = Call::enter("PsTerminateSystemThread", Irql::PASSIVE, 0);
    let exit = EXIT.get();
    if exit == [0; 2] {
        let message = format!("a thread that is not the driver's is ended with {status}");
        call.violate(Rule::KernelObject, message, &[]);
        return NtStatus::INVALID_PARAMETER;
    }
    drop(call);
    // SAFETY: the place is one that `asm::run` of this thread waits in; nothing here is left to
    // drop.
    unsafe { asm::end(exit) }
}
