//! What `cargo make` does on Windows, as far as it can be seen elsewhere: wdk-build's tasks are
//! there, and ours fit them.

use anyhow::{Context, Result};
use std::{collections::BTreeSet, fs, path::Path};
use toml::{Table, Value};
use xtask::{kit::Kit, workspace::Workspace};

/// The tasks of wdk-build's that Makefile.toml changes.
const CHANGED: [&str; 3] = ["copy-inx-to-output", "signtool-sign", "stampinf"];

/// The tasks of ours, and of the wdk-build that Cargo.lock names.
fn tasks() -> Result<[Table; 2]> {
    let read = |path: &Path| -> Result<Table> {
        let file: Table = fs::read_to_string(path)?.parse()?;
        Ok(file["tasks"].as_table().context("no tasks")?.clone())
    };
    let workspace = Workspace::here();
    let kit = Kit::prepare(&workspace)?;
    let theirs = kit.vendored().join("wdk-build-0.6.0/rust-driver-makefile.toml");
    Ok([read(&workspace.root().join("Makefile.toml"))?, read(&theirs)?])
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    let array = value.and_then(Value::as_array);
    array.into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn the_tasks_that_are_changed_are_there() -> Result<()> {
    let [ours, theirs] = tasks()?;
    for name in CHANGED {
        assert!(ours.contains_key(name) && theirs.contains_key(name), "{name}");
    }
    // Whatever else both have is meant: the default, whose alias for Windows is theirs.
    let both: BTreeSet<_> = ours.keys().filter(|name| theirs.contains_key(*name)).collect();
    assert!(both.iter().copied().eq([
        "copy-inx-to-output",
        "default",
        "signtool-sign",
        "stampinf"
    ]));
    assert_eq!(theirs["default"]["alias"].as_str(), Some("package-driver-flow"));
    assert_eq!(ours["default"].get("alias"), None);
    Ok(())
}

#[test]
fn nothing_that_a_changed_task_leans_on_is_missing() -> Result<()> {
    let [ours, theirs] = tasks()?;
    for name in CHANGED {
        let wanted = texts(theirs[name].get("dependencies"));
        let depends = texts(ours[name].get("dependencies"));
        for dependency in &depends {
            assert!(ours.contains_key(*dependency) || theirs.contains_key(*dependency));
        }
        let replaced = ours[name].get("clear").is_some() || depends.is_empty();
        assert!(replaced || wanted.iter().all(|it| depends.contains(it)), "{name}: {wanted:?}");
    }
    Ok(())
}

#[test]
fn stampinf_differs_in_version_and_date_alone() -> Result<()> {
    let [ours, theirs] = tasks()?;
    let (ours, theirs) = (&ours["stampinf"], &theirs["stampinf"]);
    let stamped = texts(ours.get("args"));
    let mut expected = texts(theirs.get("args"));
    for (option, value) in
        [("-d", "${FRAMECAST_RELEASE_DATE}"), ("-v", "${CARGO_MAKE_CRATE_VERSION}.0")]
    {
        let place = expected.iter().position(|it| *it == option).context(option)?;
        assert_eq!(expected[place + 1], "*");
        expected[place + 1] = value;
    }
    // A driver without a framework has nothing to say of one.
    expected.retain(|it| !it.contains("WDF_FLAGS"));
    assert_eq!(stamped, expected);
    let variable = |tasks: &Value| tasks["env"]["WDK_BUILD_STAMPINF_ARCH"].clone();
    assert_eq!(variable(ours), variable(theirs));
    Ok(())
}

#[test]
fn signing_differs_in_the_time_server_alone() -> Result<()> {
    let [ours, theirs] = tasks()?;
    let mut expected = texts(theirs["signtool-sign"].get("args"));
    let place = expected.iter().position(|it| *it == "/t").context("a time server")?;
    expected.drain(place..place + 2);
    assert_eq!(texts(ours["signtool-sign"].get("args")), expected);
    Ok(())
}

#[test]
fn the_whole_flow_is_there() -> Result<()> {
    let [_, theirs] = tasks()?;
    let mut reached = BTreeSet::new();
    let mut waiting = vec!["package-driver-flow"];
    while let Some(name) = waiting.pop() {
        if !reached.insert(name) {
            continue;
        }
        let Some(task) = theirs.get(name) else {
            // The one that cargo-make brings along.
            assert_eq!(name, "build");
            continue;
        };
        waiting.extend(texts(task.get("dependencies")));
        waiting.extend(task.get("run_task").and_then(Value::as_str));
    }
    for name in ["build", "stampinf", "infverif", "inf2cat", "signtool-sign", "package-driver"] {
        assert!(reached.contains(name), "{name} is not among {reached:?}");
    }
    Ok(())
}
