//@ error: E0624
//! NDIS starts modules; they do not start themselves.
#![no_std]

use framecast::ndis::{Origin, PoolSizes};

/// Whether the module runs.
pub fn runs<T: Send + 'static>(origin: &Origin<T>, _sizes: PoolSizes) -> bool {
    #[cfg(mistake)]
    let _ = origin.open(_sizes); //~ here
    origin.enter().is_some()
}
