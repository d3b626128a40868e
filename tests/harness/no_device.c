// SPDX-License-Identifier: MIT
//
// Stands in for device.c when LATTN_LAYERS stops below the tensor layer: somebody at work on a low
// layer can run its tests before the layers above compile.

#include <stddef.h>
#include "base/status.h"
#include "harness/device.h"

const char *lattn_error(const lattn_ctx *ctx)
{
    (void) ctx;
    return lat_err_text();
}

lattn_ctx *lt_device_begin(const char **why)
{
    *why = "built without the tensor layer (LATTN_LAYERS)";
    return NULL;
}

void lt_device_end(void)
{
}

void lt_device_close(void)
{
}

void lt_messages_begin(void)
{
}

void lt_messages_end(void)
{
}
