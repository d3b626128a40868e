// SPDX-License-Identifier: MIT
//
// Between attention.c (the op), attention_run.c (its dispatches) and attention_unfused.c.
#ifndef LAT_ATTENTION_H
#define LAT_ATTENTION_H
#include "lattn/ops.h"
#include "ops/internal.h"
#include "tensor/tune.h"

enum { LAT_ATTENTION_MAX_HEAD_SIZE = 256 };

// Everything a kernel may need; mask, lengths and random may be NULL. Rank 4 as the public function
// takes them: q, out, grads [B, H, T, D], k, v [B, Hk, S, D].
struct lat_attention {
    lattn_ctx *ctx;
    lattn_tensor *q, *k, *v, *mask, *lengths, *random;
    lattn_tensor *out;    // a view of [B, T, H, D]
    lattn_tensor *lse;    // f32 [B, H, T]
    lattn_tensor *stats;  // f32 [B, H, T, 2], backward only
    // f32 [B, H, S, 2, T in whole subgroups]: what the first backward kernel keeps, or NULL
    lattn_tensor *made;
    lattn_tensor *g;  // gradient of out; the head size is contiguous
    lattn_tensor *dq, *dk, *dv;
    lattn_tensor *dmask;  // contiguous, or NULL
    float scale, dropout;
    uint32_t op;      // of the random stream
    uint32_t batch0;  // of the whole call, when this is a part of its batches
    uint32_t window;  // 0 = all keys
    bool causal, alibi;
};

lattn_status lat_attention_forward(const struct lat_attention *a);
lattn_status lat_attention_backward(const struct lat_attention *a);  // makes stats itself

enum { LAT_ATTENTION_STRATEGIES = 9 };
extern const struct lat_strategy lat_attention_strategies[LAT_ATTENTION_STRATEGIES];

// attention_select.c: a kernel of one of the three passes.
enum lat_attention_pass { LAT_ATTENTION_FWD, LAT_ATTENTION_BWD_Q, LAT_ATTENTION_BWD_KV };
struct lat_attention_form {
    const struct lat_shader *shader;
    uint32_t rows;           // queries (backward of keys and values: keys) of a workgroup
    uint32_t group;          // invocations
    uint32_t subgroup_size;  // that the kernel is laid out for; 0 = any
    uint32_t block;  // rows of the other side per iteration, for forms with one row per lane
    bool addresses;  // loads by device address
    // Constants of its own: m, n and k of what matrix units multiply, or blocks of 32 keys; 0 = none.
    uint32_t own[3];
};
struct lat_attention_form lat_attention_select(
    const struct lat_attention *a, enum lat_attention_pass pass);
// Whether one kernel is to make all three gradients; its form.
bool lat_attention_in_one(const struct lat_attention *a);
struct lat_attention_form lat_attention_one_form(const struct lat_attention *a);
enum { LAT_ATTENTION_BACKWARDS = 2 };
extern const struct lat_strategy
    lat_attention_backwards[LAT_ATTENTION_BACKWARDS];  // two kernels, one
// Whether the first backward kernel is to keep its weights, in a->made, for the second.
bool lat_attention_keeps_weights(const struct lat_attention *a);
// Runs a pass by kernel, a struct lat_attention. Where tuning is on, its form is measured first; out is
// what the pass writes.
lattn_status lat_attention_tuned(const struct lat_attention *a, enum lat_attention_pass pass,
    lattn_status (*kernel)(const void *a), lattn_tensor *const out[2]);

// Shapes, dtypes and options, shared with the unfused form. False: kept in ctx.
bool lat_attention_check(lattn_ctx *ctx, const lattn_tensor *q, const lattn_tensor *k,
    const lattn_tensor *v, const lattn_attention_args *args);
// The window as kernels take it: 0 where it hides nothing.
uint32_t lat_attention_window(
    const lattn_tensor *q, const lattn_tensor *k, const lattn_attention_args *args);
float lat_attention_scale(const lattn_tensor *q, const lattn_attention_args *args);

#endif
