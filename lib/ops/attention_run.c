// SPDX-License-Identifier: MIT
//
// The dispatches of fused attention: one forward, two backward (queries first: that kernel leaves
// what the others need per query; for short sequences also the weights), and a third where the mask is
// learnt. Of few keys one kernel makes all three gradients, where there are heads enough.
//
// Head size, number of heads and options are specialisation constants, because registers are laid
// out by them; lengths and strides are pushed, so sentences of any length share a pipeline. Where a
// tensor is longer than the device lets a binding be, the call is made for fewer batches at a time.

#include "ops/attention.h"
#include <math.h>
#include "attention/attention.abi.h"
#include "lat_shaders.h"

#define PUSH(member) offsetof(struct attention_push, member)

// Strides of batch, head and row.
static void put_strides(uint32_t *to, const lattn_tensor *t)
{
    for (int d = 0; d < 3; d++)
        to[d] = t && t->dim[d] > 1 ? (uint32_t) t->stride[d] : 0;
}

static struct attention_push push_of(const struct lat_attention *a)
{
    struct attention_push push = {
        .t = (uint32_t) a->q->dim[2],
        .s = (uint32_t) a->k->dim[2],
        .n_batch = (uint32_t) a->q->dim[0],
        .batch0 = a->batch0,
        .scale = a->scale,
        .drop_below = a->dropout > 0 ? lat_dropout_threshold(a->dropout) : 0,
        .keep_factor = a->dropout > 0 ? 1 / (1 - a->dropout) : 1,
        .op = a->op,
    };
    put_strides(push.q_stride, a->q);
    put_strides(push.k_stride, a->k);
    put_strides(push.v_stride, a->v);
    put_strides(push.g_stride, a->g);
    put_strides(push.mask_stride, a->mask);
    return push;
}

static uint32_t options_of(const struct lat_attention *a)
{
    return (a->mask ? LAT_ATTENTION_MASK : 0) | (a->lengths ? LAT_ATTENTION_LENGTHS : 0) |
           (a->causal ? LAT_ATTENTION_CAUSAL : 0) | (a->dropout > 0 ? LAT_ATTENTION_DROPOUT : 0) |
           (a->alibi ? LAT_ATTENTION_ALIBI : 0);
}

// Whether rows of t are eights of 2 bytes each at a multiple of 16 bytes.
static bool in_eights(const lattn_tensor *t)
{
    bool whole = t->dim[3] % 8 == 0 && lat_tensor_start(t) % 16 == 0;
    for (int d = 0; d < 3; d++)
        whole = whole && (t->dim[d] == 1 || t->stride[d] % 8 == 0);
    return whole;
}

// Fills in what the three kernels share; bindings 0 to 2 are mask, lengths and random state, 3 to 5
// are q, k and v. rows: those of which a workgroup has form->rows, per matrix.
static lattn_status run(const struct lat_attention *a, const struct lat_attention_form *form,
    struct lat_kernel *kernel, const lattn_tensor *rows)
{
    struct attention_push push = push_of(a);
    const uint32_t *own = form->own;
    bool eights = own[2] && in_eights(a->q) && in_eights(a->k) && in_eights(a->v) &&
                  (!a->g || in_eights(a->g));
    enum { PLAIN_SPECS = 8 };  // of kernels without constants of their own; matrix units have four
    uint32_t spec[] = { form->group, options_of(a), (uint32_t) a->q->dim[3],
        (uint32_t) a->q->dim[1], (uint32_t) (a->q->dim[1] / a->k->dim[1]), form->subgroup_size,
        form->block, a->window, own[0], own[1], own[2], eights };
    kernel->shader = form->shader;
    kernel->t = (int) a->q->dtype;
    kernel->u = LAT_NO_DTYPE;
    kernel->read[0] = a->mask;
    kernel->read[1] = a->lengths;
    kernel->read[2] = a->random;
    kernel->read[3] = a->q;
    kernel->read[4] = a->k;
    kernel->read[5] = a->v;
    kernel->push_offset[0] = PUSH(mask_offset);
    kernel->push_offset[3] = PUSH(q_offset);
    kernel->push_offset[4] = PUSH(k_offset);
    kernel->push_offset[5] = PUSH(v_offset);
    kernel->push = &push;
    kernel->push_bytes = sizeof push;
    kernel->spec = spec;
    kernel->n_spec = own[2] ? LAT_COUNT(spec) : own[0] ? PLAIN_SPECS + 1 : PLAIN_SPECS;
    if (form->subgroup_size) {
        const struct lat_caps *caps = lat_caps(a->ctx);
        kernel->subgroup_size = caps->subgroup_size_control ? form->subgroup_size : 0;
        kernel->full_subgroups = caps->full_subgroups;
    }
    kernel->groups = (uint64_t) (rows->dim[0] * rows->dim[1]) *
                     (((uint64_t) rows->dim[2] + form->rows - 1) / form->rows);
    return lat_kernel_run(a->ctx, kernel);
}

static void set_addresses(struct lat_kernel *kernel, const struct lat_attention_form *form,
    int first_binding, int second_binding)
{
    if (!form->addresses)
        return;
    kernel->push_address[first_binding] = PUSH(address0);
    kernel->push_address[second_binding] = PUSH(address2);
}

// out and gradients as they lie in memory.
static lattn_tensor *memory_of(lattn_tensor *t)
{
    return lat_view_permute(t, (int[]){ 0, 2, 1, 3 });
}

// Of one product of scores with a matrix.
static double product_flops(const struct lat_attention *a)
{
    double keys = (double) a->k->dim[2] / (a->causal ? 2 : 1);
    if (a->window)
        keys = fmin(keys, (double) a->window * (a->causal ? 1 : 2));
    return 2.0 * (double) lat_numel(a->q) * keys;
}

static lattn_status run_forward(const void *attention)
{
    const struct lat_attention *a = attention;
    struct lat_attention_form form = lat_attention_select(a, LAT_ATTENTION_FWD);
    struct lat_kernel kernel = {
        .n_read = 6,
        .write = { memory_of(a->out), a->lse },
        .n_write = 2,
        .flops = 2 * product_flops(a),
    };
    set_addresses(&kernel, &form, 4, 5);
    return kernel.write[0] ? run(a, &form, &kernel, a->q) : a->ctx->error;
}

static lattn_status forward(const struct lat_attention *a)
{
    return lat_attention_tuned(
        a, LAT_ATTENTION_FWD, run_forward, (lattn_tensor *[]){ a->out, a->lse });
}

static lattn_status run_backward_q(const void *attention)
{
    const struct lat_attention *a = attention;
    struct lat_attention_form form = lat_attention_select(a, LAT_ATTENTION_BWD_Q);
    struct lat_kernel kernel = {
        .read = { [6] = memory_of(a->out), a->g, a->lse },
        .n_read = 9,
        .write = { memory_of(a->dq), a->stats, a->made },
        .n_write = a->made ? 3 : 2,
        .push_offset = { [7] = PUSH(g_offset) },
        .flops = 3 * product_flops(a),
    };
    set_addresses(&kernel, &form, 4, 5);
    return kernel.read[6] && kernel.write[0] ? run(a, &form, &kernel, a->q) : a->ctx->error;
}

static lattn_status backward_q(const struct lat_attention *a)
{
    if (a->made)
        return run_backward_q(a);  // its form is one with that of the keys
    return lat_attention_tuned(
        a, LAT_ATTENTION_BWD_Q, run_backward_q, (lattn_tensor *[]){ a->dq, a->stats });
}

static lattn_status run_backward_kv(const void *attention)
{
    const struct lat_attention *a = attention;
    struct lat_attention_form form = lat_attention_select(a, LAT_ATTENTION_BWD_KV);
    struct lat_kernel kernel = {
        .read = { [6] = a->g, a->made ? a->made : a->stats },
        .n_read = 8,
        .write = { memory_of(a->dk), memory_of(a->dv) },
        .n_write = 2,
        .push_offset = { [6] = PUSH(g_offset) },
        .flops = (a->made ? 2 : 4) * product_flops(a),
    };
    set_addresses(&kernel, &form, 3, 6);
    bool ready = kernel.write[0] && kernel.write[1];
    return ready ? run(a, &form, &kernel, a->k) : a->ctx->error;
}

static lattn_status backward_kv(const struct lat_attention *a)
{
    if (a->made)
        return run_backward_kv(a);
    return lat_attention_tuned(
        a, LAT_ATTENTION_BWD_KV, run_backward_kv, (lattn_tensor *[]){ a->dk, a->dv });
}

static lattn_status backward_in_one(const struct lat_attention *a)
{
    struct lat_attention_form form = lat_attention_one_form(a);
    struct lat_kernel kernel = {
        .read = { [6] = memory_of(a->out), a->g, a->lse },
        .n_read = 9,
        .write = { memory_of(a->dq), memory_of(a->dk), memory_of(a->dv) },
        .n_write = 3,
        .push_offset = { [7] = PUSH(g_offset) },
        .flops = 5 * product_flops(a),
    };
    bool ready = kernel.read[6] && kernel.write[0] && kernel.write[1] && kernel.write[2];
    return ready ? run(a, &form, &kernel, a->k) : a->ctx->error;
}

// Bits of SHARED_BY: along what the mask is broadcast, or has one element anyway.
static uint32_t sharing_of(const lattn_tensor *dmask)
{
    return (dmask->dim[0] == 1 ? 1u : 0) | (dmask->dim[1] == 1 ? 2u : 0) |
           (dmask->dim[2] == 1 ? 4u : 0);
}

static lattn_status backward_mask(const struct lat_attention *a)
{
    enum { WG = 64, ROWS = 8 };  // of attention_bwd_mask.comp
    struct attention_push push = push_of(a);
    const int64_t *mask = a->dmask->dim;
    uint32_t options = options_of(a) | (a->batch0 && mask[0] == 1 ? LAT_ATTENTION_ADD : 0);
    uint32_t spec[] = { WG, options, (uint32_t) a->q->dim[3], (uint32_t) a->q->dim[1],
        (uint32_t) (a->q->dim[1] / a->k->dim[1]), 0, 1, a->window, sharing_of(a->dmask) };
    int64_t blocks = mask[2] == 1 ? 1 : (mask[2] + ROWS - 1) / ROWS;
    struct lat_kernel kernel = {
        .shader = &lat_shader_attention_bwd_mask,
        .t = (int) a->q->dtype,
        .u = LAT_NO_DTYPE,
        .read = { a->mask, a->lengths, a->random, a->q, a->k, a->v, a->g, a->stats },
        .n_read = 8,
        .write = { a->dmask },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .push_offset = { PUSH(mask_offset), [3] = PUSH(q_offset), PUSH(k_offset), PUSH(v_offset),
            PUSH(g_offset) },
        .spec = spec,
        .n_spec = sizeof spec / sizeof spec[0],
        .groups = (uint64_t) (mask[0] * mask[1] * blocks * ((mask[3] + WG - 1) / WG)),
        .flops = 2 * product_flops(a),
    };
    return lat_kernel_run(a->ctx, &kernel);
}

// ---- parts of the batch ------------------------------------------------------------------------------

static lattn_tensor *some(lattn_tensor *t, int64_t start, int64_t count)
{
    return !t || t->dim[0] == 1 ? t : lat_view_slice(t, 0, start, count, 1);
}

static struct lat_attention part_of(const struct lat_attention *a, int64_t start, int64_t count)
{
    struct lat_attention part = *a;
    lattn_tensor **batched[] = { &part.q, &part.k, &part.v, &part.mask, &part.lengths, &part.out,
        &part.lse, &part.stats, &part.made, &part.g, &part.dq, &part.dk, &part.dv, &part.dmask };
    for (size_t i = 0; i < sizeof batched / sizeof batched[0]; i++)
        *batched[i] = some(*batched[i], start, count);
    part.batch0 = (uint32_t) start;
    return part;
}

// Whether count batches of every tensor fit a binding.
static bool fits(const struct lat_attention *a, int64_t count)
{
    const struct lat_caps *caps = lat_caps(a->ctx);
    const lattn_tensor *t[] = { a->q, a->k, a->v, a->out, a->mask, a->g, a->made };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        if (!t[i] || t[i]->dim[0] == 0)
            continue;
        uint64_t bytes = lat_tensor_span(t[i]) / (uint64_t) t[i]->dim[0] * (uint64_t) count;
        if (bytes + caps->buffer_alignment > caps->max_binding_bytes)
            return false;
    }
    return true;
}

static lattn_status in_parts(
    const struct lat_attention *a, lattn_status (*kernel)(const struct lat_attention *))
{
    int64_t n = a->q->dim[0], count = n;
    while (count > 1 && !fits(a, count))
        count = (count + 1) / 2;
    if (count >= n)
        return kernel(a);
    for (int64_t start = 0; start < n; start += count) {
        struct lat_attention part = part_of(a, start, n - start < count ? n - start : count);
        if (a->ctx->error)
            return a->ctx->error;
        LAT_TRY(kernel(&part));
    }
    return LATTN_OK;
}

lattn_status lat_attention_forward(const struct lat_attention *a)
{
    if (lat_numel(a->k) == 0) {
        LAT_TRY(lat_prim_fill(a->lse, 0));
        return lat_prim_fill(a->out, 0);  // nothing to be seen
    }
    return in_parts(a, forward);
}

// stats, and made where the kernels keep their weights.
static lattn_status make_room(struct lat_attention *a)
{
    const int64_t *q = a->q->dim;
    a->stats = lat_tensor_new(a->ctx, LATTN_DTYPE_F32, 4, (int64_t[]){ q[0], q[1], q[2], 2 });
    if (lat_attention_keeps_weights(a)) {
        int64_t width = lat_caps(a->ctx)->subgroup_size;
        int64_t queries = (q[2] + width - 1) / width * width;
        a->made = lat_tensor_new(
            a->ctx, LATTN_DTYPE_F32, 5, (int64_t[]){ q[0], q[1], a->k->dim[2], 2, queries });
    }
    return a->ctx->error;
}

lattn_status lat_attention_backward(const struct lat_attention *a)
{
    struct lat_attention with = *a;
    if (lat_numel(a->q) == 0 || lat_numel(a->k) == 0) {
        LAT_TRY(lat_prim_fill(a->dq, 0));
        LAT_TRY(lat_prim_fill(a->dk, 0));
        if (a->dmask)
            LAT_TRY(lat_prim_fill(a->dmask, 0));
        return lat_prim_fill(a->dv, 0);
    }
    if (lat_attention_in_one(a))
        return in_parts(a, backward_in_one);
    LAT_TRY(make_room(&with));
    LAT_TRY(in_parts(&with, backward_q));
    if (a->dmask)
        LAT_TRY(in_parts(&with, backward_mask));
    return in_parts(&with, backward_kv);
}
