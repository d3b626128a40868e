// SPDX-License-Identifier: MIT
//
// Which kernel each of the three passes of attention runs with.
//
// base and coopmat go through shared memory in tiles of 32 x 32; cpu and subgroup have one row per lane. A
// lane then needs 2 to 4 times the head size in registers: a CPU keeps them on the stack, a GPU that would
// spill them is given base. Where several are admissible the padded work decides: rows of a tile past
// the end are computed too.

#include "lat_shaders.h"
#include "ops/attention.h"

enum { MATRICES, ROWS, OTHERS, HEAD_SIZE, PASS };  // size[] of struct lat_problem
enum { TILE = 32, TILE_GROUP = 256 };

struct row_form {
    const struct lat_shader *shader[3];  // per pass
    bool addresses;
    uint32_t most[3];  // multiply-adds unrolled per iteration, per row of a lane
};

static double padded(int64_t n, int64_t to)
{
    return (double) ((n + to - 1) / to * to);
}

static double cost_of_tiles(const struct lat_problem *p)
{
    double efficiency = p->caps->is_cpu ? 0.03 : 1;  // barriers cost a CPU driver dearly
    return padded(p->size[ROWS], TILE) * padded(p->size[OTHERS], TILE) / efficiency;
}

static double cost_of_rows(const struct lat_problem *p, double efficiency)
{
    double rows = padded(p->size[ROWS], p->caps->subgroup_size);
    return rows * (double) p->size[OTHERS] / efficiency;
}

static double cost_of_subgroup(const struct lat_problem *p)
{
    return cost_of_rows(p, 0.5);
}

static double cost_of_cpu(const struct lat_problem *p)
{
    return cost_of_rows(p, 5);
}

// On CPU drivers only: AMD's compiler spills scalar registers in all three passes, and shared memory
// serves a GPU better than a row per lane. Larger rows take drivers before Mesa 26 many seconds to
// compile.
static bool admits_subgroup(const struct lat_problem *p)
{
    return p->caps->is_cpu && lat_subgroup_size_known(p->caps) && p->size[HEAD_SIZE] <= 64;
}

static bool admits_cpu(const struct lat_problem *p)
{
    return lat_loads_by_address(p->caps) && p->dtype == LATTN_DTYPE_F32;
}

// Of attention_fragments.glsl: tiles of rows, scores, tiles of weights, the factors of rows. Forward has q and
// one of k and v; backward has g, too, and the gradients of keys and values two tiles of weights.
static uint32_t fragment_bytes(
    const struct lat_coopmat_shape *fragment, int64_t head_size, enum lat_attention_pass pass)
{
    uint32_t line = (uint32_t) (head_size + 15) / 16 * 16 + 8;
    uint32_t tiles = pass == LAT_ATTENTION_FWD ? 2 : 3;
    uint32_t weights = pass == LAT_ATTENTION_BWD_KV ? 2 : 1;
    return TILE *
           (tiles * line * 2 + (TILE + 4) * 4 + weights * (TILE + 8) * 2 + fragment->n * 4 + 4);
}

static const struct lat_shader *const fragment_shaders[] = { &lat_shader_attention_fwd_coopmat,
    &lat_shader_attention_bwd_q_coopmat, &lat_shader_attention_bwd_kv_coopmat };

enum { FRAGMENT_SUBGROUPS = 4 };

static bool admits_coopmat(const struct lat_problem *p)
{
    const struct lat_caps *caps = p->caps;
    const struct lat_coopmat_shape *fragment =
        lat_coopmat_fragment(caps, p->dtype == LATTN_DTYPE_BF16);
    enum lat_attention_pass pass = (enum lat_attention_pass) p->size[PASS];
    uint32_t group = FRAGMENT_SUBGROUPS * lat_coopmat_subgroup(caps);
    return fragment && lat_shader_variant(fragment_shaders[pass], (int) p->dtype, LAT_NO_DTYPE) &&
           group % TILE == 0 && group <= LAT_MIN(caps->max_invocations, caps->max_group_size[0]) &&
           fragment_bytes(fragment, p->size[HEAD_SIZE], pass) <= caps->max_shared_bytes;
}

// An estimate for GPUs; a CPU driver has no matrix units.
static double cost_of_fragments(const struct lat_problem *p)
{
    enum { GPU_GAIN = 4, CPU_LOSS = 1000 };
    double tiles = padded(p->size[ROWS], TILE) * padded(p->size[OTHERS], TILE);
    return p->caps->is_cpu ? tiles * CPU_LOSS : tiles / GPU_GAIN;
}

static const struct row_form subgroup_form = {
    .shader = { &lat_shader_attention_fwd_subgroup, &lat_shader_attention_bwd_q_subgroup,
        &lat_shader_attention_bwd_kv_subgroup },
    .most = { 256, 256, 256 },
};

// Eight rows per iteration where the compiler can afford them: for head size 64 the three kernels take it 1.3 s
// of lavapipe 26.1, for 128 with four rows in backward 2.6 s; with eight there they would be 3.4 s, and
// 8 % quicker.
static const struct row_form cpu_form = {
    .shader = { &lat_shader_attention_fwd_cpu, &lat_shader_attention_bwd_q_cpu,
        &lat_shader_attention_bwd_kv_cpu },
    .addresses = true,
    .most = { 1024, 512, 512 },
};

// For short sequences the kernel of the queries keeps its weights for that of the keys, which then has two
// products instead of four and draws no random numbers: on lavapipe 26.1 both together are 1.2 times as
// fast at 32 and at 128 tokens, 1.35 times with dropout (CPU time, head size 64). One kernel for all
// three gradients, a head in a workgroup, was no faster than that, and leaves processors idle where there
// are few heads.
enum { SHORT = 128 };
static const struct lat_shader *const short_shaders[] = { NULL,
    &lat_shader_attention_bwd_q_short_cpu, &lat_shader_attention_bwd_kv_short_cpu };

static const struct lat_shader *const tile_shaders[] = { &lat_shader_attention_fwd_base,
    &lat_shader_attention_bwd_q_base, &lat_shader_attention_bwd_kv_base };

const struct lat_strategy lat_attention_strategies[LAT_ATTENTION_STRATEGIES] = {
    { LAT_STRATEGY_BASE, "32x32", NULL, cost_of_tiles, NULL },
    { LAT_STRATEGY_SUBGROUP, "row", admits_subgroup, cost_of_subgroup, &subgroup_form },
    { LAT_STRATEGY_CPU, "row", admits_cpu, cost_of_cpu, &cpu_form },
    { LAT_STRATEGY_COOPMAT, "32x32", admits_coopmat, cost_of_fragments, NULL },
};

// 1 or a multiple of 4, as the kernels draw random words for four keys at once. A CPU driver that needs
// several branches per load spends seconds on compiling more than one row (Mesa 22.3: 28 s of three
// kernels with four rows, 3 s with one), and is not faster for it.
static uint32_t block_of(
    const struct row_form *form, const struct lat_problem *p, enum lat_attention_pass pass)
{
    if (p->caps->is_cpu && !form->addresses)
        return 1;
    int64_t head_size = p->size[HEAD_SIZE];
    int64_t fit = form->most[pass] / head_size;
    return fit >= 8 ? 8 : fit >= 4 ? 4 : 1;
}

// Passes are measured apart from each other.
static const char *const pass_names[] = { "attention", "attention_bwd_q", "attention_bwd_kv" };

static struct lat_problem problem_of(const struct lat_attention *a, enum lat_attention_pass pass)
{
    bool keys = pass == LAT_ATTENTION_BWD_KV;
    return (struct lat_problem){
        .caps = lat_caps(a->ctx),
        .dtype = a->q->dtype,
        .size = {
            [MATRICES] = a->q->dim[0] * a->q->dim[1],
            [ROWS] = keys ? a->k->dim[2] : a->q->dim[2],
            [OTHERS] = keys ? a->q->dim[2] : a->k->dim[2],
            [HEAD_SIZE] = a->q->dim[3],
            [PASS] = pass,
        },
    };
}

lattn_status lat_attention_tuned(const struct lat_attention *a, enum lat_attention_pass pass,
    lattn_status (*kernel)(const void *a), lattn_tensor *const out[2])
{
    struct lat_problem problem = problem_of(a, pass);
    const struct lat_tunable tunable = {
        .op = pass_names[pass],
        .table = lat_attention_strategies,
        .n = LAT_ATTENTION_STRATEGIES,
        .problem = &problem,
        .run = kernel,
        .user = a,
        .out = { out[0], out[1] },
    };
    LAT_TRY(lat_tune(a->ctx, &tunable));
    return kernel(a);
}

struct lat_attention_form lat_attention_select(
    const struct lat_attention *a, enum lat_attention_pass pass)
{
    struct lat_problem problem = problem_of(a, pass);
    int chosen = lat_strategy_select(
        a->ctx, pass_names[pass], lat_attention_strategies, LAT_ATTENTION_STRATEGIES, &problem);
    const struct row_form *row = lat_attention_strategies[chosen].config;
    if (lat_attention_strategies[chosen].kind == LAT_STRATEGY_COOPMAT)
        return (struct lat_attention_form){
            .shader = fragment_shaders[pass],
            .rows = TILE,
            .group = FRAGMENT_SUBGROUPS * lat_coopmat_subgroup(problem.caps),
            .subgroup_size = lat_coopmat_subgroup(problem.caps),
            .fragments = true,
        };
    if (!row)
        return (struct lat_attention_form){
            .shader = tile_shaders[pass], .rows = TILE, .group = TILE_GROUP
        };
    uint32_t width = problem.caps->subgroup_size;
    struct lat_attention_form form = {
        .shader = a->made ? short_shaders[pass] : row->shader[pass],
        .rows = width,
        .group = width,
        .subgroup_size = width,
        .block = block_of(row, &problem, pass),
        .addresses = row->addresses,
    };
    return form;
}

bool lat_attention_keeps_weights(const struct lat_attention *a)
{
    return a->q->dim[2] <= SHORT && a->k->dim[2] <= SHORT &&
           lat_attention_select(a, LAT_ATTENTION_BWD_Q).addresses &&
           lat_attention_select(a, LAT_ATTENTION_BWD_KV).addresses;
}
