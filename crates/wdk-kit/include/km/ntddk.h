#pragma once
typedef void VOID, *PVOID;
typedef char CHAR; typedef CHAR *PCHAR;
typedef const char *PCSTR;
typedef unsigned char UCHAR, BOOLEAN;
typedef UCHAR KIRQL;
typedef unsigned long ULONG;
typedef unsigned short USHORT;
typedef unsigned short WCHAR;
typedef WCHAR *PWSTR;
typedef long LONG;
typedef LONG NTSTATUS;
typedef unsigned long long ULONG64, SIZE_T, POOL_FLAGS;
typedef struct _UNICODE_STRING { USHORT Length; USHORT MaximumLength; PWSTR Buffer; } UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;
typedef struct _DRIVER_OBJECT { PVOID x; } DRIVER_OBJECT, *PDRIVER_OBJECT;
#define APC_LEVEL 1
#define DISPATCH_LEVEL 2
ULONG DbgPrint(PCSTR Format, ...);
void DbgBreakPoint(void);
PVOID ExAllocatePool2(POOL_FLAGS Flags, SIZE_T NumberOfBytes, ULONG Tag);
VOID ExFreePool(PVOID P);
KIRQL KeGetCurrentIrql(void);
