// SPDX-License-Identifier: MIT
//
// The public ways into the reverse walk: lattn_backward and lattn_grad.

#include "autograd/tape.h"

static lattn_status check_output(const char *what, const lattn_tensor *output)
{
    LAT_TRY(lat_check_tensor(output, what));
    if (!lat_wants_grad(output))
        return lat_err(LATTN_ERR_STATE,
            "%s: the output of shape %s has no history: no input of it requires a gradient, or it "
            "was "
            "made inside lattn_no_grad_begin",
            what, LAT_SHAPE(output));
    return LATTN_OK;
}

// The gradient to start from: the given one made contiguous, or 1.
static lattn_status start_of(
    lattn_ctx *ctx, const char *what, lattn_tensor *output, lattn_tensor *given, lattn_tensor **out)
{
    LAT_TRY(check_output(what, output));
    LAT_TRY(lat_check_ctx(ctx, output, what, "the output"));
    LAT_TRY(lat_check_ctx(ctx, given, what, "the given gradient"));
    if (!given && lat_numel(output) != 1)
        return lat_err(LATTN_ERR_SHAPE,
            "%s: the output has shape %s; a gradient for it must be given unless it has one "
            "element",
            what, LAT_SHAPE(output));
    if (given && !lat_same_shape(given, output))
        return lat_err(LATTN_ERR_SHAPE, "%s: the given gradient has shape %s, the output %s", what,
            LAT_SHAPE(given), LAT_SHAPE(output));
    if (given && given->dtype != output->dtype)
        return lat_err(LATTN_ERR_DTYPE, "%s: the given gradient is %s, the output %s", what,
            lattn_dtype_name(given->dtype), lattn_dtype_name(output->dtype));
    *out = given ? lat_prim_contiguous(given)
                 : lattn_full(ctx, output->dtype, output->rank, output->dim, 1);
    return *out ? LATTN_OK : ctx->error;
}

static lattn_status backward(lattn_ctx *ctx, lattn_tensor *output, const lattn_backward_args *args)
{
    lattn_tensor *start;
    LAT_TRY(start_of(ctx, "lattn_backward", output, args->grad_output, &start));
    struct lat_walk walk = {
        .ctx = ctx,
        .outputs = &output,
        .grad_outputs = &start,
        .n_outputs = 1,
        .retain_graph = args->retain_graph,
    };
    return lat_walk_run(&walk);
}

lattn_status lattn_backward(lattn_ctx *ctx, lattn_tensor *output, const lattn_backward_args *args)
{
    const lattn_backward_args defaults = { 0 };
    if (ctx->error)
        return lat_take_error(ctx);
    return lat_done(ctx, backward(ctx, output, args ? args : &defaults));
}

lattn_status lattn_grad(lattn_ctx *ctx, lattn_tensor *const *outputs,
    lattn_tensor *const *grad_outputs, int n_outputs, lattn_tensor *const *inputs, int n_inputs,
    bool retain_graph, lattn_tensor **grads)
{
    LAT_CHECK_ARRAY(outputs, n_outputs);
    LAT_CHECK_ARRAY(inputs, n_inputs);
    LAT_CHECK_ARRAY(grads, n_inputs);
    if (ctx->error)
        return lat_take_error(ctx);
    for (int i = 0; i < n_inputs; i++)
        grads[i] = NULL;
    for (int i = 0; i < n_inputs; i++)
        if (!inputs[i] || !inputs[i]->requires_grad)
            return lat_done(
                ctx, lat_err(LATTN_ERR_ARG, "lattn_grad: input %d does not require a gradient", i));

    for (int i = 0; i < n_inputs; i++) {
        lattn_status foreign = lat_check_ctx(ctx, inputs[i], "lattn_grad", "an input");
        if (foreign)
            return lat_done(ctx, foreign);
    }

    lattn_status st;
    lattn_tensor **starts = lat_calloc((size_t) LAT_MAX(n_outputs, 1), sizeof *starts);
    if (!starts)
        return lat_done(ctx, LATTN_ERR_HOST_MEMORY);
    for (int i = 0; i < n_outputs; i++)
        LAT_GO(start_of(
            ctx, "lattn_grad", outputs[i], grad_outputs ? grad_outputs[i] : NULL, &starts[i]));
    struct lat_walk walk = {
        .ctx = ctx,
        .outputs = outputs,
        .grad_outputs = starts,
        .n_outputs = n_outputs,
        .targets = inputs,
        .target_grads = grads,
        .n_targets = n_inputs,
        .retain_graph = retain_graph,
    };
    LAT_GO(lat_walk_run(&walk));
    // An input that was given twice is answered at its first place.
    for (int i = 1; i < n_inputs; i++)
        for (int j = 0; j < i && !grads[i]; j++)
            if (inputs[i] == inputs[j])
                grads[i] = grads[j];

done:
    lat_free(starts);
    return lat_done(ctx, st);
}
