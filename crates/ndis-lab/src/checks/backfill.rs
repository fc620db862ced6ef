//! C31: what a filter originates has room in front for the drivers below.

use crate::abi::nbl::{NetBuffer, NetBufferList, NetBufferListContext};
use crate::call::Call;
use crate::guest::Guest;
use crate::ndis::chain;
use crate::ndis::module::Module;
use crate::rule::Rule;
use crate::sync::lock;

/// Checks an originated send against what the filter was told at its last restart. A filter that
/// was told nothing owes nothing.
pub(crate) fn check(call: &Call, module: &Module, list: Guest<NetBufferList>) {
    let Some(told) = lock(&module.inner).told else { return };
    for buffer in chain::buffers(list) {
        let room = buffer.get(NetBuffer::DATA_OFFSET);
        if room < told.data_backfill {
            let wanted = told.data_backfill;
            let message = format!(
                "an originated frame has {room} bytes of room in front; the drivers below \
                 declared {wanted}"
            );
            call.violate(Rule::Backfill, message, &[format!("NET_BUFFER {buffer:?}")]);
        }
    }
    let context = list.get(NetBufferList::CONTEXT);
    let room = context.non_null().map_or(0, |context| context.get(NetBufferListContext::OFFSET));
    if u32::from(room) < told.context_backfill {
        let wanted = told.context_backfill;
        let message = format!(
            "an originated list has {room} bytes of context to spare; the drivers below \
             declared {wanted}"
        );
        call.violate(Rule::Backfill, message, &[format!("NET_BUFFER_LIST {list:?}")]);
    }
}
