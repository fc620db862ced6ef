//! What a driver gives to be called back with.

use super::Handle;
use super::io::{DeviceObject, DriverObject, Irp};
use super::nbl::{Mdl, NetBufferList};
use super::ndis::{
    FilterAttachParameters, FilterPauseParameters, FilterRestartParameters, OidRequest,
    StatusIndication,
};
use crate::guest::Guest;
use crate::irql::Irql;
use crate::status::NtStatus;

/// A handler of the driver, which may be absent.
pub type Handler<F> = Option<F>;

/// `DriverEntry`.
pub type DriverEntry =
    extern "win64" fn(Guest<DriverObject>, Guest<super::kernel::UnicodeString>) -> NtStatus;
/// `DriverUnload`.
pub type DriverUnload = extern "win64" fn(Guest<DriverObject>);
/// A dispatch routine.
pub type Dispatch = extern "win64" fn(Guest<DeviceObject>, Guest<Irp>) -> NtStatus;
/// A cancel routine; entered with the cancel spin lock held.
pub type Cancel = extern "win64" fn(Guest<DeviceObject>, Guest<Irp>);

/// `SetOptions`, and `FilterSetModuleOptions`.
pub type SetOptions = extern "win64" fn(Handle, Handle) -> NtStatus;
/// `FilterSetModuleOptions`.
pub type SetModuleOptions = extern "win64" fn(Handle) -> NtStatus;
/// `FilterAttach`.
pub type Attach = extern "win64" fn(Handle, Handle, Guest<FilterAttachParameters>) -> NtStatus;
/// `FilterDetach`.
pub type Detach = extern "win64" fn(Handle);
/// `FilterRestart`.
pub type Restart = extern "win64" fn(Handle, Guest<FilterRestartParameters>) -> NtStatus;
/// `FilterPause`.
pub type Pause = extern "win64" fn(Handle, Guest<FilterPauseParameters>) -> NtStatus;
/// `FilterSendNetBufferLists`.
pub type Send = extern "win64" fn(Handle, Guest<NetBufferList>, u32, u32);
/// `FilterSendNetBufferListsComplete` and `FilterReturnNetBufferLists`.
pub type Complete = extern "win64" fn(Handle, Guest<NetBufferList>, u32);
/// `FilterCancelSendNetBufferLists` and the cancelling of OID requests.
pub type CancelId = extern "win64" fn(Handle, Guest<u8>);
/// `FilterReceiveNetBufferLists`.
pub type Receive = extern "win64" fn(Handle, Guest<NetBufferList>, u32, u32, u32);
/// `FilterOidRequest`.
pub type Oid = extern "win64" fn(Handle, Guest<OidRequest>) -> NtStatus;
/// `FilterOidRequestComplete`.
pub type OidComplete = extern "win64" fn(Handle, Guest<OidRequest>, NtStatus);
/// `FilterDevicePnPEventNotify`.
pub type DevicePnpEvent = extern "win64" fn(Handle, Guest<u8>);
/// `FilterNetPnPEvent`.
pub type NetPnpEvent = extern "win64" fn(Handle, Guest<u8>) -> NtStatus;
/// `FilterStatus`.
pub type Status = extern "win64" fn(Handle, Guest<StatusIndication>);

/// `NET_BUFFER_ALLOCATE_MDL`.
pub type AllocateMdl = extern "win64" fn(Guest<u32>) -> Guest<Mdl>;
/// `NET_BUFFER_FREE_MDL`.
pub type FreeMdl = extern "win64" fn(Guest<Mdl>);

/// `IO_CSQ_INSERT_IRP`.
pub type CsqInsert = extern "win64" fn(Guest<super::io::Csq>, Guest<Irp>);
/// `IO_CSQ_INSERT_IRP_EX`.
pub type CsqInsertEx = extern "win64" fn(Guest<super::io::Csq>, Guest<Irp>, Guest<u8>) -> NtStatus;
/// `IO_CSQ_REMOVE_IRP`, and the completion of a cancelled one.
pub type CsqIrp = extern "win64" fn(Guest<super::io::Csq>, Guest<Irp>);
/// `IO_CSQ_PEEK_NEXT_IRP`.
pub type CsqPeek = extern "win64" fn(Guest<super::io::Csq>, Guest<Irp>, Guest<u8>) -> Guest<Irp>;
/// `IO_CSQ_ACQUIRE_LOCK`.
pub type CsqAcquire = extern "win64" fn(Guest<super::io::Csq>, Guest<Irql>);
/// `IO_CSQ_RELEASE_LOCK`.
pub type CsqRelease = extern "win64" fn(Guest<super::io::Csq>, Irql);

/// A work item of the I/O manager.
pub type IoWorkItem = extern "win64" fn(Guest<DeviceObject>, Guest<u8>);
/// A work item of NDIS.
pub type NdisWorkItem = extern "win64" fn(Guest<u8>, Handle);
/// A deferred procedure.
pub type Deferred = extern "win64" fn(Guest<super::kernel::Dpc>, Guest<u8>, Guest<u8>, Guest<u8>);
/// `NDIS_TIMER_FUNCTION`.
pub type TimerFunction = extern "win64" fn(Guest<u8>, Guest<u8>, Guest<u8>, Guest<u8>);
/// A work item of the I/O manager that is told of itself.
pub type IoWorkItemEx = extern "win64" fn(Guest<u8>, Guest<u8>, Handle);
/// `KSTART_ROUTINE`.
pub type ThreadStart = extern "win64" fn(Guest<u8>);
/// `ALLOCATE_FUNCTION_EX`; `ALLOCATE_FUNCTION` lacks the last parameter.
pub type LookasideAllocate = extern "win64" fn(u32, u64, u32, Guest<u8>) -> Guest<u8>;
/// `FREE_FUNCTION_EX`; `FREE_FUNCTION` lacks the last parameter.
pub type LookasideFree = extern "win64" fn(Guest<u8>, Guest<u8>);
/// `FilterSynchronousOidRequest`.
pub type SynchronousOid =
    extern "win64" fn(Handle, Guest<OidRequest>, Guest<Guest<u8>>) -> NtStatus;
/// `FilterSynchronousOidRequestComplete`.
pub type SynchronousOidComplete =
    extern "win64" fn(Handle, Guest<OidRequest>, Guest<NtStatus>, Guest<u8>);
