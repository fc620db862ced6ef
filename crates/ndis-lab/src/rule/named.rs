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
        "NdisFilterTimedDataSend, NdisFilterTimedDataReceive" => [NdisFilterTimedDataSend, NdisFilterTimedDataReceive], "the limit is not stated: ten seconds are assumed, measured when the list is passed on or given back";
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
        "0x20 malformed status indication, 0x21 bad object header, 0x22 illegal NET_PNP_EVENT" => [Header], "headers of everything that the driver hands over";
        "0x25 watchdog: 0x11 filter pause" => [NdisFilterTimedPauseComplete], "as above";
        "0x25 watchdog: 0x24 filter OID" => [OidCompletion], "a pending request that is not completed in ten seconds";
        "0x25 watchdog: 0x12 net PnP, 0x13 status, 0x14 detach" => [], "a callback that does not return stops the lab too: under a schedule it is reported as a deadlock or a lost wake-up, else the test hangs";
        "0x27 leaked NBL" => [Leak], "at detach and at unload";
        "0x1E reference count" => [], "reference counts of NDIS are its own";
        "0x1F, 0x26" => [RestartCompletion, PauseCompletion, OidCompletion], "a completion of what is not pending";
    }
    "facts of sections 5 and 10" {
        "C02: queueing requires FilterCancelSendNetBufferLists" => [], "what a filter means by keeping a list cannot be told from outside: it may wait for a completion of its own";
        "Loopback of a filter that alters addresses" => [], "which packets it must hide depends on what it means to do";
        "Checksum, LSO, VLAN out-of-band information stays true" => [], "depends on what the filter means to change; stories about frames compare it";
        "Checksum and segmentation like a protocol driver's" => [], "as above";
        "C37: failure injection" => [], "no rule but a fault: `Lab::fail_allocation`, and `ndis-lab exercise --faults`";
        "DISPATCH_LEVEL flag by testing the IRQL" => [DispatchFlag], "a call of KeGetCurrentIrql shows it; reading CR8 does not";
        "The dispatch flag is clear although DISPATCH_LEVEL is known" => [], "what a driver knows cannot be observed; a clear flag is always legal";
    }
}
