//! What the NDIS layer promises in its types: each program in `tests/ui` breaks one promise.
//!
//! The mistake of a program is what it does under `cfg(mistake)`. With it, the program is refused,
//! with the error that its first line names, on the line marked `//~ here`, and with no other.
//! Without it, the same program compiles.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};
use xtask::{
    kit::{Kit, TARGET},
    progress,
    workspace::Workspace,
};

/// The driver, compiled as a library that programs can use.
struct Layer {
    kit: Kit,
    library: PathBuf,
    /// Where the crates are that it needs itself, its macros' among them.
    dependencies: BTreeSet<PathBuf>,
    /// `core` and what comes with it, where the toolchain does not bring them.
    core: Vec<(String, PathBuf)>,
}

/// What the compiler said.
struct Diagnostic {
    level: String,
    code: Option<String>,
    message: String,
    line: Option<u64>,
    rendered: String,
}

static LAYER: LazyLock<Result<Layer, String>> =
    LazyLock::new(|| Layer::compile().map_err(|error| format!("{error:#}")));

impl Layer {
    fn get() -> &'static Self {
        match &*LAYER {
            Ok(layer) => layer,
            Err(error) => panic!("the NDIS layer cannot be used: {error}"),
        }
    }

    /// Compiles the driver as a library: as a driver it tells nothing to other crates.
    fn compile() -> Result<Self> {
        let workspace = Workspace::here();
        ensure!(workspace.kit().is_dir(), "there is no kit; cargo xtask build sets it up");
        let kit = Kit::prepare(&workspace)?;
        let mut command = kit.cargo("rustc");
        command
            .args(["--release", "--package", "framecast", "--lib", "--crate-type", "rlib"])
            .args(["--message-format", "json-render-diagnostics"]);
        let messages = progress::output(&mut command)?;
        let mut artifacts = Vec::new();
        for line in messages.lines() {
            artifacts.extend(files(&serde_json::from_str(line)?));
        }
        let folders = artifacts.iter().filter_map(|(_, file)| file.parent());
        let dependencies = folders.filter(|it| it.ends_with("deps")).map(Path::to_owned).collect();
        let of = |wanted: &str| {
            let is_wanted = |(name, file): &&(String, PathBuf)| {
                let for_target = file.components().any(|part| part.as_os_str() == TARGET);
                name == wanted && for_target && file.extension().is_some_and(|it| it == "rmeta")
            };
            artifacts.iter().find(is_wanted).cloned()
        };
        let (_, library) = of("framecast").context("cargo made no library of the driver")?;
        let core = ["core", "alloc", "compiler_builtins"].into_iter().filter_map(of).collect();
        Ok(Self { kit, library, dependencies, core })
    }

    /// Checks a program, and gives what the compiler says of it.
    fn check(&self, program: &Path, mistake: bool) -> Result<Vec<Diagnostic>> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(&self.kit.tools().toolchain.rustc);
        self.kit.environment(&mut command);
        command
            .args(["--edition", "2024", "--target", TARGET, "--crate-type", "lib"])
            .args(["--emit", "metadata", "--error-format", "json", "--check-cfg", "cfg(mistake)"])
            .arg("--out-dir")
            .arg(folder.path())
            .args(["--extern", &format!("framecast={}", self.library.display())]);
        for folder in &self.dependencies {
            command.args(["-L", &format!("dependency={}", folder.display())]);
        }
        for (name, path) in &self.core {
            let library = format!("noprelude:{name}={}", path.display());
            command.args(["-Z", "unstable-options", "--extern", &library]);
        }
        if mistake {
            command.args(["--cfg", "mistake"]);
        }
        let output = command.arg(program).output().context("cannot start the compiler")?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(output.status.success() != said.contains("aborting due to"), "it failed:\n{said}");
        said.lines()
            .map(|line| {
                let diagnostic = serde_json::from_str(line).with_context(|| line.to_owned())?;
                Ok(Diagnostic::new(&diagnostic))
            })
            .collect()
    }

    /// Demands that a program is refused for its mistake, and only for its mistake.
    fn judge(&self, program: &Path) -> Result<()> {
        let text = fs::read_to_string(program)?;
        let mut lines = text.lines();
        let expected = lines.next().and_then(|line| line.strip_prefix("//@ error: "));
        let expected = expected.context("its first line is not //@ error: and a code")?;
        let place = lines.position(|line| line.ends_with("//~ here"));
        let place = place.context("no line ends with //~ here")? as u64 + 2;

        if let Some(problem) = self.check(program, false)?.first() {
            bail!("without its mistake it does not compile:\n{}", problem.rendered);
        }
        let mut errors = self.check(program, true)?;
        errors.retain(Diagnostic::is_error);
        let [error] = &*errors else {
            let all: String = errors.into_iter().map(|error| error.rendered).collect();
            bail!("its mistake gives not one error but:\n{all}");
        };
        let rendered = &error.rendered;
        let name = error.code.as_deref().unwrap_or(&error.message);
        ensure!(name == expected, "it is refused with {name}, not {expected}:\n{rendered}");
        ensure!(
            error.line == Some(place),
            "it is refused elsewhere than on line {place}:\n{rendered}"
        );
        Ok(())
    }
}

impl Diagnostic {
    fn new(diagnostic: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let spans = diagnostic["spans"].as_array().into_iter().flatten();
        let primary = spans.into_iter().find(|span| span["is_primary"] == true);
        Self {
            level: text(&diagnostic["level"]),
            code: diagnostic["code"]["code"].as_str().map(str::to_owned),
            message: text(&diagnostic["message"]),
            line: primary.and_then(|span| span["line_start"].as_u64()),
            rendered: text(&diagnostic["rendered"]),
        }
    }

    /// Whether it is an error of its own, and not the sum of those before it.
    fn is_error(&self) -> bool {
        self.level.starts_with("error") && self.line.is_some()
    }
}

/// The crate that a message of cargo tells of, once for each of its files.
fn files(message: &Value) -> Vec<(String, PathBuf)> {
    let name = message["target"]["name"].as_str().unwrap_or_default();
    let files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
    files.map(|file| (name.to_owned(), file.into())).collect()
}

#[test]
fn each_broken_promise_is_refused_for_itself_alone() {
    let layer = Layer::get();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let entries = fs::read_dir(folder).expect("tests/ui");
    let mut programs: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    programs.sort();
    assert!(!programs.is_empty());
    let problem = |program: &PathBuf| {
        let error = layer.judge(program).err()?;
        Some(format!("{}: {error:#}", program.display()))
    };
    let problems: Vec<_> = programs.iter().filter_map(problem).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_mistake_of_another_kind_or_in_another_place_is_told() {
    const SENT_TWICE: &str = "#![no_std]
        use framecast::ndis::{NetBufferListQueue, Running};
        /// Sends.
        pub fn send<T>(running: &Running<'_, T>, lists: NetBufferListQueue<'_, T>) {
            running.send(lists);";
    let planted = [
        ("#[cfg(mistake)] running.send(lists); //~ here\n}", "refused with E0382, not E0505"),
        ("#[cfg(mistake)] running.send(lists);\n} //~ here", "refused elsewhere than on line 8"),
        ("}\n//~ here", "not one error but:\n"),
        ("running.send(lists); //~ here\n}", "without its mistake it does not compile"),
        (
            "#[cfg(mistake)] { let no: u8; _ = no + 1; running.send(lists); } //~ here\n}",
            "not one error but:\nerror[E0",
        ),
        ("}", "no line ends with //~ here"),
    ];
    let layer = Layer::get();
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("planted.rs");
    for (rest, problem) in planted {
        let code = if problem.contains("E0505") { "E0505" } else { "E0382" };
        fs::write(&program, format!("//@ error: {code}\n{SENT_TWICE}\n{rest}")).expect("written");
        let told = format!("{:#}", layer.judge(&program).expect_err(problem));
        assert!(told.contains(problem), "{told}");
    }
}
