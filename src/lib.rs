#![no_std]
//! Framecast.
