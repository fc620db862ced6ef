//! The I/O manager: devices, files, requests.

pub(crate) mod buffers;
pub(crate) mod csq;
pub(crate) mod device;
pub(crate) mod irp;
pub(crate) mod probe;
pub(crate) mod request;
pub(crate) mod stack_limits;
pub(crate) mod work_item;

use std::collections::HashMap;
use std::sync::Arc;

use crate::guest::Block;
use device::Device;
use request::Request;

/// What the I/O manager of a machine knows.
#[derive(Debug)]
pub(crate) struct IoState {
    pub(crate) devices: Vec<Arc<Device>>,
    /// Symbolic links: upper-case name to device name.
    pub(crate) links: HashMap<String, String>,
    pub(crate) irps: HashMap<u64, Arc<Request>>,
    /// The word of the cancel spin lock.
    pub(crate) cancel_lock: Arc<Block>,
}

impl Default for IoState {
    fn default() -> Self {
        Self {
            devices: Vec::new(),
            links: HashMap::new(),
            irps: HashMap::new(),
            cancel_lock: Arc::new(Block::zeroed(8)),
        }
    }
}
