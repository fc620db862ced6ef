//! The lab, tried by drivers made of functions: what it does, and every breach that it finds.

#[macro_use]
mod common;
mod attributes;
mod cancel;
mod exports;
mod failures;
mod fault;
mod flags;
mod kernel;
mod later;
mod lifecycle;
mod lists;
mod locks;
mod modes;
mod pools;
mod requests;
mod rules;
mod schedules;
mod states;
mod time;
mod transfers;
mod travel;
