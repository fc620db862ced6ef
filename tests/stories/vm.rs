//! The scripts for a Windows VM, as far as a parser of PowerShell can look at them.
//!
//! They run in the strict mode, where a name that is not known is an error at run time; no
//! PowerShell runs here, so that what can be known of names is held to here.

use anyhow::{Context, Result, ensure};
use std::{collections::BTreeSet, fs, path::Path};
use tree_sitter::{Node, Parser, Tree};
use xtask::workspace::Workspace;

/// What comes with Windows 10 and later: the commands that the scripts may use, with those of their
/// parameters that they use, as Microsoft's reference for PowerShell 5.1 has them.
const WINDOWS: &[(&str, &[&str])] = &[
    ("Compress-Archive", &["-Path", "-DestinationPath", "-Force"]),
    ("Confirm-SecureBootUEFI", &[]),
    ("ConvertFrom-Json", &[]),
    ("ConvertTo-Json", &["-Compress"]),
    ("Copy-Item", &["-Destination"]),
    ("Disable-NetAdapterBinding", &["-Confirm"]),
    ("Enable-NetAdapterBinding", &["-Confirm"]),
    ("ForEach-Object", &[]),
    ("Format-List", &[]),
    ("Format-Table", &["-AutoSize"]),
    ("Get-AuthenticodeSignature", &[]),
    ("Get-BitLockerVolume", &["-MountPoint"]),
    ("Get-CimInstance", &["-ClassName", "-Filter"]),
    ("Get-Command", &[]),
    ("Get-ComputerInfo", &["-Property"]),
    ("Get-Content", &["-Raw", "-Tail"]),
    ("Get-Date", &[]),
    ("Get-FileHash", &["-Algorithm", "-Path"]),
    ("Get-Item", &["-Path"]),
    ("Get-ItemProperty", &[]),
    ("Get-NetAdapter", &["-Name"]),
    ("Get-NetAdapterBinding", &["-AllBindings", "-ComponentID"]),
    ("Get-WinEvent", &["-FilterHashtable"]),
    ("Get-WindowsDriver", &["-Online"]),
    ("Import-Certificate", &["-FilePath", "-CertStoreLocation"]),
    ("Join-Path", &[]),
    ("New-Item", &["-ItemType", "-Force", "-Path"]),
    ("New-Object", &[]),
    ("Out-Host", &[]),
    ("Out-Null", &[]),
    ("Out-String", &["-Width"]),
    ("Remove-Item", &[]),
    ("Restart-NetAdapter", &["-Name", "-Confirm"]),
    ("Select-Object", &[]),
    ("Select-String", &["-Path", "-Pattern", "-Quiet"]),
    ("Set-Content", &["-Encoding", "-Path", "-Value"]),
    ("Set-StrictMode", &["-Version"]),
    ("Split-Path", &["-Parent", "-Leaf"]),
    ("Start-Sleep", &["-Milliseconds"]),
    ("Test-Path", &[]),
    ("Where-Object", &["-EQ", "-NE"]),
    ("Write-Host", &[]),
    ("Write-Progress", &["-Activity", "-Status", "-CurrentOperation", "-Completed"]),
    ("Write-Verbose", &[]),
    ("Write-Warning", &[]),
    ("netcfg.exe", &["-s"]),
    ("sc.exe", &[]),
    ("verifier.exe", &[]),
];

/// What every command of PowerShell's takes.
const COMMON: &[&str] = &["-ErrorAction"];

/// The variables that PowerShell sets.
const AUTOMATIC: &[&str] = &[
    "$_",
    "$true",
    "$false",
    "$null",
    "$LASTEXITCODE",
    "$PSScriptRoot",
    "$env:SystemDrive",
    "$env:SystemRoot",
];

/// A script.
struct Script {
    name: String,
    text: String,
    tree: Tree,
}

impl Script {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let name = path.file_name().and_then(|name| name.to_str()).context("a plain name")?;
        let tree = parse(&text)?;
        ensure!(!tree.root_node().has_error(), "{name}: {}", tree.root_node());
        Ok(Self { name: name.to_owned(), text, tree })
    }

    /// All of them, by name.
    fn all() -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(Workspace::here().root().join("tests/vm"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "ps1") {
                all.push(Self::read(&path)?);
            }
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    fn nodes(&self, kind: &'static str) -> Vec<Node<'_>> {
        nodes(self.tree.root_node(), kind)
    }

    fn text(&self, node: Node<'_>) -> &str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    /// The functions that it defines, with their parameters.
    fn functions(&self) -> Vec<(&str, Vec<String>)> {
        let of = |function: Node<'_>| {
            let [name] = nodes(function, "function_name")[..] else { return ("", Vec::new()) };
            let parameters = nodes(function, "script_parameter").into_iter();
            let dashed = parameters.filter_map(|parameter| {
                let variable = parameter.children(&mut parameter.walk()).find(is_variable)?;
                Some(self.text(variable).replacen('$', "-", 1))
            });
            (self.text(name), dashed.collect())
        };
        self.nodes("function_statement").into_iter().map(of).collect()
    }

    /// The variables that it sets: its parameters among them.
    fn set(&self) -> BTreeSet<String> {
        let places = ["left_assignment_expression", "script_parameter", "foreach_statement"];
        let places = places.into_iter().flat_map(|kind| self.nodes(kind));
        let set = places.flat_map(|place| {
            let of = nodes(place, "variable");
            // Of a loop, and of a parameter's default, only the first is set.
            let count = if place.kind() == "left_assignment_expression" { of.len() } else { 1 };
            of.into_iter().take(count)
        });
        set.map(|variable| self.text(variable).to_lowercase()).collect()
    }
}

fn parse(text: &str) -> Result<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_powershell::LANGUAGE.into())?;
    parser.parse(text, None).context("a tree")
}

fn is_variable(node: &Node<'_>) -> bool {
    node.kind() == "variable"
}

/// The nodes of a kind at and below one, in their order.
fn nodes<'t>(root: Node<'t>, kind: &'static str) -> Vec<Node<'t>> {
    let mut found = Vec::new();
    let mut waiting = vec![root];
    while let Some(node) = waiting.pop() {
        if node.kind() == kind {
            found.push(node);
        }
        let children: Vec<_> = node.children(&mut node.walk()).collect();
        waiting.extend(children.into_iter().rev());
    }
    found
}

/// What is wrong with the commands and variables of a script, which `common` comes before.
fn unknown(script: &Script, common: &Script) -> Vec<String> {
    let own: Vec<_> = script.functions().into_iter().chain(common.functions()).collect();
    let mut wrong = Vec::new();
    for command in script.nodes("command") {
        let Some(name) = command.child_by_field_name("command_name") else { continue };
        // What a variable names is a program, or a block of the script.
        if name.kind() != "command_name" {
            continue;
        }
        let name = script.text(name);
        let windows = WINDOWS.iter().find(|(known, _)| *known == name);
        let known: Vec<_> = match (own.iter().find(|(known, _)| *known == name), windows) {
            (Some((_, parameters)), _) => parameters.iter().map(String::as_str).collect(),
            (None, Some((_, parameters))) => parameters.iter().chain(COMMON).copied().collect(),
            (None, None) => {
                wrong.push(format!("{}: there is no {name}", script.name));
                continue;
            }
        };
        let elements = command.child_by_field_name("command_elements");
        let elements = elements.map(|it| it.children(&mut it.walk()).collect::<Vec<_>>());
        for parameter in elements.into_iter().flatten() {
            let text = script.text(parameter).trim_end_matches(':');
            if parameter.kind() == "command_parameter" && !known.contains(&text) {
                wrong.push(format!("{}: {name} has no {text}", script.name));
            }
        }
    }
    let set: BTreeSet<_> = script.set().into_iter().chain(common.set()).collect();
    for variable in script.nodes("variable") {
        let text = script.text(variable).replace(['{', '}'], "").replacen('@', "$", 1);
        if !set.contains(&text.to_lowercase()) && !AUTOMATIC.contains(&text.as_str()) {
            wrong.push(format!("{}: nothing sets {text}", script.name));
        }
    }
    wrong
}

#[test]
fn scripts_use_commands_and_variables_that_there_are() -> Result<()> {
    let scripts = Script::all()?;
    assert_eq!(scripts.len(), 7);
    let common = scripts.iter().find(|script| script.name == "common.ps1").context("a script")?;
    let wrong: Vec<_> = scripts.iter().flat_map(|script| unknown(script, common)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn a_name_that_is_not_known_is_noticed() -> Result<()> {
    assert!(parse("if ($x { }")?.root_node().has_error());
    let script = |name: &str, text: &str| -> Result<Script> {
        Ok(Script { name: name.to_owned(), text: text.to_owned(), tree: parse(text)? })
    };
    let common = script("common.ps1", "function Get-It { param([string] $Name = 'a') $Name }\n")?;
    for (text, said) in [
        ("Get-It -Name 'b'", None),
        ("Get-It -Nam 'b'", Some("it.ps1: Get-It has no -Nam")),
        ("Get-Them | Out-Null", Some("it.ps1: there is no Get-Them")),
        ("Write-Host \"x $y\"", Some("it.ps1: nothing sets $y")),
        ("$y = 1; Write-Host \"${y}: $(Get-Date)\"", None),
        ("foreach ($one in $many) { $one }", Some("it.ps1: nothing sets $many")),
        ("Get-NetAdapter @options", Some("it.ps1: nothing sets $options")),
    ] {
        let wrong = unknown(&script("it.ps1", text)?, &common);
        assert!(wrong.iter().map(String::as_str).eq(said), "{text}: {wrong:?}");
    }
    Ok(())
}

#[test]
fn scripts_ask_for_an_administrator_before_anything_else() -> Result<()> {
    for Script { name, text, .. } in Script::all()? {
        if name == "common.ps1" {
            continue;
        }
        assert_eq!(text.lines().next(), Some("#Requires -RunAsAdministrator"), "{name}");
        let lines = text.lines().filter(|line| *line == ". (Join-Path $PSScriptRoot 'common.ps1')");
        assert_eq!(lines.count(), 1, "{name}");
    }
    Ok(())
}

#[test]
fn scripts_name_what_the_package_holds() -> Result<()> {
    let scripts = Script::all()?;
    let script = |name: &str| {
        let found = scripts.iter().find(|script| script.name == name);
        found.map(|script| script.text.as_str()).context("a script")
    };
    let inf = fs::read_to_string(Workspace::here().root().join("inf/framecast.inx"))?;
    let setting = |name: &str| {
        let mut lines = script("common.ps1")?.lines();
        let value = lines.find_map(|line| line.strip_prefix(&format!("${name} = '")));
        value.map(|value| value.trim_end_matches('\'')).context("a setting")
    };
    assert!(inf.contains(&format!(", {}\n", setting("Component")?)));
    assert!(inf.contains(&format!("AddService = {},,", setting("Service")?)));
    assert!(inf.contains(&format!("\\{}\n", setting("Driver")?)));
    // Special pool, IRQL, pool tracking, I/O, deadlocks, DMA, security, miscellaneous, DDI
    // compliance, and NDIS.
    let flags = [0x1, 0x2, 0x8, 0x10, 0x20, 0x80, 0x100, 0x800, 0x2_0000, 0x20_0000];
    let flags = format!("0x{:X}\n", flags.into_iter().sum::<u32>());
    assert!(script("verifier.ps1")?.contains(&format!("$flags = {flags}")));
    Ok(())
}
