//! The way to the driver's control device.

use crate::Status;

/// What a device control answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it ended.
    pub status: Status,
    /// The output: empty after an error.
    pub output: Vec<u8>,
}

/// A way to make device controls.
///
/// Several threads may make requests at a time.
pub trait Transport {
    /// Makes a METHOD_BUFFERED device control and waits for its answer.
    fn control(&self, code: u32, input: &[u8], output_length: usize) -> Reply;

    /// Asks for the requests under way to end early, which they do with
    /// [`Status::CANCELLED`] where the driver can still take them back.
    ///
    /// A way that cannot ask does nothing; its requests end when they are done.
    fn cancel(&self) {}
}

impl<T: Transport + ?Sized> Transport for &T {
    fn control(&self, code: u32, input: &[u8], output_length: usize) -> Reply {
        (**self).control(code, input, output_length)
    }

    fn cancel(&self) {
        (**self).cancel();
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn control(&self, code: u32, input: &[u8], output_length: usize) -> Reply {
        (**self).control(code, input, output_length)
    }

    fn cancel(&self) {
        (**self).cancel();
    }
}
