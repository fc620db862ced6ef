//! Setup information files: stamped, and held to the rules of NDIS filter drivers.
//!
//! On Windows stampinf and infverif do this; infverif knows nothing of NDIS filters, so the rules
//! are worth checking there too.
//!
//! | file | what |
//! |---|---|
//! | `syntax` | sections and lines |
//! | `rule` | the rules, each with its source |
//! | `check` | a file held to them: what it is and what it leads to |
//! | `check/component` | … what the network component says of itself |
//! | `check/service` | … the service and the files |
//! | `stamp` | version, date and processor put into a template |

mod check;
mod rule;
mod stamp;
mod syntax;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use wdk_kit::Architecture;

pub use check::{Finding, check};
pub use rule::Rule;
pub use stamp::Stamp;
pub use syntax::{Inf, Line, Section, SyntaxError};

use crate::workspace::Workspace;

/// Which files are to be checked.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Arguments {
    /// The files: .inf, or .inx to be stamped first [default: inf/framecast.inx]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// List the rules, and check nothing
    #[arg(long)]
    pub rules: bool,
}

/// Checks files and prints what is found, one line each.
///
/// # Errors
///
/// When a file cannot be read, or breaks a rule.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.rules {
        for rule in Rule::ALL {
            println!("{rule}: {}\n    {}", rule.statement(), rule.source());
        }
        return Ok(());
    }
    let default = [workspace.root().join("inf/framecast.inx")];
    let files = if arguments.files.is_empty() { &default } else { arguments.files.as_slice() };
    let mut broken = 0;
    for file in files {
        let text = fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", workspace.shown(file)))?;
        let is_template = file.extension().is_some_and(|extension| extension == "inx");
        let stamped = if is_template {
            let stamp = Stamp::of(workspace)?;
            Architecture::ALL.map(|architecture| stamp.apply(&text, architecture)).to_vec()
        } else {
            vec![text]
        };
        // What is wrong for one processor is mostly wrong for the other, on the same line.
        let mut findings = Vec::new();
        for text in stamped {
            let inf = Inf::parse(&text).with_context(|| workspace.shown(file).to_string())?;
            findings.extend(check(&inf));
        }
        findings.sort();
        findings.dedup();
        for finding in &findings {
            println!("{}:{finding}", workspace.shown(file));
        }
        broken += findings.len();
    }
    if broken > 0 {
        bail!("{broken} findings; cargo xtask inf --rules lists the rules");
    }
    Ok(())
}
