use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use ndis_lab::{File, PendingControl};

use crate::{Reply, Status, Transport};

/// The driver's control device in the lab, open.
///
/// Several threads may make requests at a time, and [`Transport::cancel`] ends those that wait.
#[derive(Debug)]
pub struct Device {
    file: File,
    /// How often everything under way was cancelled.
    cancels: AtomicU64,
}

impl Device {
    pub(super) fn new(file: File) -> Self {
        Self { file, cancels: AtomicU64::new(0) }
    }

    fn wait(&self, pending: &PendingControl, mut cancels: u64) -> Reply {
        const STEP: Duration = Duration::from_micros(200);
        loop {
            if let Some(result) = pending.result() {
                return Reply { status: Status(result.status.0), output: result.output };
            }
            let now = self.cancels.load(Ordering::Acquire);
            if now != cancels {
                cancels = now;
                pending.cancel();
            }
            thread::sleep(STEP);
        }
    }
}

impl Transport for Device {
    fn control(&self, code: u32, input: &[u8], output_length: usize) -> Reply {
        // One that begins after a cancellation is not its affair.
        let cancels = self.cancels.load(Ordering::Acquire);
        self.wait(&self.file.control_pending(code, input, output_length), cancels)
    }

    fn cancel(&self) {
        self.cancels.fetch_add(1, Ordering::AcqRel);
    }
}

/// Makes requests without a way to cancel them, and waits ten seconds at most.
impl Transport for File {
    fn control(&self, code: u32, input: &[u8], output_length: usize) -> Reply {
        let result = Self::control(self, code, input, output_length);
        Reply { status: Status(result.status.0), output: result.output }
    }
}
