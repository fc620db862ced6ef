//! The kit's headers say what the WDK's say. `facts` holds what was measured there; libclang, which
//! reads the headers for the driver's bindings too, compares.

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use bindgen::{Builder, CodegenConfig};
use wdk_kit::{KitRoot, exports_of, images, lay_out};

type Outcome = Result<(), Box<dyn Error>>;

/// A kit in a folder of its own, below the one that cargo gives to tests.
fn kit(name: &str) -> Result<KitRoot, wdk_kit::Error> {
    lay_out(&Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
}

/// libclang's settings for drivers on `target`, as wdk-build makes them.
fn builder(kit: &KitRoot, target: &str, define: &str) -> Builder {
    let include = kit.include();
    Builder::default()
        .clang_args([format!("--target={target}"), format!("-D{define}")])
        .clang_args(["-fms-compatibility", "-fms-extensions", "-fno-builtin", "-Wno-microsoft"])
        .clang_args(
            ["km/crt", "km", "shared"].map(|part| format!("-I{}/{part}", include.display())),
        )
}

fn x64(kit: &KitRoot) -> Builder {
    builder(kit, "x86_64-pc-windows-msvc", "_AMD64_")
}

fn facts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/facts")
}

#[test]
fn layouts_and_values_are_those_of_the_wdk() -> Outcome {
    let kit = kit("facts")?;
    x64(&kit).header(facts().join("all.h").to_string_lossy()).generate()?;
    Ok(())
}

#[test]
fn a_wrong_fact_is_noticed() -> Outcome {
    let kit = kit("wrong")?;
    let all = fs::read_to_string(facts().join("all.h"))?;
    let (macros, _) = all.split_once("#include \"kernel_layout.h\"").ok_or("no layouts")?;
    let wrong = format!("{macros}OFFSET(struct _MDL, ByteCount, 44);\n");
    let error = x64(&kit).header_contents("wrong.h", &wrong).generate().err();
    let said = error.ok_or("nothing was noticed")?.to_string();
    assert!(said.contains("offset of ByteCount in struct _MDL"), "{said}");
    Ok(())
}

#[test]
fn arm64_understands_the_headers() -> Outcome {
    let kit = kit("arm64")?;
    let text = "#include <ntifs.h>\n#define NDIS684 1\n#include <ndis.h>\n";
    builder(&kit, "aarch64-pc-windows-msvc", "_ARM64_")
        .header_contents("arm64.h", text)
        .generate()?;
    Ok(())
}

#[test]
fn a_level_that_is_not_known_gives_no_filter_types() -> Outcome {
    let kit = kit("level")?;
    let bindings = |level| {
        let text = format!("#include <ntifs.h>\n#define {level} 1\n#include <ndis.h>\n");
        x64(&kit).header_contents("level.h", &text).generate()
    };
    let filter = "struct _NDIS_FILTER_DRIVER_CHARACTERISTICS";
    assert!(bindings("NDIS684")?.to_string().contains(filter));
    assert!(!bindings("NDIS699")?.to_string().contains(filter));
    Ok(())
}

#[test]
fn every_function_that_is_declared_can_be_imported() -> Outcome {
    let kit = kit("functions")?;
    let text = "#include <ntifs.h>\n#define NDIS684 1\n#include <ndis.h>\n";
    let bindings = x64(&kit)
        .with_codegen_config(CodegenConfig::FUNCTIONS | CodegenConfig::VARS)
        .allowlist_function(".*")
        .header_contents("functions.h", text)
        .generate()?
        .to_string();
    let mut exports = Vec::new();
    for image in images() {
        exports.extend(exports_of(image)?);
    }
    let declared = bindings.lines().filter_map(|line| line.trim().strip_prefix("pub fn "));
    let names: Vec<_> = declared.filter_map(|line| line.split('(').next()).collect();
    assert!(names.len() > 200, "{} functions", names.len());
    let missing: Vec<_> =
        names.iter().filter(|name| !exports.iter().any(|export| export.name == **name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    Ok(())
}
