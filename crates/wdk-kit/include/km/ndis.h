/* NDIS, for lightweight filter drivers of level 6.84. */
#pragma once

#include <ntddk.h>
#include <ndis/version.h>
#include <ndis/types.h>
#include <ndis/services.h>

#ifdef NDIS_FILTER_MAJOR_VERSION
#include <ndis/filter.h>
#endif
