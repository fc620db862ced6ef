//! C13: nothing is left behind.

use crate::ledger::Remaining;
use crate::machine::Machine;
use crate::ndis::filter::FilterDriver;
use crate::ndis::module::Module;
use crate::rule::Rule;
use crate::sync::lock;

/// After a module is gone: nothing made with its handle is left.
pub(crate) fn after_detach(machine: &Machine, module: &Module, after: &str) {
    let left = lock(&machine.ledger).remaining(|_, owner| owner.module == module.handle);
    report(machine, &left, after);
}

/// After the driver is gone: nothing of it is left at all.
pub(crate) fn after_unload(machine: &Machine, driver: &FilterDriver, after: &str) {
    let left = lock(&machine.ledger).remaining(|_, owner| owner.driver == driver.id);
    report(machine, &left, after);
}

fn report(machine: &Machine, left: &[Remaining], after: &str) {
    if left.is_empty() {
        return;
    }
    let objects: Vec<_> = left.iter().map(|&item| machine.describe(item)).collect();
    // Objects of a pool that leaks are not reported again after the next event.
    let mut ledger = lock(&machine.ledger);
    for item in left {
        ledger.disown(*item);
    }
    drop(ledger);
    let message = format!("{} objects are left after {after}", objects.len());
    machine.violate(Rule::Leak, left[0].site, message, objects);
}
