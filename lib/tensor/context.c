// SPDX-License-Identifier: MIT
//
// The context: made and freed, and the error it keeps.
//
// Ops return tensors, so an error has to wait somewhere until the next function that returns a
// status. Only the first one is kept: what follows it is usually its consequence. Device loss
// replaces whatever is kept and stays, because nothing will work any more.

#include "tensor/tune.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "device/env.h"

// ---- the kept error ---------------------------------------------------------------------------

// A sentence that is too long is cut.
static void set_text(char *text, size_t bytes, const char *path, const char *sentence)
{
    size_t used = strlen(path);
    if (used > bytes / 2)
        used = 0;
    memcpy(text, path, used);
    if (used) {
        memcpy(text + used, ": ", 2);
        used += 2;
    }
    size_t length = LAT_MIN(strlen(sentence), bytes - used - 1);
    memcpy(text + used, sentence, length);
    text[used + length] = 0;
}

static void keep(lattn_ctx *ctx, lattn_status status, const char *sentence)
{
    bool lost = status == LATTN_ERR_DEVICE_LOST && ctx->error != status;
    if (ctx->error && !lost)
        return;
    ctx->error = status;
    set_text(ctx->error_text, sizeof ctx->error_text, ctx->path, sentence);
}

void *lat_fail(lattn_ctx *ctx, lattn_status status, const char *fmt, ...)
{
    char sentence[sizeof ctx->error_text];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    keep(ctx, status, sentence);
    return NULL;
}

void *lat_fail_status(lattn_ctx *ctx, lattn_status status)
{
    const char *sentence = lat_err_text();
    keep(ctx, status, *sentence ? sentence : lattn_status_text(status));
    return NULL;
}

lattn_status lat_take_error(lattn_ctx *ctx)
{
    lattn_status status = ctx->error;
    if (!status)
        return LATTN_OK;
    if (status != LATTN_ERR_DEVICE_LOST)
        ctx->error = LATTN_OK;
    // Also the thread's last sentence, which is what lattn_error gives once nothing is kept.
    return lat_err(status, "%s", ctx->error_text);
}

lattn_status lat_done(lattn_ctx *ctx, lattn_status status)
{
    if (ctx->error)
        return lat_take_error(ctx);
    if (status) {
        set_text(ctx->error_text, sizeof ctx->error_text, "", lat_err_text());
        if (status == LATTN_ERR_DEVICE_LOST)
            ctx->error = status;
    }
    return status;
}

lattn_status lattn_ctx_status(lattn_ctx *ctx)
{
    return lat_take_error(ctx);
}

// Functions of many layers fail with a sentence of their thread, so the thread's last one is newer
// than the context's unless the context still keeps an error.
const char *lattn_error(const lattn_ctx *ctx)
{
    if (!ctx)
        return lat_err_text();
    if (ctx->error)
        return ctx->error_text;
    const char *last = lat_err_text();
    return *last ? last : ctx->error_text;
}

lattn_status lat_not_capturing(const lattn_ctx *ctx, const char *what)
{
    if (!ctx->capturing)
        return LATTN_OK;
    return lat_err(LATTN_ERR_STATE,
        "%s: not possible while a step is being captured, its code runs only once", what);
}

// ---- the module path --------------------------------------------------------------------------

static void path_changed(lattn_ctx *ctx)
{
    ctx->path_text = NULL;
    lat_sched_label(ctx->sched, ctx->path);
}

size_t lat_path_push(lattn_ctx *ctx, const char *name)
{
    size_t length = strlen(ctx->path);
    snprintf(ctx->path + length, sizeof ctx->path - length, "%s%s", length ? "." : "", name);
    path_changed(ctx);
    return length;
}

void lat_path_pop(lattn_ctx *ctx, size_t length)
{
    LAT_ASSERT(length <= strlen(ctx->path));
    ctx->path[length] = 0;
    path_changed(ctx);
}

const char *lat_intern(lattn_ctx *ctx, const char *text)
{
    int64_t i;
    size_t length = strlen(text);
    if (lat_map_get(&ctx->names.index, text, length, &i))
        return ctx->names.texts.items[i];

    // Without memory for it a sentence lacks its path, which is no reason to fail.
    const char *copy = lat_arena_strdup(&ctx->names.memory, text);
    if (!copy || LAT_PUSH(&ctx->names.texts, copy))
        return "";
    if (lat_map_put(&ctx->names.index, copy, length, (int64_t) ctx->names.texts.n - 1)) {
        ctx->names.texts.n--;
        return "";
    }
    return copy;
}

const char *lat_path_text(lattn_ctx *ctx)
{
    if (!*ctx->path)
        return "";
    if (!ctx->path_text)
        ctx->path_text = lat_intern(ctx, ctx->path);
    return ctx->path_text;
}

void lat_path_set(lattn_ctx *ctx, const char *text)
{
    if (strcmp(text, ctx->path) == 0)
        return;
    snprintf(ctx->path, sizeof ctx->path, "%s", text);
    path_changed(ctx);
}

// ---- the context ------------------------------------------------------------------------------

const struct lat_caps *lat_caps(const lattn_ctx *ctx)
{
    return &ctx->dev->caps;
}

const lattn_device_info *lattn_ctx_device(const lattn_ctx *ctx)
{
    return &ctx->info;
}

static lattn_status make_tensors(lattn_ctx *ctx)
{
    LAT_TRY(lat_tensor_kept(ctx, LATTN_DTYPE_I32, 1, (int64_t[]){ 4 }, &ctx->rng_state));
    LAT_TRY(lat_tensor_kept(ctx, LATTN_DTYPE_I32, 1, (int64_t[]){ 64 }, &ctx->dummy));
    ctx->rng_stale = true;
    return lat_prim_fill(ctx->dummy, 0);
}

lattn_status lattn_ctx_create(const lattn_ctx_params *params, lattn_ctx **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    const lattn_ctx_params defaults = { 0 };
    if (!params)
        params = &defaults;
    lattn_ctx *ctx = LAT_NEW(lattn_ctx);
    if (!ctx)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st;
    LAT_GO(lat_device_open(params, &ctx->dev));
    ctx->info = ctx->dev->caps.info;
    ctx->rng.seed = params->seed;
    ctx->training = true;
    LAT_GO(lat_sched_create(ctx->dev, &ctx->sched));
    if (lat_env_has("LATTN_CHECK", "guard"))
        LAT_GO(lat_guards_create(ctx));
    LAT_GO(make_tensors(ctx));
    LAT_GO(lat_tuning_open(ctx));
    *out = ctx;
    return LATTN_OK;

done:
    lattn_ctx_destroy(&ctx);
    return st;
}

void lattn_ctx_destroy(lattn_ctx **p)
{
    lattn_ctx *ctx = p ? *p : NULL;
    if (!ctx)
        return;
    *p = NULL;
    while (ctx->marks.n)
        lat_step_drop(ctx);
    lat_step_drop(ctx);
    for (int i = 0; i < LAT_EXT_SLOTS; i++)
        if (ctx->ext[i])
            ctx->ext[i]->destroy(ctx, ctx->ext[i]);
    lat_tensor_unref(ctx->rng_state);
    lat_tensor_unref(ctx->dummy);
    lat_guards_destroy(ctx);
    // Blocks of tensors that were never released go with the scheduler, their handles with the
    // arena.
    lat_sched_destroy(&ctx->sched);
    lat_device_close(&ctx->dev);
    lat_arena_destroy(&ctx->pool.memory);
    lat_arena_destroy(&ctx->names.memory);
    lat_map_free(&ctx->names.index);
    lat_free(ctx->names.texts.items);
    lat_free(ctx->step.items);
    lat_free(ctx->marks.items);
    lat_free(ctx);
}
