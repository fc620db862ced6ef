//! `cargo xtask header`: the control interface as a header for C, from `crates/protocol`.
//!
//! Names and comments are read from the sources, numbers are asked of the compiled crate, and the
//! header asserts that the C compiler lays out what it declares as the driver does. cbindgen has no
//! words for what the interface is made of: control codes that are computed, and enumerations that
//! travel as numbers.
//!
//! | file | what |
//! |---|---|
//! | `layout` | sizes and offsets, as the compiled crate has them |
//! | `source` | what the sources say |

mod layout;
mod source;

use std::fmt::{self, Write as _};

use anyhow::{Context, Result};
use protocol::{AdapterState, Direction, MirrorDrop, Reason, Request, TapDrop};

use crate::workspace::Workspace;
use layout::Layout;
use source::Source;

/// Where the header is, from the top folder on.
pub const PATH: &str = "docs/framecast.h";

const START: &str = "\
/* The control interface of Framecast, for C and C++: see control-interface.md beside it.
 *
 * Made by cargo xtask header from crates/protocol; changes belong there. Little-endian, the same for
 * 32-bit and 64-bit programs.
 */
#ifndef FRAMECAST_H
#define FRAMECAST_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* The name by which programs open the device. */
#define FRAMECAST_DEVICE \"\\\\\\\\.\\\\Framecast\"
";

const END: &str = "
#endif
";

/// Writes the header.
///
/// # Errors
///
/// When the sources cannot be read, or hold what the header has no words for.
pub fn run(workspace: &Workspace) -> Result<()> {
    let path = workspace.root().join(PATH);
    std::fs::write(&path, text(workspace)?)
        .with_context(|| format!("cannot write {}", workspace.shown(&path)))?;
    println!("{}", workspace.shown(&path));
    Ok(())
}

/// The header.
///
/// # Errors
///
/// When the sources cannot be read, or hold what the header has no words for.
pub fn text(workspace: &Workspace) -> Result<String> {
    let source = Source::read(workspace)?;
    let mut text = START.to_owned();
    for constant in source.constants() {
        comment(&mut text, "", &constant.documentation)?;
        writeln!(text, "#define FRAMECAST_{} {}", constant.name, constant.value)?;
    }
    numbers(&mut text, &source, "Request", Request::ALL.map(|it| (it, it.code())))?;
    numbers(&mut text, &source, "AdapterState", AdapterState::ALL.map(|it| (it, it.number())))?;
    let directions = [Direction::Send, Direction::Receive];
    numbers(&mut text, &source, "Direction", directions.map(|it| (it, it.number())))?;
    numbers(&mut text, &source, "Reason", Reason::ALL.map(|it| (it, it.index())))?;
    numbers(&mut text, &source, "TapDrop", TapDrop::ALL.map(|it| (it, it.index())))?;
    numbers(&mut text, &source, "MirrorDrop", MirrorDrop::ALL.map(|it| (it, it.index())))?;
    for layout in layout::all() {
        structure(&mut text, &source, &layout)?;
    }
    text += END;
    Ok(text)
}

/// An enumeration, which travels as numbers.
fn numbers<T: fmt::Debug, N: fmt::LowerHex, const COUNT: usize>(
    text: &mut String,
    source: &Source,
    name: &str,
    numbers: [(T, N); COUNT],
) -> Result<()> {
    comment(text, "", source.documentation(name)?)?;
    for (variant, number) in numbers {
        let variant = format!("{variant:?}");
        comment(text, "", source.member(name, &variant)?)?;
        let name = source::capitals(&format!("{name}{variant}"));
        writeln!(text, "#define FRAMECAST_{name} {number:#x}u")?;
    }
    Ok(())
}

fn structure(text: &mut String, source: &Source, layout: &Layout) -> Result<()> {
    comment(text, "", source.documentation(layout.name)?)?;
    let name = format!("framecast_{}", source::snake(layout.name));
    writeln!(text, "struct {name} {{")?;
    for (member, _) in &layout.members {
        comment(text, "    ", source.member(layout.name, member)?)?;
        writeln!(text, "    {};", source.declaration(layout.name, member)?)?;
    }
    writeln!(text, "}};")?;
    writeln!(text, "static_assert(sizeof(struct {name}) == {}, \"size\");", layout.size)?;
    for (member, offset) in &layout.members {
        writeln!(
            text,
            "static_assert(offsetof(struct {name}, {member}) == {offset}, \"{member}\");"
        )?;
    }
    Ok(())
}

/// A comment of at most a hundred columns; a blank line stands before one that is not indented.
fn comment(text: &mut String, indentation: &str, words: &str) -> fmt::Result {
    const WIDTH: usize = 100;
    if indentation.is_empty() {
        text.push('\n');
    }
    let mut line = format!("{indentation}/*");
    for word in words.split_whitespace() {
        if line.len() + 1 + word.len() + 3 > WIDTH {
            writeln!(text, "{line}")?;
            line = format!("{indentation} *");
        }
        write!(line, " {word}")?;
    }
    writeln!(text, "{line} */")
}
