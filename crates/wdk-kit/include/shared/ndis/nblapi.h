/* Pools of buffers and what is done with buffers. */
#pragma once

#include <ndis/nbl.h>

typedef struct _NET_BUFFER_LIST_POOL_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    UCHAR ProtocolId;
    BOOLEAN fAllocateNetBuffer;
    USHORT ContextSize;
    ULONG PoolTag;
    ULONG DataSize;
} NET_BUFFER_LIST_POOL_PARAMETERS, *PNET_BUFFER_LIST_POOL_PARAMETERS;

typedef struct _NET_BUFFER_POOL_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG PoolTag;
    ULONG DataSize;
} NET_BUFFER_POOL_PARAMETERS, *PNET_BUFFER_POOL_PARAMETERS;

#define NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1 \
    RTL_SIZEOF_THROUGH_FIELD(NET_BUFFER_LIST_POOL_PARAMETERS, DataSize)
#define NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1 \
    RTL_SIZEOF_THROUGH_FIELD(NET_BUFFER_POOL_PARAMETERS, DataSize)

typedef PMDL(NET_BUFFER_ALLOCATE_MDL_HANDLER)(PULONG BufferSize);
typedef NET_BUFFER_ALLOCATE_MDL_HANDLER *NET_BUFFER_ALLOCATE_MDL;
typedef VOID(NET_BUFFER_FREE_MDL_HANDLER)(PMDL Mdl);
typedef NET_BUFFER_FREE_MDL_HANDLER *NET_BUFFER_FREE_MDL;

NDIS_HANDLE NdisAllocateNetBufferListPool(
    NDIS_HANDLE NdisHandle, const NET_BUFFER_LIST_POOL_PARAMETERS *Parameters);
VOID NdisFreeNetBufferListPool(NDIS_HANDLE PoolHandle);
NDIS_HANDLE NdisAllocateNetBufferPool(
    NDIS_HANDLE NdisHandle, const NET_BUFFER_POOL_PARAMETERS *Parameters);
VOID NdisFreeNetBufferPool(NDIS_HANDLE PoolHandle);

NET_BUFFER_LIST *NdisAllocateNetBufferList(
    NDIS_HANDLE PoolHandle, USHORT ContextSize, USHORT ContextBackFill);
NET_BUFFER_LIST *NdisAllocateNetBufferAndNetBufferList(
    NDIS_HANDLE PoolHandle,
    USHORT ContextSize,
    USHORT ContextBackFill,
    MDL *MdlChain,
    ULONG DataOffset,
    SIZE_T DataLength);
VOID NdisFreeNetBufferList(NET_BUFFER_LIST *NetBufferList);
NET_BUFFER *NdisAllocateNetBuffer(
    NDIS_HANDLE PoolHandle, MDL *MdlChain, ULONG DataOffset, SIZE_T DataLength);
NET_BUFFER *NdisAllocateNetBufferMdlAndData(NDIS_HANDLE PoolHandle);
VOID NdisFreeNetBuffer(NET_BUFFER *NetBuffer);

NDIS_STATUS NdisAllocateNetBufferListContext(
    NET_BUFFER_LIST *NetBufferList, USHORT ContextSize, USHORT ContextBackFill, ULONG PoolTag);
VOID NdisFreeNetBufferListContext(NET_BUFFER_LIST *NetBufferList, USHORT ContextSize);

NDIS_STATUS NdisRetreatNetBufferDataStart(
    NET_BUFFER *NetBuffer,
    ULONG DataOffsetDelta,
    ULONG DataBackFill,
    NET_BUFFER_ALLOCATE_MDL AllocateMdlHandler);
VOID NdisAdvanceNetBufferDataStart(
    NET_BUFFER *NetBuffer,
    ULONG DataOffsetDelta,
    BOOLEAN FreeMdl,
    NET_BUFFER_FREE_MDL FreeMdlHandler);
NDIS_STATUS NdisRetreatNetBufferListDataStart(
    NET_BUFFER_LIST *NetBufferList,
    ULONG DataOffsetDelta,
    ULONG DataBackFill,
    NET_BUFFER_ALLOCATE_MDL AllocateMdlHandler,
    NET_BUFFER_FREE_MDL FreeMdlHandler);
VOID NdisAdvanceNetBufferListDataStart(
    NET_BUFFER_LIST *NetBufferList,
    ULONG DataOffsetDelta,
    BOOLEAN FreeMdl,
    NET_BUFFER_FREE_MDL FreeMdlMdlHandler);
VOID NdisAdjustNetBufferCurrentMdl(NET_BUFFER *NetBuffer);

NET_BUFFER_LIST *NdisAllocateCloneNetBufferList(
    NET_BUFFER_LIST *OriginalNetBufferList,
    NDIS_HANDLE NetBufferListPoolHandle,
    NDIS_HANDLE NetBufferPoolHandle,
    ULONG AllocateCloneFlags);
VOID NdisFreeCloneNetBufferList(NET_BUFFER_LIST *CloneNetBufferList, ULONG FreeCloneFlags);
NET_BUFFER_LIST *NdisAllocateFragmentNetBufferList(
    NET_BUFFER_LIST *OriginalNetBufferList,
    NDIS_HANDLE NetBufferListPool,
    NDIS_HANDLE NetBufferPool,
    ULONG StartOffset,
    ULONG MaximumLength,
    ULONG DataOffsetDelta,
    ULONG DataBackFill,
    ULONG AllocateFragmentFlags);
VOID NdisFreeFragmentNetBufferList(
    NET_BUFFER_LIST *FragmentNetBufferList, ULONG DataOffsetDelta, ULONG FreeFragmentFlags);
NET_BUFFER_LIST *NdisAllocateReassembledNetBufferList(
    NET_BUFFER_LIST *FragmentNetBufferList,
    NDIS_HANDLE NetBufferAndNetBufferListPoolHandle,
    ULONG StartOffset,
    ULONG DataOffsetDelta,
    ULONG DataBackFill,
    ULONG AllocateReassembleFlags);
VOID NdisFreeReassembledNetBufferList(
    NET_BUFFER_LIST *ReassembledNetBufferList, ULONG DataOffsetDelta, ULONG FreeReassembleFlags);

VOID NdisCopySendNetBufferListInfo(
    NET_BUFFER_LIST *DestNetBufferList, const NET_BUFFER_LIST *SrcNetBufferList);
VOID NdisCopyReceiveNetBufferListInfo(
    NET_BUFFER_LIST *DestNetBufferList, const NET_BUFFER_LIST *SrcNetBufferList);
PVOID NdisGetDataBuffer(
    NET_BUFFER *NetBuffer,
    ULONG BytesNeeded,
    PVOID Storage,
    ULONG AlignMultiple,
    ULONG AlignOffset);
NDIS_STATUS NdisCopyFromNetBufferToNetBuffer(
    NET_BUFFER *Destination,
    ULONG DestinationOffset,
    ULONG BytesToCopy,
    const NET_BUFFER *Source,
    ULONG SourceOffset,
    ULONG *BytesCopied);

NDIS_HANDLE NdisGetPoolFromNetBufferList(NET_BUFFER_LIST *NetBufferList);
NDIS_HANDLE NdisGetPoolFromNetBuffer(NET_BUFFER *NetBuffer);

MDL *NdisAllocateMdl(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, ULONG Length);
VOID NdisFreeMdl(MDL *Mdl);
