//! `framecastctl extcap`: Wireshark's protocol for programs that capture for it.
//!
//! Wireshark starts every program in its extcap folder with arguments of its own, several times:
//! to learn of interfaces, of what can be chosen for each, and to capture. What is asked goes to
//! standard output in sentences of Wireshark's; see its manual page extcap(4).

mod control;
mod toolbar;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::ValueEnum;
use framecastctl::{Adapter, Directions, Filter, Tap, Transport};
use protocol::limits;

use super::{
    environment::{Environment, EnvironmentArguments},
    failure::Failure,
    interrupt, show,
    tap::{self, CaptureFile, Named, Selection, Sink},
};
use toolbar::Toolbar;

/// The interface that stands for every adapter.
const ALL: &str = "framecast-all";

/// What the names of the other interfaces begin with; their LUID follows.
const ONE: &str = "framecast-";

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is an argument of Wireshark's")]
pub(crate) struct Arguments {
    /// List the interfaces
    #[arg(long)]
    extcap_interfaces: bool,
    /// The version of Wireshark
    #[arg(long, value_name = "VERSION", num_args = 0..=1, default_missing_value = "")]
    extcap_version: Option<String>,
    /// The interface that is meant
    #[arg(long, value_name = "INTERFACE")]
    extcap_interface: Option<String>,
    /// List the link layers of the interface
    #[arg(long)]
    extcap_dlts: bool,
    /// List what can be chosen for the interface
    #[arg(long)]
    extcap_config: bool,
    /// Which of it is to be listed again: nothing changes here
    #[arg(long, value_name = "OPTION")]
    extcap_reload_option: Option<String>,
    /// The capture filter, to be used or to be checked
    #[arg(long, value_name = "EXPRESSION")]
    extcap_capture_filter: Option<String>,
    /// Capture
    #[arg(long)]
    capture: bool,
    /// Where the capture goes
    #[arg(long, value_name = "FILE")]
    fifo: Option<PathBuf>,
    /// Where Wireshark's toolbar speaks
    #[arg(long, value_name = "FILE")]
    extcap_control_in: Option<PathBuf>,
    /// Where Wireshark's toolbar listens
    #[arg(long, value_name = "FILE")]
    extcap_control_out: Option<PathBuf>,
    /// Which way the frames go that are captured
    #[arg(long, value_enum, default_value_t = Direction::Both)]
    direction: Direction,
    #[command(flatten)]
    selection: Selection,
}

/// As `--only` of `tap`; Wireshark offers a value for both, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Direction {
    Both,
    Sent,
    Received,
}

/// The arguments with the name of this command put in where Wireshark gave its own only.
pub(super) fn with_subcommand(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = arguments.collect();
    let is_wiresharks = |argument: &OsString| {
        let text = argument.to_string_lossy();
        text.starts_with("--extcap-") || text == "--capture"
    };
    if arguments.get(1).is_some_and(is_wiresharks) {
        arguments.insert(1, "extcap".into());
    }
    arguments
}

pub(super) fn run(
    arguments: &Arguments,
    environment: &EnvironmentArguments,
) -> Result<(), Failure> {
    if arguments.extcap_interfaces {
        return show::lines(interfaces(environment)?);
    }
    let Some(interface) = &arguments.extcap_interface else {
        let message = "Wireshark starts this by itself; copy the program into its extcap folder";
        return Err(Failure::Usage(message.to_owned()));
    };
    if arguments.extcap_dlts {
        show::lines("dlt {number=1}{name=EN10MB}{display=Ethernet}")?;
    } else if arguments.extcap_config {
        show::lines(choices())?;
    } else if arguments.capture {
        let Some(fifo) = &arguments.fifo else {
            return Err(Failure::Usage("--capture needs --fifo".to_owned()));
        };
        let mut environment = Environment::open(environment)?;
        let captured = capture(arguments, interface, fifo, &mut environment);
        environment.close().and(captured)?;
    } else if let Some(expression) = &arguments.extcap_capture_filter {
        // A line says what is wrong with it; none that nothing is.
        if let Err(error) = Filter::compile(expression) {
            show::lines(error)?;
        }
    }
    Ok(())
}

/// What Wireshark shows, and asks of whoever captures.
fn interfaces(environment: &EnvironmentArguments) -> Result<String, Failure> {
    let mut lines =
        vec![format!("extcap {{version={}}}{{display=Framecast}}", env!("CARGO_PKG_VERSION"))];
    // Without a driver there are no interfaces, which is no error of Wireshark's.
    if let Ok(environment) = Environment::open(environment) {
        let adapters = environment.client().adapters();
        environment.close()?;
        let adapters = adapters.unwrap_or_default();
        lines.extend(adapters.iter().map(|adapter| {
            let (value, name) = (value(adapter.luid), plain(&adapter.name));
            format!("interface {{value={value}}}{{display=Framecast: {name}}}")
        }));
        if adapters.len() > 1 {
            lines.push(format!("interface {{value={ALL}}}{{display=Framecast: every adapter}}"));
        }
        lines.push(toolbar::CONTROLS.to_owned());
    }
    Ok(lines.join("\n"))
}

/// A text without what means something in Wireshark's sentences.
fn plain(text: &str) -> String {
    text.replace(['{', '}', '\n', '\r'], " ")
}

fn value(luid: u64) -> String {
    format!("{ONE}{luid:x}")
}

/// What can be chosen for an interface.
fn choices() -> String {
    let (least, most) = (limits::TAP_BUFFER_LEAST, limits::TAP_BUFFER_MOST);
    format!(
        "\
arg {{number=0}}{{call=--direction}}{{display=Direction}}{{type=selector}}\
{{tooltip=Which way the frames go}}
value {{arg=0}}{{value=both}}{{display=Both}}{{default=true}}
value {{arg=0}}{{value=sent}}{{display=Towards the network}}{{default=false}}
value {{arg=0}}{{value=received}}{{display=From the network}}{{default=false}}
arg {{number=1}}{{call=--without-ours}}{{display=Leave out what Framecast originates}}\
{{type=boolflag}}{{default=false}}{{tooltip=Frames that were injected or mirrored}}
arg {{number=2}}{{call=--snaplen}}{{display=Snap length}}{{type=unsigned}}{{range=1,262144}}\
{{default=262144}}{{tooltip=Bytes to copy of each frame, at most}}
arg {{number=3}}{{call=--buffer}}{{display=Buffer}}{{type=unsigned}}{{range={least},{most}}}\
{{default={}}}{{tooltip=Bytes of the driver's buffer}}",
        tap::BUFFER
    )
}

/// Captures until Wireshark has enough.
fn capture(
    arguments: &Arguments,
    interface: &str,
    fifo: &Path,
    environment: &mut Environment,
) -> Result<(), Failure> {
    let filter = arguments.extcap_capture_filter.clone().filter(|text| !text.trim().is_empty());
    let mut options = arguments.selection.options();
    options.directions = match arguments.direction {
        Direction::Both => options.directions,
        Direction::Sent => Directions::Sent,
        Direction::Received => Directions::Received,
    };
    options.filter = Filter::compile(filter.as_deref().unwrap_or_default())?;
    let mut adapters = environment.client().adapters()?;
    if interface != ALL {
        adapters.retain(|adapter: &Adapter| value(adapter.luid) == interface);
        if adapters.is_empty() {
            let message = format!("the adapter of {interface} is gone; refresh the interfaces");
            return Err(Failure::Usage(message));
        }
        options.adapters = adapters.iter().map(|adapter| adapter.luid).collect();
    }
    let named = Named::new(adapters, filter, options.snap_length);
    let mut file = CaptureFile::create(fifo, &[], named)?;
    let mut toolbar = Toolbar::open(
        arguments.extcap_control_in.as_deref(),
        arguments.extcap_control_out.as_deref(),
    )?;
    let client = environment.another_client()?;
    let mut tap = client.tap(&options)?;
    toolbar.log(&format!("{} tapped", show::count(tap.adapters().into(), "adapter")));
    environment.begin_traffic()?;
    match record(&mut tap, &mut file, &mut toolbar, environment) {
        // Wireshark closes the pipe when it has enough.
        Err(failure) if failure.is_broken_pipe() => Ok(()),
        Err(failure) => Err(failure),
        Ok(()) => {
            let counts = tap.stop()?;
            toolbar.log(&format!("{} copied, {} lost", counts.copied, counts.lost()));
            file.finish(&counts)
        }
    }
}

fn record<T: Transport>(
    tap: &mut Tap<'_, T>,
    file: &mut CaptureFile,
    toolbar: &mut Toolbar,
    environment: &Environment,
) -> Result<(), Failure> {
    let start = Instant::now();
    let (mut lost, mut left_out) = (0, 0_u64);
    loop {
        let over = environment.traffic_is_over();
        let mut any = false;
        let held = toolbar.is_held();
        if !held && left_out > 0 {
            toolbar.log(&format!("{} left out while on hold", show::count(left_out, "frame")));
            left_out = 0;
        }
        for frame in tap.read()? {
            any = true;
            if held {
                left_out += 1;
            } else {
                file.write(&frame)?;
            }
        }
        file.flush(start.elapsed())?;
        if held && any {
            toolbar.show(&format!("on hold: {} left out", show::count(left_out, "frame")));
        }
        let now = tap.counts().lost();
        if now > lost {
            toolbar.warn(&format!("{now} frames lost: Wireshark is slower than the network"));
            lost = now;
        }
        if interrupt::is_interrupted() || (over && !any) {
            return Ok(());
        }
    }
}
