//! A filter module: one driver on one adapter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::abi::Handle;
use crate::adapter_config::AdapterConfig;
use crate::irql::Irql;
use crate::machine::Machine;
use crate::module_state::ModuleState;
use crate::ndis::adapter::LowerEdge;
use crate::ndis::filter::{DataHandlers, FilterDriver};
use crate::ndis::oid::Requests;
use crate::ndis::protocol::UpperEdge;
use crate::processor::Frame;
use crate::restart_attributes::GeneralAttributes;
use crate::status::NtStatus;
use crate::sync::{Signal, lock};

/// How long NDIS waits for a filter before it calls it stuck.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What changes about a module.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, not a mode")]
pub(crate) struct Inner {
    pub(crate) state: ModuleState,
    /// How often it entered a state.
    transitions: u64,
    /// The context that FilterAttach set.
    pub(crate) context: Option<Handle>,
    pub(crate) handlers: DataHandlers,
    /// Whether FilterSetModuleOptions runs.
    pub(crate) setting_options: bool,
    /// Whether FilterPause returned PENDING and was not completed.
    pub(crate) pause_pending: bool,
    /// Whether FilterPause has returned.
    pub(crate) pause_returned: bool,
    /// Whether NdisFPauseComplete came.
    pub(crate) pause_completed: bool,
    /// Whether FilterRestart may be completed, or was, and how.
    pub(crate) restart_pending: bool,
    pub(crate) restart_completed: Option<NtStatus>,
    /// What the filter learnt at the last restart, if anything.
    pub(crate) told: Option<GeneralAttributes>,
    /// What it let the drivers above know.
    pub(crate) reported: Option<GeneralAttributes>,
    /// At which IRQL the data path runs, and whether flags say so.
    pub(crate) level: Irql,
    pub(crate) dispatch_flag: bool,
    /// The port of the calls that bring lists, and what else the flags of sends and of receives
    /// say.
    pub(crate) port: u32,
    pub(crate) send_flags: u32,
    pub(crate) receive_flags: u32,
}

impl Inner {
    /// Whether the driver has been told that the module does not run: it is Paused, or Pausing
    /// and FilterPause has returned.
    ///
    /// Between the two ends of FilterPause, and of FilterRestart, the driver changes its mind at a
    /// moment that nobody else sees.
    pub(crate) fn knows_it_is_paused(&self) -> bool {
        match self.state {
            ModuleState::Paused => true,
            ModuleState::Pausing => self.pause_returned,
            _ => false,
        }
    }

    /// Enters a state.
    pub(crate) fn enter(&mut self, state: ModuleState) {
        self.state = state;
        self.transitions += 1;
    }
}

/// A filter module.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) handle: Handle,
    pub(crate) driver: Arc<FilterDriver>,
    pub(crate) config: AdapterConfig,
    pub(crate) inner: Mutex<Inner>,
    pub(crate) changed: Signal,
    pub(crate) lower: Mutex<LowerEdge>,
    pub(crate) upper: Mutex<UpperEdge>,
    pub(crate) batches: AtomicU64,
    pub(crate) requests: Requests,
}

impl Module {
    pub(crate) fn new(
        handle: Handle,
        driver: Arc<FilterDriver>,
        handlers: DataHandlers,
        config: AdapterConfig,
    ) -> Self {
        Self {
            handle,
            driver,
            config,
            inner: Mutex::new(Inner {
                state: ModuleState::Attaching,
                transitions: 0,
                context: None,
                handlers,
                setting_options: false,
                pause_pending: false,
                pause_returned: false,
                pause_completed: false,
                restart_pending: false,
                restart_completed: None,
                told: None,
                reported: None,
                level: Irql::DISPATCH,
                dispatch_flag: true,
                port: 0,
                send_flags: 0,
                receive_flags: 0,
            }),
            changed: Signal::default(),
            lower: Mutex::default(),
            upper: Mutex::default(),
            batches: AtomicU64::new(0),
            requests: Requests::default(),
        }
    }

    /// Its state.
    pub(crate) fn state(&self) -> ModuleState {
        lock(&self.inner).state
    }

    /// Its state if the driver has been told that it does not run, and a number that changes with
    /// the state.
    pub(crate) fn paused_and_transitions(&self) -> (Option<ModuleState>, u64) {
        let inner = lock(&self.inner);
        (inner.knows_it_is_paused().then_some(inner.state), inner.transitions)
    }

    /// Its context, as the driver set it.
    pub(crate) fn context(&self) -> Handle {
        lock(&self.inner).context.unwrap_or_default()
    }

    /// Its handlers of the data path.
    pub(crate) fn handlers(&self) -> DataHandlers {
        lock(&self.inner).handlers
    }

    /// At which IRQL NDIS calls the data path, and the flag that goes with it.
    pub(crate) fn data_level(&self) -> (Irql, u32) {
        let inner = lock(&self.inner);
        let flag = inner.dispatch_flag && inner.level == Irql::DISPATCH;
        (inner.level, u32::from(flag))
    }

    /// The port of the calls that bring lists, and further flags of those that do so downwards
    /// and upwards.
    pub(crate) fn call_parameters(&self) -> (u32, u32, u32) {
        let inner = lock(&self.inner);
        (inner.port, inner.send_flags, inner.receive_flags)
    }

    /// The number of a further call that carries lists.
    pub(crate) fn next_batch(&self) -> u64 {
        self.batches.fetch_add(1, Ordering::Relaxed)
    }

    /// A frame for a callback of this module.
    pub(crate) fn frame(&self, callback: &'static str) -> Frame {
        Frame { callback, driver: self.driver.id, flagged: false }
    }

    /// A frame for a callback whose flags say whether it runs at DISPATCH_LEVEL.
    pub(crate) fn data_frame(&self, callback: &'static str) -> Frame {
        Frame { flagged: true, ..self.frame(callback) }
    }

    /// Waits for a condition, as long as NDIS would; says whether it came about.
    pub(crate) fn wait(&self, machine: &Machine, condition: impl Fn(&Inner) -> bool) -> bool {
        self.changed.wait(&self.inner, machine.options.patience, condition)
    }
}
