// SPDX-License-Identifier: MIT
//
// The part of an optimiser that is the same for every rule.
//
//   weights   [ buffer 0: parameter, gap, parameter, ... ] [ buffer 1 ... ], f32
//   copies    the same layout, of modules in 16 bits: weights rounded, written by the update
//   grads     the same layout, of the modules' dtype; each parameter's grad tensor lies in it
//   moments   the same layout, f32
//   groups    parameters of one rate and decay; chunk_group says which group a chunk is in
//
// One step is: norm over the gradient buffers, then one kernel per buffer.
//
// Gradients in f16 lose what is below 6e-8, so the loss is multiplied by a scale that lies on the device,
// in carry: what seeds backward reads it there, the norm kernel judges the gradients and moves it, the update
// kernels divide by what it was, or leave everything alone. The host is never asked, so a captured step
// replays through overflows, too. bf16 has the range of f32 and a scale of 1.

#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "optim/optim.h"

// Rate and decay of every group, and which one a parameter is in. At most one group per parameter.
struct grouping {
    float (*row)[LAT_GROUP_COUNT];
    int32_t *of_param;
    int n;
};

// ---- making ---------------------------------------------------------------------------------------

static lattn_status collect(lattn_optim *o)
{
    int n = lattn_module_n_parameters(o->module), kept = 0;
    o->params = lat_calloc((size_t) n + 1, sizeof *o->params);
    if (!o->params)
        return LATTN_ERR_HOST_MEMORY;
    LAT_TRY(lattn_module_parameters(o->module, o->params, n, &n));
    for (int i = 0; i < n; i++) {
        lattn_parameter *p = &o->params[i];
        if (!p->tensor->requires_grad)
            continue;
        if (p->tensor->ctx != o->ctx)
            return lat_err(LATTN_ERR_ARG, "%s: parameter %s belongs to another context",
                o->rule->name, p->name);
        if (p->tensor->optimised)
            return lat_err(LATTN_ERR_STATE,
                "%s: parameter %s is trained by another optimiser; destroy that one first, or "
                "freeze "
                "the parameter before this one is made",
                o->rule->name, p->name);
        if (lat_tensor_master(p->tensor)->dtype != LATTN_DTYPE_F32)
            return lat_err(LATTN_ERR_DTYPE,
                "%s: parameter %s was made as %s and has no f32 values; make it in f32 and use "
                "lattn_module_to_dtype",
                o->rule->name, p->name, lattn_dtype_name(p->tensor->dtype));
        if (kept && p->tensor->dtype != o->params[0].tensor->dtype)
            return lat_err(LATTN_ERR_DTYPE, "%s: parameter %s is %s, %s is %s", o->rule->name,
                p->name, lattn_dtype_name(p->tensor->dtype), o->params[0].name,
                lattn_dtype_name(o->params[0].tensor->dtype));
        o->params[kept] = *p;
        // The listing's names die with the next listing.
        o->params[kept].name = lat_strdup(p->name);
        if (!o->params[kept].name)
            return LATTN_ERR_HOST_MEMORY;
        o->n_params = ++kept;
    }
    if (!kept)
        return lat_err(LATTN_ERR_ARG, "%s: there are no trainable parameters", o->rule->name);
    return LATTN_OK;
}

static lattn_status make_arenas(lattn_optim *o)
{
    lattn_tensor **tensors = lat_calloc((size_t) o->n_params, sizeof *tensors);
    if (!tensors)
        return LATTN_ERR_HOST_MEMORY;
    for (int i = 0; i < o->n_params; i++)
        tensors[i] = lat_tensor_master(o->params[i].tensor);
    lattn_status st = lat_flat_create(o->ctx, tensors, o->n_params, &o->weights);
    lat_free(tensors);
    LAT_TRY(st);
    lattn_dtype dtype = o->params[0].tensor->dtype;
    if (dtype != LATTN_DTYPE_F32)
        LAT_TRY(lat_flat_like(o->weights, dtype, &o->copies));
    LAT_TRY(lat_flat_like(o->weights, dtype, &o->grads));
    for (int m = 0; m < LAT_MAX_MOMENTS; m++) {
        if (o->rule->moment_names[m])
            LAT_TRY(lat_flat_like(o->weights, LATTN_DTYPE_F32, &o->moments[m]));
    }
    return LATTN_OK;
}

// From here on the parameters are this optimiser's, until it is destroyed; it holds them, so that its end
// may come after the module's.
static lattn_status move_in(lattn_optim *o)
{
    for (int i = 0; i < o->n_params; i++) {
        lattn_tensor *t = o->params[i].tensor;
        lat_tensor_ref(t)->optimised = true;
        o->n_moved = i + 1;
        LAT_TRY(lat_flat_adopt(o->weights, i, lat_tensor_master(t)));
        if (o->copies)
            LAT_TRY(lat_flat_adopt(o->copies, i, t));
        lattn_tensor_release(&t->grad);
        t->grad_ready = false;
        LAT_TRY(lat_flat_tensor(o->grads, i, t, &t->grad));
    }
    return LATTN_OK;
}

static int find_group(struct grouping *g, float lr_factor, float decay)
{
    int i = 0;
    while (i < g->n && (g->row[i][LAT_GROUP_LR_RATIO] != lr_factor ||
                           g->row[i][LAT_GROUP_WEIGHT_DECAY] != decay))
        i++;
    g->row[i][LAT_GROUP_LR_RATIO] = lr_factor;
    g->row[i][LAT_GROUP_WEIGHT_DECAY] = decay;
    g->n = LAT_MAX(g->n, i + 1);
    return i;
}

static lattn_status make_groups(lattn_optim *o, struct grouping *g)
{
    g->row = lat_calloc((size_t) o->n_params, sizeof *g->row);
    g->of_param = lat_calloc((size_t) o->n_params, sizeof *g->of_param);
    if (!g->row || !g->of_param)
        return LATTN_ERR_HOST_MEMORY;
    for (int i = 0; i < o->n_params; i++) {
        const lattn_parameter *p = &o->params[i];
        g->of_param[i] = find_group(g, p->lr_factor, p->no_decay ? 0 : o->common.weight_decay);
    }
    const int64_t dims[] = { g->n, LAT_GROUP_COUNT };
    LAT_TRY(lattn_tensor_create(o->ctx, LATTN_DTYPE_F32, 2, dims, &o->groups));
    return lattn_tensor_write(o->groups, g->row, (size_t) g->n * sizeof *g->row);
}

static lattn_status fill_chunk_groups(lattn_optim *o, const struct grouping *g, int buffer)
{
    int64_t n_chunks = lat_numel(o->weights->buffer[buffer]) / LAT_FLAT_CHUNK;
    int32_t *group = lat_calloc((size_t) n_chunks + 1, sizeof *group);
    if (!group)
        return LATTN_ERR_HOST_MEMORY;
    for (int i = 0; i < o->n_params; i++) {
        const struct lat_flat_place *p = &o->weights->place[i];
        int64_t first = p->start / LAT_FLAT_CHUNK;
        int64_t end = (p->start + p->n + LAT_FLAT_CHUNK - 1) / LAT_FLAT_CHUNK;
        for (int64_t c = first; p->buffer == buffer && c < end; c++)
            group[c] = g->of_param[i];
    }
    lattn_tensor **out = &o->chunk_group[buffer];
    lattn_status st = lattn_tensor_create(o->ctx, LATTN_DTYPE_I32, 1, &n_chunks, out);
    if (!st)
        st = lattn_tensor_write(*out, group, (size_t) n_chunks * sizeof *group);
    lat_free(group);
    return st;
}

static lattn_status make_numbers(lattn_optim *o)
{
    const int64_t hyper = LAT_HYPER_COUNT, report = LAT_REPORT_COUNT, carry = LAT_CARRY_COUNT;
    const float start[LAT_CARRY_COUNT] = {
        [LAT_CARRY_SCALE] = lat_optim_scales(o) ? o->common.loss_scale.init_scale : 1,
    };
    struct grouping g = { 0 };
    lattn_status st;
    LAT_GO(make_groups(o, &g));
    LAT_GO(lattn_tensor_create(o->ctx, LATTN_DTYPE_F32, 1, &hyper, &o->hyper));
    LAT_GO(lattn_tensor_create(o->ctx, LATTN_DTYPE_F32, 1, &report, &o->report));
    LAT_GO(lattn_tensor_create(o->ctx, LATTN_DTYPE_F32, 1, &carry, &o->carry));
    LAT_GO(lattn_tensor_write(o->carry, start, sizeof start));
    for (int b = 0; b < o->weights->n_buffers; b++)
        LAT_GO(fill_chunk_groups(o, &g, b));

done:
    lat_free(g.row);
    lat_free(g.of_param);
    return st;
}

static lattn_status check_common(const struct lat_rule *rule, const lattn_optim_params *p)
{
    const struct {
        const char *name;
        float value;
    } numbers[] = {
        { "lr", p->lr },
        { "weight_decay", p->weight_decay },
        { "max_grad_norm", p->max_grad_norm },
    };
    for (size_t i = 0; i < LAT_COUNT(numbers); i++) {
        if (!(numbers[i].value >= 0) || !isfinite(numbers[i].value))
            return lat_err(LATTN_ERR_ARG, "%s: %s is %g, it must be 0 or more", rule->name,
                numbers[i].name, (double) numbers[i].value);
    }
    return LATTN_OK;
}

// GradScaler's numbers where 0 is given.
static lattn_status settle_scale(const struct lat_rule *rule, lattn_loss_scale *s)
{
    s->init_scale = s->init_scale != 0 ? s->init_scale : 65536;
    s->growth_factor = s->growth_factor != 0 ? s->growth_factor : 2;
    s->backoff_factor = s->backoff_factor != 0 ? s->backoff_factor : 0.5f;
    s->growth_interval = s->growth_interval ? s->growth_interval : 2000;
    if (!(s->init_scale > 0) || !isfinite(s->init_scale) || !(s->growth_factor >= 1) ||
        !isfinite(s->growth_factor) || !(s->backoff_factor > 0 && s->backoff_factor < 1) ||
        s->growth_interval < 1 || s->growth_interval > 1 << 24)
        return lat_err(LATTN_ERR_ARG,
            "%s: a loss scale of %g, times %g every %d updates, times %g after an overflow: the "
            "first must be above 0, the second 1 or more, the third 1 to 2^24, the last between 0 "
            "and 1",
            rule->name, (double) s->init_scale, (double) s->growth_factor, s->growth_interval,
            (double) s->backoff_factor);
    return LATTN_OK;
}

// Work of a step of its own: the views made on the way must not pile up in the caller's.
static lattn_status build(lattn_optim *o)
{
    LAT_TRY(collect(o));
    LAT_TRY(lattn_step_begin(o->ctx));
    lattn_status st = make_arenas(o);
    if (!st)
        st = move_in(o);
    if (!st)
        st = make_numbers(o);
    lattn_status end = lattn_step_end(o->ctx);
    return st ? st : end;
}

lattn_status lat_optim_open(lattn_ctx *ctx, lattn_module *module, const struct lat_rule *rule,
    lattn_optim *o, lattn_optim **out)
{
    o->ctx = ctx;
    o->module = module;
    o->rule = rule;
    o->lr = o->common.lr;
    lattn_status st = check_common(rule, &o->common);
    if (!st)
        st = settle_scale(rule, &o->common.loss_scale);
    if (!st)
        st = build(o);
    if (st) {
        lattn_optim_destroy(&o);
        return st;
    }
    *out = o;
    return LATTN_OK;
}

void lattn_optim_destroy(lattn_optim **optim)
{
    lattn_optim *o = optim ? *optim : NULL;
    if (!o)
        return;
    for (int i = 0; i < o->n_moved; i++) {
        o->params[i].tensor->optimised = false;
        lattn_tensor_release(&o->params[i].tensor);
    }
    for (int i = 0; i < o->n_params; i++)
        lat_free((void *) o->params[i].name);
    lat_free(o->params);
    lat_flat_destroy(&o->weights);
    lat_flat_destroy(&o->copies);
    lat_flat_destroy(&o->grads);
    for (int m = 0; m < LAT_MAX_MOMENTS; m++)
        lat_flat_destroy(&o->moments[m]);
    for (int b = 0; b < LAT_FLAT_MAX_BUFFERS; b++)
        lattn_tensor_release(&o->chunk_group[b]);
    lattn_tensor_release(&o->groups);
    lattn_tensor_release(&o->hyper);
    lattn_tensor_release(&o->report);
    lattn_tensor_release(&o->carry);
    lat_free(o);
    *optim = NULL;
}

// ---- numbers --------------------------------------------------------------------------------------

lattn_status lattn_optim_set_lr(lattn_optim *o, float lr)
{
    LAT_CHECK_ARG(o);
    if (!(lr >= 0) || !isfinite(lr))
        return lat_err(
            LATTN_ERR_ARG, "%s: lr is %g, it must be 0 or more", o->rule->name, (double) lr);
    o->lr = lr;
    return LATTN_OK;
}

float lattn_optim_lr(const lattn_optim *o)
{
    if (!o)
        return 0;
    return o->lr;
}

int64_t lattn_optim_steps(const lattn_optim *o)
{
    if (!o)
        return 0;
    return o->n_steps;
}

bool lat_optim_scales(const lattn_optim *o)
{
    return o->grads->buffer[0]->dtype == LATTN_DTYPE_F16;
}

lattn_tensor *lattn_optim_hyper(lattn_optim *o)
{
    if (!o)
        return NULL;
    return o->hyper;
}

lattn_tensor *lattn_optim_report(lattn_optim *o)
{
    if (!o)
        return NULL;
    return o->report;
}

lattn_status lattn_optim_advance(lattn_optim *o, float lr, void *data, size_t bytes)
{
    LAT_CHECK_ARG(o);
    LAT_CHECK_ARG(data);
    float hyper[LAT_HYPER_COUNT] = { 0 };
    _Static_assert(sizeof hyper == LATTN_OPTIM_HYPER_BYTES, "the public size is this one");
    if (bytes != sizeof hyper)
        return lat_err(
            LATTN_ERR_ARG, "%s: %zu bytes given, %zu needed", o->rule->name, bytes, sizeof hyper);
    LAT_TRY(lattn_optim_set_lr(o, lr));
    hyper[LAT_HYPER_LR] = lr;
    hyper[LAT_HYPER_MAX_NORM] = o->common.max_grad_norm;
    if (lat_optim_scales(o)) {
        hyper[LAT_HYPER_GROWTH] = o->common.loss_scale.growth_factor;
        hyper[LAT_HYPER_BACKOFF] = o->common.loss_scale.backoff_factor;
        hyper[LAT_HYPER_INTERVAL] = (float) o->common.loss_scale.growth_interval;
    }
    o->rule->fill(o, hyper);
    o->n_steps++;
    memcpy(data, hyper, sizeof hyper);
    return LATTN_OK;
}

// ---- the step -------------------------------------------------------------------------------------

void lattn_optim_zero_grad(lattn_optim *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->n_params; i++)
        lattn_tensor_zero_grad(o->params[i].tensor);
}

lattn_status lat_optim_settle(lattn_optim *o)
{
    for (int i = 0; i < o->n_params; i++) {
        lattn_tensor *t = o->params[i].tensor;
        if (t->grad_ready)
            continue;
        LAT_TRY(lat_prim_fill(t->grad, 0));
        t->grad_ready = true;
    }
    return LATTN_OK;
}

void lat_optim_keep_grads(lattn_optim *o)
{
    for (int i = 0; i < o->n_params; i++)
        o->params[i].tensor->grad_ready = true;
}

// The scale as this update has it, as a tensor of the loss's shape. Not times the loss: scaled in f32 and
// rounded once, where the loss's own backward writes the first 16-bit gradient.
lattn_status lattn_optim_backward(lattn_optim *o, lattn_tensor *loss, int n_batches)
{
    LAT_CHECK_ARG(o);
    if (n_batches < 1)
        return lat_done(o->ctx,
            lat_err(LATTN_ERR_ARG, "%s: %d batches share an update", o->rule->name, n_batches));
    if (!loss)
        return lattn_backward(o->ctx, NULL, NULL);
    if (lat_numel(loss) != 1 || loss->dtype != LATTN_DTYPE_F32)
        return lat_done(
            o->ctx, lat_err(LATTN_ERR_SHAPE, "%s: a loss is one f32 element, this is %s %s",
                        o->rule->name, lattn_dtype_name(loss->dtype), LAT_SHAPE(loss)));
    lattn_tensor *scale = lattn_slice(o->ctx, o->carry, 0, LAT_CARRY_SCALE, LAT_CARRY_SCALE + 1, 1);
    scale = lattn_scale(o->ctx, scale, 1.0f / (float) n_batches, 0);
    lattn_backward_args args = {
        .grad_output = lattn_reshape(o->ctx, scale, loss->rank, loss->dim),
    };
    return args.grad_output ? lattn_backward(o->ctx, loss, &args) : lattn_ctx_status(o->ctx);
}

static lattn_status write_hyper(lattn_optim *o)
{
    unsigned char hyper[LATTN_OPTIM_HYPER_BYTES];
    LAT_TRY(lattn_optim_advance(o, o->lr, hyper, sizeof hyper));
    return lattn_tensor_write(o->hyper, hyper, sizeof hyper);
}

static lattn_status update(lattn_optim *o, int buffer)
{
    struct lat_update u = {
        .grad = o->grads->buffer[buffer],
        .param = o->weights->buffer[buffer],
        .copy = o->copies ? o->copies->buffer[buffer] : NULL,
        .moment1 = o->moments[0] ? o->moments[0]->buffer[buffer] : NULL,
        .moment2 = o->moments[1] ? o->moments[1]->buffer[buffer] : NULL,
        .chunk_group = o->chunk_group[buffer],
        .groups = o->groups,
        .hyper = o->hyper,
        .report = o->report,
    };
    return o->rule->run(o->ctx, &u);
}

lattn_status lattn_optim_step(lattn_optim *o)
{
    LAT_CHECK_ARG(o);
    if (!o->ctx->capturing)
        LAT_TRY(write_hyper(o));
    LAT_TRY(lat_optim_settle(o));
    struct lat_grad_norm norm = {
        .grads = o->grads->buffer,
        .n_grads = o->grads->n_buffers,
        .hyper = o->hyper,
        .report = o->report,
        .carry = o->carry,
    };
    LAT_TRY(lat_grad_norm_run(o->ctx, &norm));
    for (int b = 0; b < o->weights->n_buffers; b++)
        LAT_TRY(update(o, b));
    for (int i = 0; i < o->n_params; i++) {
        lattn_tensor *t = o->params[i].tensor;
        lat_tensor_touch(t);
        if (t->master)
            lat_tensor_touch(t->master);
    }
    return LATTN_OK;
}

// ---- looking for trouble --------------------------------------------------------------------------

static lattn_status is_finite(lattn_tensor *t, bool *finite)
{
    int64_t n = lat_numel(t);
    float *values = lat_alloc((size_t) n * sizeof *values);
    if (!values)
        return LATTN_ERR_HOST_MEMORY;
    lattn_status st = lattn_tensor_read_f32(t, values, n);
    *finite = true;
    for (int64_t i = 0; i < n && !st && *finite; i++)
        *finite = isfinite(values[i]);
    lat_free(values);
    return st;
}

lattn_status lattn_optim_first_not_finite(lattn_optim *o, const char **name)
{
    LAT_CHECK_ARG(name);
    *name = NULL;
    LAT_CHECK_ARG(o);
    for (int i = 0; i < o->n_params; i++) {
        bool finite = true;
        LAT_TRY(is_finite(o->params[i].tensor->grad, &finite));
        if (!finite) {
            *name = o->params[i].name;
            return LATTN_OK;
        }
    }
    return LATTN_OK;
}
