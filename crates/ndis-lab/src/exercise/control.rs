//! Programs that open the driver's devices, ask what they like, and leave when they like.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::driver::Driver;
use crate::exercise::chance::Chance;
use crate::exercise::crew::Actor;
use crate::exercise::forge::{Forge, Forged};
use crate::file::{Canceller, File, PendingControl};
use crate::sync::{self, lock};

/// How many files and requests a program keeps at most.
const FILES: usize = 4;
const REQUESTS: usize = 24;

/// How long a cancelled request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Files that threads of any program may cancel the requests of: those that were opened last.
#[derive(Debug, Default)]
pub(crate) struct Cancellers(Mutex<Vec<Canceller>>);

impl Cancellers {
    fn add(&self, file: &File) {
        let mut all = lock(&self.0);
        if all.len() == FILES {
            all.remove(0);
        }
        all.push(file.canceller());
    }

    /// Cancels all requests of one of the files.
    fn cancel_some(&self, chance: &mut Chance) {
        let all = lock(&self.0).clone();
        if !all.is_empty() {
            chance.pick(&all).cancel_all();
        }
    }
}

/// A program.
pub(crate) struct Client {
    driver: Driver,
    /// The names of devices.
    devices: Arc<[String]>,
    cancellers: Arc<Cancellers>,
    forge: Forge,
    files: Vec<File>,
    requests: Vec<(Forged, PendingControl)>,
}

impl Actor for Client {
    fn name(&self) -> &'static str {
        "client"
    }

    fn step(&mut self, chance: &mut Chance) {
        match chance.between(0..=16) {
            0 => self.open(chance),
            1 => drop(take(&mut self.files, chance)),
            2 | 3 => {
                if let Some((forged, request)) = take(&mut self.requests, chance) {
                    request.cancel();
                    self.requests.push((forged, request));
                }
            }
            4 => self.read_or_write(chance),
            5 => drop(take(&mut self.requests, chance)),
            6 => self.cancellers.cancel_some(chance),
            _ if self.files.is_empty() => self.open(chance),
            _ => self.control(chance),
        }
        self.collect(chance);
    }

    /// Closes half of the files with requests under way, and cancels those of the rest.
    fn end(&mut self) {
        self.files.truncate(self.files.len() / 2);
        // Once: a driver that forgets a cancellation might heed another.
        for (_, request) in self.requests.iter().filter(|(_, request)| !request.is_cancelled()) {
            request.cancel();
        }
        // Before the rest is closed, which ends what a cancellation has not.
        let all_done = || self.requests.iter().all(|(_, request)| request.is_done());
        let done = sync::poll(None, Some(PATIENCE), all_done);
        assert!(done, "the driver did not complete a cancelled request");
        self.files.clear();
    }
}

impl Client {
    pub(crate) fn new(
        driver: &Driver,
        devices: Arc<[String]>,
        cancellers: Arc<Cancellers>,
        forge: Forge,
    ) -> Self {
        let driver = driver.clone();
        Self { driver, devices, cancellers, forge, files: Vec::new(), requests: Vec::new() }
    }

    /// Opens a device, by itself or with the name of a file behind.
    fn open(&mut self, chance: &mut Chance) {
        if self.files.len() == FILES {
            drop(take(&mut self.files, chance));
        }
        let name = chance.pick(&self.devices);
        let name = if chance.one_in(8) { format!(r"{name}\file") } else { name };
        let opened =
            if chance.one_in(4) { self.driver.open_32_bit(&name) } else { self.driver.open(&name) };
        if let Ok(file) = opened {
            self.cancellers.add(&file);
            self.files.push(file);
        }
    }

    fn control(&mut self, chance: &mut Chance) {
        let forged = self.forge.control(chance);
        let file = &self.files[chance.size(0..=self.files.len() - 1)];
        let request = file.control_pending(forged.code, &forged.input, forged.room);
        if chance.one_in(5) {
            request.cancel();
        }
        self.requests.push((forged, request));
    }

    fn read_or_write(&mut self, chance: &mut Chance) {
        let Some(file) = self.files.first() else { return };
        let length = chance.size(0..=4096);
        if chance.one_in(2) {
            self.requests.push((Forged::default(), file.read_pending(length)));
        } else {
            self.requests.push((Forged::default(), file.write_pending(&chance.bytes(length))));
        }
    }

    /// Looks at what is done, and cancels the oldest when too much is not.
    fn collect(&mut self, chance: &mut Chance) {
        for (forged, request) in std::mem::take(&mut self.requests) {
            match request.result() {
                None => self.requests.push((forged, request)),
                Some(result) if result.status.is_success() && forged.code != 0 => {
                    self.forge.learn(forged.code, forged.input, chance);
                }
                Some(_) => {}
            }
        }
        if self.requests.len() > REQUESTS {
            self.requests[0].1.cancel();
            self.requests.rotate_left(1);
        }
    }
}

/// Takes one of several.
fn take<T>(from: &mut Vec<T>, chance: &mut Chance) -> Option<T> {
    let last = from.len().checked_sub(1)?;
    Some(from.swap_remove(chance.size(0..=last)))
}
