//! The program as its users meet it: what it prints, what it leaves, how it ends.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod adapters;
mod arguments;
mod extcap;
mod mirror;
mod namespaces;
mod selftest;
mod send;
mod stage;
mod tap;
mod wine;
