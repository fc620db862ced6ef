//! Everything that Framecast promises, told as short stories.

mod faults;
mod inject;
mod lifecycle;
mod pass_through;
mod plan;
mod state;
