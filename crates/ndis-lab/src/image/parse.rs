//! Reading a PE32+ file.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, Import as PeImport, PeFile64};

use super::LoadError;

/// A function or variable that an image wants from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Import {
    /// The image that should have it.
    pub image: String,
    /// Its name.
    pub name: String,
    /// Whether the lab has it.
    pub known: bool,
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}!{}", self.image, self.name)
    }
}

/// Where the address of an import goes.
pub(super) struct Slot {
    pub(super) import: Import,
    pub(super) address: u32,
}

/// Where code lies in an image.
pub(super) struct Code {
    /// Offsets in the image.
    pub(super) range: Range<u64>,
    /// Whether it may be written, too.
    pub(super) writable: bool,
}

/// A section as it is to lie in memory.
pub(super) struct Section {
    pub(super) address: u32,
    pub(super) size: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) writable: bool,
    pub(super) executable: bool,
}

/// What a loader needs to know of an image.
pub(super) struct Parsed {
    pub(super) image_base: u64,
    pub(super) size: usize,
    pub(super) entry: u32,
    pub(super) sections: Vec<Section>,
    pub(super) relocations: Vec<u32>,
    pub(super) imports: Vec<Slot>,
    pub(super) security_cookie: Option<u32>,
}

/// What an image imports, in the order of its table.
///
/// # Errors
///
/// When the file cannot be read or is not a driver for x86-64.
pub fn imports(path: impl AsRef<Path>) -> Result<Vec<Import>, LoadError> {
    let path = path.as_ref();
    let file = std::fs::read(path)
        .map_err(|source| LoadError::Read { path: path.to_path_buf(), source })?;
    Ok(Parsed::new(path, &file)?.imports.into_iter().map(|slot| slot.import).collect())
}

impl Parsed {
    pub(super) fn new(path: &Path, file: &[u8]) -> Result<Self, LoadError> {
        let format = |source| LoadError::Format { path: path.to_path_buf(), source };
        let unsuitable = |reason: &str| LoadError::Unsuitable {
            path: path.to_path_buf(),
            reason: reason.to_owned(),
        };
        let pe = PeFile64::parse(file).map_err(format)?;
        let headers = pe.nt_headers();
        let optional = headers.optional_header();
        if headers.file_header().machine.get(LE) != pe::IMAGE_FILE_MACHINE_AMD64 {
            return Err(unsuitable("it is for another processor"));
        }
        if optional.subsystem() != pe::IMAGE_SUBSYSTEM_NATIVE {
            return Err(unsuitable("its subsystem is not native"));
        }
        let relocations = relocations(&pe).map_err(format)?;
        if relocations.is_empty()
            && headers.file_header().characteristics.get(LE).0 & pe::IMAGE_FILE_RELOCS_STRIPPED.0
                != 0
        {
            return Err(unsuitable("it cannot be moved: it has no relocations"));
        }
        let size = optional.size_of_image() as usize;
        let sections = sections(&pe, file, optional.size_of_headers()).map_err(format)?;
        if sections.iter().any(|section| section.address as usize + section.size > size) {
            return Err(unsuitable("a section lies outside the image"));
        }
        Ok(Self {
            image_base: optional.image_base(),
            size,
            entry: optional.address_of_entry_point(),
            sections,
            relocations,
            imports: slots(&pe).map_err(format)?,
            security_cookie: security_cookie(&pe, optional.image_base()),
        })
    }
}

impl Parsed {
    /// Where code lies.
    pub(super) fn code(&self) -> Vec<Code> {
        let executable = self.sections.iter().filter(|section| section.executable);
        executable
            .map(|section| {
                let start = u64::from(section.address);
                let range = start..start + section.size as u64;
                Code { range, writable: section.writable }
            })
            .collect()
    }
}

fn sections(
    pe: &PeFile64<'_>,
    file: &[u8],
    header_size: u32,
) -> Result<Vec<Section>, object::read::Error> {
    let header_end = usize::min(header_size as usize, file.len());
    let mut sections = vec![Section {
        address: 0,
        size: header_end,
        bytes: file[..header_end].to_vec(),
        writable: false,
        executable: false,
    }];
    for header in pe.section_table().iter() {
        let flags = header.characteristics.get(LE);
        let size = header.virtual_size.get(LE).max(header.size_of_raw_data.get(LE)) as usize;
        let bytes = header.pe_data(file)?;
        sections.push(Section {
            address: header.virtual_address.get(LE),
            size: header.virtual_size.get(LE).max(1) as usize,
            bytes: bytes[..bytes.len().min(size)].to_vec(),
            writable: flags.0 & pe::IMAGE_SCN_MEM_WRITE.0 != 0,
            executable: flags.0 & pe::IMAGE_SCN_MEM_EXECUTE.0 != 0,
        });
    }
    for section in &mut sections {
        section.bytes.truncate(section.size.next_multiple_of(crate::guest::PAGE));
    }
    Ok(sections)
}

fn relocations(pe: &PeFile64<'_>) -> Result<Vec<u32>, object::read::Error> {
    let mut addresses = Vec::new();
    let blocks = pe.data_directories().relocation_blocks(pe.data(), &pe.section_table())?;
    let Some(mut blocks) = blocks else { return Ok(addresses) };
    while let Some(block) = blocks.next()? {
        for relocation in block {
            if relocation.typ == pe::IMAGE_REL_BASED_DIR64 {
                addresses.push(relocation.virtual_address);
            }
        }
    }
    Ok(addresses)
}

fn slots(pe: &PeFile64<'_>) -> Result<Vec<Slot>, object::read::Error> {
    let mut slots = Vec::new();
    let Some(table) = pe.import_table()? else { return Ok(slots) };
    let mut descriptors = table.descriptors()?;
    while let Some(descriptor) = descriptors.next()? {
        let image = String::from_utf8_lossy(table.name(descriptor.name.get(LE))?).into_owned();
        let mut lookup = descriptor.original_first_thunk.get(LE);
        if lookup == 0 {
            lookup = descriptor.first_thunk.get(LE);
        }
        let mut thunks = table.thunks(lookup)?;
        let mut address = descriptor.first_thunk.get(LE);
        while let Some(thunk) = thunks.next::<pe::ImageNtHeaders64>()? {
            let name = match table.import::<pe::ImageNtHeaders64>(thunk)? {
                PeImport::Ordinal(ordinal) => format!("#{ordinal}"),
                PeImport::Name(_, name) => String::from_utf8_lossy(name).into_owned(),
            };
            let known = crate::exports::find_in(&image, &name).is_some();
            slots.push(Slot { import: Import { image: image.clone(), name, known }, address });
            address += 8;
        }
    }
    Ok(slots)
}

/// Where the image keeps its stack cookie, from its load configuration.
fn security_cookie(pe: &PeFile64<'_>, image_base: u64) -> Option<u32> {
    const SECURITY_COOKIE: usize = 0x58;
    let directory = pe.data_directories().get(pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG)?;
    let data = directory.data(pe.data(), &pe.section_table()).ok()?;
    let bytes = data.get(SECURITY_COOKIE..SECURITY_COOKIE + 8)?;
    let address = u64::from_le_bytes(bytes.try_into().ok()?);
    u32::try_from(address.checked_sub(image_base)?).ok().filter(|&offset| offset != 0)
}
