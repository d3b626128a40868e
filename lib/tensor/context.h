// SPDX-License-Identifier: MIT
//
// The context: device, scheduler, the kept error, the step's tensors, modes, random state.
// It lives in this layer because tensors are the first thing that needs all of them;
// layers above hang their own state on it without being known here.
#ifndef LAT_CONTEXT_H
#define LAT_CONTEXT_H
#include "base/arena.h"
#include "base/array.h"
#include "base/hash.h"
#include "base/status.h"
#include "lattn/tensor.h"
#include "sched/sched.h"

struct lat_node;
struct lat_storage;

// State of a higher layer: made by it, freed by the context. Callbacks other than destroy may be
// NULL.
struct lat_ext {
    void (*destroy)(lattn_ctx *ctx, struct lat_ext *ext);
    void (*release_node)(lattn_ctx *ctx, struct lat_node *node);  // a tensor with history is gone
    // A capture was aborted (what it recorded never runs) or has ended well.
    void (*capture_done)(lattn_ctx *ctx, struct lat_ext *ext, bool aborted);
};
enum lat_ext_slot { LAT_EXT_AUTOGRAD, LAT_EXT_SELECT, LAT_EXT_TUNING, LAT_EXT_SLOTS };

struct lattn_ctx {
    struct lat_device *dev;
    struct lat_sched *sched;
    lattn_device_info info;

    lattn_status error;     // first error since the last status call; sticky on device loss
    char error_text[1024];  // its sentence
    char path[512];         // module path that ops put in front of sentences: "encoder.layer.3"

    struct {
        lattn_tensor **items;  // tensors of all open steps, innermost last
        size_t n, capacity;
    } step;
    struct {
        size_t *items;  // where each open step starts in step
        size_t n, capacity;
    } marks;

    // Handles come from here and go back here, so that a steady loop of steps takes nothing from
    // the system, and what a program forgot to release goes with the context.
    struct {
        struct lat_arena memory;
        lattn_tensor *free_tensors;
        struct lat_storage *free_storages;
    } pool;

    // Each module path and name once: nodes of the tape and labels keep the pointer.
    struct {
        struct lat_map index;
        struct lat_arena memory;
        struct {
            const char **items;
            size_t n, capacity;
        } texts;
    } names;
    const char *path_text;  // path among the names; NULL = not looked up since it changed

    struct lat_guards *guards;  // NULL unless LATTN_CHECK=guard (guard.c)

    bool capturing;        // inside lattn_graph_create
    size_t capture_marks;  // steps that were open when fn was called
    int no_grad_depth;
    bool training;

    lattn_rng_state rng;
    lattn_tensor *rng_state;  // i32 [4]: key[0], key[1], 0, 0 as shaders/common/rng.glsl reads it
    bool rng_stale;           // rng changed since rng_state was written
    lattn_tensor *dummy;      // bound where an optional tensor is absent

    struct lat_ext *ext[LAT_EXT_SLOTS];
};

// Keeps the first error in ctx (device loss overrides) and gives NULL, so that an op can
// return lat_fail(...). The module path is put in front.
void *lat_fail(lattn_ctx *ctx, lattn_status status, const char *fmt, ...) LAT_PRINTF(3, 4);
// LAT_CHECK_ARG and LAT_CHECK_ARRAY for functions that return a tensor: the error is kept in ctx.
#define LAT_NEED_ARG(ctx, arg)                                                                     \
    do {                                                                                           \
        if (!(arg))                                                                                \
            return lat_fail(ctx, LATTN_ERR_ARG, "%s: %s is NULL", __func__, #arg);                 \
    } while (0)
#define LAT_NEED_ARRAY(ctx, arg, n)                                                                \
    do {                                                                                           \
        if (!(arg) && (n) > 0)                                                                     \
            return lat_fail(                                                                       \
                ctx, LATTN_ERR_ARG, "%s: %s is NULL for %lld", __func__, #arg, (long long) (n));   \
    } while (0)
// Keeps status with this thread's sentence, for errors that come from below. NULL again.
void *lat_fail_status(lattn_ctx *ctx, lattn_status status);
// What a kind-1 function returns: the kept error, cleared unless the device is lost.
lattn_status lat_take_error(lattn_ctx *ctx);
// The same at the end of a kind-1 function: an error kept before goes first, else status, whose
// sentence is then also what lattn_error(ctx) says.
lattn_status lat_done(lattn_ctx *ctx, lattn_status status);
// ERR_STATE "what: ..." while a step is being captured.
lattn_status lat_not_capturing(const lattn_ctx *ctx, const char *what);

// Module path for sentences and traces. push appends ".name"; pop cuts back to the length that
// push returned.
size_t lat_path_push(lattn_ctx *ctx, const char *name);
void lat_path_pop(lattn_ctx *ctx, size_t length);
// The path as a pointer that lives as long as the context ("" at the root); set puts it back.
const char *lat_path_text(lattn_ctx *ctx);
void lat_path_set(lattn_ctx *ctx, const char *text);
// text as a pointer that lives as long as the context; "" without memory for it.
const char *lat_intern(lattn_ctx *ctx, const char *text);

// step.c: gives up the tensors of the innermost step and closes it.
void lat_step_drop(lattn_ctx *ctx);

const struct lat_caps *lat_caps(const lattn_ctx *ctx);

#endif
