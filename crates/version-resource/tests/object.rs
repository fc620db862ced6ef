//! The object file as a linker sees it.

use object::{Architecture, Object, ObjectSection, ObjectSymbol, RelocationFlags, pe};
use version_resource::{Error, Kind, Machine, VersionResource};

fn resource(machine: Machine) -> VersionResource {
    VersionResource {
        kind: Kind::NetworkDriver,
        version: [1, 2, 3],
        description: "A driver".to_owned(),
        file_name: "driver.sys".to_owned(),
        licence: "MIT".to_owned(),
        machine,
    }
}

#[test]
fn the_directory_leads_the_linker_to_the_resource() -> Result<(), Box<dyn std::error::Error>> {
    for (machine, architecture, address) in [
        (Machine::X64, Architecture::X86_64, pe::IMAGE_REL_AMD64_ADDR32NB),
        (Machine::Arm64, Architecture::Aarch64, pe::IMAGE_REL_ARM64_ADDR32NB),
    ] {
        let bytes = resource(machine).object()?;
        let file = object::File::parse(bytes.as_slice())?;
        assert_eq!(file.architecture(), architecture);
        let directory = file.section_by_name(".rsrc$01").ok_or("no directory")?;
        let data = file.section_by_name(".rsrc$02").ok_or("no resource")?;
        let relocations: Vec<_> = directory.relocations().collect();
        let [(0x48, relocation)] = relocations.as_slice() else {
            return Err(format!("{relocations:?}").into());
        };
        assert_eq!(relocation.flags(), RelocationFlags::Coff { typ: address });
        let object::RelocationTarget::Symbol(symbol) = relocation.target() else {
            return Err("an address without a name".into());
        };
        assert_eq!(file.symbol_by_index(symbol)?.section_index(), Some(data.index()));
        // The size, behind the address.
        let size = u32::try_from(data.data()?.len())?.to_le_bytes();
        assert_eq!(directory.data()?.get(0x4C..0x50), Some(size.as_slice()));
    }
    Ok(())
}

#[test]
fn the_version_is_there_as_numbers_and_as_text() -> Result<(), Error> {
    let bytes = resource(Machine::X64).object()?;
    let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|it| it == wanted);
    assert!(holds(&[0xBD, 0x04, 0xEF, 0xFE, 0, 0, 1, 0, 2, 0, 1, 0, 0, 0, 3, 0]));
    let text: Vec<_> = "1.2.3.0\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(holds(&text));
    Ok(())
}

#[test]
fn the_same_resource_is_the_same_bytes() -> Result<(), Error> {
    assert_eq!(resource(Machine::X64).object()?, resource(Machine::X64).object()?);
    assert_ne!(resource(Machine::X64).object()?, resource(Machine::Arm64).object()?);
    Ok(())
}

#[test]
fn a_text_that_does_not_fit_is_refused() {
    let resource = VersionResource { description: "x".repeat(40_000), ..resource(Machine::X64) };
    assert!(matches!(resource.object(), Err(Error::TooLong(_))));
}
