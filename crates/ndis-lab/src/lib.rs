//! An NDIS host for lightweight filters, on x86-64 Linux, in this process, at full speed.
//!
//! A [`Lab`] loads a built filter driver, byte for byte the one that ships, runs its whole life
//! between an adapter below and a protocol above, and checks that it keeps the rules that NDIS
//! and the kernel set. A breach is a [`Violation`], which a test can ask for.
//!
//! ```no_run
//! use ndis_lab::{AdapterConfig, Lab};
//!
//! let lab = Lab::default();
//! let driver = lab.load("filter.sys")?;
//! driver.start()?;
//! let stack = driver.attach(AdapterConfig::default().with_backfill(64, 32))?;
//! stack.start()?;
//! stack.send_from_above([b"a frame"]);
//! assert_eq!(stack.wire()[0].bytes, b"a frame");
//! stack.pause();
//! stack.detach();
//! driver.unload().expect_clean();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Schedules
//!
//! Without a [`Schedule`] everything runs on threads of the system, as it comes. With one, a seed
//! decides the order of everything that happens in [`Lab::run`]: at each call of the driver, at
//! its return, and at each call into the driver, any virtual thread that could go on may. A
//! thread at DISPATCH_LEVEL keeps its virtual processor, spin locks and events block, and time
//! passes only while nobody can go on. [`Exploration`] runs a story under many seeds; what fails
//! is replayed from the seed that is printed, and told by the shortest run that fails alike.
//!
//! ```no_run
//! use ndis_lab::{AdapterConfig, Exploration, Lab};
//!
//! Exploration::seeds(0..1000)
//!     .run(|schedule| {
//!         let lab = Lab::builder().schedule(schedule).build();
//!         let driver = lab.load("filter.sys").expect("a driver");
//!         driver.start().expect("it starts");
//!         let stack = driver.attach(AdapterConfig::default()).expect("it attaches");
//!         stack.start().expect("it runs");
//!         lab.run(|scope| {
//!             scope.spawn(|| stack.send_from_above([b"a frame"]));
//!             scope.spawn(|| stack.indicate_from_below([b"another"], false));
//!             stack.pause();
//!         });
//!         driver.unload()
//!     })
//!     .expect_clean();
//! ```
//!
//! # Where what is
//!
//! | files | what |
//! |---|---|
//! | `lab`, `driver`, `stack`, `file`, … | the interface for tests, one noun a file |
//! | `image`, `thunk`, `exports` | loading a driver and binding its imports |
//! | `ke`, `ex`, `io`, `mm`, `rtl`, `ob`, `ps`, `zw`, `dbg`, `crt`, `asm`, `ndis` | what drivers import, by the kernel's prefixes |
//! | `ndis/adapter`, `ndis/protocol` | the drivers at the two ends of a stack |
//! | `ndis/lifecycle` | attach, restart, pause, detach, in NDIS' order |
//! | `ledger`, `checks`, `rule`, `violation` | who owns what, and what must not happen |
//! | `processor`, `irql`, `call`, `visits`, `work` | threads, their levels, calls, later work |
//! | `schedule` | deterministic mode: a seed decides the order of everything |
//! | `guest`, `abi` | the driver's memory, and the layouts of what lies in it |
//! | `guard`, `custody`, `grave` | guarded mode: memory that is closed to the driver, and who gave it away or freed it |
//! | `exercise` | a filter's whole life under seeds and faults |
//! | `trace`, `faults`, `counters`, `fault` | what happened, made to fail, counted, crashed |
//! | `step`, `instructions` | the driver's instructions, counted one at a time |
//!
//! # Where documentation is silent
//!
//! The lab is written from documentation. Where that does not say what happens, the lab does as
//! below; where a strict guess could reject a right driver, it is lenient.
//!
//! | behaviour | source |
//! |---|---|
//! | A retreat without room allocates `DataOffsetDelta + DataBackFill` bytes and uses the old room as well, so that the data stay in one piece | assumed; the sum is documented |
//! | A buffer that comes with data has all of it in front: `DataOffset` is its size, `DataLength` 0 | assumed; public drivers claim it by retreating |
//! | Context that a list is allocated with lies at the end of its block, unused room in front; with neither size given, the pool's whole context is the caller's | assumed; public drivers rely on it |
//! | NDIS keeps 256 bytes of unused context in lists from above and below | assumed; that there is enough is documented |
//! | A filter that learns nothing at a restart (no list, too short, wrong header) owes no backfill | assumed, lenient |
//! | FilterSetModuleOptions is called before every restart, not at attach | documented for restart |
//! | NdisSetOptionalHandlers is accepted in FilterSetModuleOptions and while Restarting | pages disagree; lenient |
//! | A send or an indication that is passed on is legal from Paused onwards; origination only while Running | pages disagree; lenient |
//! | A module that is Pausing, before FilterPause has returned, or Restarting, before FilterRestart has, may still pass sends on and originate from other threads | assumed, lenient: nobody sees when the driver decides |
//! | A list that a callback still brings to the driver when the pause completes does not hold it up | assumed, lenient |
//! | A list from above that is still with the drivers below does not hold a pause up | assumed, lenient |
//! | A request that is not queued may be completed after cleanup; close follows it | documented for queued ones only |
//! | A request that is cancellable when cleanup returns is queued if it still is when all who were in the driver at that moment have left it | assumed, lenient: another thread may be about to complete it |
//! | A list of another driver has to be finished with in ten seconds | assumed; the limit is not stated |
//! | A send that a filter without FilterCancelSendNetBufferLists keeps may wait for lists of the filter's own | assumed, lenient |
//! | A cancel identifier is right on an originated send if a send from above bears it: copied information copies it | assumed, lenient |
//! | The parts of a fragmented list each get their own room in front; a reassembled list has the data of all buffers | documented; in which order room and data lie is assumed |
//! | FilterSynchronousOidRequest that fails ends the request; FilterSynchronousOidRequestComplete is called if it went on down | documented; the rest is assumed |
//! | A reader may acquire a lock of NDIS again to read | assumed, lenient |
//! | Module and driver find the same values in their configuration; a text may stand for a number | assumed |
//! | A lookaside list keeps sixteen blocks, in guarded mode none | assumed |
//! | Push locks are acquired within a critical region or at APC_LEVEL | documented |
//! | Devices of NDIS read and write as their flags say, with the user's address if they say nothing | assumed |
//! | The MDL of METHOD_IN_DIRECT shows the first bytes of the input | assumed: callers of the lab give one buffer |
//! | The lab raises no exceptions: where ProbeForRead would, it reports a breach | assumed; a hostile address that a driver would catch cannot be tried |
//! | A thread has 160 KB of stack, counted from where it asked first: the kernel has 24 KB, but no calls of the lab in between | assumed |
//! | In guarded mode data that share a page with memory of the driver that is not away stay open | pages are what can be closed |
//! | A callback that NDIS makes from within a driver's call runs at the caller's IRQL | assumed |
//! | An adapter that sleeps: NetEventSetPower, FilterPause unless the miniport needs none, OID_PNP_SET_POWER; and back in the other order | documented, but for the order |
//! | An adapter that is pulled out: NdisDevicePnPEventSurpriseRemoved, what is under way fails, FilterPause, FilterDetach | documented, but for the order |
//! | An address that was asked for of another driver's MDL ends when its list is home | documented: MmUnlockPages ends it |
//! | An MDL that nobody mapped says of the address in its process only where in its page it begins | documented: it is of no use to others |
//! | A large send of version 1 completes with its payload counted over all frames of the list | documented |
//! | Under a schedule, deferred completions come on any processor; procedures of one processor run in the order they were queued; work items in any order | assumed; importance and target processors are not |
//! | Under a schedule, a timer that is due cannot be taken back any more: its procedure is queued | documented |

#![doc = include_str!("../TESTING.md")]
#![doc = include_str!("../RULES.md")]
#![allow(clippy::doc_markdown, reason = "the kernel's names are words of this crate")]
#![allow(clippy::must_use_candidate, reason = "what a driver does with a result is its affair")]

#[macro_use]
pub mod guest;
pub mod abi;
mod adapter_config;
mod asm;
mod call;
mod checks;
mod counters;
mod crt;
mod custody;
mod dbg;
mod driver;
mod edge;
mod ex;
pub mod exercise;
pub mod exports;
mod fault;
mod faults;
mod file;
mod frame;
mod grave;
mod guard;
mod image;
mod instructions;
mod io;
mod irql;
mod ke;
mod lab;
mod ledger;
mod lock_order;
mod machine;
mod mdl;
mod mm;
mod module_state;
mod ndis;
mod ob;
mod oid_request;
mod out_of_band;
mod parameter;
mod processor;
mod ps;
mod restart_attributes;
mod rtl;
mod rule;
mod schedule;
mod stack;
mod status;
mod step;
mod sync;
mod thunk;
mod timer;
mod trace;
mod user_event;
mod verdict;
mod violation;
mod visits;
mod work;
mod zw;

pub use adapter_config::AdapterConfig;
pub use counters::Counters;
pub use driver::Driver;
pub use edge::{Order, Policy};
pub use file::{Canceller, Closer, ControlResult, File, PendingControl};
pub use frame::{Completion, Frame, NbSpec, NblSpec};
pub use image::{Import, LoadError, imports};
pub use instructions::Instructions;
pub use irql::Irql;
pub use lab::{Lab, LabBuilder};
pub use module_state::ModuleState;
pub use ndis::base::Handover;
pub use oid_request::{OidAnswer, OidKind, OidQuery, OidResult};
pub use out_of_band::{IpVersion, OutOfBand};
pub use parameter::Parameter;
pub use restart_attributes::{GeneralAttributes, RestartAttributes};
pub use rule::{NAMED, Named, Rule};
pub use schedule::{
    Act, Actor, Exploration, Explored, Failure, LastWords, NoSchedule, Object, Schedule, Scope,
    Step, Strategy, Switch, shrink,
};
pub use stack::Stack;
pub use status::NtStatus;
pub use trace::{Event, Way};
pub use user_event::UserEvent;
pub use verdict::Verdict;
pub use violation::{Location, Violation};
