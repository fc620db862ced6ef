//! An adapter's driver stack, with the filter in its middle.

use std::sync::Arc;

use crate::abi::nbl::{RECEIVE_RESOURCES, SEND_CHECK_FOR_LOOPBACK};
use crate::abi::ndis::PAUSE_NDIS_INTERNAL;
use crate::adapter_config::AdapterConfig;
use crate::edge::{Order, Policy};
use crate::frame::{Completion, Frame, NblSpec};
use crate::irql::Irql;
use crate::machine::Machine;
use crate::module_state::ModuleState;
use crate::ndis::base::{Base, Handover};
use crate::ndis::cable::Cable;
use crate::ndis::module::Module;
use crate::ndis::{adapter, direct, lifecycle, oid, pnp, protocol, transition};
use crate::oid_request::{OidAnswer, OidQuery, OidResult};
use crate::restart_attributes::{GeneralAttributes, RestartAttributes};
use crate::status::NtStatus;
use crate::sync::lock;

/// An adapter's driver stack: a miniport below, the driver's filter module, a protocol above.
///
/// What the two ends do with what reaches them is chosen here, and seen here.
#[derive(Clone, Debug)]
pub struct Stack {
    machine: Arc<Machine>,
    module: Arc<Module>,
}

impl Stack {
    pub(crate) fn new(machine: Arc<Machine>, module: Arc<Module>) -> Self {
        Self { machine, module }
    }

    /// What the adapter is like.
    #[must_use]
    pub fn config(&self) -> &AdapterConfig {
        &self.module.config
    }

    /// The state of the filter module.
    #[must_use]
    pub fn state(&self) -> ModuleState {
        self.module.state()
    }

    /// Restarts the module with the attributes of the adapter.
    ///
    /// # Errors
    ///
    /// As [`Stack::restart_with`].
    pub fn start(&self) -> Result<(), NtStatus> {
        self.restart_with(&RestartAttributes::of(self.config()))
    }

    /// Restarts the module: FilterSetModuleOptions, then FilterRestart, at PASSIVE_LEVEL; waits
    /// for a pending restart to complete. The module is then Running.
    ///
    /// # Errors
    ///
    /// The status that the restart failed with; NDIS has then detached the module.
    /// INVALID_DEVICE_STATE, and nothing is called, if the module is not Paused.
    pub fn restart_with(&self, attributes: &RestartAttributes) -> Result<(), NtStatus> {
        lifecycle::restart(&self.machine, &self.module, attributes)
    }

    /// What the drivers above were told at the last restart, after the filter had its say.
    #[must_use]
    pub fn attributes_above(&self) -> Option<GeneralAttributes> {
        lock(&self.module.inner).reported
    }

    /// Pauses the module: FilterPause, at PASSIVE_LEVEL; waits for it to complete, at most ten
    /// seconds. The module is then Paused.
    ///
    /// Held sends and receives are released first by the test, else a filter that waits for them
    /// cannot complete; see [`Stack::begin_pause`].
    pub fn pause(&self) {
        if self.begin_pause() {
            self.finish_pause();
        }
    }

    /// Calls FilterPause and says whether it is pending. The module is Pausing if it is, else
    /// Paused. Does nothing and says no if the module is not Running.
    #[must_use]
    pub fn begin_pause(&self) -> bool {
        lifecycle::begin_pause(&self.machine, &self.module, PAUSE_NDIS_INTERNAL)
    }

    /// Waits for a pending pause to complete, at most ten seconds, which is the documented limit.
    pub fn finish_pause(&self) {
        lifecycle::finish_pause(&self.machine, &self.module);
    }

    /// Detaches the module: FilterDetach, at PASSIVE_LEVEL, after a pause if it is Running.
    pub fn detach(&self) {
        lifecycle::detach(&self.machine, &self.module);
    }

    /// Pulls the adapter out: FilterDevicePnPEventNotify with NdisDevicePnPEventSurpriseRemoved,
    /// FilterPause, FilterDetach. The adapter fails what it holds and whatever it still gets; the
    /// protocol returns what it holds.
    pub fn surprise_remove(&self) {
        transition::surprise_remove(&self.machine, &self.module);
    }

    /// Puts the adapter to sleep (D3): FilterNetPnPEvent with NetEventSetPower, FilterPause unless
    /// the adapter says that it is not needed ([`AdapterConfig::pauses_on_suspend`]), and
    /// OID_PNP_SET_POWER by FilterOidRequest. The drivers at the ends give back what they hold;
    /// while the adapter sleeps, sends that reach it complete with `NDIS_STATUS_LOW_POWER_STATE`.
    /// Returns the status of the request.
    pub fn power_down(&self) -> NtStatus {
        transition::power_down(&self.machine, &self.module)
    }

    /// Wakes the adapter (D0): OID_PNP_SET_POWER, FilterRestart if it was paused, NetEventSetPower.
    ///
    /// # Errors
    ///
    /// The status that the restart failed with, as [`Stack::restart_with`], or the request.
    pub fn power_up(&self) -> Result<(), NtStatus> {
        transition::power_up(&self.machine, &self.module)
    }

    /// Lays a cable: what this adapter sends, another adapter of the same lab receives, soon, at
    /// DISPATCH_LEVEL, in the batches it was sent in. One way only; [`Stack::wire`] sees the frames
    /// as well. Frames cross as they were handed over: an 802.1Q tag stays beside its frame, and
    /// what was left to the adapter's hardware is not done.
    ///
    /// As [`Stack::connect_for`] with 16,384 frames.
    pub fn connect(&self, other: &Self) {
        self.connect_for(other, 1 << 14);
    }

    /// Lays a cable that carries so many frames; what goes round in a loop of cables ends there,
    /// and [`Stack::lost_on_the_cable`] counts.
    pub fn connect_for(&self, other: &Self, frames: u64) {
        lock(&self.module.lower).cable = Some(Cable::to(&other.module, frames));
    }

    /// Puts this adapter on another of the same lab, as a team or a tunnel stands on a card: what it
    /// sends, the protocols' side of the other adapter's stack sends, within the same call.
    pub fn stand_on(&self, other: &Self, handover: Handover) {
        lock(&self.module.lower).base = Some(Base::new(&other.module, handover));
    }

    /// How many frames this adapter's cable did not carry, because it had carried enough.
    #[must_use]
    pub fn lost_on_the_cable(&self) -> u64 {
        lock(&self.module.lower).cable.as_ref().map_or(0, |cable| cable.lost)
    }

    /// At which IRQL NDIS calls the data path handlers: PASSIVE_LEVEL or DISPATCH_LEVEL, which is
    /// what a new stack does.
    pub fn set_level(&self, level: Irql) {
        lock(&self.module.inner).level = level;
    }

    /// Whether calls at DISPATCH_LEVEL say so in their flags, which a new stack does; a clear
    /// flag says nothing.
    pub fn set_dispatch_flag(&self, flag: bool) {
        lock(&self.module.inner).dispatch_flag = flag;
    }

    /// The port that calls name which bring lists to the filter; a new stack names port 0.
    pub fn set_port(&self, port: u32) {
        lock(&self.module.inner).port = port;
    }

    /// What else the flags of sends (`NDIS_SEND_FLAGS_*`) and of receives
    /// (`NDIS_RECEIVE_FLAGS_*`) say from now on.
    pub fn set_call_flags(&self, send: u32, receive: u32) {
        let mut inner = lock(&self.module.inner);
        inner.send_flags = send;
        inner.receive_flags = receive;
    }

    /// The protocol sends lists, in one chain: FilterSendNetBufferLists.
    pub fn send_from_above<L: Into<NblSpec>>(&self, lists: impl IntoIterator<Item = L>) {
        protocol::send(&self.machine, &self.module, lists, 0);
    }

    /// As [`Stack::send_from_above`], asking NDIS to look for loopback.
    pub fn send_from_above_with_loopback<L: Into<NblSpec>>(
        &self,
        lists: impl IntoIterator<Item = L>,
    ) {
        protocol::send(&self.machine, &self.module, lists, SEND_CHECK_FOR_LOOPBACK);
    }

    /// The protocol asks for its sends with a cancel identifier to be cancelled.
    pub fn cancel_sends_from_above(&self, cancel_id: u64) {
        protocol::cancel_sends(&self.machine, &self.module, cancel_id);
    }

    /// The adapter indicates lists, in one chain: FilterReceiveNetBufferLists. With `resources`
    /// they are lent for the length of the call.
    pub fn indicate_from_below<L: Into<NblSpec>>(
        &self,
        lists: impl IntoIterator<Item = L>,
        resources: bool,
    ) {
        let flags = if resources { RECEIVE_RESOURCES } else { 0 };
        adapter::indicate(&self.machine, &self.module, lists, flags);
    }

    /// The frames that left below, in order, as the wire sees them.
    #[must_use]
    pub fn wire(&self) -> Vec<Frame> {
        lock(&self.module.lower).wire.clone()
    }

    /// The same, and forgets them.
    #[must_use]
    pub fn take_wire(&self) -> Vec<Frame> {
        std::mem::take(&mut lock(&self.module.lower).wire)
    }

    /// The frames that arrived above, in order.
    #[must_use]
    pub fn received_above(&self) -> Vec<Frame> {
        lock(&self.module.upper).received.clone()
    }

    /// The same, and forgets them.
    #[must_use]
    pub fn take_received_above(&self) -> Vec<Frame> {
        std::mem::take(&mut lock(&self.module.upper).received)
    }

    /// Whether frames and completions are kept for [`Stack::wire`], [`Stack::received_above`],
    /// [`Stack::completions_above`] and [`Stack::returns_below`]; benchmarks switch it off.
    pub fn set_capture(&self, capture: bool) {
        lock(&self.module.lower).capture = capture;
        lock(&self.module.upper).capture = capture;
    }

    /// The protocol's sends that completed, in the order they did.
    #[must_use]
    pub fn completions_above(&self) -> Vec<Completion> {
        lock(&self.module.upper).completions.clone()
    }

    /// The adapter's receives that came back, in the order they did.
    #[must_use]
    pub fn returns_below(&self) -> Vec<Completion> {
        lock(&self.module.lower).returns.clone()
    }

    /// The drivers below use this much room in front of frames and in contexts from now on,
    /// whatever they declare; until then as much as [`AdapterConfig`] says.
    pub fn use_room(&self, data: u32, context: u32) {
        lock(&self.module.lower).room = Some((data, context));
    }

    /// When the adapter completes sends from now on.
    pub fn set_send_policy(&self, policy: Policy) {
        lock(&self.module.lower).policy = policy;
    }

    /// From now on the adapter holds sends until they are released.
    pub fn hold_sends(&self) {
        self.set_send_policy(Policy::Held);
    }

    /// How many lists the adapter holds.
    #[must_use]
    pub fn held_sends(&self) -> usize {
        lock(&self.module.lower).held.len()
    }

    /// The adapter completes the sends that it holds, and later ones at once.
    pub fn release_sends(&self, order: Order) {
        self.set_send_policy(Policy::Inline);
        adapter::release(&self.machine, &self.module, order);
    }

    /// From now on the adapter fails sends with a status; `SUCCESS` ends that.
    pub fn fail_sends(&self, status: NtStatus) {
        lock(&self.module.lower).status = status;
    }

    /// When the protocol returns receives from now on.
    pub fn set_receive_policy(&self, policy: Policy) {
        lock(&self.module.upper).policy = policy;
    }

    /// From now on the protocol holds receives until they are released.
    pub fn hold_receives(&self) {
        self.set_receive_policy(Policy::Held);
    }

    /// How many lists the protocol holds.
    #[must_use]
    pub fn held_receives(&self) -> usize {
        lock(&self.module.upper).held.len()
    }

    /// The protocol returns the receives that it holds, and later ones at once.
    pub fn release_receives(&self, order: Order) {
        self.set_receive_policy(Policy::Inline);
        protocol::release(&self.machine, &self.module, order);
    }

    /// The protocol makes an OID request and waits for it, at most ten seconds: FilterOidRequest,
    /// and FilterOidRequestComplete for what the adapter answers late.
    #[must_use]
    pub fn oid(&self, query: &OidQuery) -> OidResult {
        oid::request(&self.machine, &self.module, query)
    }

    /// The protocol makes a direct OID request and waits for it, at most ten seconds:
    /// FilterDirectOidRequest, at the level of the data path.
    #[must_use]
    pub fn direct_oid(&self, query: &OidQuery) -> OidResult {
        direct::request(&self.machine, &self.module, query)
    }

    /// The protocol makes a synchronous OID request: FilterSynchronousOidRequest, and on the way
    /// back FilterSynchronousOidRequestComplete.
    #[must_use]
    pub fn synchronous_oid(&self, query: &OidQuery) -> OidResult {
        direct::request_now(&self.machine, &self.module, query)
    }

    /// The protocol cancels its direct OID requests with an identifier:
    /// FilterCancelDirectOidRequest.
    pub fn cancel_direct_oid(&self, id: u64) {
        direct::cancel(&self.machine, &self.module, id);
    }

    /// The adapter completes the direct OID requests that it holds.
    pub fn release_direct_oids(&self) {
        direct::release(&self.machine, &self.module);
    }

    /// The protocol cancels its OID requests with an identifier, from another thread:
    /// FilterCancelOidRequest.
    pub fn cancel_oid(&self, id: u64) {
        oid::cancel(&self.machine, &self.module, id);
    }

    /// What the adapter answers to OID requests from now on: the status, whether later on
    /// another thread, and for queries the bytes.
    pub fn answer_oids(&self, status: NtStatus, later: bool, bytes: impl Into<Vec<u8>>) {
        let policy = if later { Policy::Deferred } else { Policy::Inline };
        self.answer_oids_as(OidAnswer {
            status,
            policy,
            bytes: bytes.into(),
            ..Default::default()
        });
    }

    /// What the adapter answers to OID requests from now on, in full.
    pub fn answer_oids_as(&self, answer: OidAnswer) {
        lock(&self.module.lower).oid_answer = answer;
    }

    /// How many OID requests the adapter holds, under an answer that is [`Policy::Held`].
    #[must_use]
    pub fn held_oids(&self) -> usize {
        lock(&self.module.lower).oids_held.len()
    }

    /// The adapter completes the OID requests that it holds, as it was to answer them.
    pub fn release_oids(&self) {
        oid::release(&self.machine, &self.module);
    }

    /// The object identifiers that reached the adapter, in order.
    #[must_use]
    pub fn oids_below(&self) -> Vec<u32> {
        lock(&self.module.lower).oids.clone()
    }

    /// The adapter indicates a status: FilterStatus.
    pub fn status_indication(&self, code: NtStatus, bytes: &[u8]) {
        pnp::indicate_status(&self.machine, &self.module, code, bytes);
    }

    /// The statuses that arrived above, in order.
    #[must_use]
    pub fn statuses_above(&self) -> Vec<NtStatus> {
        lock(&self.module.upper).statuses.clone()
    }

    /// NDIS tells the drivers above of an event (NET_PNP_EVENT_CODE): FilterNetPnPEvent.
    #[must_use]
    pub fn net_pnp_event(&self, event: u32, bytes: &[u8]) -> NtStatus {
        pnp::net_event(&self.machine, &self.module, event, bytes)
    }

    /// NDIS tells the drivers below of an event (NDIS_DEVICE_PNP_EVENT):
    /// FilterDevicePnPEventNotify.
    pub fn device_pnp_event(&self, event: u32, bytes: &[u8]) {
        pnp::device_event(&self.machine, &self.module, event, bytes);
    }

    /// What the drivers above answer to events from now on.
    pub fn answer_net_pnp_events(&self, status: NtStatus) {
        lock(&self.module.upper).event_answer = status;
    }

    /// The events that the drivers above were told of, and what came with them, in order.
    #[must_use]
    pub fn net_pnp_events_above(&self) -> Vec<(u32, Vec<u8>)> {
        lock(&self.module.upper).events.clone()
    }

    /// The events that the drivers below were told of, and what came with them, in order.
    #[must_use]
    pub fn device_pnp_events_below(&self) -> Vec<(u32, Vec<u8>)> {
        lock(&self.module.lower).events.clone()
    }
}
