// SPDX-License-Identifier: MIT
//
// Training in 16 bits, as the options ask for it.

#include "common/precision.h"
#include "common/run.h"

int precision_check(const char *command, const struct precision *p)
{
    if (p->fp16 && p->bf16)
        return cli_usage_error(command, "--fp16 and --bf16 exclude each other");
    return 0;
}

const char *precision_settings(const struct precision *p)
{
    return p->fp16 ? "fp16, " : p->bf16 ? "bf16, " : "";
}

static lattn_dtype dtype_of(const struct precision *p)
{
    return p->fp16 ? LATTN_DTYPE_F16 : p->bf16 ? LATTN_DTYPE_BF16 : LATTN_DTYPE_F32;
}

lattn_status precision_open(
    const struct precision *p, const lattn_ctx_params *params, lattn_ctx **out)
{
    lattn_tensor *one = NULL;
    lattn_status st;
    TRY(lattn_ctx_create(params, out));
    // The library's own sentence names the feature.
    st = lattn_tensor_create(*out, dtype_of(p), 0, NULL, &one);
    if (st == LATTN_ERR_DTYPE)
        st = cli_error(
            LATTN_ERR_NO_DEVICE, "--%s: %s", p->fp16 ? "fp16" : "bf16", lattn_error(*out));
    lattn_tensor_release(&one);

done:
    return st;
}

lattn_status precision_apply(const struct precision *p, lattn_module *module)
{
    return p->fp16 || p->bf16 ? lattn_module_to_dtype(module, dtype_of(p)) : LATTN_OK;
}
