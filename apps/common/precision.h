// SPDX-License-Identifier: MIT
//
// --fp16 and --bf16 of every command that trains: what a network computes with. The f32 values behind its
// weights are what is trained and saved (lattn_module_to_dtype).
#ifndef LATTN_APPS_PRECISION_H
#define LATTN_APPS_PRECISION_H
#include "common/cli.h"
#include "lattn/nn.h"

struct precision {
    bool fp16, bf16;
};

// clang-format off
#define PRECISION_OPTIONS(p)                                                                       \
    CLI_FLAG("fp16", 0, &(p)->fp16,                                                                \
        "compute in 16 bits, with a loss scale; what is trained and saved stays f32"),             \
    CLI_FLAG("bf16", 0, &(p)->bf16, "the same in bfloat16, which needs no scale")
// clang-format on

// After parsing. 0, or an exit code after a sentence.
int precision_check(const char *command, const struct precision *p);
// "fp16, ", "bf16, " or "", for the settings that a resumed run must have.
const char *precision_settings(const struct precision *p);

// A context on a device that can do what is asked for, before anything is loaded: ERR_NO_DEVICE where it
// cannot.
lattn_status precision_open(
    const struct precision *p, const lattn_ctx_params *params, lattn_ctx **out);
// After weights are loaded or made, before the optimiser.
lattn_status precision_apply(const struct precision *p, lattn_module *module);

#endif
