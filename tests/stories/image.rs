//! The file that ships: what it is, and what it wants of the system.

use crate::callers::callers;
use framecast_tests::driver_file;
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, Import, PeFile64};
use object::{LittleEndian as LE, Object, ObjectSection, pe};
use serde_json::Value;
use std::{collections::BTreeSet, fs, process::Command};

/// What buffer management is made of: each has its place in the driver.
const BUFFER_MANAGEMENT: [&str; 9] = [
    "NdisAllocateNetBufferListPool",
    "NdisAllocateNetBufferPool",
    "NdisAllocateNetBufferAndNetBufferList",
    "NdisAllocateNetBufferList",
    "NdisAllocateNetBuffer",
    "NdisFreeNetBufferList",
    "NdisFreeNetBuffer",
    "NdisFreeNetBufferListPool",
    "NdisFreeNetBufferPool",
];

/// Calls `look` with the image.
fn with_image(look: impl FnOnce(&PeFile64<'_>)) {
    let bytes = fs::read(driver_file()).expect("cargo xtask build makes the driver");
    look(&PeFile64::parse(bytes.as_slice()).expect("a PE32+ image"));
}

/// Every import: the image that has it, in capitals, and its name.
fn imports(image: &PeFile64<'_>) -> BTreeSet<(String, String)> {
    let table = image.import_table().expect("well-formed").expect("a table of imports");
    let mut descriptors = table.descriptors().expect("well-formed");
    let mut found = BTreeSet::new();
    while let Some(descriptor) = descriptors.next().expect("well-formed") {
        let name = table.name(descriptor.name.get(LE)).expect("a name");
        let from = String::from_utf8(name.to_ascii_uppercase()).expect("a plain name");
        let first = descriptor.original_first_thunk.get(LE);
        let mut thunks = table.thunks(first).expect("well-formed");
        while let Some(thunk) = thunks.next::<pe::ImageNtHeaders64>().expect("well-formed") {
            let import = table.import::<pe::ImageNtHeaders64>(thunk).expect("well-formed");
            let Import::Name(_, name) = import else { panic!("{from} by ordinal: {import:?}") };
            let name = String::from_utf8(name.to_vec()).expect("a plain name");
            found.insert((from.clone(), name));
        }
    }
    found
}

#[test]
fn the_image_is_a_native_one_for_x64() {
    with_image(|image| {
        let header = image.nt_headers();
        let file = header.file_header();
        assert_eq!(file.machine.get(LE), pe::IMAGE_FILE_MACHINE_AMD64);
        assert_eq!(header.optional_header().magic(), pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC);
        assert_eq!(header.optional_header().subsystem(), pe::IMAGE_SUBSYSTEM_NATIVE);
        let characteristics = file.characteristics.get(LE);
        assert!(characteristics.contains(pe::IMAGE_FILE_EXECUTABLE_IMAGE));
        assert!(!characteristics.contains(pe::IMAGE_FILE_RELOCS_STRIPPED));
    });
}

#[test]
fn the_image_can_lie_anywhere_and_runs_no_data() {
    with_image(|image| {
        let flags = image.nt_headers().optional_header().dll_characteristics();
        for wanted in [
            pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
            pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA,
            pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        ] {
            assert!(flags.contains(wanted), "{wanted:?} of {flags:?}");
        }
        let directories = image.data_directories();
        let blocks = directories.relocation_blocks(image.data(), &image.section_table());
        let mut blocks = blocks.expect("well-formed").expect("a table of relocations");
        assert!(blocks.next().expect("well-formed").is_some_and(|mut it| it.next().is_some()));
    });
}

#[test]
fn no_section_is_both_written_and_run() {
    with_image(|image| {
        for section in image.section_table().iter() {
            let flags = section.characteristics.get(LE);
            let both = pe::IMAGE_SCN_MEM_WRITE | pe::IMAGE_SCN_MEM_EXECUTE;
            assert!(!flags.contains(both), "{section:?}");
        }
        let names: Vec<_> = image.sections().map(|it| it.name().map(str::to_owned)).collect();
        let expected =
            [".text", ".rdata", ".data", ".pdata", ".rsrc", ".reloc"].map(|it| Ok(it.to_owned()));
        assert_eq!(names, expected);
    });
}

#[test]
fn the_image_is_entered_at_driver_entry() {
    with_image(|image| {
        let optional = image.nt_headers().optional_header();
        let entry = optional.image_base() + u64::from(optional.address_of_entry_point());
        let map = fs::read_to_string(driver_file().with_extension("map")).expect("the map");
        let line = map.lines().find(|line| line.split_whitespace().nth(1) == Some("DriverEntry"));
        let address = line.and_then(|line| line.split_whitespace().nth(2)).expect("DriverEntry");
        assert_eq!(u64::from_str_radix(address, 16), Ok(entry));
    });
}

#[test]
fn only_the_kernel_and_ndis_are_asked_and_by_name() {
    with_image(|image| {
        let asked: BTreeSet<_> = imports(image).into_iter().map(|(from, _)| from).collect();
        assert!(asked.iter().map(String::as_str).eq(["NDIS.SYS", "NTOSKRNL.EXE"]), "{asked:?}");
    });
}

#[test]
fn there_is_no_way_to_a_bug_check() {
    with_image(|image| {
        let names = imports(image).into_iter().map(|(_, name)| name);
        let is_way = |name: &String| name.contains("BugCheck") || name.contains("RaiseStatus");
        let mut ways = Vec::new();
        for name in names.filter(is_way) {
            let callers = callers(&driver_file(), image, &name);
            assert!(!callers.is_empty(), "{name} is imported, and nobody is found who calls it");
            ways.extend(callers.iter().map(ToString::to_string));
        }
        assert!(ways.is_empty(), "there are ways to a bug check:\n{}", ways.join("\n"));
    });
}

#[test]
fn who_calls_an_import_is_found_and_named() {
    with_image(|image| {
        let callers = callers(&driver_file(), image, "NdisFPauseComplete");
        assert!(!callers.is_empty());
        for caller in callers.iter().map(ToString::to_string) {
            assert!(caller.starts_with("framecast::ndis::origin::"), "{caller}");
            assert!(caller.contains("src/ndis/origin.rs:"), "{caller}");
            assert!(caller.ends_with(" calls NdisFPauseComplete"), "{caller}");
        }
    });
}

#[test]
fn all_of_buffer_management_is_in_use() {
    with_image(|image| {
        let imports = imports(image);
        for function in BUFFER_MANAGEMENT {
            let import = ("NDIS.SYS".to_owned(), function.to_owned());
            assert!(imports.contains(&import), "{function} is not imported");
        }
    });
}

#[test]
fn symbols_lie_beside_the_image() {
    with_image(|image| {
        let debug = image.pdb_info().expect("well-formed").expect("a name of the symbols");
        assert_eq!(debug.path(), b"framecast.pdb");
        let symbols = fs::read(driver_file().with_extension("pdb")).expect("the symbols");
        assert!(symbols.starts_with(b"Microsoft C/C++ MSF 7.00\r\n"));
        let id = [&debug.guid()[..], &debug.age().to_le_bytes()].concat();
        let guid = symbols.windows(16).any(|bytes| bytes == &id[..16]);
        assert!(guid, "the symbols are those of another image");
    });
}

#[test]
fn the_image_tells_the_version_of_the_workspace() {
    let output = Command::new("exiftool").arg("-json").arg(driver_file()).output();
    let output = output.expect("cargo xtask test installs exiftool").stdout;
    let all: Value = serde_json::from_slice(&output).expect("JSON");
    let version = concat!(env!("CARGO_PKG_VERSION"), ".0");
    for (field, expected) in [
        ("FileVersionNumber", version),
        ("FileVersion", version),
        ("ProductVersionNumber", version),
        ("ProductVersion", version),
        ("FileOS", "Windows NT 32-bit"),
        ("ObjectFileType", "Driver"),
        ("LanguageCode", "English (U.S.)"),
        ("CharacterSet", "Unicode"),
        ("InternalName", "framecast"),
        ("OriginalFileName", "framecast.sys"),
        ("LegalCopyright", "Licence: MIT"),
    ] {
        assert_eq!(all[0][field], expected, "{field}");
    }
    // VFT2_DRV_NETWORK, which exiftool has no word for.
    assert_eq!(all[0]["FileSubtype"], 6);
}

#[test]
fn its_version_is_its_only_resource() {
    with_image(|image| {
        let directories = image.data_directories();
        let resources = directories.resource_directory(image.data(), &image.section_table());
        let resources = resources.expect("well-formed").expect("resources");
        let mut table = resources.root().expect("well-formed");
        for id in [pe::RT_VERSION, 1, 0x0409] {
            assert_eq!(table.entries.len(), 1);
            assert_eq!(table.entries[0].name_or_id().id(), Some(id));
            let data = table.entries[0].data(resources).expect("well-formed");
            let Some(next) = data.table() else { continue };
            table = next;
        }
    });
}

#[test]
fn the_image_says_nothing_of_the_machine_that_built_it() {
    let bytes = fs::read(driver_file()).expect("the driver");
    let said = |text: &str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
    for text in ["/home/", "/root/", ".cargo", "/registry/", "C:\\", env!("CARGO_MANIFEST_DIR")] {
        assert!(!said(text), "{text}");
    }
}
