//! The control interface as a header for C and C++, as compilers see it.

use anyhow::{Context, Result, ensure};
use std::{fs, path::Path, process::Command};
use xtask::{header, workspace::Workspace};

/// Every compiler that looks at a header, with the language that it takes it for.
const COMPILERS: [(&str, &[&str]); 4] = [
    ("cc", &["-std=c11", "-x", "c"]),
    ("c++", &["-std=c++17", "-x", "c++"]),
    ("clang", &["-std=c11", "-x", "c"]),
    ("clang++", &["-std=c++17", "-x", "c++"]),
];

/// Whether a compiler takes a header, and holds what it asserts.
fn compile(header: &Path, (compiler, language): (&str, &[&str])) -> Result<()> {
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]).args(language);
    let output = command.arg(header).output().with_context(|| format!("no {compiler}"))?;
    ensure!(output.status.success(), "{compiler}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn the_header_is_that_of_the_protocol() -> Result<()> {
    let workspace = Workspace::here();
    let present = fs::read_to_string(workspace.root().join(header::PATH))?;
    assert!(present == header::text(&workspace)?, "cargo xtask header brings it up to date");
    Ok(())
}

#[test]
fn compilers_of_c_and_cpp_lay_it_out_as_the_driver_does() -> Result<()> {
    let header = Workspace::here().root().join(header::PATH);
    COMPILERS.into_iter().try_for_each(|compiler| compile(&header, compiler))
}

#[test]
fn another_layout_does_not_compile() -> Result<()> {
    let text = header::text(&Workspace::here())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("changed.h");
    for (old, new) in [
        ("uint32_t if_index;", "uint64_t if_index;"),
        ("uint8_t mac_address[32];", "uint8_t mac_address[16];"),
        ("uint16_t driver[3];\n", ""),
    ] {
        ensure!(text.contains(old), "no {old}");
        fs::write(&path, text.replacen(old, new, 1))?;
        for compiler in COMPILERS {
            let error = compile(&path, compiler).expect_err(new).to_string();
            assert!(error.contains("assert"), "{new} for {old}: {error}");
        }
    }
    Ok(())
}

#[test]
fn control_codes_are_those_that_the_driver_serves() -> Result<()> {
    let text = header::text(&Workspace::here())?;
    for request in protocol::Request::ALL {
        let code = format!(" {:#x}u\n", request.code());
        assert_eq!(text.matches(&code).count(), 1, "{request:?}");
    }
    assert!(text.contains("#define FRAMECAST_REQUEST_VERSION 0x12e000u\n"));
    Ok(())
}

#[test]
fn the_page_names_what_the_header_holds() -> Result<()> {
    let workspace = Workspace::here();
    let page = fs::read_to_string(workspace.root().join("docs/control-interface.md"))?;
    let text = header::text(&workspace)?;
    let words = page.split(|it: char| !it.is_alphanumeric() && it != '_' && it != '…');
    let names = words.filter(|name| name.to_ascii_lowercase().starts_with("framecast_"));
    let mut count = 0;
    for name in names {
        let known = text.contains(&format!("#define {} ", name.trim_end_matches("…")))
            || text.contains(&format!("struct {name} {{"))
            || (name.ends_with('…') && text.contains(name.trim_end_matches('…')));
        assert!(known, "{name} is not in the header");
        count += 1;
    }
    assert!(count > 30, "{count}");
    // Every request has its line in the table.
    for request in protocol::Request::ALL {
        let name = format!("{request:?}");
        let snake: String = name.chars().enumerate().fold(String::new(), |mut all, (place, it)| {
            if it.is_uppercase() && place > 0 {
                all.push('_');
            }
            all.extend(it.to_uppercase());
            all
        });
        assert!(page.contains(&format!("| `{snake}` |")), "{snake}");
    }
    Ok(())
}
