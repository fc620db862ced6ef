//! The import libraries.

use std::{error::Error, fs, path::Path};

use wdk_kit::{Architecture, exports_of, images, lay_out};

type Outcome = Result<(), Box<dyn Error>>;

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn the_same_kit_twice_is_the_same_bytes() -> Outcome {
    let (one, two) = (lay_out(&folder("one"))?, lay_out(&folder("two"))?);
    for architecture in [Architecture::X64, Architecture::Arm64] {
        for library in ["ntoskrnl.lib", "ndis.lib", "hal.lib", "wmilib.lib"] {
            let read = |kit: &wdk_kit::KitRoot| fs::read(kit.libraries(architecture).join(library));
            assert_eq!(read(&one)?, read(&two)?, "{library}");
        }
    }
    Ok(())
}

#[test]
fn a_file_that_is_right_is_left_alone() -> Outcome {
    let kit = lay_out(&folder("alone"))?;
    let header = kit.include().join("km/ndis.h");
    let time = || fs::metadata(&header)?.modified();
    let before = time()?;
    lay_out(&folder("alone"))?;
    assert_eq!(before, time()?);

    fs::write(&header, "something else")?;
    lay_out(&folder("alone"))?;
    assert!(fs::read_to_string(&header)?.contains("NDIS"));
    Ok(())
}

#[test]
fn every_name_that_is_exported_can_be_linked() -> Outcome {
    let kit = lay_out(&folder("names"))?;
    for (image, library) in
        [("ntoskrnl.exe", "ntoskrnl.lib"), ("NDIS.SYS", "ndis.lib"), ("HAL.dll", "hal.lib")]
    {
        assert!(images().any(|known| known == image));
        let bytes = fs::read(kit.libraries(Architecture::X64).join(library))?;
        for export in exports_of(image)? {
            let symbol = format!("__imp_{}\0", export.name);
            let found = bytes.windows(symbol.len()).any(|part| part == symbol.as_bytes());
            assert!(found, "{} in {library}", export.name);
        }
    }
    Ok(())
}

#[test]
fn variables_are_told_from_functions() -> Outcome {
    let exports = exports_of("NTOSKRNL.EXE")?;
    let data: Vec<_> = exports.iter().filter(|export| export.data).map(|e| e.name).collect();
    assert_eq!(data, ["ExEventObjectType", "PsThreadType"]);
    assert!(exports_of("nothing.sys")?.is_empty());
    Ok(())
}
