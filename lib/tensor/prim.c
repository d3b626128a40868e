// SPDX-License-Identifier: MIT
//
// Primitives on raw memory, without tape: fill and add; copy has copy.c to itself. Everything above
// is built from them wherever no kernel of its own exists.

#include "tensor/kernel.h"
#include "lat_shaders.h"
#include "tensor/accumulate.abi.h"
#include "tensor/zero.abi.h"
#include <string.h>

enum {
    WORKGROUP = 256,
    PER_GROUP = LAT_ACCUMULATE_RUN * WORKGROUP
};  // elements that one of accumulate adds

static struct lat_range whole_range(const lattn_tensor *t)
{
    return (struct lat_range){ t->storage->block, lat_tensor_start(t), lat_tensor_span(t) };
}

bool lat_is_words(const lattn_tensor *t)
{
    return lat_is_contiguous(t) && lat_tensor_start(t) % 4 == 0 && lat_tensor_span(t) % 4 == 0;
}

// Kernels count elements with 32 bits.
lattn_status lat_check_32_bits(const lattn_tensor *t)
{
    if (lat_numel(t) <= UINT32_MAX)
        return LATTN_OK;
    return lat_err(LATTN_ERR_UNSUPPORTED, "a tensor of %lld elements, kernels count up to 2^32 - 1",
        (long long) lat_numel(t));
}

// ---- fill -------------------------------------------------------------------------------------

// The value's bytes, repeated up to a word.
static uint32_t word_of(lattn_dtype dtype, double value)
{
    uint32_t word = 0;
    if (dtype == LATTN_DTYPE_I32) {
        int32_t v = value >= INT32_MAX  ? INT32_MAX
                    : value > INT32_MIN ? (int32_t) value
                                        : INT32_MIN;
        memcpy(&word, &v, sizeof word);
        return value == value ? word : 0;
    }
    float v = (float) value;
    lat_convert_from_f32(dtype, &word, &v, 1);
    switch (lattn_dtype_bytes(dtype)) {
    case 1:
        return word * 0x01010101u;
    case 2:
        return word * 0x00010001u;
    default:
        return word;
    }
}

// Repeats one element. It is made as a whole word, so that no bytes are written behind it.
static lattn_status fill_by_copy(lattn_tensor *t, double value)
{
    int64_t n = 4 / (int64_t) lattn_dtype_bytes(t->dtype);
    lattn_tensor *word = lat_tensor_new(t->ctx, t->dtype, 1, &n);
    if (!word)
        return t->ctx->error;
    LAT_TRY(lat_sched_fill(t->ctx->sched, whole_range(word), word_of(t->dtype, value)));
    lattn_tensor element = *word;
    element.rank = 0;
    return lat_prim_copy(t, &element);
}

// Below this a dispatch costs more than the command's one thread.
static const uint64_t WORTH_LANES = 4u << 20;

static bool zeroed_in_lanes(const lattn_tensor *t, uint32_t word)
{
    uint64_t bytes = lat_tensor_span(t);
    bool bindable = bytes <= lat_caps(t->ctx)->max_binding_bytes &&
                    lat_tensor_start(t) % lat_binding_alignment(t->ctx) == 0;
    const struct lat_problem problem = {
        .caps = lat_caps(t->ctx),
        .dtype = LATTN_DTYPE_F32,
        .size = { word == 0 && bytes >= WORTH_LANES && bindable },
    };
    int row = lat_strategy_peek(t->ctx, "fill", lat_wide_strategies, LAT_WIDE_STRATEGIES, &problem);
    return row >= 0 && lat_wide_strategies[row].kind == LAT_STRATEGY_CPU;
}

static lattn_status zero_in_lanes(lattn_tensor *t)
{
    uint32_t lanes = lat_caps(t->ctx)->subgroup_size, run = LAT_ZERO_RUN * lanes;
    struct zero_push push = { .n = (uint32_t) (lat_tensor_span(t) / 4) };
    const uint32_t spec[] = { lanes, lanes, push.n % 2 == 0 };
    struct lat_kernel kernel = {
        .shader = &lat_shader_zero_cpu,
        .t = LAT_NO_DTYPE,
        .u = LAT_NO_DTYPE,
        .write = { t },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = LAT_COUNT(spec),
        .groups = ((uint64_t) push.n + run - 1) / run,
    };
    lat_wide_subgroups(t->ctx, &kernel);
    return lat_kernel_run(t->ctx, &kernel);
}

lattn_status lat_prim_fill(lattn_tensor *t, double value)
{
    if (lat_numel(t) == 0)
        return LATTN_OK;
    if (!lat_is_words(t))
        return fill_by_copy(t, value);
    uint32_t word = word_of(t->dtype, value);
    if (zeroed_in_lanes(t, word))
        return zero_in_lanes(t);
    return lat_sched_fill(t->ctx->sched, whole_range(t), word);
}

// ---- add --------------------------------------------------------------------------------------

lattn_status lat_prim_add(lattn_tensor *dst, lattn_tensor *a, lattn_tensor *b)
{
    LAT_TRY(lat_check_32_bits(dst));
    struct accumulate_push push = { .n = (uint32_t) lat_numel(dst) };
    const struct lat_caps *caps = lat_caps(dst->ctx);
    uint32_t run = LAT_ACCUMULATE_RUN * caps->subgroup_size;
    bool cpu = lat_wide_chosen(dst->ctx, "accumulate", dst->dtype,
        push.n >= run && lat_tensor_span(dst) <= caps->max_binding_bytes);
    const uint32_t spec[] = { WORKGROUP, caps->subgroup_size };
    struct lat_kernel kernel = {
        .shader = cpu ? &lat_shader_accumulate_cpu : &lat_shader_accumulate,
        .t = dst->dtype,
        .u = LAT_NO_DTYPE,
        .read = { a, b },
        .n_read = 2,
        .write = { dst },
        .n_write = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .spec = spec,
        .n_spec = cpu ? LAT_COUNT(spec) : 1,
        .groups = ((uint64_t) push.n + PER_GROUP - 1) / PER_GROUP,
        .split = {
            .n_rows = push.n,
            .rows_per_group = PER_GROUP,
            .row_elements = { 1, 1, 1 },
            .push_n_rows = offsetof(struct accumulate_push, n),
            .push_row0 = LAT_NO_OFFSET,
        },
        .flops = push.n,
    };
    if (cpu) {
        lat_wide_subgroups(dst->ctx, &kernel);
        kernel.push_address[0] = offsetof(struct accumulate_push, a_address);
        kernel.push_address[1] = offsetof(struct accumulate_push, b_address);
    }
    return lat_kernel_run(dst->ctx, &kernel);
}

lattn_status lat_prim_accumulate(lattn_tensor *dst, lattn_tensor *src)
{
    return lat_prim_add(dst, dst, src);
}
