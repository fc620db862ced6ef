//! The driver's control device on Windows.
#![expect(unsafe_code, reason = "Windows' functions are C's")]

use std::{
    ffi::OsString,
    io,
    os::windows::{
        ffi::OsStringExt,
        fs::OpenOptionsExt,
        io::{AsRawHandle, FromRawHandle, OwnedHandle},
    },
    path::PathBuf,
    ptr,
};

use windows_sys::{
    Wdk::System::IO::NtDeviceIoControlFile,
    Win32::{
        Foundation::{ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND, HANDLE},
        Foundation::{STATUS_PENDING, STATUS_UNSUCCESSFUL, WAIT_OBJECT_0},
        Storage::FileSystem::FILE_FLAG_OVERLAPPED,
        System::{
            IO::{CancelIoEx, IO_STATUS_BLOCK},
            SystemInformation::GetSystemDirectoryW,
            Threading::{CreateEventW, INFINITE, WaitForSingleObject},
        },
    },
};

use crate::{Reply, Status, Transport};

/// The name of the control device.
const NAME: &str = r"\\.\Framecast";

/// An open handle of the driver's control device, `\\.\Framecast`.
///
/// Several threads may make requests at a time, and [`Transport::cancel`] ends those that wait.
#[derive(Debug)]
pub struct Device {
    file: std::fs::File,
}

/// Why the control device does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such device.
    #[error(
        "the Framecast driver is not running; install it from an elevated prompt with \
         'netcfg -v -l framecast.inf -c s -i framecast_lwf', or start it with 'sc start framecast'"
    )]
    NotThere,
    /// The device opens for others only.
    #[error(
        "the Framecast driver serves SYSTEM and Administrators only; run this from an elevated \
         prompt"
    )]
    Denied,
    /// Something else.
    #[error("the Framecast driver does not open: {0}")]
    Other(#[source] io::Error),
}

impl Device {
    /// Opens the control device.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open() -> Result<Self, OpenError> {
        let opened = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(FILE_FLAG_OVERLAPPED)
            .open(NAME);
        opened.map(|file| Self { file }).map_err(|error| {
            match error.raw_os_error().map(i32::cast_unsigned) {
                Some(ERROR_FILE_NOT_FOUND | ERROR_PATH_NOT_FOUND) => OpenError::NotThere,
                Some(ERROR_ACCESS_DENIED) => OpenError::Denied,
                _ => OpenError::Other(error),
            }
        })
    }

    fn handle(&self) -> HANDLE {
        self.file.as_raw_handle()
    }
}

impl Transport for Device {
    /// Asks as DeviceIoControl does, which would tell Win32's error: one for many statuses.
    fn control(&self, code: u32, input: &[u8], output_length: usize) -> Reply {
        let failed = |status: i32| Reply { status: Status(status), output: Vec::new() };
        let Ok(event) = event() else { return failed(STATUS_UNSUCCESSFUL) };
        let mut output = vec![0_u8; output_length];
        let mut block = IO_STATUS_BLOCK::default();
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        // SAFETY: the handles are open, and all that is pointed to lives until the request is done,
        // which is waited for below.
        let mut status = unsafe {
            NtDeviceIoControlFile(
                self.handle(),
                event.as_raw_handle(),
                None,
                ptr::null(),
                &raw mut block,
                code,
                input.as_ptr().cast(),
                length(input.len()),
                output.as_mut_ptr().cast(),
                length(output.len()),
            )
        };
        if status == STATUS_PENDING {
            // SAFETY: the event is open.
            let waited = unsafe { WaitForSingleObject(event.as_raw_handle(), INFINITE) };
            assert_eq!(waited, WAIT_OBJECT_0, "an event of one's own can be waited for");
            // SAFETY: the request is done, so its status is there.
            status = unsafe { block.Anonymous.Status };
        }
        if !Status(status).is_success() {
            return failed(status);
        }
        output.truncate(block.Information);
        Reply { status: Status(status), output }
    }

    fn cancel(&self) {
        // SAFETY: the handle is open; no request in particular means all.
        let _none_to_cancel = unsafe { CancelIoEx(self.handle(), ptr::null()) };
    }
}

/// An event that a request sets when it is done.
fn event() -> io::Result<OwnedHandle> {
    // SAFETY: no security and no name; manual reset, not set.
    let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
    if event.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle is open, and nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(event) })
}

/// Where Windows keeps its own libraries.
pub(crate) fn system_folder() -> Option<PathBuf> {
    let mut units = [0_u16; 260];
    let room = u32::try_from(units.len()).ok()?;
    // SAFETY: there is room for as many units as it is told.
    let length = unsafe { GetSystemDirectoryW(units.as_mut_ptr(), room) };
    let name = units.get(..usize::try_from(length).ok()?)?;
    (!name.is_empty()).then(|| OsString::from_wide(name).into())
}
