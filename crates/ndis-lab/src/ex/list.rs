//! Lists that many processors change at once: singly linked ones, and doubly linked ones with a
//! spin lock.
#![expect(non_snake_case, reason = "exports bear their kernel names")]

use std::sync::Mutex;

use crate::abi::kernel::ListEntry;
use crate::abi::sync::{SListEntry, SListHeader};
use crate::call::Call;
use crate::exports::exports;
use crate::guest::{ALIGNMENT, Guest};
use crate::irql::Irql;
use crate::ke;
use crate::rule::Rule;
use crate::sync::lock;

exports![
    InitializeSListHead,
    ExpInterlockedPopEntrySList,
    ExpInterlockedPushEntrySList,
    ExpInterlockedFlushSList,
    ExQueryDepthSList,
    ExInterlockedInsertHeadList,
    ExInterlockedInsertTailList,
    ExInterlockedRemoveHeadList,
];

/// Whoever changes a singly linked list has this.
static CHANGING: Mutex<()> = Mutex::new(());

fn check_alignment(call: &Call, address: u64) {
    if !address.is_multiple_of(ALIGNMENT as u64) {
        let message = format!("{address:#x} is not aligned to {ALIGNMENT} bytes");
        call.violate(Rule::ListEntry, message, &[]);
    }
}

/// Makes an empty list.
pub extern "win64" fn InitializeSListHead(head: Guest<SListHeader>) {
    let call = Call::enter("InitializeSListHead", Irql::HIGH, head.address());
    check_alignment(&call, head.address());
    head.fill(0, SListHeader::SIZE);
}

/// Sets the first entry and the depth, and counts the change.
fn change(head: Guest<SListHeader>, first: Guest<SListEntry>, depth: u16) {
    let before = head.get(SListHeader::DEPTH_AND_SEQUENCE);
    let sequence = (before >> 16).wrapping_add(1) << 16;
    head.set(SListHeader::DEPTH_AND_SEQUENCE, sequence | u64::from(depth));
    head.set(SListHeader::FIRST, first);
}

/// Takes the first entry; null if there is none.
pub(crate) fn pop(head: Guest<SListHeader>) -> Guest<SListEntry> {
    let _changing = lock(&CHANGING);
    let first = head.get(SListHeader::FIRST);
    if !first.is_null() {
        let depth = head.get(SListHeader::DEPTH).wrapping_sub(1);
        change(head, first.get(SListEntry::NEXT), depth);
    }
    first
}

/// Puts an entry in front; returns what was there.
pub(crate) fn push(head: Guest<SListHeader>, entry: Guest<SListEntry>) -> Guest<SListEntry> {
    let _changing = lock(&CHANGING);
    let first = head.get(SListHeader::FIRST);
    entry.set(SListEntry::NEXT, first);
    change(head, entry, head.get(SListHeader::DEPTH).wrapping_add(1));
    first
}

/// Takes the first entry; null if there is none.
pub extern "win64" fn ExpInterlockedPopEntrySList(head: Guest<SListHeader>) -> Guest<SListEntry> {
    let _call = Call::enter("ExpInterlockedPopEntrySList", Irql::HIGH, head.address());
    pop(head)
}

/// Puts an entry in front; returns what was there.
pub extern "win64" fn ExpInterlockedPushEntrySList(
    head: Guest<SListHeader>,
    entry: Guest<SListEntry>,
) -> Guest<SListEntry> {
    let call = Call::enter("ExpInterlockedPushEntrySList", Irql::HIGH, entry.address());
    check_alignment(&call, entry.address());
    push(head, entry)
}

/// Takes all entries.
pub extern "win64" fn ExpInterlockedFlushSList(head: Guest<SListHeader>) -> Guest<SListEntry> {
    let _call = Call::enter("ExpInterlockedFlushSList", Irql::HIGH, head.address());
    let _changing = lock(&CHANGING);
    let first = head.get(SListHeader::FIRST);
    change(head, Guest::NULL, 0);
    first
}

/// How many entries there are.
pub extern "win64" fn ExQueryDepthSList(head: Guest<SListHeader>) -> u16 {
    let _call = Call::enter("ExQueryDepthSList", Irql::HIGH, head.address());
    head.get(SListHeader::DEPTH)
}

/// An entry, or null for the head of an empty list.
fn unless_empty(head: Guest<ListEntry>, entry: Guest<ListEntry>) -> Guest<ListEntry> {
    if entry == head { Guest::NULL } else { entry }
}

fn link(before: Guest<ListEntry>, entry: Guest<ListEntry>, after: Guest<ListEntry>) {
    entry.set(ListEntry::FLINK, after);
    entry.set(ListEntry::BLINK, before);
    before.set(ListEntry::FLINK, entry);
    after.set(ListEntry::BLINK, entry);
}

/// Puts an entry in front, under the lock; returns what was there, null if nothing was.
pub extern "win64" fn ExInterlockedInsertHeadList(
    head: Guest<ListEntry>,
    entry: Guest<ListEntry>,
    spin_lock: Guest<u64>,
) -> Guest<ListEntry> {
    let call = Call::enter("ExInterlockedInsertHeadList", Irql::HIGH, entry.address());
    ke::acquire(&call, spin_lock);
    let first = head.get(ListEntry::FLINK);
    link(head, entry, first);
    ke::release(&call, spin_lock);
    unless_empty(head, first)
}

/// Puts an entry behind all, under the lock; returns what was last, null if nothing was.
pub extern "win64" fn ExInterlockedInsertTailList(
    head: Guest<ListEntry>,
    entry: Guest<ListEntry>,
    spin_lock: Guest<u64>,
) -> Guest<ListEntry> {
    let call = Call::enter("ExInterlockedInsertTailList", Irql::HIGH, entry.address());
    ke::acquire(&call, spin_lock);
    let last = head.get(ListEntry::BLINK);
    link(last, entry, head);
    ke::release(&call, spin_lock);
    unless_empty(head, last)
}

/// Takes the first entry, under the lock; null if there is none.
pub extern "win64" fn ExInterlockedRemoveHeadList(
    head: Guest<ListEntry>,
    spin_lock: Guest<u64>,
) -> Guest<ListEntry> {
    let call = Call::enter("ExInterlockedRemoveHeadList", Irql::HIGH, head.address());
    ke::acquire(&call, spin_lock);
    let first = head.get(ListEntry::FLINK);
    if first != head {
        let next = first.get(ListEntry::FLINK);
        head.set(ListEntry::FLINK, next);
        next.set(ListEntry::BLINK, head);
    }
    ke::release(&call, spin_lock);
    unless_empty(head, first)
}
