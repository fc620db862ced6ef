//! A cable from one adapter to another.

use std::sync::{Arc, Weak};

use crate::abi::nbl::information;
use crate::frame::NblSpec;
use crate::machine::Machine;
use crate::module_state::ModuleState;
use crate::ndis::adapter;
use crate::ndis::module::Module;
use crate::sync::lock;

/// Where the frames of an adapter go.
#[derive(Debug)]
pub(crate) struct Cable {
    far: Weak<Module>,
    left: u64,
    /// Frames that it did not carry.
    pub(crate) lost: u64,
}

impl Cable {
    /// A cable to an adapter, for so many frames: what goes round in a loop comes to an end.
    pub(crate) fn to(far: &Arc<Module>, frames: u64) -> Self {
        Self { far: Arc::downgrade(far), left: frames, lost: 0 }
    }

    /// Lets the far adapter receive frames, soon.
    pub(crate) fn carry(&mut self, machine: &Arc<Machine>, mut frames: Vec<NblSpec>) {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(frames.len());
        let lost = frames.split_off(room).len();
        self.left -= frames.len() as u64;
        self.lost += lost as u64;
        let Some(far) = self.far.upgrade().filter(|_| !frames.is_empty()) else { return };
        let (queue, machine) = (machine.procedures.clone(), Arc::clone(machine));
        queue.push_here(far.handle.0, move || {
            let there = !matches!(far.state(), ModuleState::Attaching | ModuleState::Detached);
            if there && lock(&far.lower).status.is_success() {
                adapter::at_dispatch(|_| adapter::indicate(&machine, &far, frames, 0));
            }
        });
    }
}

/// A frame as it arrives at the far end; its 802.1Q tag stays beside it, as adapters that take
/// tags off tell it.
pub(crate) fn arriving(bytes: &[u8], beside: &[u64; 28]) -> NblSpec {
    let frame = NblSpec::from(bytes);
    match beside[information::IEEE_8021Q] {
        0 => frame,
        tag => frame.information(information::IEEE_8021Q, tag),
    }
}
