//! Everything that Framecast promises, told as short stories.

mod any_filter;
mod attributes;
mod callers;
mod control;
mod copying;
mod cost;
mod demo;
mod events;
mod exercise;
mod faults;
mod hlk;
mod image;
mod inject;
mod lifecycle;
mod mirror;
mod mutants;
mod oid;
mod package;
mod pass_through;
mod plan;
mod reuse;
mod schedules;
mod state;
mod tap;
mod ui;
mod verdict;
