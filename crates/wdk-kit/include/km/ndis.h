#pragma once
#include <ntddk.h>
typedef PVOID NDIS_HANDLE;
typedef struct _NDIS_OBJECT_HEADER { UCHAR Type; UCHAR Revision; USHORT Size; } NDIS_OBJECT_HEADER;
unsigned int NdisGetVersion(void);
