//! Rules that others have names for: where the lab checks them, or why it cannot.

use super::Rule;

/// A rule under the name that Static Driver Verifier, Driver Verifier or NDIS gives it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Named {
    /// The name.
    pub name: &'static str,
    /// The page of the driver documentation, or the set of rules.
    pub source: &'static str,
    /// The lab's rules that check it; none if it cannot be observed.
    pub rules: &'static [Rule],
    /// What the lab looks at, or why it cannot be observed.
    pub remark: &'static str,
}

macro_rules! named {
    ($($source:literal { $($name:literal => [$($rule:ident),*], $remark:literal;)* })*) => {
        /// Every rule of the documentation's sets that concerns filters, and what became of it.
        pub const NAMED: &[Named] = &[$($(Named {
            name: $name,
            source: $source,
            rules: &[$(Rule::$rule),*],
            remark: $remark,
        },)*)*];
    };
}

named! {
    "devtest/ddi-usage-rule-set--ndis-" {
        "NdisFDeregisterFilterDriver" => [Registration], "called from DriverUnload, and called";
        "NullCheck" => [], "a null pointer that is used faults, and the fault is reported; that it is not checked shows when allocations are made to fail";
        "Init_NdisAllocateIoWorkItem" => [Leak, WrongFree], "work items are freed, once, not while queued";
        "Init_DeRegisterInterrupt, Init_RegisterInterrupt, Init_RegisterSG, NdisMDeregisterInterruptEx" => [], "for miniports: filters have no interrupts and no DMA";
    }
    "devtest/irql-rule-set--ndis-" {
        "Flags_Irql" => [DispatchFlag], "KeGetCurrentIrql in a callback with a dispatch flag";
        "Irql_Filter_Driver_Function, Irql_NetBuffer_Function, Irql_OID_Function, Irql_StatusIndication_Function, Irql_Miscellaneous_Function, Irql_Synch_Function, Irql_Timer_Function, Irql_Interfaces_Function, Irql_IrqlSetting_Function" => [WrongIrql], "every export knows up to which IRQL it is legal";
        "Irql_CallManager_Function, Irql_Connection_Function, Irql_Gather_DMA_Function, Irql_IM_Function, Irql_Interrupt_Function, Irql_MCM_Function, Irql_MCO_Function, Irql_Miniport_Driver_Function, Irql_Protocol_Driver_Function, Irql_SendRcv_Function" => [], "for other kinds of drivers: the lab does not export what they call";
    }
    "devtest/locking-rule-set--ndis-" {
        "SpinLock, SpinLockBalanced, SpinLockDpr, SpinLockDprRelease, SpinLockRelease" => [SpinLock, WrongIrql], "acquired once, released by the holder, not held when a callback returns; Dpr forms at DISPATCH_LEVEL";
    }
    "devtest/memory-usage-rule-set--ndis-" {
        "NdisAllocateMdl, NdisAllocateNetBuffer, NdisAllocateGenericObject" => [Leak, WrongFree], "freed once, by the function that belongs to them; nothing left at detach or unload";
        "NdisAllocateMemoryWithTagPriority" => [PoolTag], "the tag is not 0";
        "NdisMIndicateStatusEx" => [StatusState], "not before attributes are set, not after detach";
        "NdisMFreeSharedMemory, NdisMMapIoSpace, NdisMRegisterIoPortRange" => [], "for miniports";
    }
    "devtest/miscellaneous-rule-set--ndis-" {
        "CancelTimerObject" => [WrongFree, Leak], "a timer is cancelled before it is freed, and freed";
        "NdisOpenConfigurationEx" => [Leak], "handles are closed before detach or unload";
        "MiniportPause_Return" => [PauseCompletion], "FilterPause returns SUCCESS or PENDING";
        "PeriodicTimer" => [], "a periodic timer is to be cancelled at PASSIVE_LEVEL; the pages about NdisCancelTimerObject allow DISPATCH_LEVEL, so the lab does";
        "WriteErrorLog" => [], "the lab does not export NdisWriteErrorLogEntry";
        "NdisQueryBindInstanceName, NdisReEnumerateProtocolBindings" => [], "for protocols";
    }
    "devtest/oidprocessing-rule-set--ndis-" {
        "DoubleComplete, DoubleCompleteWorkItem" => [OidCompletion], "a request completes once";
        "NdisMNetPnPEventInOIDRequest" => [NetPnpInOid], "NdisFNetPnPEvent within FilterOidRequest";
    }
    "devtest/warning-rule-set--ndis-" {
        "NdisStallExecution_Delay" => [Waiting], "at most 50 microseconds";
    }
    "devtest/ndis-wifi-verification-rule-set" {
        "NdisFilterTimedPauseComplete" => [NdisFilterTimedPauseComplete, PauseCompletion], "ten seconds; not failed, not completed twice";
        "NdisFilterTimedDataSend, NdisFilterTimedDataReceive" => [NdisFilterTimedDataSend, NdisFilterTimedDataReceive], "the limit is not stated: ten seconds are assumed, measured when the list is passed on or given back, and at a pause for lists that do not move";
        "NdisOidComplete, NdisOidDoubleComplete" => [OidCompletion], "final status, once";
        "NdisTimedOidComplete" => [OidCompletion], "twelve seconds are the miniport's; a filter has ten in the lab";
        "NdisOidDoubleRequest, NdisTimedDataSend, NdisTimedDataHang" => [], "for miniports: the lab is the miniport";
        "Wlan*" => [], "for Wi-Fi miniports";
    }
    "devtest/ddi-compliance-checking" {
        "IrqlReturn" => [WrongIrql], "a callback returns at the IRQL it was entered at";
        "CriticalRegions, GuardedRegions" => [CriticalRegion], "left as often as entered, within a callback";
        "QueuedSpinLock" => [SpinLock], "in-stack queued spin locks are spin locks to the lab";
    }
    "debugger/bug-check-0x7c--bugcode-ndis-driver" {
        "0x14 NdisWaitEvent at a wrong IRQL" => [WrongIrql], "PASSIVE_LEVEL";
        "0x1D OID completed with too many bytes" => [OidCompletion], "bytes against the buffer's length";
        "0x20 malformed status indication, 0x21 bad object header, 0x22 illegal NET_PNP_EVENT" => [Header], "headers of everything that the driver hands over; a status with its buffer and source, an event that exists";
        "0x25 watchdog: 0x11 filter pause" => [NdisFilterTimedPauseComplete], "as above";
        "0x25 watchdog: 0x24 filter OID" => [OidCompletion], "a request that is not answered, or not completed, in ten seconds";
        "0x25 watchdog: 0x12 net PnP, 0x13 status, 0x14 detach" => [CallbackTime], "ten seconds, measured when the callback returns; one that never does is a deadlock or a lost wake-up under a schedule";
        "0x27 leaked NBL" => [Leak], "at detach and at unload";
        "0x1E reference count" => [], "reference counts of NDIS are its own";
        "0x1F, 0x26" => [RestartCompletion, PauseCompletion, OidCompletion], "a completion of what is not pending";
    }
    "debugger/bug-check-0x15e-bugcode-ndis-driver-live-dump" {
        "0x25 watchdog" => [CallbackTime, NdisFilterTimedPauseComplete, OidCompletion], "as for 0x7C";
        "0x30 stuck NBL" => [NdisFilterTimedDataSend, NdisFilterTimedDataReceive], "as for the timed rules above";
    }
    "ndis/nc-ndis-filter_send_net_buffer_lists" {
        "Queueing requires FilterCancelSendNetBufferLists" => [HandlerPairs], "a send that is kept when the callback has returned, while no list of the filter's own is under way that it could be waiting for";
        "Only the creator of a NET_BUFFER moves it to another list" => [ChainAltered], "the buffers of a foreign list are the same when it goes back";
    }
    "ndis/nc-ndis-filter_cancel_send_net_buffer_lists" {
        "Cancelled sends say NDIS_STATUS_SEND_ABORTED" => [CancelId], "those that the filter had when it was asked";
        "A cancellation is passed on to the drivers below" => [CancelId], "if they have sends with its identifier when the callback returns";
    }
    "ndis/nc-ndis-filter_receive_net_buffer_lists" {
        "Lists that are lent (NDIS_RECEIVE_FLAGS_RESOURCES)" => [Resources], "neither kept nor returned, and in their chain at the end of the call";
        "A filter lends lists of its own accord" => [], "it may; the drivers above give them back within the call";
    }
    "network/indicating-received-ethernet-frames" {
        "One NET_BUFFER in a NET_BUFFER_LIST" => [IndicationCount], "on Ethernet";
        "No split within headers, unless the first MDL has as many bytes as the lookahead" => [], "a recommendation goes before it: where headers end is a question of every protocol there is";
        "Filters accept frames that are split by these rules" => [], "tests and exercises send such frames: what a filter makes of them shows";
    }
    "network/dispatch-irql-tracking" {
        "NDIS_*_FLAGS_DISPATCH_LEVEL is set only at DISPATCH_LEVEL" => [DispatchFlag], "against the IRQL of the call";
        "It is not found out by testing the IRQL" => [DispatchFlag], "a call of KeGetCurrentIrql shows it; reading CR8 does not";
        "It is set whenever the IRQL is known" => [], "what a driver knows cannot be observed, and a clear flag is always legal";
    }
    "network/sending-data-from-a-filter-driver" {
        "NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK is passed on; who alters addresses loops back itself" => [], "a filter that loops back itself takes the flag off with right; which packets it must hide depends on what it means to do";
        "A filter without FilterSendNetBufferLists does not complete its sends upwards" => [WrongPath], "an own list that is completed to the drivers above";
    }
    "network/accessing-tcp-ip-offload-net-buffer-list-information" {
        "Checksum, large send, segmentation and VLAN information stays true" => [], "depends on what the filter means to change; tests compare it with `Frame::bears`";
    }
    "network/programming-considerations-for-rsc-drivers" {
        "Receives larger than the MTU are accepted" => [], "exercises indicate such frames; to drop one may be a filter's purpose";
    }
    "network/default-ndis-port" {
        "A port number passes unchanged" => [], "the pages do not say so in as many words; tests compare it";
    }
    "nbl/ns-nbl-net_buffer_list" {
        "SEND_READ_ONLY, RECV_READ_ONLY" => [ReadOnlyData], "the data of a list that comes back against what it was sent with";
        "NblFlags do not contradict themselves; Flags have owners" => [NblFlags], "on lists that are passed on, given back or originated";
        "Scratch belongs to who holds the list" => [], "whoever comes next finds anything there, and may";
        "Status of a send" => [SendStatus, PausedSend, CancelId], "final; paused or aborted where it has to be";
    }
    "ndis/nc-ndis-filter_restart" {
        "Attributes are changed only if they are there, by a filter that answers requests, in accordance with them" => [RestartAttributes], "FilterOidRequest is there; the MTU that a request tells is the one that the attributes told";
        "Other answers are in accordance, too" => [], "of the attributes that have requests, only the MTU means the same on every medium";
    }
    "devtest/driver-verifier-options" {
        "Randomized low resources simulation" => [], "no rule: `Lab::fail_allocation` makes any allocation fail, and `ndis-lab exercise --faults` each in turn; failures::an_allocation_that_fails_returns_nothing tries what exports return";
    }
}
