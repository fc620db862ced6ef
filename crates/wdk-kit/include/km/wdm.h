/* What every driver sees. */
#pragma once

#include <ntdef.h>
#include <ntstatus.h>

#include <wdm/ke.h>
#include <wdm/mm.h>
#include <wdm/ex.h>
#include <wdm/io.h>
#include <wdm/iostack.h>
#include <wdm/irp.h>
#include <wdm/ob.h>
#include <wdm/rtl.h>
