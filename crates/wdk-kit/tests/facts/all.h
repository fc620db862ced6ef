/* What the WDK says, asserted of the kit's headers. */
#include <ntifs.h>
#include <ntddk.h>
#include <ntstrsafe.h>

#define NDIS_FILTER_DRIVER 1
#define NDIS_WDM 1
#define NDIS684 1
#include <ndis.h>

#define SIZE(type, size, alignment) \
    _Static_assert(sizeof(type) == (size), "size of " #type); \
    _Static_assert(_Alignof(type) == (alignment), "alignment of " #type)
#define OFFSET(type, field, offset) \
    _Static_assert(__builtin_offsetof(type, field) == (offset), "offset of " #field " in " #type)
#define VALUE(name, value) _Static_assert((name) == (value), "value of " #name)

#include "kernel_layout.h"
#include "ndis_layout.h"
#include "values.h"
#include "enumerators.h"
