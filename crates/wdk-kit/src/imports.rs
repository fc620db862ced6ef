//! What each kernel image exports, and the import libraries made from that.

use std::io::Cursor;

use ar_archive_writer::{COFFShortExport, MachineTypes, write_import_library};

use crate::{Architecture, Error};

/// An import library of the kit.
pub(crate) struct Library {
    /// Its file name.
    pub(crate) file: &'static str,
    /// The image that the loader will look in.
    image: &'static str,
    /// The import definition, and the file it comes from.
    definition: Option<(&'static str, &'static str)>,
}

macro_rules! library {
    ($file:literal, $image:literal, $definition:literal) => {
        Library {
            file: $file,
            image: $image,
            definition: Some(($definition, include_str!(concat!("../imports/", $definition)))),
        }
    };
    ($file:literal, $image:literal) => {
        Library { file: $file, image: $image, definition: None }
    };
}

/// The libraries that a WDM driver is linked with; the last two are asked for by name and hold
/// nothing that a filter driver calls.
pub(crate) const LIBRARIES: &[Library] = &[
    library!("ntoskrnl.lib", "ntoskrnl.exe", "ntoskrnl.def"),
    library!("hal.lib", "HAL.dll", "hal.def"),
    library!("ndis.lib", "NDIS.SYS", "ndis.def"),
    library!("wmilib.lib", "WMILIB.SYS"),
    library!("BufferOverflowFastFailK.lib", "ntoskrnl.exe"),
    library!("arm64rt.lib", "ntoskrnl.exe"),
];

/// The libraries that a program in Rust is linked with. The last is asked for by name and holds
/// nothing that is called.
pub(crate) const USER_LIBRARIES: &[Library] = &[
    library!("kernel32.lib", "kernel32.dll", "um/kernel32.def"),
    library!("ntdll.lib", "ntdll.dll", "um/ntdll.def"),
    library!("userenv.lib", "userenv.dll", "um/userenv.def"),
    library!("ws2_32.lib", "ws2_32.dll", "um/ws2_32.def"),
    library!("libcmt.lib", "ucrtbase.dll", "um/ucrtbase.def"),
    library!("dbghelp.lib", "dbghelp.dll"),
];

/// A name that an image exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The name.
    pub name: &'static str,
    /// Whether it names a variable and not a function.
    pub data: bool,
}

/// The images that the kit can import from.
pub fn images() -> impl Iterator<Item = &'static str> {
    LIBRARIES.iter().filter(|library| library.definition.is_some()).map(|library| library.image)
}

/// What the kit says that `image` exports; nothing for an image it does not know. Letter case does
/// not matter, as it does not to the loader.
///
/// # Errors
///
/// [`Error::Definition`] when the import definition is not well formed.
pub fn exports_of(image: &str) -> Result<Vec<Export>, Error> {
    LIBRARIES
        .iter()
        .find(|library| library.definition.is_some() && library.image.eq_ignore_ascii_case(image))
        .map_or_else(|| Ok(Vec::new()), Library::exports)
}

impl Library {
    fn exports(&self) -> Result<Vec<Export>, Error> {
        self.definition.map_or_else(|| Ok(Vec::new()), |(file, text)| parse(file, text))
    }

    /// The library as bytes: short imports, each by name.
    pub(crate) fn bytes(&self, architecture: Architecture) -> Result<Vec<u8>, Error> {
        let machine = match architecture {
            Architecture::X64 => MachineTypes::AMD64,
            Architecture::Arm64 => MachineTypes::ARM64,
        };
        let exports: Vec<_> = self.exports()?.iter().map(short_export).collect();
        let mut bytes = Cursor::new(Vec::new());
        write_import_library(&mut bytes, self.image, &exports, machine, false, false, &[])
            .map_err(|source| Error::Write { path: self.file.into(), source })?;
        Ok(bytes.into_inner())
    }
}

fn short_export(export: &Export) -> COFFShortExport {
    COFFShortExport {
        name: export.name.to_owned(),
        ext_name: None,
        symbol_name: None,
        import_name: None,
        export_as: None,
        ordinal: 0,
        noname: false,
        data: export.data,
        private: false,
        constant: false,
    }
}

/// Reads a module definition file: `EXPORTS`, then a name a line, `DATA` after that of a variable.
/// A semicolon starts a comment.
fn parse(file: &'static str, text: &'static str) -> Result<Vec<Export>, Error> {
    let wrong = |line, problem| Error::Definition { file, line: line + 1, problem };
    let mut exports = Vec::new();
    let mut started = false;
    for (number, line) in text.lines().enumerate() {
        let statement = line.split(';').next().unwrap_or_default();
        let words: Vec<_> = statement.split_whitespace().collect();
        match (started, words.as_slice()) {
            (_, []) | (false, ["LIBRARY", _]) => {}
            (false, ["EXPORTS"]) => started = true,
            (true, [name]) => exports.push(Export { name, data: false }),
            (true, [name, "DATA"]) => exports.push(Export { name, data: true }),
            (false, _) => return Err(wrong(number, "expected LIBRARY or EXPORTS")),
            (true, _) => return Err(wrong(number, "expected a name, or a name and DATA")),
        }
    }
    Ok(exports)
}
