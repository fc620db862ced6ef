//! Everything that Framecast promises, told as short stories.

mod faults;
mod inject;
mod lifecycle;
mod plan;
mod state;
