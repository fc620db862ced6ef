//! Everything that Framecast promises, told as short stories.

mod lifecycle;
mod plan;
mod state;
