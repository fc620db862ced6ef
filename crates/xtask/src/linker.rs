//! The linker, made to know no path of this machine.
//!
//! It writes the name of every object, its own command line and the folder where it ran into the
//! symbols. rustc hands it absolute names, some of them of folders named by chance. A script in the
//! kit runs it in the top folder of the repository instead, on names relative to that.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::workspace::Workspace;

/// Writes the script that runs `linker`, and gives its path. Its name tells the compiler what kind of
/// linker it is.
///
/// # Errors
///
/// When it cannot be written.
pub fn lay_out(workspace: &Workspace, linker: &Path) -> Result<PathBuf> {
    let path = workspace.kit().join("bin/lld-link");
    let script = script(workspace.root(), linker);
    if fs::read_to_string(&path).is_ok_and(|present| present == script) {
        return Ok(path);
    }
    write(&path, &script).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn script(root: &Path, linker: &Path) -> String {
    // It is called by its plain name: it writes that down, too.
    let folder = quoted(linker.parent().unwrap_or(Path::new("")));
    let name = quoted(Path::new(linker.file_name().unwrap_or_default()));
    let root = quoted(root);
    format!(
        r#"#!/bin/sh
# Made by cargo xtask: runs the linker in the top folder, on names relative to it.
root={root}
for argument do
    case $argument in
    /OUT:*) output=${{argument#/OUT:}} ;;
    esac
done
for argument do
    shift
    file=${{argument#/DEF:}}
    folder=${{file%/*}}
    case ${{folder##*/}} in
    rustc??????)
        # rustc makes a folder whose name is another each time.
        cp "$file" "$output.${{file##*/}}" || exit
        argument=${{argument%"$file"}}$output.${{file##*/}}
        ;;
    esac
    case $argument in
    "$root"/*) argument=${{argument#"$root"/}} ;;
    /*:"$root"/*) argument=${{argument%%:*}}:${{argument#*:"$root"/}} ;;
    esac
    set -- "$@" "$argument"
done
cd "$root" || exit
PATH={folder}:$PATH exec {name} "$@" /PDBSOURCEPATH:/
"#
    )
}

/// A path as the shell takes it, whatever is in it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(unix)]
fn write(path: &Path, script: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    // Whoever runs it meanwhile sees the old one or the new one.
    let new = path.with_extension("new");
    fs::write(&new, script)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755))?;
    fs::rename(&new, path)
}

/// There is a WDK here, and no kit.
#[cfg(not(unix))]
fn write(_path: &Path, _script: &str) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_linker_sees_no_absolute_name() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("linker's test {}", std::process::id()));
        let made = folder.join("deps/rustcAbCdEf");
        fs::create_dir_all(&made)?;
        for name in ["lib.def", "symbols.o"] {
            fs::write(made.join(name), name)?;
        }
        let path = folder.join("lld-link");
        write(&path, &script(&folder, Path::new("/usr/bin/printf")))?;
        let root = folder.display();
        let output = Command::new(&path)
            .args([
                "%s\n",
                "/DLL",
                &format!("{root}/a b.o"),
                &format!("/DEF:{}/lib.def", made.display()),
                &format!("{}/symbols.o", made.display()),
            ])
            .args([&format!("/OUT:{root}/deps/x.dll")[..], "/opt/elsewhere.lib"])
            .output();
        let said = String::from_utf8(output?.stdout)?;
        assert_eq!(fs::read(folder.join("deps/x.dll.symbols.o"))?, b"symbols.o");
        fs::remove_dir_all(&folder)?;
        let expected = [
            "/DLL",
            "a b.o",
            "/DEF:deps/x.dll.lib.def",
            "deps/x.dll.symbols.o",
            "/OUT:deps/x.dll",
            "/opt/elsewhere.lib",
            "/PDBSOURCEPATH:/",
            "",
        ];
        assert_eq!(said, expected.join("\n"));
        Ok(())
    }
}
