//! The object file around a version resource: the directory in `.rsrc$01`, the bytes in
//! `.rsrc$02`, as resource compilers leave them for linkers.
//!
//! Follows "PE Format", "The .rsrc Section".

use object::{
    Architecture, BinaryFormat, Endianness, SectionKind, pe,
    write::{Object, Relocation, RelocationFlags},
};

use crate::Error;

/// RT_VERSION, and the only name that a version resource can have.
const VERSION: u32 = 16;
const NAME: u32 = 1;

/// Bytes of a directory with one entry, and the flag of an entry that leads to another.
const DIRECTORY: u32 = 24;
const SUBDIRECTORY: u32 = 0x8000_0000;

/// The processor that an image runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// x86-64.
    X64,
    /// 64-bit Arm.
    Arm64,
}

impl Machine {
    /// The machine that cargo calls so.
    pub(crate) fn of_target(architecture: &str) -> Option<Self> {
        match architecture {
            "x86_64" => Some(Self::X64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

/// The object file with this version resource.
pub(crate) fn object(machine: Machine, language: u16, resource: &[u8]) -> Result<Vec<u8>, Error> {
    // An address relative to the image, which the linker fills in.
    let (architecture, address) = match machine {
        Machine::X64 => (Architecture::X86_64, pe::IMAGE_REL_AMD64_ADDR32NB),
        Machine::Arm64 => (Architecture::Aarch64, pe::IMAGE_REL_ARM64_ADDR32NB),
    };
    let mut object = Object::new(BinaryFormat::Coff, architecture, Endianness::Little);
    let mut section = |name: &[u8], bytes: &[u8]| {
        let section = object.add_section(Vec::new(), name.to_vec(), SectionKind::ReadOnlyData);
        object.append_section_data(section, bytes, 8);
        section
    };
    let directory = section(b".rsrc$01", &directory(language, resource.len()));
    let data = section(b".rsrc$02", resource);
    let relocation = Relocation {
        offset: u64::from(3 * DIRECTORY),
        symbol: object.section_symbol(data),
        addend: 0,
        flags: RelocationFlags::Coff { typ: address },
    };
    object.add_relocation(directory, relocation)?;
    Ok(object.write()?)
}

/// Three directories of one entry each, by type, name and language, then where the bytes are.
fn directory(language: u16, length: usize) -> Vec<u8> {
    let mut words = Vec::new();
    let levels = [
        (VERSION, SUBDIRECTORY | DIRECTORY),
        (NAME, SUBDIRECTORY | (2 * DIRECTORY)),
        (u32::from(language), 3 * DIRECTORY),
    ];
    for (name, next) in levels {
        const NO_NAMES_AND_ONE_NUMBER: u32 = 1 << 16;
        words.extend([0, 0, 0, NO_NAMES_AND_ONE_NUMBER, name, next]);
    }
    // A block of a resource is shorter than 64 KiB.
    words.extend([0, u32::try_from(length).unwrap_or(u32::MAX), 0, 0]);
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}
