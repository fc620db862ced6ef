/* What kernel drivers see. */
#pragma once

#include <wdm.h>
