//! The commands of `ndis-lab`.
//!
//! | file | what |
//! |---|---|
//! | `run` | traffic from a capture, through the filter and out at its ends |
//! | `exercise` | stories of seeds and faults, and their verdict |
//! | `worker` | a process that tells stories, so that a driver that crashes ends only that |
//! | `plan` | which stories are left to be told |
//! | `report` | the verdict on stories |
//! | `output` | what is printed |
//! | `shortest` | the shortest story that fails alike |

pub(crate) mod exercise;
pub(crate) mod output;
mod plan;
mod report;
pub(crate) mod run;
mod shortest;
mod worker;

/// Any error, on its way to the last line of output.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
