//! What the demo prints.

use std::{collections::BTreeMap, fmt, path::Display};

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

use super::{
    journey::{PARTS, Room},
    report::{AdapterReport, Refusal, Report},
};

/// How many refused frames are listed.
const REFUSALS: usize = 100;

/// All that is printed about a demo.
pub(super) struct Text<'r> {
    pub(super) report: &'r Report,
    /// Frames of the capture.
    pub(super) frames: usize,
    /// The driver, the capture and the folder, as a reader wants to see them.
    pub(super) driver: Display<'r>,
    pub(super) pcap: Display<'r>,
    pub(super) out: Display<'r>,
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.before(f)?;
        writeln!(f, "\n{}\n", self.table())?;
        self.explanation(f)?;
        self.refusals(f)?;
        self.breaches(f)?;
        let out = &self.out;
        writeln!(
            f,
            "\n{out} holds what arrived, a.pcapng and b.pcapng (Wireshark opens them; the"
        )?;
        writeln!(f, "times are those of the capture), and all of the above in report.json.")
    }
}

impl Text<'_> {
    fn before(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, driver, pcap, .. } = self;
        writeln!(f, "Driver     {driver}")?;
        writeln!(f, "SHA-256    {}\n", self.report.driver_sha256)?;
        writeln!(
            f,
            "The driver ran in ndis-lab, which does what Windows does for network drivers, on two\n\
             simulated adapters, a and b. Through the driver's control device it was handed the\n\
             {frames} frames of {pcap} for each of them, copied them into\n\
             buffers of its own and sent them towards the network: some batches with a list for\n\
             each frame, some with many frames in a list. In the middle both adapters were paused\n\
             and restarted, with drivers below that ask for other room than before."
        )
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        let adapters = &self.report.adapters;
        let mut row = |label: &str, cell: &dyn Fn(usize, &AdapterReport) -> String| {
            let cells = adapters.iter().enumerate().map(|(place, it)| cell(place, it));
            table.add_row([label.to_owned()].into_iter().chain(cells));
        };
        row("Frames that the driver took", &|_, it| {
            format!("{} of {}", it.frames_injected, self.frames)
        });
        row("Frames that arrived on the wire", &|_, it| match it.difference {
            Some(_) => format!("{}, NOT as sent", it.frames_on_wire),
            None => format!("{}, unchanged and in order", it.frames_on_wire),
        });
        row("Room that the drivers below use", &|place, _| {
            rooms(PARTS[place].below.map(|it| it.uses))
        });
        row("Room that they ask for", &|place, _| rooms(PARTS[place].below.map(|it| it.asks)));
        row("Room that Framecast says it leaves", &|_, it| {
            let before = Room { data: it.data_backfill, context: it.context_backfill };
            let after = &it.after_restart;
            rooms([before, Room { data: after.data_backfill, context: after.context_backfill }])
        });
        row("Times its pools were made anew for that", &|_, it| it.pool_rebuilds.to_string());
        row("Allocations of NDIS for want of room", &|_, it| {
            let after = it.after_restart.ndis_allocations_for_retreat;
            let before = it.ndis_allocations_for_retreat - after;
            if before == after { before.to_string() } else { format!("{before}, then {after}") }
        });
        let names = adapters.iter().map(|it| format!("Adapter {}", it.name));
        table.set_header([String::new()].into_iter().chain(names));
        table
    }

    fn explanation(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Room is bytes in front of each frame + bytes in the list that carries it; \"then\" is\n\
             after the restart. Drivers below put headers of their own there. Where they find no\n\
             room, NDIS has to allocate memory for frame after frame. So Framecast leaves what is\n\
             asked for. For comparison, the drivers below b do not ask until the restart."
        )?;
        let a = self.report.adapters.iter().find(|it| it.name == "a");
        match a.map_or(0, |it| it.ndis_allocations_for_retreat) {
            0 => Ok(()),
            count => writeln!(f, "Those below a asked, and NDIS allocated {count} times even so."),
        }
    }

    /// The frames that were not taken, each named once.
    fn refusals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all: BTreeMap<&Refusal, Vec<&str>> = BTreeMap::new();
        for adapter in &self.report.adapters {
            for refusal in &adapter.frames_refused {
                all.entry(refusal).or_default().push(adapter.name);
            }
        }
        if all.is_empty() {
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header(["Refused frame", "Bytes", "Adapter", "Status"]);
        for (refusal, names) in all.iter().take(REFUSALS) {
            table.add_row([
                refusal.number.to_string(),
                refusal.length.to_string(),
                names.join(", "),
                format!("{}: {}", refusal.status, refusal.meaning),
            ]);
        }
        writeln!(f, "\nFrames that the driver did not take; nothing of them was sent:\n\n{table}")?;
        match all.len().saturating_sub(REFUSALS) {
            0 => Ok(()),
            more => writeln!(f, "and {more} more; report.json names all."),
        }
    }

    fn breaches(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { violations, leaks, .. } = self.report;
        if violations.is_empty() {
            return writeln!(
                f,
                "\nThe driver broke no rule of NDIS or of the kernel that the lab checks, and left\n\
                 nothing behind when it was unloaded."
            );
        }
        let count = violations.len();
        writeln!(
            f,
            "\nBreaches of rules by the driver: {count}. Objects it left behind: {leaks}.\n"
        )?;
        for breach in violations {
            writeln!(f, "  {}: {}", breach.rule, breach.message)?;
            if let Some(location) = &breach.location {
                writeln!(f, "    at {location}")?;
            }
        }
        Ok(())
    }
}

/// Room before the restart and after it.
fn rooms([before, after]: [Room; 2]) -> String {
    if before == after { room(before) } else { format!("{}, then {}", room(before), room(after)) }
}

fn room(Room { data, context }: Room) -> String {
    if (data, context) == (0, 0) { "none".to_owned() } else { format!("{data} + {context}") }
}
