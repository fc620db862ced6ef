//! Everything that Framecast promises, told as short stories.

mod plan;
mod state;
