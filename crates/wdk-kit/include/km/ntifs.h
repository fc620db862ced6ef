/* What file system drivers see: all that the others see. */
#pragma once

#include <ntddk.h>
