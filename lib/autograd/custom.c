// SPDX-License-Identifier: MIT
//
// A user's own op: shaders from SPIR-V or GLSL, dispatches on tensors, and an op whose forward and
// backward are the user's functions. It is an ordinary op to the tape, with the user's struct as
// its attribute.

#include "autograd/glsl.h"
#include "autograd/spirv.h"
#include "autograd/tape.h"
#include <stdio.h>
#include <string.h>

struct lattn_shader_code {
    struct lat_shader shader;
    struct lat_spirv spirv;
    uint32_t n_bindings;  // that the module uses
};

// ---- shaders ----------------------------------------------------------------------------------

static lattn_status make_shader(lattn_ctx *ctx, const char *name, const uint32_t *words,
    size_t n_words, lattn_shader_code **out)
{
    uint32_t n_bindings;
    LAT_TRY(lat_spirv_check(words, n_words, &n_bindings));
    if (n_bindings > LATTN_CUSTOM_MAX_TENSORS)
        return lat_err(LATTN_ERR_ARG, "shader %s uses %u bindings, at most %d are possible", name,
            n_bindings, LATTN_CUSTOM_MAX_TENSORS);
    lattn_shader_code *code = LAT_NEW(lattn_shader_code);
    if (!code)
        return LATTN_ERR_HOST_MEMORY;
    uint32_t *copy = lat_memdup(words, n_words * sizeof *words);
    if (!copy) {
        lat_free(code);
        return LATTN_ERR_HOST_MEMORY;
    }
    code->spirv = (struct lat_spirv){ LAT_NO_DTYPE, LAT_NO_DTYPE, copy, n_words };
    // The name outlives the shader: traces and pipelines refer to it.
    code->shader = (struct lat_shader){ lat_intern(ctx, name), "", &code->spirv, 1 };
    code->n_bindings = n_bindings;
    *out = code;
    return LATTN_OK;
}

lattn_status lattn_shader_from_spirv(lattn_ctx *ctx, const char *name, const uint32_t *words,
    size_t n_words, lattn_shader_code **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(words);
    return lat_done(ctx, make_shader(ctx, name ? name : "custom", words, n_words, out));
}

lattn_status lattn_shader_from_glsl(
    lattn_ctx *ctx, const char *name, const char *glsl, lattn_shader_code **out)
{
    LAT_CHECK_ARG(out);
    *out = NULL;
    LAT_CHECK_ARG(glsl);
    uint32_t *words;
    size_t n_words;
    if (!name)
        name = "custom";
    lattn_status st = lat_glsl_compile(name, glsl, &words, &n_words);
    if (!st)
        st = make_shader(ctx, name, words, n_words, out);
    lat_free(words);
    return lat_done(ctx, st);
}

void lattn_shader_destroy(lattn_shader_code **shader)
{
    lattn_shader_code *code = shader ? *shader : NULL;
    if (!code)
        return;
    *shader = NULL;
    lat_free((void *) code->spirv.words);
    lat_free(code);
}

// ---- dispatch ---------------------------------------------------------------------------------

static lattn_status check_tensors(
    const lattn_ctx *ctx, const char *name, const char *what, lattn_tensor *const *tensors, int n)
{
    for (int i = 0; i < n; i++) {
        if (!tensors[i])
            return lat_err(LATTN_ERR_ARG, "%s: %s[%d] is NULL", name, what, i);
        LAT_TRY(lat_check_ctx(ctx, tensors[i], name, what));
        if (!lat_is_contiguous(tensors[i]))
            return lat_err(LATTN_ERR_ARG, "%s: %s[%d] of shape %s is not contiguous", name, what, i,
                LAT_SHAPE(tensors[i]));
    }
    return LATTN_OK;
}

static lattn_status check_dispatch(const lattn_ctx *ctx, const lattn_custom_dispatch *d)
{
    const char *name = d->shader->shader.name;
    int n = d->n_read + d->n_write;
    if (d->n_read < 0 || d->n_write < 0 || n > LATTN_CUSTOM_MAX_TENSORS)
        return lat_err(LATTN_ERR_ARG, "%s: %d tensors read and %d written, at most %d in all", name,
            d->n_read, d->n_write, LATTN_CUSTOM_MAX_TENSORS);
    if ((uint32_t) n < d->shader->n_bindings)
        return lat_err(LATTN_ERR_ARG, "%s: the shader uses %u bindings, %d tensors are given", name,
            d->shader->n_bindings, n);
    if (d->push_bytes > LATTN_CUSTOM_MAX_PUSH || d->push_bytes % 4)
        return lat_err(LATTN_ERR_ARG, "%s: %zu push-constant bytes; at most %d, in fours", name,
            d->push_bytes, LATTN_CUSTOM_MAX_PUSH);
    const uint32_t *max = lat_caps(ctx)->max_groups;
    for (int i = 0; i < 3; i++)
        if (d->groups[i] > max[i])
            return lat_err(LATTN_ERR_ARG, "%s: %u workgroups in dimension %d, the device has %u",
                name, d->groups[i], i, max[i]);
    LAT_TRY(check_tensors(ctx, name, "read", d->read, d->n_read));
    return check_tensors(ctx, name, "write", d->write, d->n_write);
}

static lattn_status run(lattn_ctx *ctx, const lattn_custom_dispatch *d)
{
    LAT_TRY(check_dispatch(ctx, d));
    struct lat_kernel k = {
        .shader = &d->shader->shader,
        .shader_may_go = true,
        .t = LAT_NO_DTYPE,
        .u = LAT_NO_DTYPE,
        .n_read = d->n_read,
        .n_write = d->n_write,
        .push = (void *) d->push,
        .push_bytes = (uint32_t) d->push_bytes,
        .exact_groups = { d->groups[0], d->groups[1], d->groups[2] },
    };
    memcpy(k.read, d->read, (size_t) d->n_read * sizeof k.read[0]);
    memcpy(k.write, d->write, (size_t) d->n_write * sizeof k.write[0]);
    for (int i = 0; i < d->n_write; i++)
        lat_tensor_touch(d->write[i]);
    return lat_kernel_run(ctx, &k);
}

lattn_status lattn_custom_run(lattn_ctx *ctx, const lattn_custom_dispatch *dispatch)
{
    LAT_CHECK_ARG(dispatch);
    LAT_CHECK_ARG(dispatch->shader);
    if (ctx->error)
        return lat_take_error(ctx);
    return lat_done(ctx, run(ctx, dispatch));
}

// ---- the op -----------------------------------------------------------------------------------

struct custom_attr {
    lattn_custom_op op;
    int rank;
    int64_t dim[LATTN_MAX_RANK];
};

static lattn_status infer(struct lat_call *c)
{
    const struct custom_attr *a = c->attr;
    c->op_name = lat_intern(c->ctx, a->op.name ? a->op.name : "custom");
    return lat_out(c, 0, c->in[0]->dtype, a->rank, a->dim);
}

// What the user's function returned, with a sentence.
static lattn_status given(
    const struct lat_call *c, const char *function, lattn_status st, unsigned count)
{
    char what[160];
    snprintf(what, sizeof what, "%.100s: its %s", c->op_name, function);
    return lat_err_given(st, count, what);
}

static lattn_status forward(struct lat_call *c)
{
    const struct custom_attr *a = c->attr;
    unsigned count = lat_err_count();
    return given(c, "forward", a->op.forward(c->ctx, a->op.user, c->in, c->out[0]), count);
}

// The user's backward writes; it does not know that a gradient may have to be added.
static lattn_status backward(struct lat_call *c)
{
    const struct custom_attr *a = c->attr;
    unsigned count = lat_err_count();
    lattn_status st =
        a->op.backward(c->ctx, a->op.user, c->in, c->out[0], c->grad_out[0], c->grad_in);
    return given(c, "backward", st, count);
}

enum { ALL_INPUTS = (1u << LATTN_CUSTOM_MAX_TENSORS) - 1 };

static const struct lat_op custom_op = {
    .name = "custom",
    .n_inputs = LATTN_CUSTOM_MAX_TENSORS,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct custom_attr),
    .keep_in = ALL_INPUTS,
    .keep_out = 1u << 0,
    .infer = infer,
    .forward = forward,
    .backward = backward,
};

static const struct lat_op custom_op_without_gradient = {
    .name = "custom",
    .n_inputs = LATTN_CUSTOM_MAX_TENSORS,
    .n_outputs = 1,
    .attr_bytes = sizeof(struct custom_attr),
    .infer = infer,
    .forward = forward,
};

lattn_tensor *lattn_custom_apply(lattn_ctx *ctx, const lattn_custom_op *op, lattn_tensor *const *in,
    int rank, const int64_t *dims)
{
    LAT_NEED_ARG(ctx, op);
    LAT_NEED_ARRAY(ctx, in, op->n_inputs);
    LAT_NEED_ARRAY(ctx, dims, rank);
    if (ctx->error)
        return NULL;
    const char *name = op->name ? op->name : "custom";
    if (op->n_inputs < 1 || op->n_inputs > LATTN_CUSTOM_MAX_TENSORS || !op->forward)
        return lat_fail(ctx, LATTN_ERR_ARG,
            "%s: %d inputs, must be 1 to %d, with a forward function", name, op->n_inputs,
            LATTN_CUSTOM_MAX_TENSORS);
    if (rank < 0 || rank > LATTN_MAX_RANK)
        return lat_fail(
            ctx, LATTN_ERR_ARG, "%s: rank %d is outside [0, %d]", name, rank, LATTN_MAX_RANK);
    for (int i = 0; i < op->n_inputs; i++)
        if (!in[i])
            return NULL;
    struct custom_attr a = { .op = *op, .rank = rank };
    a.op.name = lat_intern(ctx, name);
    for (int d = 0; d < rank; d++)
        a.dim[d] = dims[d];
    return lat_apply(
        ctx, op->backward ? &custom_op : &custom_op_without_gradient, in, op->n_inputs, &a);
}
