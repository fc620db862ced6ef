//! Events of a process that uses a driver.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::abi::Handle;
use crate::abi::kernel::{Event, NOTIFICATION_EVENT};
use crate::machine::Machine;
use crate::ob::{self, Object, ObjectType};

/// An event of a process, whose handle a request may give to the driver.
#[derive(Clone, Debug)]
pub struct UserEvent {
    handle: Handle,
    object: Arc<Object>,
}

impl UserEvent {
    pub(crate) fn new(machine: &Machine) -> Self {
        let object = Object::new(ObjectType::Event, NOTIFICATION_EVENT, "");
        let handle = ob::add_user_handle(machine, Arc::clone(&object));
        Self { handle, object }
    }

    /// The handle, as the process would pass it.
    #[must_use]
    pub fn handle(&self) -> u64 {
        self.handle.0
    }

    /// Whether the driver signalled it.
    #[must_use]
    pub fn is_set(&self) -> bool {
        let state = self.object.event().field(Event::SIGNAL_STATE);
        state.atomic_i32().load(Ordering::Acquire) != 0
    }
}
