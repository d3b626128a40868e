// SPDX-License-Identifier: MIT
//
// Runs the steps of a recurrent layer.
//
//   whole   one dispatch for all steps: each workgroup takes some rows of the batch and keeps to itself,
//           so that a step needs no more than a barrier of the workgroup
//   steps   a matrix product and a cell kernel per step (rnn_steps.c), for weights so large that the few
//           workgroups of `whole` would starve the device, or that no shader can see as a whole, and for
//           what a cell kernel alone does not do: projections, layer norm
//
// Both are sequences of dispatches on views of the same tensors. Long sequences are cut where a binding
// would be too long, or a dispatch take longer than a watchdog allows: the next one goes on from the slot
// of `states` where the last one stopped.

#include "ops/rnn.h"
#include "base/thread.h"
#include "lat_shaders.h"
#include "ops/pointwise.h"

enum { MAX_ROWS = 4, CPU_MOST_ROWS = 32, CPU_LEAST_ROWS = 4, CPU_STEPS_OF_K = 8 };
enum { SLAB_BYTES = 8192 };
static const double FLOPS_OF_A_DISPATCH = 1e11;

// size[] of struct lat_problem.
enum { BATCH, HIDDEN, GATES, WEIGHT_BYTES, STEP_BYTES, STEPS_ALONE };

// ---- selection ------------------------------------------------------------------------------------

static bool admits_whole(const struct lat_problem *p)
{
    int64_t limit = (int64_t) p->caps->max_binding_bytes;
    return !p->size[STEPS_ALONE] && p->size[WEIGHT_BYTES] <= limit &&
           4 * p->size[STEP_BYTES] <= limit;
}

static bool admits_cpu(const struct lat_problem *p)
{
    return lat_loads_by_address(p->caps) && p->dtype == LATTN_DTYPE_F32 && admits_whole(p) &&
           p->size[HIDDEN] % p->caps->subgroup_size == 0;
}

// A GPU's compute units read a weight of this size from their shared cache as fast as they multiply.
static double cost_whole(const struct lat_problem *p)
{
    enum { CACHED_BYTES = 1 << 20 };
    return p->size[WEIGHT_BYTES] <= CACHED_BYTES ? 1 : 3;
}

static double cost_steps(const struct lat_problem *p)
{
    (void) p;
    return 2;
}

static double cost_cpu(const struct lat_problem *p)
{
    (void) p;
    return 0;
}

const struct lat_strategy lat_rnn_strategies[LAT_RNN_STRATEGIES] = {
    { LAT_STRATEGY_BASE, "steps", NULL, cost_steps, NULL },
    { LAT_STRATEGY_BASE, "whole", admits_whole, cost_whole, NULL },
    { LAT_STRATEGY_CPU, "whole", admits_cpu, cost_cpu, NULL },
};

static struct lat_problem problem_of(const struct lat_rnn *r)
{
    int64_t batch = r->states->dim[1], hidden = r->states->dim[2], gates = lat_rnn_gates(r->cell);
    return (struct lat_problem){
        .caps = lat_caps(r->ctx),
        .dtype = r->states->dtype,
        .size = {
            [BATCH] = batch,
            [HIDDEN] = hidden,
            [GATES] = gates,
            [WEIGHT_BYTES] = gates * hidden * hidden * (int64_t) lattn_dtype_bytes(r->states->dtype),
            [STEP_BYTES] = batch * hidden * 4 * (int64_t) sizeof(float),
            [STEPS_ALONE] = r->projection || r->gain || r->cell_gain,
        },
    };
}

static const struct lat_strategy *choose(const struct lat_rnn *r, const char *pass)
{
    struct lat_problem p = problem_of(r);
    return &lat_rnn_strategies[lat_strategy_select(
        r->ctx, pass, lat_rnn_strategies, LAT_RNN_STRATEGIES, &p)];
}

// ---- one dispatch -----------------------------------------------------------------------------------

lattn_tensor *lat_rnn_slice(lattn_tensor *t, int64_t start, int64_t n)
{
    return t ? lat_view_slice(t, 0, start, n, 1) : NULL;
}

void lat_rnn_describe(struct lat_rnn_part *p, const struct lat_rnn *r)
{
    p->r = r;
    p->push.n_batch = (uint32_t) r->states->dim[1];
    p->spec[0] = LAT_RNN_GROUP;
    p->spec[1] = r->cell;
    p->push.hidden = (uint32_t) (r->weight->dim[0] / lat_rnn_gates(r->cell));
    p->spec[2] = (r->reverse ? LAT_RNN_REVERSE : 0) | (r->lengths ? LAT_RNN_LENGTHS : 0) |
                 (r->bias ? LAT_RNN_BIAS : 0) | (r->gates ? LAT_RNN_KEEP : 0) |
                 (r->cell_gain ? LAT_RNN_NORM : 0);
}

static double flops_of(const struct lat_rnn_part *p)
{
    return 2.0 * (double) lat_numel(p->r->weight) * p->push.n_batch;
}

struct lat_kernel lat_rnn_forward_kernel(struct lat_rnn_part *p, const struct lat_shader *shader)
{
    const struct lat_rnn *r = p->r;
    p->push.n_steps = (uint32_t) p->n;
    p->push.step0 = (uint32_t) p->start;
    return (struct lat_kernel){
        .shader = shader,
        .t = (int) r->states->dtype,
        .u = LAT_NO_DTYPE,
        .read = { lat_rnn_slice(r->x, p->start, p->n), p->multiplied, r->bias, r->lengths },
        .n_read = 4,
        .write = { lat_rnn_slice(r->y, p->start, p->n),
            lat_rnn_slice(r->states, p->start, p->n + 1),
            lat_rnn_slice(r->cells, p->start, p->n + 1), lat_rnn_slice(r->gates, p->start, p->n) },
        .n_write = 4,
        .push = &p->push,
        .push_bytes = sizeof p->push,
        .spec = p->spec,
        .n_spec = LAT_RNN_SPEC,
        .flops = flops_of(p) * (double) p->n,
    };
}

struct lat_kernel lat_rnn_backward_kernel(
    struct lat_rnn_part *p, const struct lat_shader *shader, int64_t lines)
{
    const struct lat_rnn *r = p->r;
    int64_t from = p->start - (r->reverse ? lines : 0);
    p->push.n_steps = (uint32_t) p->n;
    p->push.step0 = (uint32_t) p->start;
    p->push.lead = r->reverse ? (uint32_t) lines : 0;
    return (struct lat_kernel){
        .shader = shader,
        .t = (int) r->states->dtype,
        .u = LAT_NO_DTYPE,
        .read = { lat_rnn_slice(r->dy, p->start, p->n), p->multiplied, r->lengths,
            lat_rnn_slice(r->states, p->start, p->n + 1),
            lat_rnn_slice(r->cells, p->start, p->n + 1), lat_rnn_slice(r->gates, p->start, p->n) },
        .n_read = 6,
        .write = { lat_rnn_slice(r->dx, from, p->n + lines),
            lat_rnn_slice(r->dz, from, p->n + lines), r->carry },
        .n_write = 3,
        .push = &p->push,
        .push_bytes = sizeof p->push,
        .spec = p->spec,
        .n_spec = LAT_RNN_SPEC,
        .flops = flops_of(p) * (double) (p->n + p->push.finish),
    };
}

// ---- whole ------------------------------------------------------------------------------------------

static uint32_t power_of_two(uint64_t at_most)
{
    uint32_t v = 1;
    while (2 * (uint64_t) v <= at_most)
        v *= 2;
    return v;
}

// Floats of shared memory for a weight, in few sizes; 0 = it has no room there.
static uint32_t chip_for(uint64_t weight, uint64_t room)
{
    uint64_t size = weight <= 1024 ? 1024 : weight <= 4096 ? 4096 : room;
    return weight <= room ? (uint32_t) LAT_MIN(size, room) : 0;
}

// Rows of the batch per workgroup, and what the kernel needs to know about them. Constants are rounded, so
// that layers of many sizes share few pipelines.
static void plan_base(struct lat_rnn_part *p, struct lat_kernel *k)
{
    uint32_t hidden = p->push.hidden, batch = p->push.n_batch;
    uint32_t rows = batch < MAX_ROWS - 1 ? batch : MAX_ROWS;
    uint64_t groups_of_4 = lat_ceil_div(batch, 4 * (uint64_t) rows);
    uint32_t parts = power_of_two(LAT_MAX(LAT_MIN(LAT_RNN_GROUP / hidden, groups_of_4), 1));
    uint32_t slab = SLAB_BYTES / (uint32_t) sizeof(float) / (rows * parts);
    uint64_t weight = (uint64_t) lat_numel(p->r->weight);
    uint64_t room = (lat_caps(p->r->ctx)->max_shared_bytes - SLAB_BYTES) / sizeof(float);
    p->spec[3] = rows;
    p->spec[4] = parts;
    p->spec[5] = slab;
    p->spec[6] = chip_for(weight, room);
    k->groups = lat_ceil_div(batch, (uint64_t) rows * parts);
}

// Vectors of units in a tile of the cpu strategy.
static uint32_t vectors_of(const struct lat_rnn *r, bool forward)
{
    int64_t lanes = lat_caps(r->ctx)->subgroup_size;
    bool one = forward && lat_rnn_gates(r->cell) > 1;
    return !one && r->states->dim[2] % (2 * lanes) == 0 ? 2 : 1;
}

// The weight in the order in which the kernels read it; for cpu kernels [tiles, depth, columns, units of a
// tile].
static lattn_tensor *forward_weight(const struct lat_rnn *r, bool cpu)
{
    lattn_tensor *view = lat_view_permute(r->weight, (int[]){ 1, 0 });
    if (cpu) {
        int64_t gates = lat_rnn_gates(r->cell), hidden = r->states->dim[2];
        int64_t tile = vectors_of(r, true) * (int64_t) lat_caps(r->ctx)->subgroup_size;
        view = lat_view_reshape(r->weight, 4, (int64_t[]){ gates, hidden / tile, tile, hidden });
        view = view ? lat_view_permute(view, (int[]){ 1, 3, 0, 2 }) : NULL;
    }
    return view ? lat_prim_contiguous(view) : NULL;
}

static lattn_tensor *backward_weight(const struct lat_rnn *r, bool cpu)
{
    if (!cpu)
        return r->weight;
    int64_t gates = lat_rnn_gates(r->cell), hidden = r->states->dim[2];
    int64_t tile = vectors_of(r, false) * (int64_t) lat_caps(r->ctx)->subgroup_size;
    lattn_tensor *view =
        lat_view_reshape(r->weight, 3, (int64_t[]){ gates * hidden, hidden / tile, tile });
    view = view ? lat_view_permute(view, (int[]){ 1, 0, 2 }) : NULL;
    return view ? lat_prim_contiguous(view) : NULL;
}

// The more rows of the batch, the better a load of the weight is used; but every core should have some.
static uint32_t cpu_groups(uint32_t batch)
{
    uint32_t cores = (uint32_t) lat_cpu_count();
    uint32_t least = (uint32_t) lat_ceil_div(batch, CPU_MOST_ROWS);
    uint32_t most = (uint32_t) lat_ceil_div(batch, CPU_LEAST_ROWS);
    return least > cores ? (least + cores - 1) / cores * cores
                         : LAT_MAX(least, LAT_MIN(most, cores));
}

static void plan_cpu(struct lat_rnn_part *p, struct lat_kernel *k, uint32_t vectors, int operand)
{
    const struct lat_caps *caps = lat_caps(p->r->ctx);
    uint32_t groups = cpu_groups(p->push.n_batch);
    p->spec[0] = p->spec[4] = caps->subgroup_size;
    p->spec[3] = (uint32_t) lat_ceil_div(p->push.n_batch, groups);
    p->spec[5] = vectors;
    p->spec[6] = CPU_STEPS_OF_K;
    k->groups = lat_ceil_div(p->push.n_batch, p->spec[3]);
    k->push_address[1] = offsetof(struct rnn_push, weight_address);
    k->push_address[operand] = offsetof(struct rnn_push, operand_address);
    lat_wide_subgroups(p->r->ctx, k);
}

// How many steps a dispatch may have.
static int64_t steps_at_once(const struct lat_rnn_part *p)
{
    const struct lat_rnn *r = p->r;
    int64_t step_bytes = 4 * (int64_t) sizeof(float) * r->states->dim[1] * r->states->dim[2];
    int64_t fit = (int64_t) lat_caps(r->ctx)->max_binding_bytes / LAT_MAX(step_bytes, 1) - 2;
    double in_time = FLOPS_OF_A_DISPATCH / flops_of(p);
    int64_t n = in_time < (double) fit ? (int64_t) in_time : fit;
    return LAT_MAX(LAT_MIN(n, lat_rnn_n_steps(r)), 1);
}

static lattn_status forward_whole(const struct lat_rnn *r, bool cpu)
{
    struct lat_rnn_part p = { .multiplied = forward_weight(r, cpu) };
    if (!p.multiplied)
        return r->ctx->error;
    lat_rnn_describe(&p, r);
    int64_t steps = lat_rnn_n_steps(r), most = steps_at_once(&p);
    for (int64_t done = 0; done < steps; done += p.n) {
        p.n = LAT_MIN(most, steps - done);
        p.start = r->reverse ? steps - done - p.n : done;
        struct lat_kernel k =
            lat_rnn_forward_kernel(&p, cpu ? &lat_shader_rnn_fwd_cpu : &lat_shader_rnn_fwd_base);
        if (cpu)
            plan_cpu(&p, &k, vectors_of(r, true), k.n_read + 1);
        else
            plan_base(&p, &k);
        LAT_TRY(lat_kernel_run(r->ctx, &k));
    }
    return LATTN_OK;
}

static lattn_status backward_whole(const struct lat_rnn *r, bool cpu)
{
    struct lat_rnn_part p = { .multiplied = backward_weight(r, cpu) };
    if (!p.multiplied)
        return r->ctx->error;
    lat_rnn_describe(&p, r);
    int64_t steps = lat_rnn_n_steps(r), most = steps_at_once(&p);
    for (int64_t done = 0; done < steps; done += p.n) {
        p.n = LAT_MIN(most, steps - done);
        p.start = r->reverse ? done : steps - done - p.n;
        p.push.first = done == 0;
        p.push.finish = r->finish && done + p.n == steps;
        struct lat_kernel k = lat_rnn_backward_kernel(
            &p, cpu ? &lat_shader_rnn_bwd_cpu : &lat_shader_rnn_bwd_base, done > 0);
        if (cpu)
            plan_cpu(&p, &k, vectors_of(r, false), k.n_read + 1);
        else
            plan_base(&p, &k);
        LAT_TRY(lat_kernel_run(r->ctx, &k));
    }
    return LATTN_OK;
}

// ---- both -------------------------------------------------------------------------------------------

static const char FORWARD[] = "rnn", BACKWARD[] = "rnn_bwd";  // measured apart from each other

static lattn_status run_forward(const void *rnn)
{
    const struct lat_rnn *r = rnn;
    const struct lat_strategy *chosen = choose(r, FORWARD);
    if (chosen == &lat_rnn_strategies[0])
        return lat_rnn_forward_steps(r);
    return forward_whole(r, chosen->kind == LAT_STRATEGY_CPU);
}

static lattn_status run_backward(const void *rnn)
{
    const struct lat_rnn *r = rnn;
    const struct lat_strategy *chosen = choose(r, BACKWARD);
    if (chosen == &lat_rnn_strategies[0])
        return lat_rnn_backward_steps(r);
    return backward_whole(r, chosen->kind == LAT_STRATEGY_CPU);
}

static lattn_status tuned(const struct lat_rnn *r, const char *pass,
    lattn_status (*run)(const void *rnn), lattn_tensor *const out[3])
{
    struct lat_problem problem = problem_of(r);
    const struct lat_tunable tunable = {
        .op = pass,
        .table = lat_rnn_strategies,
        .n = LAT_RNN_STRATEGIES,
        .problem = &problem,
        .run = run,
        .user = r,
        .out = { out[0], out[1], out[2] },
    };
    LAT_TRY(lat_tune(r->ctx, &tunable));
    return run(r);
}

lattn_status lat_rnn_forward(const struct lat_rnn *r)
{
    return tuned(r, FORWARD, run_forward, (lattn_tensor *[]){ r->y, r->states, r->cells });
}

lattn_status lat_rnn_backward(const struct lat_rnn *r)
{
    return tuned(r, BACKWARD, run_backward, (lattn_tensor *[]){ r->dx, r->dz, r->carry });
}
