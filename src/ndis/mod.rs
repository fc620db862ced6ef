//! NDIS as safe Rust: a layer that any lightweight filter can be written on.
//!
//! All unsafe code of the driver is here. What it promises:
//!
//! - **A free is a drop.** No function frees; owners do, in the order of their fields.
//! - **An order of frees is a lifetime.** A [`NetBufferList`] borrows its [`Pools`]; its frames
//!   borrow their [`FrameBuffers`].
//! - **A send is a move.** [`Running::send`] takes the lists; they come back as a [`Homecoming`].
//! - **Only a running module originates.** [`Running`] is got from [`Origin::enter`], and while
//!   one lives, or a list is under way, the module's pause is not complete. The states of a module
//!   are this layer's; a [`Module`] only hears of them.
//! - **Every request is answered once.** [`SendRequest`], [`ReceiveIndication`], [`OidRequest`]
//!   and [`ControlRequest`] are moved into their answer; one that is dropped instead is answered
//!   with a failure, or passed back.
//! - **Others' frames are looked at, not touched.** A [`FrameView`] gives copies of bytes, never
//!   references, and lives no longer than the call that brought the frame.
//! - **What many read, one replaces.** A [`Published`] value ends when its last reader has left.
//! - **Memory may run out.** Every allocation answers with [`Error::Resources`].
//!
//! What types cannot say is what [`core::mem::forget`] does: a request that is forgotten is never
//! answered, a [`Running`] that is forgotten keeps its module from pausing, and a list that is
//! forgotten is lost, which NDIS notices when its pool is freed. None of these makes Rust unsound.
//! Nor can they say that what is not Rust's stays: a [`Registration`], a [`ControlDevice`] or a
//! [`Deadline`] that is forgotten outlives the image, and a [`Worker`] must not be asked once the
//! device that its [`WorkItem`] is of is gone. A [`Driver`] keeps what it loads until it is unloaded,
//! when nobody has its device open.
//!
//! ```text
//!             NDIS                               this layer                       a filter
//!   FilterAttach, …Restart, …     ─►  callbacks: raw pointers in, types out  ─►  Filter, Module
//!   NdisFSendNetBufferLists, …    ◄─  Running, SendRequest, OidRequest, …    ◄─  their methods
//!   \\.\ opens, device controls   ─►  ControlDevice                          ─►  Device
//! ```

mod arrival;
mod attach;
mod callbacks;
mod calls;
mod cancel_id;
mod chain;
mod clock;
mod deadline;
mod device;
mod dispatch_level;
mod driver;
mod event;
mod frame;
mod frame_buffers;
mod fresh_frame;
mod gate;
mod handle;
mod homecoming;
mod irp;
mod kernel_event;
mod later;
mod mdl;
mod memory;
mod nb;
mod nbl;
mod offload;
mod oid;
mod origin;
mod passive_lock;
mod place;
mod pool;
mod published;
mod restart;
mod ring;
mod slots;
mod stack;
mod stake;
mod stakes;
mod status;
mod stock;
mod sync;
mod sys;
mod territory;
mod text;
mod traffic;
mod view;
mod waiting;
mod work_item;

pub use arrival::Arrival;
pub use attach::Attachment;
pub use cancel_id::{CancelId, PartialCancelId};
pub use chain::NetBufferListQueue;
pub use clock::{TIME_UNIT_NANOSECONDS, system_time};
pub use deadline::{Deadline, wait_for_deadlines};
pub use device::{ControlDevice, Device, DeviceNames};
pub use dispatch_level::at_dispatch_level;
pub use driver::{
    Driver, DriverObject, Filter, FilterNames, Module, NDIS_VERSION, Registration, Ticket,
};
pub use event::{DevicePnPEvent, NetPnPEvent, StatusIndication};
pub use frame::Frame;
pub use frame_buffers::{FrameBuffers, FrameLayout};
pub use fresh_frame::FreshFrame;
pub use homecoming::Homecoming;
pub use irp::{ControlRequest, Dispatched, OUTPUT_LIMIT};
pub use memory::{Shared, try_slice};
pub use nbl::NetBufferList;
pub use oid::{OidAnswer, OidRequest};
pub use origin::{Origin, Passing, Running};
pub use passive_lock::{PassiveGuard, PassiveLock};
pub use place::Place;
pub use pool::{PoolSizes, Pools};
pub use published::Published;
pub use restart::{GeneralAttributes, RestartAttributes};
pub use ring::{Reader, Reservation, Ring};
pub use stack::stack_left;
pub use stake::{Stake, Staked};
pub use stakes::Stakes;
pub use status::{Error, Result, Status};
pub use stock::Stock;
pub use sync::SpinLock;
pub use text::{CountedString, widen};
pub use traffic::{BorrowedIndication, ReceiveIndication, SendRequest};
pub use view::{FrameView, FrameViews, ListView, Lists};
pub use waiting::{Cancel, PendingControl, Waiting};
pub use work_item::{Work, WorkItem, Worker};
