//! Stories about the built `framecast.sys`.
