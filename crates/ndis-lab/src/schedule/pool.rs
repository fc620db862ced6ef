//! Threads of the system for virtual threads: many of these are short, and each needs one.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use crate::sync::lock;

type Errand = Box<dyn FnOnce() + Send>;

static IDLE: Mutex<Vec<Sender<Errand>>> = Mutex::new(Vec::new());

/// Runs something on a thread that does nothing else.
pub(crate) fn run(errand: impl FnOnce() + Send + 'static) {
    let mut errand: Errand = Box::new(errand);
    let idle = lock(&IDLE).pop();
    if let Some(idle) = idle {
        match idle.send(errand) {
            Ok(()) => return,
            Err(refused) => errand = refused.0,
        }
    }
    let (sender, receiver) = channel::<Errand>();
    std::thread::spawn(move || {
        errand();
        lock(&IDLE).push(sender.clone());
        while let Ok(next) = receiver.recv() {
            next();
            lock(&IDLE).push(sender.clone());
        }
    });
}
