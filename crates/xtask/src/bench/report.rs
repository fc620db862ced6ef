//! Measures every case and prints what was found.

use std::{collections::BTreeMap, io::IsTerminal, path::Path, thread};

use anyhow::{Result, bail};
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::symbols::{Symbols, with_symbols};

use super::{Arguments, Case, Cost, Floor, Framecast, Rig, Service, cost, time::nanoseconds};

/// What passes costs at most, in instructions, both ways together.
const MOST_TO_PASS: u64 = 40;

/// How many times the floor the other services cost at most, at 32 frames of 1514 bytes.
const MOST_OF_FLOOR: f64 = 1.5;

/// A case, as two drivers do it.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    case: Case,
    framecast: Measured,
    floor: Option<Measured>,
    /// Framecast's cost, with calls and copies charged, over the floor's.
    ratio: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Measured {
    #[serde(flatten)]
    cost: Cost,
    /// Unless instructions alone were asked for.
    nanoseconds_a_frame: Option<f64>,
}

/// A case with as many processors at work at once, each on an adapter of its own.
#[derive(Debug, Serialize)]
struct Growth {
    service: Service,
    processors: u8,
    framecast_nanoseconds_a_frame: f64,
    floor_nanoseconds_a_frame: Option<f64>,
}

/// All that was found.
#[derive(Debug, Serialize)]
struct Report {
    /// What a call of the kernel or of NDIS is charged, in instructions.
    charge_of_a_call: u64,
    cases: Vec<Row>,
    processors: Vec<Growth>,
    /// Aims that were missed.
    missed: Vec<String>,
}

/// Measures, and prints.
///
/// # Errors
///
/// When a driver does not do what it is measured at, and when a cost is above its aim.
pub(super) fn run(framecast: &Path, floor: &Path, arguments: &Arguments) -> Result<()> {
    let report = Report::measure(framecast, floor, arguments.quick)?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.table());
        if !report.processors.is_empty() {
            println!("{}", report.growth());
        }
        if arguments.functions {
            with_symbols(framecast, |symbols| report.print_functions(symbols))?;
        }
    }
    match report.missed.as_slice() {
        [] => Ok(()),
        missed => bail!("above the aim: {}", missed.join("; ")),
    }
}

impl Report {
    fn measure(framecast: &Path, floor: &Path, quick: bool) -> Result<Self> {
        let processors = if quick { Vec::new() } else { processors() };
        let cases: Vec<_> = Case::all().filter(|case| !quick || case.is_usual()).collect();
        let bar = bar(cases.len() + Service::ALL.len() * processors.len());
        let mut rows = Vec::new();
        for case in cases {
            let Case { service, batch, length, .. } = case;
            bar.set_message(format!("{service}, {batch} frames of {length} bytes"));
            rows.push(Row::measure(framecast, floor, case, !quick)?);
            bar.inc(1);
        }
        let mut growth = Vec::new();
        for service in Service::ALL {
            for &processors in &processors {
                bar.set_message(format!("{service}, {processors} processors"));
                growth.push(Growth::measure(framecast, floor, service, processors)?);
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let usual = rows.iter().filter(|row| row.case.is_usual());
        let missed = usual.flat_map(Row::missed).collect();
        Ok(Self { charge_of_a_call: cost::CALL, cases: rows, processors: growth, missed })
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header([
            "a frame costs",
            "at once",
            "bytes",
            "instructions",
            "calls",
            "allocations",
            "ns",
            "floor: instructions",
            "calls",
            "ns",
            "ratio",
        ]);
        for Row { case, framecast, floor, ratio } in &self.cases {
            let service = match case.taps {
                0 | 1 => case.service.to_string(),
                taps => format!("{} {}s", taps, case.service),
            };
            let cost = &framecast.cost;
            let least = |cell: &dyn Fn(&Measured) -> String| floor.as_ref().map_or_else(none, cell);
            table.add_row([
                service,
                case.batch.to_string(),
                case.length.to_string(),
                format!("{:.1}", cost.per_frame(cost.instructions)),
                format!("{:.2}", cost.per_frame(cost.call_count())),
                format!("{:.2}", cost.per_frame(cost.allocations)),
                framecast.nanoseconds(),
                least(&|it| format!("{:.1}", it.cost.per_frame(it.cost.instructions))),
                least(&|it| format!("{:.2}", it.cost.per_frame(it.cost.call_count()))),
                least(&Measured::nanoseconds),
                ratio.map_or_else(none, |ratio| format!("{ratio:.2}")),
            ]);
        }
        right(&mut table);
        table
    }

    fn growth(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header([
            "32 frames of 1514 bytes",
            "processors",
            "ns a frame",
            "floor: ns a frame",
        ]);
        for growth in &self.processors {
            table.add_row([
                growth.service.to_string(),
                growth.processors.to_string(),
                format!("{:.0}", growth.framecast_nanoseconds_a_frame),
                growth.floor_nanoseconds_a_frame.map_or_else(none, |it| format!("{it:.0}")),
            ]);
        }
        right(&mut table);
        table
    }

    /// Prints where the instructions are, the most first.
    fn print_functions(&self, symbols: &Symbols<'_>) {
        for row in self.cases.iter().filter(|row| row.case.is_usual()) {
            let cost = &row.framecast.cost;
            let mut functions = BTreeMap::<_, u64>::new();
            for (&offset, count) in &cost.by_offset {
                let frames = symbols.frames(offset).into_iter();
                // What the driver has of the core library counts where it is inlined.
                let own = frames.map(|frame| frame.function).find(|name| !is_library(name));
                *functions.entry(own.unwrap_or_else(|| "others".to_owned())).or_default() += count;
            }
            println!("\n{}: instructions a frame", row.case.service);
            print_most(cost, &functions);
            println!("{}: calls a frame", row.case.service);
            print_most(cost, &cost.calls);
        }
    }
}

/// Whether a function is of the libraries of the language.
fn is_library(function: &str) -> bool {
    ["core::", "alloc::"].iter().any(|library| function.starts_with(library))
}

fn print_most(cost: &Cost, numbers: &BTreeMap<String, u64>) {
    let mut numbers: Vec<_> = numbers.iter().collect();
    numbers.sort_by_key(|&(_, number)| std::cmp::Reverse(number));
    for (name, &number) in numbers {
        println!("{:>10.2}  {name}", cost.per_frame(number));
    }
}

/// What stands where there is no floor.
fn none() -> String {
    "–".to_owned()
}

/// Numbers stand to the right.
fn right(table: &mut Table) {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

impl Measured {
    fn new(rig: &dyn Rig, timed: bool) -> Result<Self> {
        let cost = Cost::count(rig)?;
        let nanoseconds_a_frame = timed.then(|| nanoseconds(rig, 1)).transpose()?;
        Ok(Self { cost, nanoseconds_a_frame })
    }

    fn nanoseconds(&self) -> String {
        self.nanoseconds_a_frame.map_or_else(none, |it| format!("{it:.0}"))
    }
}

impl Growth {
    fn measure(framecast: &Path, floor: &Path, service: Service, processors: u8) -> Result<Self> {
        let (case, together) = (Case::usual(service), usize::from(processors));
        let framecast = Framecast::new(framecast, case, processors)?;
        let floor = || nanoseconds(&Floor::new(floor, case, processors)?, together);
        Ok(Self {
            service,
            processors,
            framecast_nanoseconds_a_frame: nanoseconds(&framecast, together)?,
            floor_nanoseconds_a_frame: service.has_floor().then(floor).transpose()?,
        })
    }
}

impl Row {
    fn measure(framecast: &Path, floor: &Path, case: Case, timed: bool) -> Result<Self> {
        let framecast = Measured::new(&Framecast::new(framecast, case, 1)?, timed)?;
        let floor = || Measured::new(&Floor::new(floor, case, 1)?, timed);
        let floor = case.service.has_floor().then(floor).transpose()?;
        let ratio = floor.as_ref().map(|floor| framecast.cost.ratio(&floor.cost));
        Ok(Self { case, framecast, floor, ratio })
    }

    /// The aims that this misses.
    fn missed(&self) -> Vec<String> {
        let service = self.case.service;
        let cost = &self.framecast.cost;
        let mut missed = Vec::new();
        if service.only_passes() {
            if cost.instructions > MOST_TO_PASS {
                missed.push(format!("{service}: {} instructions", cost.instructions));
            }
        } else if let Some(ratio) = self.ratio.filter(|&ratio| ratio > MOST_OF_FLOOR) {
            missed.push(format!("{service}: {ratio:.2} times the floor"));
        }
        if cost.allocations > 0 {
            missed.push(format!("{service}: {} allocations", cost.allocations));
        }
        missed
    }
}

/// How many processors are tried: powers of two that this machine has.
fn processors() -> Vec<u8> {
    let has = thread::available_parallelism().map_or(1, usize::from);
    [1, 2, 4].into_iter().filter(|&number| usize::from(number) <= has).collect()
}

fn bar(length: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}
