// SPDX-License-Identifier: MIT
//
// One captured step per kind and shape of batch. A step owns the tensors its batch is written
// to, so its command buffers stay valid for as long as it is kept; the least recently used one
// makes room for a new shape. While kernels are chosen by measuring (tuning.h), which a capture rules out, the
// first run of a step is recorded like an eager one.

#include <math.h>
#include <string.h>
#include "base/alloc.h"
#include "optim/optim.h"
#include "lattn/tuning.h"
#include "train/step.h"

enum { MAX_STEPS = 48, MAX_OUTPUTS = 2 };
enum { OUT_LOSS, OUT_EXTRA };  // extra: the report of an update, or the logits of an evaluation

struct lat_step {
    struct lat_steps *owner;
    unsigned kind;
    int divisor;
    lattn_fields shape;  // data pointers unused
    lattn_tensor *field[LATTN_MAX_FIELDS];
    lattn_graph *graph;                    // NULL = not captured yet
    lattn_tensor *eager_out[MAX_OUTPUTS];  // results of the last run that was recorded
    int n_outputs;
    int64_t runs;
    uint64_t used;  // time of last use, in runs of the cache
};

struct lat_steps {
    lattn_ctx *ctx;
    lattn_task task;
    lattn_optim *optim;  // NULL when only evaluating
    bool eager;
    struct lat_step *item[MAX_STEPS];
    int n;
    uint64_t clock;
};

lattn_status lat_steps_create(
    lattn_ctx *ctx, const lattn_task *task, lattn_optim *optim, bool eager, struct lat_steps **out)
{
    *out = LAT_NEW(struct lat_steps);
    if (!*out)
        return LATTN_ERR_HOST_MEMORY;
    **out = (struct lat_steps){ .ctx = ctx, .task = *task, .optim = optim, .eager = eager };
    return LATTN_OK;
}

static void destroy_step(struct lat_step *step)
{
    if (!step)
        return;
    lattn_graph_destroy(&step->graph);
    for (int i = 0; i < LATTN_MAX_FIELDS; i++)
        lattn_tensor_release(&step->field[i]);
    for (int i = 0; i < MAX_OUTPUTS; i++)
        lattn_tensor_release(&step->eager_out[i]);
    lat_free(step);
}

void lat_steps_destroy(struct lat_steps **steps)
{
    if (!steps || !*steps)
        return;
    for (int i = 0; i < (*steps)->n; i++)
        destroy_step((*steps)->item[i]);
    lat_free(*steps);
    *steps = NULL;
}

// ---- recording ----------------------------------------------------------------------------------

static lattn_status record_training(lattn_ctx *ctx, struct lat_step *step, lattn_tensor **outputs)
{
    struct lat_steps *s = step->owner;
    if (step->kind & LAT_STEP_FIRST)
        lattn_optim_zero_grad(s->optim);
    else
        lat_optim_keep_grads(s->optim);
    lattn_tensor *loss = s->task.loss(ctx, s->task.user, step->field);
    LAT_TRY(lattn_optim_backward(s->optim, loss, step->divisor));
    outputs[OUT_LOSS] = loss;
    if (!(step->kind & LAT_STEP_UPDATE))
        return lat_optim_settle(s->optim);
    outputs[OUT_EXTRA] = lattn_optim_report(s->optim);
    return lattn_optim_step(s->optim);
}

static lattn_status record_evaluation(lattn_ctx *ctx, struct lat_step *step, lattn_tensor **outputs)
{
    struct lat_steps *s = step->owner;
    lattn_no_grad_begin(ctx);
    outputs[OUT_LOSS] = s->task.evaluate(
        ctx, s->task.user, step->field, s->task.n_classes ? &outputs[OUT_EXTRA] : NULL);
    if (s->task.n_classes)  // of a module in 16 bits
        outputs[OUT_EXTRA] = lattn_cast(ctx, outputs[OUT_EXTRA], LATTN_DTYPE_F32);
    lattn_no_grad_end(ctx);
    return outputs[OUT_LOSS] ? LATTN_OK : lattn_ctx_status(ctx);
}

static lattn_status record(lattn_ctx *ctx, void *user, lattn_tensor **outputs)
{
    struct lat_step *step = user;
    bool training = lattn_is_training(ctx);
    lattn_set_training(ctx, step->kind != LAT_STEP_EVAL);
    lattn_status st = step->kind == LAT_STEP_EVAL ? record_evaluation(ctx, step, outputs)
                                                  : record_training(ctx, step, outputs);
    lattn_set_training(ctx, training);
    return st;
}

static lattn_status capture(struct lat_step *step)
{
    struct lat_steps *s = step->owner;
    lattn_tensor *inputs[LATTN_MAX_FIELDS + 1];
    int n = step->shape.n_fields;
    memcpy(inputs, step->field, (size_t) n * sizeof *inputs);
    if (step->kind & LAT_STEP_UPDATE)
        inputs[n++] = lattn_optim_hyper(s->optim);
    lattn_graph_params params = {
        .fn = record,
        .user = step,
        .inputs = inputs,
        .n_inputs = n,
        .n_outputs = step->n_outputs,
    };
    return lattn_graph_create(s->ctx, &params, &step->graph);
}

static lattn_status create_step(struct lat_steps *s, unsigned kind, const lattn_fields *batch,
    int divisor, struct lat_step **out)
{
    struct lat_step *step = LAT_NEW(struct lat_step);
    lattn_status st = step ? LATTN_OK : LATTN_ERR_HOST_MEMORY;
    if (st)
        return st;
    *step = (struct lat_step){ .owner = s, .kind = kind, .divisor = divisor, .shape = *batch };
    bool extra = kind == LAT_STEP_EVAL ? s->task.n_classes > 0 : (kind & LAT_STEP_UPDATE) != 0;
    step->n_outputs = extra ? 2 : 1;
    for (int i = 0; i < batch->n_fields && !st; i++) {
        const lattn_field *f = &batch->field[i];
        st = lattn_tensor_create(s->ctx, f->dtype, f->rank, f->dim, &step->field[i]);
    }
    if (st) {
        destroy_step(step);
        return st;
    }
    *out = step;
    return LATTN_OK;
}

// ---- looking up -----------------------------------------------------------------------------------

static bool same_shape(const lattn_fields *a, const lattn_fields *b)
{
    bool same = a->n_fields == b->n_fields;
    for (int i = 0; same && i < a->n_fields; i++) {
        const lattn_field *x = &a->field[i], *y = &b->field[i];
        same = x->dtype == y->dtype && x->rank == y->rank &&
               memcmp(x->dim, y->dim, (size_t) x->rank * sizeof *x->dim) == 0;
    }
    return same;
}

static int oldest(const struct lat_steps *s)
{
    int slot = 0;
    for (int i = 1; i < s->n; i++) {
        if (s->item[i]->used < s->item[slot]->used)
            slot = i;
    }
    return slot;
}

static lattn_status find_step(struct lat_steps *s, unsigned kind, const lattn_fields *batch,
    int divisor, struct lat_step **out)
{
    for (int i = 0; i < s->n; i++) {
        struct lat_step *step = s->item[i];
        if (step->kind == kind && step->divisor == divisor && same_shape(&step->shape, batch)) {
            *out = step;
            return LATTN_OK;
        }
    }
    LAT_TRY(create_step(s, kind, batch, divisor, out));
    if (s->n < MAX_STEPS) {
        s->item[s->n++] = *out;
        return LATTN_OK;
    }
    int slot = oldest(s);
    destroy_step(s->item[slot]);
    s->item[slot] = *out;
    return LATTN_OK;
}

// ---- running --------------------------------------------------------------------------------------

static size_t field_bytes(const lattn_field *f)
{
    size_t bytes = lattn_dtype_bytes(f->dtype);
    for (int d = 0; d < f->rank; d++)
        bytes *= (size_t) f->dim[d];
    return bytes;
}

static lattn_status run_eager(struct lat_step *step, const lattn_fields *batch)
{
    lattn_ctx *ctx = step->owner->ctx;
    lattn_tensor *outputs[MAX_OUTPUTS] = { NULL };
    for (int i = 0; i < batch->n_fields; i++)
        LAT_TRY(lattn_tensor_write(
            step->field[i], batch->field[i].data, field_bytes(&batch->field[i])));
    LAT_TRY(lattn_step_begin(ctx));
    lattn_status st = record(ctx, step, outputs);
    for (int i = 0; i < step->n_outputs && !st; i++) {
        lattn_tensor_release(&step->eager_out[i]);
        step->eager_out[i] = lattn_tensor_retain(outputs[i]);
    }
    lattn_status end = lattn_step_end(ctx);
    return st ? st : end;
}

static lattn_status run_captured(struct lat_step *step, const lattn_fields *batch, float lr)
{
    lattn_optim *optim = step->owner->optim;
    unsigned char hyper[LATTN_OPTIM_HYPER_BYTES];
    for (int i = 0; i < batch->n_fields; i++)
        LAT_TRY(
            lattn_graph_write(step->graph, i, batch->field[i].data, field_bytes(&batch->field[i])));
    if (step->kind & LAT_STEP_UPDATE) {
        LAT_TRY(lattn_optim_advance(optim, lr, hyper, sizeof hyper));
        LAT_TRY(lattn_graph_write(step->graph, batch->n_fields, hyper, sizeof hyper));
    }
    return lattn_graph_run(step->graph);
}

lattn_status lat_steps_run(struct lat_steps *s, unsigned kind, const lattn_fields *batch, float lr,
    int divisor, struct lat_pending *out)
{
    struct lat_step *step = NULL;
    LAT_TRY(find_step(s, kind, batch, divisor, &step));
    bool recorded = s->eager || (step->runs == 0 && lattn_is_tuning(s->ctx));
    if (recorded && kind & LAT_STEP_UPDATE)
        LAT_TRY(lattn_optim_set_lr(s->optim, lr));
    if (!recorded && !step->graph)
        LAT_TRY(capture(step));
    LAT_TRY(recorded ? run_eager(step, batch) : run_captured(step, batch, lr));
    step->used = ++s->clock;
    *out = (struct lat_pending){
        .step = step,
        .run = ++step->runs,
        .n_samples = batch->n_samples,
        .updated = kind & LAT_STEP_UPDATE,
        .recorded = recorded,
    };
    return LATTN_OK;
}

static lattn_status read_output(const struct lat_pending *p, int output, void *data, size_t bytes)
{
    int age = (int) (p->step->runs - p->run);
    return p->recorded ? lattn_tensor_read(p->step->eager_out[output], data, bytes)
                       : lattn_graph_read(p->step->graph, output, age, data, bytes);
}

lattn_status lat_steps_read(
    struct lat_steps *s, const struct lat_pending *p, struct lat_step_result *out, float *logits)
{
    float report[LATTN_OPTIM_REPORT_FLOATS] = { [LAT_REPORT_FINITE] = 1 };
    float loss = 0;
    _Static_assert(
        (int) LATTN_OPTIM_REPORT_FLOATS == LAT_REPORT_COUNT, "the public size is this one");
    LAT_TRY(read_output(p, OUT_LOSS, &loss, sizeof loss));
    if (p->updated)
        LAT_TRY(read_output(p, OUT_EXTRA, report, sizeof report));
    if (logits) {
        size_t n = (size_t) p->n_samples * (size_t) s->task.n_classes;
        LAT_TRY(read_output(p, OUT_EXTRA, logits, n * sizeof *logits));
    }
    *out = (struct lat_step_result){
        .loss = loss,
        .grad_norm = report[LAT_REPORT_NORM],
        .finite = report[LAT_REPORT_FINITE] != 0,
        .loss_scale = report[LAT_REPORT_SCALE],
        .n_skipped = (int64_t) report[LAT_REPORT_SKIPPED],
        .n_skipped_now = (int64_t) report[LAT_REPORT_ROW],
    };
    return LATTN_OK;
}
