// SPDX-License-Identifier: MIT
//
// Which kernel each of the three passes of attention runs with.
//
// base and coopmat go through shared memory in tiles of 32 x 32, coopmat2 has whole matrices of several sizes;
// cpu and subgroup have one row per lane. A lane then needs 2 to 4 times the head size in registers: a CPU
// keeps them on the stack, a GPU that would spill them is given base. Where several are admissible the padded
// work decides: rows of a tile past the end are computed too.

#include "ops/attention.h"
#include <math.h>
#include "lat_shaders.h"

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

// ---- whole matrices -----------------------------------------------------------------------------------

// Of coopmat2: rows x cols scores are one matrix, which group invocations hold together. group 0 = a subgroup
// holds one grain.
struct matrix_form {
    uint32_t group, rows, cols;
    double efficiency;
};

// By who holds a matrix.
static const struct lat_shader *const group_shaders[] = { &lat_shader_attention_fwd_coopmat2,
    &lat_shader_attention_bwd_q_coopmat2, &lat_shader_attention_bwd_kv_coopmat2 };
static const struct lat_shader *const subgroup_shaders[] = {
    &lat_shader_attention_fwd_coopmat2_subgroup, &lat_shader_attention_bwd_q_coopmat2_subgroup,
    &lat_shader_attention_bwd_kv_coopmat2_subgroup
};

static const struct lat_shader *matrix_shader(const struct matrix_form *form, int64_t pass)
{
    return form->group ? group_shaders[pass] : subgroup_shaders[pass];
}

// Scores of m x n, the head size in matrices of k columns: all of it at once where a workgroup holds them.
// Subgroups have rows of one grain, because Mesa (26.1) reduces only the first rows of a matrix that it cuts in both
// directions. No m where the device lists no such holder.
static struct lat_coopmat_tile matrix_tile(
    const struct matrix_form *form, const struct lat_problem *p)
{
    const struct lat_caps *caps = p->caps;
    const struct lat_coopmat_grain *grain = NULL;
    bool bf16 = p->dtype == LATTN_DTYPE_BF16;
    for (uint32_t i = 0; i < caps->n_coopmat_grains && !grain; i++)
        if (caps->coopmat_grains[i].invocations == form->group &&
            caps->coopmat_grains[i].bf16 == bf16)
            grain = &caps->coopmat_grains[i];
    if (!grain)
        return (struct lat_coopmat_tile){ .m = 0 };
    uint32_t side = LAT_MAX(grain->n, grain->k);
    if (!form->group)
        return (struct lat_coopmat_tile){ .m = grain->m, .n = side, .k = side, .bf16 = bf16 };
    return (struct lat_coopmat_tile){ form->rows, form->cols,
        (uint32_t) padded(p->size[HEAD_SIZE], side), form->group, false, bf16 };
}

// Whether an invocation's registers hold one side's rows, an operand of the other, sums, and two matrices of scores.
// RADV's compiler takes a third more than is counted here (Mesa 26.1, RDNA 4), of the 255 there are.
static bool fits_registers(const struct lat_problem *p, const struct lat_coopmat_tile *tile)
{
    enum { F16_BYTES = 2, F32_BYTES = 4, MOST_BYTES = 176 * 4 };
    uint32_t operands = p->size[PASS] == LAT_ATTENTION_FWD ? 1 : 2;
    uint32_t sums = p->size[PASS] == LAT_ATTENTION_BWD_KV ? 2 : 1;
    uint32_t holders = tile->invocations ? tile->invocations : lat_coopmat_subgroup(p->caps);
    double bytes =
        tile->m * padded(p->size[HEAD_SIZE], tile->k) * (operands * F16_BYTES + sums * F32_BYTES) +
        tile->n * tile->k * F16_BYTES + 2 * tile->m * tile->n * F32_BYTES;
    return p->caps->is_cpu || bytes <= (double) holders * MOST_BYTES;
}

static bool in_matrices(const struct lat_problem *p, const struct matrix_form *form)
{
    const struct lat_caps *caps = p->caps;
    const struct lat_coopmat_tile scores = matrix_tile(form, p);
    const struct lat_coopmat_tile sums = { scores.m, scores.k, scores.n, scores.invocations, false,
        scores.bf16 };
    const struct lat_shader *shader = matrix_shader(form, p->size[PASS]);
    return scores.m && lat_shader_variant(shader, (int) p->dtype, LAT_NO_DTYPE) &&
           caps->coopmat2_reductions && caps->coopmat2_conversions &&
           lat_coopmat_takes(caps, &scores) && lat_coopmat_takes(caps, &sums) &&
           fits_registers(p, &scores);
}

// What has run on no GPU yet counts twice as much as the tiles of base, which any device has: it runs when asked
// for and where it was measured, and not by an estimate.
static double cost_of_matrices(const struct lat_problem *p, const struct matrix_form *form)
{
    enum { DOUBT = 2, CPU_LOSS = 1000 };
    const struct lat_coopmat_tile tile = matrix_tile(form, p);
    double rows = padded(p->size[ROWS], tile.m);
    double groups = fmax((double) p->size[MATRICES] * rows / tile.m, 1);
    double waves = fmax(p->caps->width / groups, 1);  // idle units are paid for, too
    double loss = (p->caps->is_cpu ? CPU_LOSS : 1) * DOUBT;
    return rows * padded(p->size[OTHERS], tile.n) * waves / form->efficiency * loss;
}

#define MATRICES_OF(name, ...)                                                                     \
    static const struct matrix_form name = { __VA_ARGS__ };                                        \
    static bool admits_##name(const struct lat_problem *p)                                         \
    {                                                                                              \
        return in_matrices(p, &name);                                                              \
    }                                                                                              \
    static double cost_of_##name(const struct lat_problem *p)                                      \
    {                                                                                              \
        return cost_of_matrices(p, &name);                                                         \
    }

// More rows serve a block of the other side once it is loaded, more invocations a larger head size.
MATRICES_OF(matrix_grain, .efficiency = 0.1)
MATRICES_OF(matrix_32, .group = 256, .rows = 32, .cols = 64, .efficiency = 0.6)
MATRICES_OF(matrix_64, .group = 128, .rows = 64, .cols = 64, .efficiency = 0.9)
MATRICES_OF(matrix_64_wide, .group = 256, .rows = 64, .cols = 64, .efficiency = 0.85)
MATRICES_OF(matrix_128, .group = 256, .rows = 128, .cols = 64, .efficiency = 1)

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
    { LAT_STRATEGY_COOPMAT2, "subgroup", admits_matrix_grain, cost_of_matrix_grain, &matrix_grain },
    { LAT_STRATEGY_COOPMAT2, "32x64 by 256", admits_matrix_32, cost_of_matrix_32, &matrix_32 },
    { LAT_STRATEGY_COOPMAT2, "64x64 by 128", admits_matrix_64, cost_of_matrix_64, &matrix_64 },
    { LAT_STRATEGY_COOPMAT2, "64x64 by 256", admits_matrix_64_wide, cost_of_matrix_64_wide,
        &matrix_64_wide },
    { LAT_STRATEGY_COOPMAT2, "128x64 by 256", admits_matrix_128, cost_of_matrix_128, &matrix_128 },
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

static struct lat_attention_form form_of_matrices(
    const struct matrix_form *form, const struct lat_problem *p)
{
    const struct lat_coopmat_tile tile = matrix_tile(form, p);
    uint32_t subgroup = form->group ? 0 : lat_coopmat_subgroup(p->caps);
    return (struct lat_attention_form){
        .shader = matrix_shader(form, p->size[PASS]),
        .rows = tile.m,
        .group = form->group ? form->group : subgroup,
        .subgroup_size = subgroup,
        .own = { tile.m, tile.n, tile.k },
    };
}

struct lat_attention_form lat_attention_select(
    const struct lat_attention *a, enum lat_attention_pass pass)
{
    struct lat_problem problem = problem_of(a, pass);
    int chosen = lat_strategy_select(
        a->ctx, pass_names[pass], lat_attention_strategies, LAT_ATTENTION_STRATEGIES, &problem);
    const struct row_form *row = lat_attention_strategies[chosen].config;
    if (lat_attention_strategies[chosen].kind == LAT_STRATEGY_COOPMAT2)
        return form_of_matrices(lat_attention_strategies[chosen].config, &problem);
    if (lat_attention_strategies[chosen].kind == LAT_STRATEGY_COOPMAT) {
        const struct lat_coopmat_shape *fragment =
            lat_coopmat_fragment(problem.caps, problem.dtype == LATTN_DTYPE_BF16);
        return (struct lat_attention_form){
            .shader = fragment_shaders[pass],
            .rows = TILE,
            .group = FRAGMENT_SUBGROUPS * lat_coopmat_subgroup(problem.caps),
            .subgroup_size = lat_coopmat_subgroup(problem.caps),
            .own = { fragment->m, fragment->n, fragment->k },
        };
    }
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

// ---- backward in one kernel --------------------------------------------------------------------------------

enum { KEY_MATRICES = PASS };  // in place of the pass
enum {
    MOST_KEYS = 64,
    MOST_HEAD_SIZE = 64
};  // whose gradients a workgroup of attention_bwd_short_base holds

// What idle units cost, where groups are fewer than a device runs at once.
static double idle(const struct lat_problem *p, double groups)
{
    uint32_t each = p->caps->is_cpu ? 1 : 2;  // units of GPUs run two of base at once
    return fmax(each * p->caps->width / groups, 1);
}

static double blocks(int64_t rows)
{
    return padded(rows, TILE) / TILE;
}

// Three products with a workgroup per block of queries, four with one per block of keys.
static double cost_of_two(const struct lat_problem *p)
{
    double queries = (double) p->size[MATRICES] * blocks(p->size[ROWS]);
    double keys = (double) p->size[KEY_MATRICES] * blocks(p->size[OTHERS]);
    return queries * blocks(p->size[OTHERS]) * (3 * idle(p, queries) + 4 * idle(p, keys));
}

// Five products with a workgroup per head.
static double cost_of_one(const struct lat_problem *p)
{
    double pairs = (double) p->size[MATRICES] * blocks(p->size[ROWS]) * blocks(p->size[OTHERS]);
    return pairs * 5 * idle(p, (double) p->size[KEY_MATRICES]);
}

static bool admits_one(const struct lat_problem *p)
{
    return p->size[OTHERS] <= MOST_KEYS && p->size[HEAD_SIZE] <= MOST_HEAD_SIZE;
}

const struct lat_strategy lat_attention_backwards[LAT_ATTENTION_BACKWARDS] = {
    { LAT_STRATEGY_BASE, "two kernels", NULL, cost_of_two, NULL },
    { LAT_STRATEGY_BASE, "one kernel", admits_one, cost_of_one, NULL },
};

// Where base is what the kernels would be. The gradient of a mask needs what the first of two leaves.
bool lat_attention_in_one(const struct lat_attention *a)
{
    for (int pass = LAT_ATTENTION_BWD_Q; pass <= LAT_ATTENTION_BWD_KV; pass++)
        if (lat_attention_select(a, (enum lat_attention_pass) pass).shader != tile_shaders[pass])
            return false;
    struct lat_problem problem = problem_of(a, LAT_ATTENTION_BWD_Q);
    problem.size[KEY_MATRICES] = a->k->dim[0] * a->k->dim[1];
    return !a->dmask && lat_strategy_select(a->ctx, "attention_bwd", lat_attention_backwards,
                            LAT_ATTENTION_BACKWARDS, &problem) == 1;
}

struct lat_attention_form lat_attention_one_form(const struct lat_attention *a)
{
    return (struct lat_attention_form){
        .shader = &lat_shader_attention_bwd_short_base,
        .rows = MOST_KEYS,
        .group = TILE_GROUP,
        .own = { (uint32_t) blocks(a->k->dim[2]) },
    };
}
