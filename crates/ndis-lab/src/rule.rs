//! The rules that the lab checks.

mod named;

use std::fmt;

pub use named::{NAMED, Named};

macro_rules! rules {
    ($($(#[doc = $what:literal])* $name:ident = $number:literal, $source:literal;)*) => {
        /// A rule that a filter driver must keep.
        ///
        /// `C` rules are those of NDIS, `K` of the kernel proper, `I` of the I/O manager.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[doc = $what])* $name,)*
        }

        impl Rule {
            /// Every rule that the lab checks.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its number.
            #[must_use]
            pub const fn number(self) -> &'static str {
                match self { $(Self::$name => $number,)* }
            }

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What is checked, in a sentence.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self { $(Self::$name => concat!($($what),*),)* }
            }

            /// Where the documentation states it: a page of the driver documentation.
            #[must_use]
            pub const fn source(self) -> &'static str {
                match self { $(Self::$name => $source,)* }
            }
        }
    };
}

rules! {
    /// A filter registers with the right header, version and mandatory handlers.
    Registration = "C01", "ndis/nf-ndis-ndisfregisterfilterdriver";
    /// Handlers that need each other come together; who keeps sends lets them be cancelled.
    HandlerPairs = "C02", "ndis/nc-ndis-filter_oid_request";
    /// FilterAttach sets the module's attributes once.
    Attributes = "C03", "ndis/nf-ndis-ndisfsetattributes";
    /// A call is made only in states that allow it.
    IllegalState = "C04", "network/filter-module-states-and-operations";
    /// A call is made at an IRQL that it allows; a callback returns at the IRQL it was entered at.
    WrongIrql = "C05", "devtest/sdv-rules-for-ndis-drivers (Irql_*, IrqlReturn)";
    /// The parameters of a pool are well formed.
    PoolParameters = "C06", "nblapi/ns-nblapi-net_buffer_list_pool_parameters";
    /// A list or buffer is allocated with the function that its pool is for.
    WrongAllocator = "C07", "nblapi/nf-nblapi-ndisallocatenetbufferandnetbufferlist";
    /// Context sizes are multiples of the documented alignment.
    ContextAlignment = "C08", "nblapi/nf-nblapi-ndisallocatenetbufferlist";
    /// An allocation without an MDL chain has no offset and no length, and one with a chain fits it.
    DataExtent = "C09", "nblapi/nf-nblapi-ndisallocatenetbuffer";
    /// Lists and buffers come from a pool.
    NotFromPool = "C10", "nblapi/nf-nblapi-ndisallocatenetbufferlist";
    /// What was allocated is freed once, with the function that belongs to it, in order.
    WrongFree = "C11", "nblapi/nf-nblapi-ndisfreenetbufferlist";
    /// A pool is freed after everything that came from it.
    PoolInUse = "C12", "nblapi/nf-nblapi-ndisfreenetbufferlistpool";
    /// Nothing is left behind at pause, detach or unload.
    Leak = "C13", "network/detaching-a-filter-module";
    /// The originator of a list, and nobody else, sets its SourceHandle.
    SourceHandle = "C14", "ndis/nf-ndis-ndisfsendnetbufferlists";
    /// What was given to NDIS is left alone until it comes back.
    NotOwner = "C15", "ndis/nf-ndis-ndisfsendnetbufferlists";
    /// A list ends its way where it began.
    WrongPath = "C16", "ndis/nf-ndis-ndisfsendnetbufferlistscomplete";
    /// The buffers of a foreign list are as they were when it goes back.
    ChainAltered = "C17", "ndis/nc-ndis-filter_send_net_buffer_lists";
    /// A send that arrives while the module does not run is completed at once, as paused.
    PausedSend = "C18", "network/pausing-a-filter-module";
    /// Lists indicated for want of resources are not kept, not returned, and left in their chain.
    Resources = "C19", "ndis/nc-ndis-filter_receive_net_buffer_lists";
    /// An indication counts its lists, each of one buffer on Ethernet.
    IndicationCount = "C20", "ndis/nf-ndis-ndisfindicatereceivenetbufferlists";
    /// A pause completes when all is home.
    PauseOutstanding = "C21", "ndis/nc-ndis-filter_pause";
    /// A pause succeeds or pends, and completes once, in time.
    PauseCompletion = "C22", "devtest/ndisfiltertimedpausecomplete";
    /// A restart completes once, if it was pending.
    RestartCompletion = "C23", "ndis/nf-ndis-ndisfrestartcomplete";
    /// A request is passed on as a clone, freed before the original completes.
    OidClone = "C24", "ndis/nf-ndis-ndisfreecloneoidrequest";
    /// A request completes once, with a final status and no more bytes than there is room for.
    OidCompletion = "C25", "ndis/nf-ndis-ndisfoidrequestcomplete";
    /// NdisFNetPnPEvent is not called while an OID request is handled.
    NetPnpInOid = "C26", "ndis/nf-ndis-ndisfnetpnpevent";
    /// A status is not indicated before attributes are set or after the module is detached.
    StatusState = "C27", "ndis/nf-ndis-ndisfindicatestatus";
    /// Cancel identifiers begin with the byte that NDIS gave; what is cancelled says so; a
    /// cancellation is passed on.
    CancelId = "C28", "ndis/nf-ndis-ndisgeneratepartialcancelid";
    /// A flag says DISPATCH_LEVEL when it is so; who has the flag does not ask for the IRQL.
    DispatchFlag = "C29", "network/dispatch-irql-tracking";
    /// Restart attributes are changed as allowed, and requests are answered in accordance.
    RestartAttributes = "C30", "ndis/nc-ndis-filter_restart";
    /// What a filter originates has room in front for the drivers below.
    Backfill = "C31", "network/net-buffer-data-packaging";
    /// An advance undoes what a retreat did.
    RetreatAdvance = "C32", "nblapi/nf-nblapi-ndisadvancenetbufferdatastart";
    /// Clones, fragments and reassembled lists are freed as they were made, before their parent.
    Derived = "C33", "nblapi/nf-nblapi-ndisfreeclonenetbufferlist";
    /// Data that a list says are read-only are not written to.
    ReadOnlyData = "C34", "nbl/ns-nbl-net_buffer_list";
    /// Of a list's flags, a driver changes only those that are its own.
    NblFlags = "C35", "nbl/ns-nbl-net_buffer_list";
    /// A device is registered with legal attributes, left whole, and deregistered.
    Device = "C36", "ndis/nf-ndis-ndisregisterdeviceex";
    /// Structures carry the right header; handles and pointers are ones that were given.
    Header = "C38", "network/version-information-requirements-for-ndis-drivers";
    /// A send completes with a final status.
    SendStatus = "C39", "nbl/ns-nbl-net_buffer_list";
    /// The flags of a call have only bits that are defined for it.
    CallFlags = "C40", "ndis/nf-ndis-ndisfsendnetbufferlists";
    /// FilterNetPnPEvent, FilterStatus and FilterDetach return within ten seconds.
    CallbackTime = "0x7C", "debugger/bug-check-0x7c--bugcode-ndis-driver";
    /// A pause completes within ten seconds.
    NdisFilterTimedPauseComplete = "0x92010", "devtest/ndisfiltertimedpausecomplete-";
    /// A list from above is passed on or completed in time.
    NdisFilterTimedDataSend = "0x92011", "devtest/ndisfiltertimeddatasend";
    /// A list from below is passed on or returned in time.
    NdisFilterTimedDataReceive = "0x92012", "devtest/ndisfiltertimeddatareceive";
    /// Pool memory is freed once, whole, with its tag.
    PoolMemory = "K01", "wdm/nf-wdm-exfreepoolwithtag";
    /// A spin lock is acquired and released in turn, not twice, and not held at the end.
    SpinLock = "K02", "devtest/locking-rule-set--ndis-";
    /// No lock is held across a call into NDIS.
    LockAcrossNdis = "K03", "network/synchronization-and-notification-in-network-drivers";
    /// An allocation names its tag and a size.
    PoolTag = "K04", "devtest/memory-usage-rule-set--ndis-";
    /// Waits and unloading follow the kernel's order.
    Waiting = "K05", "wdm/nf-wdm-kewaitforsingleobject";
    /// Entries and heads of singly linked lists are aligned.
    ListEntry = "K06", "wdm/nf-wdm-expinterlockedpushentryslist";
    /// Rundown protection is acquired and released in turn, and run down once.
    Rundown = "K07", "kernel/run-down-protection";
    /// A critical region is entered and left in turn; push locks are acquired inside one.
    CriticalRegion = "K08", "devtest/ddi-compliance-checking (CriticalRegions)";
    /// A push lock is acquired and released in turn, not twice.
    PushLock = "K09", "wdm/nf-wdm-exacquirepushlockexclusive";
    /// A mutex is released by the thread that owns it.
    Mutex = "K10", "wdm/nf-wdm-kereleasemutex";
    /// A lock for readers and writers is acquired and released in turn, and freed when it is free.
    RwLock = "K11", "ndis/nf-ndis-ndisacquirerwlockwrite";
    /// Handles and references of kernel objects are given back once.
    KernelObject = "K12", "wdm/nf-wdm-obdereferenceobject";
    /// The pages of an MDL are locked, mapped, unmapped and unlocked in turn.
    MdlPages = "K13", "wdm/nf-wdm-mmprobeandlockpages";
    /// No processor waits for ever for a spin lock.
    Deadlock = "K20", "kernel/introduction-to-spin-locks";
    /// Locks are acquired in the same order by all.
    LockOrder = "K21", "kernel/preventing-errors-and-deadlocks-while-using-spin-locks";
    /// What a thread or a request waits for comes about.
    LostWakeUp = "K22", "wdm/nf-wdm-kewaitforsingleobject";
    /// An IRP is completed once.
    IrpCompletedTwice = "I01", "kernel/completing-irps";
    /// A dispatch routine's result and the pending mark agree.
    IrpPending = "I02", "kernel/when-to-mark-an-irp-as-pending";
    /// An IRP completes with a final status.
    IrpStatus = "I03", "wdm/nf-wdm-iocompleterequest";
    /// An IRP reports no more bytes than its caller has room for.
    IrpInformation = "I04", "kernel/i-o-status-blocks";
    /// An IRP has no cancel routine when it completes.
    IrpCancelRoutine = "I05", "kernel/points-to-consider-when-canceling-irps";
    /// The cancel spin lock is acquired and released in turn.
    CancelSpinLock = "I06", "kernel/implementing-a-cancel-routine";
    /// Every IRP of a file is completed before its handle is gone, and a cancelled one soon.
    IrpLeft = "I07", "kernel/dispatchcleanup-routines";
    /// A cancel-safe queue is used as it was set up.
    CancelSafeQueue = "I08", "kernel/cancel-safe-irp-queues";
    /// Only what the I/O manager gave is given back to it.
    IoObject = "I09", "wdm/nf-wdm-iodeletedevice";
    /// A user's buffer is probed and used within its length.
    UserBuffer = "I10", "kernel/using-neither-buffered-nor-direct-i-o";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.name())
    }
}
