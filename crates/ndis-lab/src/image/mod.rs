//! Driver images: PE32+ for x86-64, mapped, relocated and bound.
#![expect(unsafe_code, reason = "maps code and hands out its addresses")]

mod parse;
mod symbols;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use thiserror::Error;

use crate::abi::handlers::DriverEntry;
use crate::exports;
use crate::guest::{Guest, PAGE};
use crate::thunk::Thunks;
use parse::{Code, Parsed, Section};
pub use parse::{Import, imports};
use symbols::Symbols;

/// Why an image cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not an image, or not a whole one.
    #[error("{path} is not a PE32+ image: {source}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: object::read::Error,
    },
    /// The image is not for this machine, or asks for what no driver should.
    #[error("{path} is not a driver for x86-64: {reason}")]
    Unsuitable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The image imports what the lab does not have.
    #[error("{path} imports what the lab does not export: {}", list(missing))]
    MissingImports {
        /// The file.
        path: PathBuf,
        /// Every such import.
        missing: Vec<Import>,
    },
}

fn list(imports: &[Import]) -> String {
    let names: Vec<_> = imports.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// A loaded image. It stays mapped as long as its lab: addresses in it name functions in reports.
pub(crate) struct Image {
    path: PathBuf,
    base: u64,
    size: usize,
    entry: u64,
    code: Vec<Code>,
    symbols: OnceLock<Symbols>,
    /// Where each import leads.
    targets: Vec<(u64, String)>,
    _thunks: Thunks,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({} at {:#x})", self.path.display(), self.base)
    }
}

impl Image {
    /// Maps, relocates and binds an image.
    pub(crate) fn load(path: &Path) -> Result<Self, LoadError> {
        let path = path.to_path_buf();
        let file = std::fs::read(&path)
            .map_err(|source| LoadError::Read { path: path.clone(), source })?;
        let parsed = Parsed::new(&path, &file)?;
        let missing: Vec<_> = parsed
            .imports
            .iter()
            .filter(|slot| !slot.import.known)
            .map(|slot| slot.import.clone())
            .collect();
        if !missing.is_empty() {
            return Err(LoadError::MissingImports { path, missing });
        }
        let size = parsed.size.next_multiple_of(PAGE);
        let base = map(size);
        let memory = Memory { base, size };
        for section in &parsed.sections {
            memory.write(section.address, &section.bytes);
        }
        let shift = base.wrapping_sub(parsed.image_base);
        for &at in &parsed.relocations {
            memory.write_word(at, memory.read_word(at).wrapping_add(shift));
        }
        let (thunks, targets) = bind(&memory, &parsed);
        if let Some(cookie) = parsed.security_cookie {
            // The loader, not the driver, makes the cookie unlike the one it was linked with.
            memory.write_word(cookie, base ^ 0x0000_5A3C_96E1_7B2D);
        }
        for section in &parsed.sections {
            memory.protect(section);
        }
        let entry = base + u64::from(parsed.entry);
        let symbols = OnceLock::new();
        let code = parsed.code();
        Ok(Self { path, base, size, entry, code, symbols, targets, _thunks: thunks })
    }

    /// DriverEntry.
    pub(crate) fn entry(&self) -> DriverEntry {
        // SAFETY: the address is the entry point that the image names, mapped executable for as
        // long as the lab lives; that it is a DriverEntry is what a driver image promises.
        unsafe { std::mem::transmute::<u64, DriverEntry>(self.entry) }
    }

    /// The first byte of the image.
    pub(crate) fn start(&self) -> Guest<u8> {
        // SAFETY: the image is memory of the driver.
        unsafe { Guest::from_address(self.base) }
    }

    /// The size of the image in memory.
    pub(crate) fn size(&self) -> u32 {
        u32::try_from(self.size).unwrap_or(u32::MAX)
    }

    /// Whether an address lies in the image.
    pub(crate) fn contains(&self, address: u64) -> bool {
        (self.base..self.base + self.size as u64).contains(&address)
    }

    /// Whether an address lies in code of the image.
    pub(crate) fn is_code(&self, address: u64) -> bool {
        self.contains(address)
            && self.code.iter().any(|code| code.range.contains(&(address - self.base)))
    }

    /// Where in the image an address of it is.
    pub(crate) fn offset(&self, address: u64) -> usize {
        usize::try_from(address.wrapping_sub(self.base)).unwrap_or(usize::MAX)
    }

    /// Where the imports lead, and their names.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (u64, &str)> {
        self.targets.iter().map(|(address, name)| (*address, name.as_str()))
    }

    /// Lets the code be executed, or not. Takes no lock: a handler of signals may call it.
    pub(crate) fn set_executable(&self, executable: bool) {
        let execute = if executable { libc::PROT_EXEC } else { 0 };
        for Code { range, writable } in &self.code {
            let write = if *writable { libc::PROT_WRITE } else { 0 };
            let size = usize::try_from(range.end - range.start).unwrap_or(0);
            protect(self.base + range.start, size, libc::PROT_READ | write | execute);
        }
    }

    /// Names a place in the image: function, file and line as far as the PDB beside it says.
    pub(crate) fn describe(&self, address: u64) -> String {
        let symbols = self.symbols.get_or_init(|| Symbols::beside(&self.path));
        let offset = u32::try_from(address - self.base).unwrap_or(u32::MAX);
        let module = self.path.file_name().unwrap_or_default().to_string_lossy();
        match symbols.describe(offset) {
            Some(symbol) => format!("{module}!{symbol}"),
            None => format!("{module}+{offset:#x}"),
        }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `map`; the lab that ran the driver is gone.
        unsafe { libc::munmap(self.base as *mut _, self.size) };
    }
}

fn map(size: usize) -> u64 {
    // SAFETY: a fresh anonymous mapping touches no existing memory.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(base, libc::MAP_FAILED, "the lab is out of memory");
    base as u64
}

fn bind(memory: &Memory, parsed: &Parsed) -> (Thunks, Vec<(u64, String)>) {
    let mut thunks = Thunks::new(parsed.imports.len());
    let mut targets = Vec::new();
    for slot in &parsed.imports {
        let Some(export) = exports::find(&slot.import.name) else { continue };
        let address = (export.address)();
        let target = if export.thunk { thunks.add(address) } else { address };
        memory.write_word(slot.address, target);
        targets.push((target, slot.import.name.clone()));
    }
    thunks.seal();
    (thunks, targets)
}

/// The memory of an image while it is being made.
struct Memory {
    base: u64,
    size: usize,
}

impl Memory {
    fn at<T>(&self, offset: u32, length: usize) -> Guest<T> {
        assert!(offset as usize + length <= self.size, "an image names bytes outside itself");
        // SAFETY: inside the mapping, which is writable until `protect`.
        unsafe { Guest::from_address(self.base + u64::from(offset)) }
    }

    fn write(&self, offset: u32, bytes: &[u8]) {
        self.at::<u8>(offset, bytes.len()).write_bytes(bytes);
    }

    fn read_word(&self, offset: u32) -> u64 {
        self.at::<u64>(offset, 8).read()
    }

    fn write_word(&self, offset: u32, value: u64) {
        self.at::<u64>(offset, 8).write(value);
    }

    fn protect(&self, section: &Section) {
        let mut protection = libc::PROT_READ;
        if section.writable {
            protection |= libc::PROT_WRITE;
        }
        if section.executable {
            protection |= libc::PROT_EXEC;
        }
        protect(self.at::<u8>(section.address, section.size).address(), section.size, protection);
    }
}

/// Protects a section, from its first byte to the end of its last page.
fn protect(start: u64, size: usize, protection: i32) {
    // SAFETY: whole pages of an image: sections begin at page boundaries.
    let refused =
        unsafe { libc::mprotect(start as *mut _, size.next_multiple_of(PAGE), protection) };
    assert_eq!(refused, 0, "the lab cannot protect a section");
}
