//! What the lab exports, and what it says about drivers that want more.

use std::fs;

use ndis_lab::{Lab, LoadError, exports};

/// All that real filters import from ndis.sys.
const NDIS: &str = "
NdisFRegisterFilterDriver NdisFDeregisterFilterDriver NdisFSetAttributes NdisFRestartFilter
NdisFRestartComplete NdisFPauseComplete NdisFSendNetBufferLists NdisFSendNetBufferListsComplete
NdisFIndicateReceiveNetBufferLists NdisFReturnNetBufferLists NdisFCancelSendNetBufferLists
NdisFOidRequest NdisFOidRequestComplete NdisFCancelOidRequest NdisFDirectOidRequest
NdisFDirectOidRequestComplete NdisFSynchronousOidRequest NdisAllocateCloneOidRequest
NdisFreeCloneOidRequest NdisFIndicateStatus NdisFDevicePnPEventNotify NdisFNetPnPEvent
NdisSetOptionalHandlers NdisGetVersion NdisRegisterDeviceEx NdisDeregisterDeviceEx
NdisGetDeviceReservedExtension NdisOpenConfigurationEx NdisReadConfiguration NdisCloseConfiguration
NdisAllocateMemoryWithTagPriority NdisFreeMemory NdisInitializeEvent NdisSetEvent NdisResetEvent
NdisWaitEvent NdisMSleep NdisStallExecution NdisAllocateRWLock NdisFreeRWLock NdisAcquireRWLockRead
NdisAcquireRWLockWrite NdisReleaseRWLock NdisAllocateTimerObject NdisFreeTimerObject
NdisSetTimerObject NdisCancelTimerObject NdisAllocateIoWorkItem NdisQueueIoWorkItem
NdisFreeIoWorkItem NdisGeneratePartialCancelId
NdisAllocateNetBufferListPool NdisFreeNetBufferListPool NdisAllocateNetBufferPool
NdisFreeNetBufferPool NdisAllocateNetBufferList NdisFreeNetBufferList NdisAllocateNetBuffer
NdisFreeNetBuffer NdisAllocateNetBufferAndNetBufferList NdisAllocateNetBufferMdlAndData
NdisAllocateNetBufferListContext NdisFreeNetBufferListContext NdisRetreatNetBufferDataStart
NdisAdvanceNetBufferDataStart NdisRetreatNetBufferListDataStart NdisAdvanceNetBufferListDataStart
NdisGetDataBuffer NdisAdjustNetBufferCurrentMdl NdisCopyFromNetBufferToNetBuffer
NdisAllocateCloneNetBufferList NdisFreeCloneNetBufferList NdisAllocateFragmentNetBufferList
NdisFreeFragmentNetBufferList NdisAllocateReassembledNetBufferList
NdisFreeReassembledNetBufferList NdisCopySendNetBufferListInfo NdisCopyReceiveNetBufferListInfo
NdisGetPoolFromNetBufferList NdisGetPoolFromNetBuffer NdisAllocateMdl NdisFreeMdl NdisQueryMdl";

/// All that they import from ntoskrnl.exe.
const KERNEL: &str = "
DbgPrint DbgPrintEx DbgBreakPoint KeBugCheckEx
ExAllocatePool2 ExAllocatePoolWithTag ExFreePool ExFreePoolWithTag
ExInitializeNPagedLookasideList ExDeleteNPagedLookasideList ExAllocateFromNPagedLookasideList
ExFreeToNPagedLookasideList ExInitializeLookasideListEx ExDeleteLookasideListEx
ExFlushLookasideListEx ExAllocateFromLookasideListEx ExFreeToLookasideListEx
ExpInterlockedPopEntrySList ExpInterlockedPushEntrySList ExpInterlockedFlushSList ExQueryDepthSList
InitializeSListHead ExInterlockedInsertHeadList ExInterlockedInsertTailList
ExInterlockedRemoveHeadList
ExInitializeRundownProtection ExReInitializeRundownProtection ExAcquireRundownProtection
ExAcquireRundownProtectionEx ExReleaseRundownProtection ExReleaseRundownProtectionEx
ExWaitForRundownProtectionRelease ExRundownCompleted ExAllocateCacheAwareRundownProtection
ExFreeCacheAwareRundownProtection ExInitializeRundownProtectionCacheAware
ExReInitializeRundownProtectionCacheAware ExAcquireRundownProtectionCacheAware
ExAcquireRundownProtectionCacheAwareEx ExReleaseRundownProtectionCacheAware
ExReleaseRundownProtectionCacheAwareEx ExWaitForRundownProtectionReleaseCacheAware
ExRundownCompletedCacheAware ExSizeOfRundownProtectionCacheAware
ExAcquirePushLockSharedEx ExAcquirePushLockExclusiveEx ExReleasePushLockSharedEx
ExReleasePushLockExclusiveEx
KeInitializeSpinLock KeAcquireSpinLockRaiseToDpc KeAcquireSpinLockAtDpcLevel KeReleaseSpinLock
KeReleaseSpinLockFromDpcLevel KeAcquireInStackQueuedSpinLock KeReleaseInStackQueuedSpinLock
KeAcquireInStackQueuedSpinLockAtDpcLevel KeReleaseInStackQueuedSpinLockFromDpcLevel
KeInitializeEvent KeSetEvent KeClearEvent KeResetEvent KeInitializeMutex KeReleaseMutex
KeWaitForSingleObject KeDelayExecutionThread KeInitializeDpc KeInsertQueueDpc KeInitializeTimer
KeInitializeTimerEx KeSetTimer KeSetTimerEx KeCancelTimer KeFlushQueuedDpcs KeGetCurrentIrql
KfRaiseIrql KeLowerIrql KeEnterCriticalRegion KeLeaveCriticalRegion KeGetCurrentProcessorNumberEx
KeQueryActiveProcessorCountEx KeQueryPerformanceCounter KeQueryInterruptTime
KeQueryUnbiasedInterruptTime KeQuerySystemTimePrecise KeStallExecutionProcessor
IoAllocateMdl IoFreeMdl IoBuildPartialMdl MmBuildMdlForNonPagedPool MmMapLockedPagesSpecifyCache
MmUnmapLockedPages MmProbeAndLockPages MmUnlockPages MmGetSystemRoutineAddress
IoCreateDevice IoDeleteDevice IoCreateSymbolicLink IoDeleteSymbolicLink IofCompleteRequest
IoCancelIrp IoAcquireCancelSpinLock IoReleaseCancelSpinLock IoCsqInitialize IoCsqInitializeEx
IoCsqInsertIrp IoCsqInsertIrpEx IoCsqRemoveIrp IoCsqRemoveNextIrp IoAllocateWorkItem
IoQueueWorkItem IoQueueWorkItemEx IoFreeWorkItem IoIs32bitProcess IoGetRequestorProcessId
PsCreateSystemThread PsTerminateSystemThread PsThreadType ExEventObjectType
ObReferenceObjectByHandle ObfDereferenceObject ZwClose ZwOpenKey ZwQueryValueKey
RtlInitUnicodeString RtlInitString RtlCopyUnicodeString RtlCompareUnicodeString RtlEqualString
RtlAppendUnicodeToString RtlCompareMemory RtlGetVersion ProbeForRead ProbeForWrite
memcpy memmove memset memcmp __C_specific_handler __chkstk";

#[test]
fn everything_that_real_filters_import_is_there() {
    let names = exports::names();
    let missing: Vec<_> = NDIS
        .split_whitespace()
        .chain(KERNEL.split_whitespace())
        .filter(|name| !names.contains(name))
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn every_export_has_one_name() {
    let names = exports::names();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// A file of two sections, whose imports are as many images with their names.
struct ImageFile {
    bytes: Vec<u8>,
}

impl ImageFile {
    const HEADERS: usize = 0x200;
    const IMPORTS: usize = 0x1000;

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put_word(&mut self, at: usize, value: usize) {
        self.put(at, &u32::try_from(value).expect("a small file").to_le_bytes());
    }

    fn new(imports: &[(&str, &[&str])]) -> Self {
        const DATA: usize = 0x1000;
        let mut file = Self { bytes: vec![0; Self::HEADERS + DATA] };
        file.put(0, b"MZ");
        file.put_word(0x3C, 0x40);
        file.put(0x40, b"PE\0\0");
        // Machine, number of sections, size of the optional header, characteristics.
        file.put(0x44, &0x8664_u16.to_le_bytes());
        file.put(0x46, &1_u16.to_le_bytes());
        file.put(0x54, &0xF0_u16.to_le_bytes());
        file.put(0x56, &0x22_u16.to_le_bytes());
        let optional = 0x58;
        file.put(optional, &0x20B_u16.to_le_bytes());
        file.put_word(optional + 16, Self::IMPORTS);
        file.put(optional + 24, &0x1_4000_0000_u64.to_le_bytes());
        file.put_word(optional + 32, 0x1000);
        file.put_word(optional + 36, 0x200);
        file.put_word(optional + 56, 0x2000);
        file.put_word(optional + 60, Self::HEADERS);
        file.put(optional + 68, &1_u16.to_le_bytes());
        file.put_word(optional + 108, 16);
        // The import directory is the second one.
        file.put_word(optional + 120, Self::IMPORTS);
        file.put_word(optional + 124, 0x100);
        let section = optional + 0xF0;
        file.put(section, b".idata\0\0");
        for (at, value) in
            [(8, DATA), (12, Self::IMPORTS), (16, DATA), (20, Self::HEADERS), (36, 0xC000_0040)]
        {
            file.put_word(section + at, value);
        }
        file.put_imports(imports);
        file
    }

    fn put_imports(&mut self, imports: &[(&str, &[&str])]) {
        let mut free = 0x100;
        let mut text = |file: &mut Self, text: &str, hint: usize| {
            let at = free;
            file.put(Self::HEADERS + at + hint, text.as_bytes());
            free = (free + hint + text.len() + 2) & !1;
            Self::IMPORTS + at
        };
        let mut thunks = 0x800;
        for (index, (image, names)) in imports.iter().enumerate() {
            let descriptor = Self::HEADERS + index * 20;
            let name = text(self, image, 0);
            self.put_word(descriptor, Self::IMPORTS + thunks);
            self.put_word(descriptor + 12, name);
            self.put_word(descriptor + 16, Self::IMPORTS + thunks);
            for name in *names {
                let name = text(self, name, 2);
                self.put_word(Self::HEADERS + thunks, name);
                thunks += 8;
            }
            thunks += 8;
        }
    }
}

fn load(name: &str, imports: &[(&str, &[&str])]) -> Result<ndis_lab::Driver, LoadError> {
    let path = std::env::temp_dir().join(format!("ndis-lab-{}-{name}.sys", std::process::id()));
    fs::write(&path, ImageFile::new(imports).bytes).expect("a temporary file");
    let loaded = Lab::default().load(&path);
    fs::remove_file(path).expect("the file was there");
    loaded
}

#[test]
fn an_unknown_import_is_an_error_that_names_all_of_them() {
    let error = load(
        "unknown",
        &[
            ("ndis.sys", &["NdisGetVersion", "NdisConjure"]),
            ("ntoskrnl.exe", &["KeLevitate", "memcpy"]),
            ("fltmgr.sys", &["FltRegisterFilter"]),
        ],
    )
    .expect_err("it wants what is not there");
    let said = error.to_string();
    assert!(
        said.ends_with(
            "ndis.sys!NdisConjure, ntoskrnl.exe!KeLevitate, fltmgr.sys!FltRegisterFilter"
        ),
        "{said}"
    );
}

#[test]
fn a_name_counts_only_with_the_image_that_has_it() {
    let known: &[(&str, &[&str])] = &[
        ("NDIS.SYS", &["NdisGetVersion"]),
        ("ntoskrnl.exe", &["PsThreadType", "__C_specific_handler"]),
        ("HAL.dll", &["KeQueryPerformanceCounter", "KeStallExecutionProcessor"]),
    ];
    load("known", known).expect("all of it is there");
    let error = load("swapped", &[("ndis.sys", &["memcpy"]), ("HAL.dll", &["memset"])]);
    let said = error.expect_err("neither has it").to_string();
    assert!(said.ends_with("ndis.sys!memcpy, HAL.dll!memset"), "{said}");
}
