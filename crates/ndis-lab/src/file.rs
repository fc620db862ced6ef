//! An open file on a device of the driver.

use std::sync::Arc;

use crate::abi::io::major;
use crate::io::request::{self, FileState, Request};
use crate::machine::Machine;
use crate::status::NtStatus;

/// An open file on a device of the driver.
///
/// Requests may be made from several threads. Dropping a file closes it.
#[derive(Debug)]
pub struct File {
    machine: Arc<Machine>,
    state: Arc<FileState>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControlResult {
    /// The status.
    pub status: NtStatus,
    /// `IoStatus.Information`
    pub information: u64,
    /// The output as the caller sees it: empty after an error.
    pub output: Vec<u8>,
}

/// A request that may not be done yet.
#[derive(Debug)]
#[must_use = "a request that is dropped goes on"]
pub struct PendingControl {
    machine: Arc<Machine>,
    request: Arc<Request>,
}

impl File {
    pub(crate) fn new(machine: Arc<Machine>, state: Arc<FileState>) -> Self {
        Self { machine, state }
    }

    /// Makes a device control and waits for it, at most ten seconds.
    #[must_use]
    pub fn control(&self, code: u32, input: &[u8], output_length: usize) -> ControlResult {
        self.control_pending(code, input, output_length).wait()
    }

    /// Makes a device control; it may be done already.
    pub fn control_pending(&self, code: u32, input: &[u8], output_length: usize) -> PendingControl {
        self.begin(major::DEVICE_CONTROL, code, input, output_length)
    }

    /// Reads up to a length and waits for it.
    #[must_use]
    pub fn read(&self, length: usize) -> ControlResult {
        self.read_pending(length).wait()
    }

    /// Reads up to a length; the read may be done already.
    pub fn read_pending(&self, length: usize) -> PendingControl {
        self.begin(major::READ, 0, &[], length)
    }

    /// Writes and waits for it.
    #[must_use]
    pub fn write(&self, bytes: &[u8]) -> ControlResult {
        self.write_pending(bytes).wait()
    }

    /// Writes; the write may be done already.
    pub fn write_pending(&self, bytes: &[u8]) -> PendingControl {
        self.begin(major::WRITE, 0, bytes, 0)
    }

    fn begin(&self, major: u8, code: u32, input: &[u8], output: usize) -> PendingControl {
        let request = request::begin(&self.machine, &self.state, major, code, input, output);
        PendingControl { machine: Arc::clone(&self.machine), request }
    }

    /// Who can cancel the file's requests, from whichever thread.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller { machine: Arc::clone(&self.machine), state: Arc::clone(&self.state) }
    }

    /// Who can close the file while others use it, from whichever thread.
    #[must_use]
    pub fn closer(&self) -> Closer {
        Closer { machine: Arc::clone(&self.machine), state: Arc::clone(&self.state) }
    }

    /// Closes the file: IRP_MJ_CLEANUP, then IRP_MJ_CLOSE when no request is left.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for File {
    fn drop(&mut self) {
        request::close(&self.machine, &self.state);
    }
}

/// Cancels the requests of a file, as another thread of its program can at any moment: before a
/// request has reached the driver, while it is there, and when the driver has returned from it.
///
/// It does not keep the file open.
///
/// Follows CancelIoEx.
#[derive(Clone, Debug)]
pub struct Canceller {
    machine: Arc<Machine>,
    state: Arc<FileState>,
}

impl Canceller {
    /// Cancels every request that is not done; says for how many the driver's cancel routine was
    /// called.
    pub fn cancel_all(&self) -> usize {
        request::cancel_all(&self.machine, &self.state)
    }
}

/// Closes a file's handle, as another thread of its program can at any moment: while the driver is
/// inside of a request, too.
///
/// Whoever makes a request of the file after that is told INVALID_HANDLE.
///
/// Follows CloseHandle, and IRP_MJ_CLEANUP.
#[derive(Clone, Debug)]
pub struct Closer {
    machine: Arc<Machine>,
    state: Arc<FileState>,
}

impl Closer {
    /// Closes the file, if it is not closed: IRP_MJ_CLEANUP, then IRP_MJ_CLOSE when no request is
    /// left.
    pub fn close(&self) {
        request::close(&self.machine, &self.state);
    }
}

impl PendingControl {
    /// Whether the request is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.request.is_done()
    }

    /// Whether someone has cancelled the request, which is not done yet.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        request::is_cancelled(&self.request)
    }

    /// Cancels the request, as the I/O manager does: says whether the driver's cancel routine was
    /// called. The driver completes the request in its own time.
    pub fn cancel(&self) -> bool {
        request::cancel(&self.machine, &self.request)
    }

    /// Waits for the request, at most ten seconds.
    ///
    /// # Panics
    ///
    /// If the request is not done by then.
    #[must_use]
    #[track_caller]
    pub fn wait(self) -> ControlResult {
        let result = self.request.wait(&self.machine);
        assert!(result.is_some(), "the driver did not complete a request within ten seconds");
        result.unwrap_or_else(|| unreachable!("asserted"))
    }

    /// The result, if the request is done.
    #[must_use]
    pub fn result(&self) -> Option<ControlResult> {
        self.request.result()
    }
}
