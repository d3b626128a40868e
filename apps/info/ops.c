// SPDX-License-Identifier: MIT
//
// Which strategy each op would run, per dtype, for a problem of a BERT-base layer's size.
// Ops with one form only have nothing to choose; dtypes the device cannot store are left out.

#define LATTN_EXPERIMENTAL
#include <string.h>
#include "common/json.h"
#include "info/info.h"
#include "lattn/introspect.h"

enum { N_DTYPES = 3, MAX_ROWS = 32 };

static const lattn_dtype dtypes[N_DTYPES] = { LATTN_DTYPE_F32, LATTN_DTYPE_F16, LATTN_DTYPE_BF16 };
static const char *const dtype_names[N_DTYPES] = { "f32", "f16", "bf16" };

// "coopmat 64x64", "base"; "-" where the dtype cannot be stored.
static void choice(lattn_ctx *ctx, const char *op, int d, char *text, size_t bytes)
{
    lattn_strategy_info rows[MAX_ROWS];
    int n = 0;
    snprintf(text, bytes, "-");
    if (d > 0 && !lattn_ctx_device(ctx)->storage_f16)
        return;
    if (lattn_op_strategies(ctx, op, dtypes[d], NULL, rows, MAX_ROWS, &n))
        return;
    snprintf(text, bytes, "base");
    for (int i = 0; i < n && i < MAX_ROWS; i++)
        if (rows[i].selected)
            snprintf(
                text, bytes, "%s%s%s", rows[i].name, *rows[i].detail ? " " : "", rows[i].detail);
}

static bool has_choice(lattn_ctx *ctx, const char *op)
{
    int n = 0;
    return !lattn_op_strategies(ctx, op, LATTN_DTYPE_F32, NULL, NULL, 0, &n) && n > 1;
}

static void print_row(lattn_ctx *ctx, const char *label, const char *op, FILE *to)
{
    fprintf(to, "  %-24s", label);
    for (int d = 0; d < N_DTYPES; d++) {
        char text[64];
        choice(ctx, op, d, text, sizeof text);
        fprintf(to, d < N_DTYPES - 1 ? "%-18s" : "%s\n", text);
    }
}

void info_ops_text(lattn_ctx *ctx, FILE *to)
{
    const char *plain = NULL;  // some op without a choice stands for all of them
    int n_plain = 0;
    fprintf(to, "\nKernels on device %d, for the sizes of a BERT-base layer\n  %-24s%-18s%-18s%s\n",
        lattn_ctx_device(ctx)->index, "op", dtype_names[0], dtype_names[1], dtype_names[2]);
    for (int i = 0; i < lattn_op_count(); i++) {
        const char *op = lattn_op_name(i);
        if (has_choice(ctx, op)) {
            print_row(ctx, op, op, to);
        } else {
            plain = op;
            n_plain++;
        }
    }
    char label[32];
    snprintf(label, sizeof label, "the %d other ops", n_plain);
    if (plain)
        print_row(ctx, label, plain, to);
}

static void json_string(FILE *to, const char *text)
{
    json_print_string(to, text, strlen(text));
}

void info_ops_json(lattn_ctx *ctx, FILE *to)
{
    for (int i = 0; i < lattn_op_count(); i++) {
        fprintf(to, "%s{\"name\": ", i ? ", " : "");
        json_string(to, lattn_op_name(i));
        fprintf(to, ", \"kind\": ");
        json_string(to, lattn_op_kind(i));
        fprintf(to, ", \"strategy\": {");
        for (int d = 0; d < N_DTYPES; d++) {
            char text[64];
            choice(ctx, lattn_op_name(i), d, text, sizeof text);
            fprintf(to, "%s\"%s\": ", d ? ", " : "", dtype_names[d]);
            json_string(to, text);
        }
        fprintf(to, "}}");
    }
}
